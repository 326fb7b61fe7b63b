"""Overdue: which source returns are late, and which are due on a day.

Here: what is known of indicators, what their calendars say and who owes what, grouped by the return that
    feeds them, and the alert about each late one.
Not here: the calendar (ratings/calendar.py), the roster (ratings/roster.py), sending (alerts.py).
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import polars as pl

from pipelines.alerts import Alert
from pipelines.indicators import figures_by_indicator, known_at
from pipelines.roster import who_owes
from pipelines.settings import Settings
from ratings.calendar import NOTHING_ANNOUNCED, due_date, expected_period, working_day_from
from ratings.catalogue import Catalogue, load_catalogue
from ratings.errors import NotFoundError
from ratings.freshness import LATE
from ratings.periods import describe_period
from ratings.roster import return_name
from warehouse.event_log import now

_AGREED = ("extended", "exempt")
_NAMED = 10
_working_day_from = cache(working_day_from)  # two hundred indicators share a few days


@dataclass(frozen=True, slots=True)
class LateIndicator:
    """An indicator that most councils have no recent figure for.

    Attributes:
        code: the indicator.
        state: `out_of_date` or `missing`.
        days_late: since its figures were due.
        latest: newest period known; None where there is none.
        expected: the period that should be known; None where nothing was due yet.
    """

    code: str
    state: str
    days_late: int
    latest: str | None
    expected: str | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Organisations that owe a return for a period, were given no more time, and never answered.

    Attributes:
        period: canonical period.
        days_late: since the deadline of the return.
        organisations: their ids.
    """

    period: str
    days_late: int
    organisations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LateReturn:
    """A source return that is late.

    Attributes:
        source_return: the return.
        owners: the bodies that answer for its figures: whom to ask.
        services: what it is for.
        indicators: those that most councils have no recent figure for, furthest behind first.
        silent: who never answered, the longest silence first.
    """

    source_return: str
    owners: tuple[str, ...]
    services: tuple[str, ...]
    indicators: tuple[LateIndicator, ...] = ()
    silent: tuple[Silence, ...] = ()

    @property
    def days_late(self) -> int:
        """Of what is furthest behind."""
        return max([i.days_late for i in self.indicators] + [s.days_late for s in self.silent])


def overdue_returns(settings: Settings, method: str, *, at: int | None = None) -> list[LateReturn]:
    """Returns that are late, the latest first, of collections that were ever ingested here.

    A return is late where the figures of most councils are, or where the roster says that some never
    answered; not where everybody who did not answer was given more time, or owes nothing.

    Args:
        settings: where.
        method: says whose figures are looked at.
        at: as published by then, microseconds UTC; by default now, for invented figures when they end.

    Raises:
        LedgerError: there is no ledger.
    """
    catalogue = load_catalogue()
    looked = known_at(settings, method, as_published=at)
    if at is None and not looked.simulated:
        looked = replace(looked, as_published=now())  # what was agreed this morning counts
    try:
        owed = who_owes(
            settings, as_published=looked.as_published, as_recorded=looked.head, simulated=looked.simulated
        )
    except NotFoundError:
        return []
    excused = _excused(owed)
    known = figures_by_indicator(settings, looked)
    late: dict[str, list[LateIndicator]] = {}
    for indicator in catalogue.core():
        figures, name = known[indicator.code], return_name(indicator)
        if figures.state in LATE and name in owed["source_return"] and name not in excused:
            late.setdefault(name, []).append(
                LateIndicator(
                    indicator.code,
                    figures.state,
                    figures.days_late,
                    figures.latest_period,
                    figures.expected_period,
                )
            )
    silent = _silent(owed)
    found = [
        LateReturn(
            name,
            tuple(sorted({i.owner for i in catalogue.core() if return_name(i) == name})),
            tuple(sorted({i.service for i in catalogue.core() if return_name(i) == name})),
            tuple(sorted(late.get(name, ()), key=lambda i: -i.days_late)),
            silent.get(name, ()),
        )
        for name in sorted({*late, *silent})
    ]
    return sorted(found, key=lambda r: (-r.days_late, r.source_return))


def _excused(owed: pl.DataFrame) -> set[str]:
    """Returns that nobody answered yet because everybody who owes them came to an agreement."""
    states = owed.group_by("source_return").agg(pl.col("state").unique())
    return {name for name, these in states.iter_rows() if set(these) <= set(_AGREED)}


def _silent(owed: pl.DataFrame) -> dict[str, tuple[Silence, ...]]:
    never = (
        owed.filter(pl.col("state") == "never")
        .group_by("source_return", "period")
        .agg(pl.col("days_late").max(), pl.col("organisation").sort())
        .sort(-pl.col("days_late"), "period")
    )
    found: dict[str, tuple[Silence, ...]] = {}
    for name, period, days, organisations in never.iter_rows():
        found[name] = (*found.get(name, ()), Silence(period, days, tuple(organisations)))
    return found


def overdue_alert(late: LateReturn) -> Alert:
    """The alert about a late return; another period or indicator is a new alert, a day later is not."""
    what = [_counted(len(late.indicators), "indicator")] if late.indicators else []
    who = len({each for silence in late.silent for each in silence.organisations})
    what += [f"{_counted(who, 'organisation')} never answered"] if who else []
    subject = f"{late.source_return} is late: {', '.join(what)}"
    lines = [f"For: {', '.join(late.services)}", f"Ask: {', '.join(late.owners)}", ""]
    for silence in late.silent:
        named = ", ".join(silence.organisations[:_NAMED])
        more = len(silence.organisations) - _NAMED
        lines.append(
            f"{describe_period(silence.period)}, {silence.days_late} days late:"
            f" {_counted(len(silence.organisations), 'organisation')} never answered: {named}"
            + (f" and {more} more" if more > 0 else "")
        )
    for indicator in late.indicators[:_NAMED]:
        known = describe_period(indicator.latest) if indicator.latest else "nothing"
        expected = describe_period(indicator.expected) if indicator.expected else "nothing yet"
        days = f", {indicator.days_late} days late" if indicator.days_late else ""
        lines.append(f"{indicator.code}: {known} is known, {expected} was expected{days}")
    if len(late.indicators) > _NAMED:
        lines.append(f"and {len(late.indicators) - _NAMED} more")
    lines += [
        "",
        f"Next: starledger roster --return {shlex.quote(late.source_return)} lists who owes what,"
        " starledger freshness every figure; ask for the return, or record with starledger calendar extend"
        " what was agreed.",
    ]
    waited = sorted(
        {f"{i.code} {i.expected}" for i in late.indicators} | {f"silence {s.period}" for s in late.silent}
    )
    return Alert(
        f"overdue return {late.source_return}: {', '.join(waited)}",
        subject,
        "\n".join(lines),
        late.source_return,
    )


def returns_due(on: date, catalogue: Catalogue | None = None) -> dict[str, int]:
    """Returns that the calendar expects news of on a day: how many indicators, by return.

    An announced date counts from the day it was announced. A deadline on a weekend or a bank holiday is the
    next working day's, as in the roster.

    Args:
        on: the day.
        catalogue: whose calendar; by default the one that comes with this package.
    """
    known = catalogue or load_catalogue()
    announced = known.announced(on)
    due: Counter[str] = Counter()
    for indicator in known.core():
        dates = announced.get(indicator.code, NOTHING_ANNOUNCED)
        newest = expected_period(indicator, on, dates)
        if newest is not None and _working_day_from(due_date(indicator, newest, dates)) == on:
            due[return_name(indicator)] += 1
    return dict(sorted(due.items()))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
