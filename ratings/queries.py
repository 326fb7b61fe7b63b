"""Queries: a question on what a check found, its answer, and who accepted it.

Here: the life of a query as a fold over its events, which act may follow which, and the findings that
    accepted answers silence.
Not here: the checks (validations), entering an act (pipelines/queries.py), reading the log
    (warehouse/query_log.py).

A query is about one finding: what a check found, of which figure, and what stood there. An accepted answer
holds while the very same stands there: another value is another finding, and so another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ratings.errors import InputError

RAISED, ANSWERED, ACCEPTED, REOPENED = "raised", "answered", "accepted", "reopened"
"""Acts, as the events say them."""

OPEN = "open"
STATES = (OPEN, ANSWERED, ACCEPTED)
"""A query is open, answered (and waits for someone to accept the answer), or accepted."""

_MAY = {ANSWERED: (OPEN, ANSWERED), ACCEPTED: (ANSWERED,), REOPENED: (ANSWERED, ACCEPTED)}
_INSTEAD = {
    OPEN: "enter its answer first: starledger queries answer {number}",
    ANSWERED: "accept its answer (starledger queries accept {number}) or reopen it",
    ACCEPTED: "reopen it first: starledger queries reopen {number}",
}

SUBJECT = ("indicator", "organisation", "period")
ACCEPTED_FINDINGS = {
    "check": pl.String(),
    **dict.fromkeys(SUBJECT, pl.String()),
    "says": pl.String(),
    "query": pl.Int64(),
}
NOTHING_ACCEPTED = pl.DataFrame(schema=ACCEPTED_FINDINGS)


@dataclass(frozen=True, slots=True)
class Query:
    """A question on what a check found.

    Attributes:
        number: position of the event that raised it.
        collection: of the file that it was found in.
        batch: of that file.
        check: what found it.
        indicator: whose figure, None where the finding is about more than one indicator.
        organisation: whose figure, None where it is about more than one organisation.
        period: of the figure, None where it is about more than one period.
        says: what stood there: the figure, or what the check counted.
        found: the finding in a sentence.
        question: what is asked.
        asked_of: who should answer: a supplier.
        state: one of STATES.
        raised_by: actor.
        raised_at: microseconds UTC.
        answer: None while there is none.
        answered_by: who gave the answer, in the words of whoever entered it.
        answered_at: when it was entered, microseconds UTC.
        accepted_by: actor, None while the answer is not accepted.
        accepted_at: microseconds UTC.
        reason: why the answer was accepted, or the query reopened.
    """

    number: int
    collection: str | None
    batch: int
    check: str
    indicator: str | None
    organisation: str | None
    period: str | None
    says: str
    found: str
    question: str
    asked_of: str | None
    state: str
    raised_by: str
    raised_at: int
    answer: str | None = None
    answered_by: str | None = None
    answered_at: int | None = None
    accepted_by: str | None = None
    accepted_at: int | None = None
    reason: str | None = None

    @property
    def finding(self) -> tuple[str | None, ...]:
        """What it is about: two queries on the same are one question asked twice."""
        return (self.collection, self.check, self.indicator, self.organisation, self.period, self.says)


def fold(events: Iterable[Mapping[str, Any]]) -> tuple[Query, ...]:
    """The queries that their events come to.

    Args:
        events: of type `query`, in order of position: `position`, `collection`, `indicator`, `organisation`,
            `period`, `payload` (parsed), and of their batch `actor` and `recorded_at`.

    Returns:
        Every query as its last event left it, by number. Acts on a query whose raising is not among the
        events (it was purged) are left out.
    """
    found: dict[int, Query] = {}
    for event in events:
        says = event["payload"]
        if says["act"] == RAISED:
            found[event["position"]] = _raised(event)
        elif (query := found.get(says["query"])) is not None:
            found[query.number] = _after(query, event)
    return tuple(found[number] for number in sorted(found))


def _raised(event: Mapping[str, Any]) -> Query:
    says = event["payload"]
    return Query(
        number=event["position"],
        collection=event["collection"],
        indicator=event["indicator"],
        organisation=event["organisation"],
        period=event["period"],
        state=OPEN,
        raised_by=event["actor"],
        raised_at=event["recorded_at"],
        **{name: says[name] for name in ("batch", "check", "says", "found", "question", "asked_of")},
    )


def _after(query: Query, event: Mapping[str, Any]) -> Query:
    says, who, at = event["payload"], event["actor"], event["recorded_at"]
    if says["act"] == ANSWERED:
        return replace(
            query, state=ANSWERED, answer=says["answer"], answered_by=says["by"], answered_at=at, reason=None
        )
    if says["act"] == ACCEPTED:
        return replace(query, state=ACCEPTED, accepted_by=who, accepted_at=at, reason=says["reason"])
    return replace(query, state=OPEN, accepted_by=None, accepted_at=None, reason=says["reason"])


def prove_act(query: Query, act: str) -> None:
    """Refuse an act that does not follow on the state of a query.

    Raises:
        InputError: saying which act does.
    """
    if query.state not in _MAY[act]:
        raise InputError(
            f"query {query.number} is {query.state}, so it cannot be {act}",
            hint=_INSTEAD[query.state].format(number=query.number),
        )


def accepted_findings(queries: Iterable[Query], collection: str) -> pl.DataFrame:
    """The findings of a collection whose answer is accepted.

    Returns:
        Columns ACCEPTED_FINDINGS, one row a finding; `query` is the number of the query.
    """
    rows = {
        query.finding: (
            query.check,
            query.indicator,
            query.organisation,
            query.period,
            query.says,
            query.number,
        )
        for query in queries
        if query.state == ACCEPTED and query.collection == collection
    }
    return pl.DataFrame(list(rows.values()), schema=ACCEPTED_FINDINGS, orient="row")


def figure_says() -> pl.Expr:
    """What stands in a figure, as text: its value, and its parts where it has them.

    On the columns `value`, `numerator` and `denominator`.
    """
    printed = {
        name: pl.col(name).cast(pl.String).fill_null("nothing")
        for name in ("value", "numerator", "denominator")
    }
    parts = pl.col("numerator").is_not_null() | pl.col("denominator").is_not_null()
    return (
        pl.when(parts)
        .then(pl.format("{} ({} of {})", printed["value"], printed["numerator"], printed["denominator"]))
        .otherwise(printed["value"])
    )


def about(
    queries: Sequence[Query], indicator: str, organisation: str, period: str | None
) -> tuple[Query, ...]:
    """The queries on a figure: those that name it, its series, or its indicator as a whole."""
    return tuple(
        query
        for query in queries
        if query.indicator == indicator
        and query.organisation in (None, organisation)
        and (query.period is None or period is None or query.period == period)
    )
