"""Roster and calendar from the log: who owes what, and what was agreed.

Here: reading figures and agreements for the roster, and recording an agreement.
Not here: what is owed and when (ratings/roster.py, ratings/calendar.py), how long releases take (lags.py).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from pipelines.definitions import blank_event, signed
from pipelines.inputs import SIMULATED
from pipelines.settings import Settings
from ratings.calendar import ASSUMED_LAG_DAYS, NOTHING_ANNOUNCED, day_of, due_date, expected_period
from ratings.catalogue import Indicator, load_catalogue
from ratings.errors import InputError, NotFoundError
from ratings.periods import describe_period, next_period, parse_period
from ratings.roster import Agreement, return_name, roster
from warehouse.batches import Batch
from warehouse.event_log import Ledger, event_frame, now
from warehouse.observations import observations
from warehouse.snapshot_manifest import iso

AGREEMENT = "agreement"
"""What the `kind` of a definition event says when it holds an extension or an exemption."""


def who_owes(
    settings: Settings,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
    simulated: bool = False,
    source_return: str | None = None,
) -> pl.DataFrame:
    """The roster of the core indicators, worst first.

    Args:
        settings: where the ledger is.
        as_published: microseconds UTC; None for now.
        as_recorded: position, rounded down to the end of a batch; None for everything recorded.
        simulated: of the invented councils, and nothing else.
        source_return: only this return.

    Returns:
        Columns `ratings.roster.ROSTER`. Real returns are those of collections that were ever ingested here.

    Raises:
        LedgerError: there is no ledger.
        NotFoundError: no such return, or no file of any was ever accepted.
    """
    catalogue, ledger = load_catalogue(), settings.ledger()
    at = now() if as_published is None else as_published
    indicators = catalogue.core()
    if source_return is not None:
        indicators = _of_return(source_return, indicators)
    taken = {b.collection for b in ledger.batches(kind="vintage", as_recorded=as_recorded)}
    if simulated:
        collections = {SIMULATED} & taken
    else:
        indicators = [i for i in indicators if i.collection in taken]
        collections = {i.collection for i in indicators}
    if not collections or not indicators:
        raise NotFoundError(
            "no file that feeds these returns was ever accepted here",
            hint="run `starledger ingest` first, or say --simulated for those of a demonstration",
        )
    known = observations(ledger, sorted(collections), as_published=at, as_recorded=as_recorded)
    if not simulated:
        rated = pl.DataFrame(
            [(i.code, i.collection) for i in indicators], ["indicator", "collection"], orient="row"
        )
        known = known.join(rated, on=["indicator", "collection"], how="semi")
    register = catalogue.organisation_frame().filter(
        pl.col("kind") == (SIMULATED if simulated else "council")
    )
    return roster(
        known.select("indicator", "organisation", "period", "published_at"),
        catalogue,
        indicators,
        register,
        at,
        agreements(ledger, as_published=at, as_recorded=as_recorded),
    )


def roster_rows(
    settings: Settings,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
    simulated: bool = False,
    source_return: str | None = None,
) -> list[dict[str, Any]]:
    """`who_owes` for people and JSON: periods as they are written, times as text."""
    found = who_owes(
        settings,
        as_published=as_published,
        as_recorded=as_recorded,
        simulated=simulated,
        source_return=source_return,
    )
    return [
        row
        | {
            "period": describe_period(row["period"]),
            "received_at": None if row["received_at"] is None else iso(row["received_at"]),
        }
        for row in found.iter_rows(named=True)
    ]


def calendar_rows(indicator: str | None = None, *, as_published: int | None = None) -> list[dict[str, Any]]:
    """The calendar of one indicator, or of all the core, and what it says on a day.

    Args:
        indicator: its code; None for the core.
        as_published: the moment of the question, microseconds UTC; None for now.

    Returns:
        Per indicator its rule, lag, grace and last period, the `expected` period that should be known, the
        `next` one and the day `next_due`; the last two are None where the series stopped.

    Raises:
        NotFoundError: there is no such indicator.
    """
    catalogue = load_catalogue()
    at = day_of(now() if as_published is None else as_published)
    announced = catalogue.announced(at)
    rows = []
    for each in [catalogue.indicator(indicator)] if indicator else catalogue.core():
        dates = announced.get(each.code, NOTHING_ANNOUNCED)
        expected = expected_period(each, at, dates)
        following = None if expected is None or expected == each.last_period else next_period(expected)
        due = due_date(each, following, dates) if following else None
        rows.append(
            {
                "indicator": each.code,
                "source_return": return_name(each),
                "owner": each.owner,
                "period_rule": each.period_rule,
                "lag_days": each.publication_lag_days,
                "lag_basis": each.lag_basis or f"not known: {ASSUMED_LAG_DAYS} days assumed",
                "grace_days": each.grace_days,
                "last_period": describe_period(each.last_period) if each.last_period else None,
                "expected": describe_period(expected) if expected else None,
                "next": describe_period(following) if following else None,
                "next_due": due.isoformat() if due else None,
                "announced": following in dates,
            }
        )
    return rows


def agreements(ledger: Ledger, *, as_published: int, as_recorded: int | None = None) -> list[Agreement]:
    """Extensions and exemptions in the order they were recorded, as known at a point on both time axes."""
    return [
        agreement for _, agreement in _agreements(ledger, as_published=as_published, as_recorded=as_recorded)
    ]


def _agreements(
    ledger: Ledger, *, as_published: int | None = None, as_recorded: int | None = None
) -> list[tuple[int, Agreement]]:
    """Each agreement after its batch."""
    found = []
    for event in ledger.events("definition", as_published=as_published, as_recorded=as_recorded):
        says = event["payload"]
        if says["kind"] == AGREEMENT:
            until = date.fromisoformat(says["until"]) if says["until"] else None
            about = event["organisation"], says["source_return"], event["period"]
            found.append((event["batch"], Agreement(*about, until, event["reason"])))
    return found


def agree(
    settings: Settings,
    organisation: str,
    source_return: str,
    period: str,
    *,
    until: date | None,
    reason: str,
) -> Batch:
    """Record that an organisation has more time for a return, or owes none.

    Args:
        settings: where, and who records it.
        organisation: its id, name, or a code of any scheme.
        source_return: the return.
        period: a label of a period of the return, or a canonical period.
        until: the last day of the extension; None for an exemption.
        reason: why.

    Returns:
        The batch that holds it. The same again appends nothing; another about the same takes its place.

    Raises:
        InputError: no reason, a period that is none of the return's, or more time than the period has run.
        NotFoundError: no such organisation or return.
    """
    if not reason.strip():
        raise InputError("an agreement needs a reason", hint="say why with --reason")
    catalogue = load_catalogue()
    who = catalogue.resolve(organisation)
    indicators = _of_return(source_return, catalogue.core())
    canonical, end = _period_of(period, indicators)
    if until is not None and until <= end:
        raise InputError(
            f"{until} is not after the end of {describe_period(canonical)} ({end})",
            hint="an extension ends after the period does: check --until",
        )
    name = return_name(indicators[0])
    agreement = Agreement(who.id, name, canonical, until, reason)
    ledger = settings.ledger()
    about = (who.id, name, canonical)
    earlier = [
        (batch, known)
        for batch, known in _agreements(ledger)
        if (known.organisation, known.source_return, known.period) == about
    ]
    if earlier and earlier[-1][1] == agreement:
        return ledger.batch(earlier[-1][0])
    says = {"kind": AGREEMENT, "source_return": name, "until": until.isoformat() if until else None}
    event = blank_event(
        "definition", says, organisation=who.id, period=canonical, published_at=now(), reason=reason
    )
    # Numbered, so that what was agreed first can be agreed again after something else was.
    identity = f"agreement {who.id} {name} {canonical} {len(earlier) + 1}"
    batch = signed(settings, "definition", identity, reason, simulated=who.kind == SIMULATED)
    return ledger.append(batch, event_frame([event]))


def _of_return(source_return: str, indicators: list[Indicator]) -> list[Indicator]:
    """The indicators of a return, whatever its capitals."""
    found = [i for i in indicators if return_name(i).casefold() == source_return.strip().casefold()]
    if not found:
        names = ", ".join(repr(name) for name in sorted({return_name(i) for i in indicators}))
        raise NotFoundError(f"no return is called {source_return!r}", hint=f"choose one of {names}")
    return found


def _period_of(label: str, indicators: list[Indicator]) -> tuple[str, date]:
    """The canonical period, and its last day, that a label names in a return, whatever its rules."""
    found: dict[str, date] = {}
    refused: InputError | None = None
    for rule in dict.fromkeys(i.period_rule for i in indicators):
        try:
            period = parse_period(label, rule)
        except InputError as error:
            refused = error
        else:
            found[period.canonical] = period.end
    if len(found) > 1:
        raise InputError(
            f"{label!r} may mean {' or '.join(sorted(found))} in this return",
            hint="give one of these as --period",
        )
    if not found:
        assert refused is not None  # a return has at least one indicator
        raise refused
    return found.popitem()
