"""Overdue: which source returns are late, and which are due on a day.

Here: what is known of indicators and what their calendars say, grouped by the return that feeds them, and the
    alert about each late one.
Not here: the calendar itself (ratings/calendar.py), sending (alerts.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.alerts import Alert
from pipelines.indicators import figures_by_indicator, known_at
from pipelines.settings import Settings
from ratings.calendar import expected_period
from ratings.catalogue import Indicator, load_catalogue
from ratings.periods import describe_period
from ratings.roster import return_name

_LATE = ("out_of_date", "missing")
_NAMED = 10


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
class LateReturn:
    """A source return with late indicators, those furthest behind first."""

    source_return: str
    services: tuple[str, ...]
    indicators: tuple[LateIndicator, ...]


def overdue_returns(settings: Settings, method: str, *, at: int | None = None) -> list[LateReturn]:
    """Returns that are late now, the latest first.

    Args:
        settings: where.
        method: says whose figures are looked at.
        at: as published by then, microseconds UTC; by default as a run of today would look.

    Raises:
        LedgerError: there is no ledger.
    """
    catalogue = load_catalogue()
    known = figures_by_indicator(settings, known_at(settings, method, as_published=at))
    late: dict[str, list[LateIndicator]] = {}
    services: dict[str, set[str]] = {}
    for indicator in catalogue.core():
        figures = known[indicator.code]
        if figures.state in _LATE:
            name = return_name(indicator)
            services.setdefault(name, set()).add(indicator.service)
            late.setdefault(name, []).append(
                LateIndicator(
                    indicator.code,
                    figures.state,
                    figures.days_late,
                    figures.latest_period,
                    figures.expected_period,
                )
            )
    found = [
        LateReturn(name, tuple(sorted(services[name])), tuple(sorted(these, key=lambda i: -i.days_late)))
        for name, these in late.items()
    ]
    return sorted(found, key=lambda r: (-r.indicators[0].days_late, r.source_return))


def overdue_alert(late: LateReturn) -> Alert:
    """The alert about a late return; another period or indicator is a new alert, a day later is not."""
    subject = f"{late.source_return} is late: {_counted(len(late.indicators), 'indicator')}"
    lines = [f"For: {', '.join(late.services)}", ""]
    for indicator in late.indicators[:_NAMED]:
        known = describe_period(indicator.latest) if indicator.latest else "nothing"
        expected = describe_period(indicator.expected) if indicator.expected else "nothing yet"
        days = f", {indicator.days_late} days late" if indicator.days_late else ""
        lines.append(f"{indicator.code}: {known} is known, {expected} was expected{days}")
    if len(late.indicators) > _NAMED:
        lines.append(f"and {len(late.indicators) - _NAMED} more")
    lines += ["", "Next: starledger freshness lists every figure; ask the supplier for the return."]
    waited = sorted({f"{i.code} {i.expected}" for i in late.indicators})
    return Alert(
        f"overdue return {late.source_return}: {', '.join(waited)}",
        subject,
        "\n".join(lines),
        late.source_return,
    )


def returns_due(on: date) -> dict[str, int]:
    """Returns that the calendar expects news of on a day: how many indicators, by return."""
    return _returns(
        indicator
        for indicator in load_catalogue().core()
        if expected_period(indicator, on) != expected_period(indicator, on - timedelta(days=1))
    )


def _returns(indicators: Iterable[Indicator]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for indicator in indicators:
        counts[return_name(indicator)] = counts.get(return_name(indicator), 0) + 1
    return dict(sorted(counts.items()))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
