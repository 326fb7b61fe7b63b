"""Roster: which organisation owes which return for which period, and whether it came.

Here: what is owed, from the calendar and the register, beside what was received and what was agreed.
Not here: how old the figures are (freshness.py); reading figures and agreements (pipelines/roster.py).

A return is owed from the end of its period on, so that silence is seen before figures are missed. An
agreement moves what an organisation owes; it never makes a figure fresher than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from ratings.calendar import (
    NOTHING_ANNOUNCED,
    day_of,
    due_date,
    ended_since,
    expected_period,
    overdue_since,
    working_day_from,
)
from ratings.catalogue import Catalogue, Indicator
from ratings.periods import period_bounds

# never     the deadline and its days of grace have passed, and nothing came
# due       owed, and nothing came yet
# extended  nothing came yet, and more time was agreed
# exempt    it was agreed that nothing is owed
# received  at least one indicator of the return came, be it as a marker
STATES = ("never", "due", "extended", "exempt", "received")

ROSTER = {
    "organisation": pl.String,
    "source_return": pl.String,
    "period": pl.String,
    "state": pl.String,
    "due_on": pl.Date,
    "days_late": pl.Int64,
    "indicators": pl.Int64,
    "received_indicators": pl.Int64,
    "received_at": pl.Int64,
    "extended_to": pl.Date,
    "reason": pl.String,
}
_RETURN = ["source_return", "period"]
_KEY = ["organisation", *_RETURN]


@dataclass(frozen=True, slots=True)
class Agreement:
    """More time for one organisation's return, or none owed at all.

    Attributes:
        organisation: id of the organisation.
        source_return: the return, as `return_name` gives it.
        period: canonical period.
        until: the day until which there is time; None where nothing is owed.
        reason: why it was agreed.
    """

    organisation: str
    source_return: str
    period: str
    until: date | None
    reason: str


def return_name(indicator: Indicator) -> str:
    """The return that feeds an indicator, or the collection it is rated from where no return is known."""
    return indicator.source_return or f"{indicator.collection}, return not known"


def owed_returns(catalogue: Catalogue, indicators: Iterable[Indicator], at: date) -> pl.DataFrame:
    """What every organisation owes on a day: per indicator the newest period due, and all that ended since.

    Args:
        catalogue: its announced release dates count where they were announced by then.
        indicators: those that are looked at; a series that stopped owes nothing once its last period is past.
        at: the day of the question.

    Returns:
        `source_return`, `period`, `indicator`, `grace_days`, and `due_on`: the day its figures should be out,
        or the first working day after it.
    """
    announced = catalogue.announced(at)
    rows = []
    for indicator in indicators:
        dates = announced.get(indicator.code, NOTHING_ANNOUNCED)
        stopped = indicator.last_period
        first = expected_period(indicator, at, dates)
        if first is None or (stopped and overdue_since(indicator, stopped, at, dates) is not None):
            continue
        name = return_name(indicator)
        for period in ended_since(indicator, first, at):
            rows.append(
                (name, period, indicator.code, indicator.grace_days, due_date(indicator, period, dates))
            )
    schema: dict[str, Any] = {
        "source_return": pl.String,
        "period": pl.String,
        "indicator": pl.String,
        "grace_days": pl.Int64,
        "due_on": pl.Date,
    }
    owed = pl.DataFrame(rows, schema=schema, orient="row")
    working = {day: working_day_from(day) for day in owed["due_on"].unique()}
    return owed.with_columns(
        pl.col("due_on").replace_strict(working, return_dtype=pl.Date) if working else "due_on"
    )


def roster(
    received: pl.DataFrame,
    catalogue: Catalogue,
    indicators: Iterable[Indicator],
    organisations: pl.DataFrame,
    at_us: int,
    agreements: Sequence[Agreement] = (),
) -> pl.DataFrame:
    """Who owes what, and whether it came.

    Args:
        received: what is known: `indicator`, `organisation`, `period`, `published_at` (microseconds UTC). A
            row without a value counts: it was answered.
        catalogue: calendar and announced release dates.
        indicators: those that are looked at.
        organisations: the register: `id`, `opened`, `closed`. Who did not exist on the last day of a period
            owes nothing for it.
        at_us: the moment of the question, microseconds UTC.
        agreements: extensions and exemptions known by then; of several about one return the last counts.

    Returns:
        One row per (organisation, source_return, period), columns ROSTER: `due_on` is when the last
        indicator of the return is due, `days_late` counts from it, or from a later `extended_to` (0 unless
        the state is `due` or `never`), `received_at` is when the first figure came.
    """
    at = day_of(at_us)
    owed = owed_returns(catalogue, indicators, at)
    returns = owed.group_by(_RETURN).agg(
        pl.col("due_on").max(), pl.col("grace_days").max(), indicators=pl.len().cast(pl.Int64)
    )
    ends = {period: period_bounds(period)[1] for period in returns["period"].unique()}
    came = (
        received.join(owed.select(*_RETURN, "indicator"), on=["indicator", "period"])
        .group_by(_KEY)
        .agg(
            received_indicators=pl.col("indicator").n_unique().cast(pl.Int64),
            received_at=pl.col("published_at").min(),
        )
    )
    agreed = pl.DataFrame(
        [(a.organisation, a.source_return, a.period, a.until, a.reason) for a in agreements],
        schema={**dict.fromkeys(_KEY, pl.String), "extended_to": pl.Date, "reason": pl.String},
        orient="row",
    ).unique(_KEY, keep="last", maintain_order=True)
    end = pl.col("period").replace_strict(ends, return_dtype=pl.Date) if ends else pl.lit(None, pl.Date)
    existed = (pl.col("opened").is_null() | (pl.col("opened") <= end)) & (
        pl.col("closed").is_null() | (pl.col("closed") >= end)
    )
    # More time never takes any away: neither of the deadline, nor of its days of grace.
    deadline = pl.max_horizontal("extended_to", "due_on")
    left = (pl.col("due_on") - deadline).dt.total_days() + pl.col("grace_days")
    grace = pl.max_horizontal(left, pl.lit(0))
    late = (pl.lit(at) - deadline).dt.total_days()
    state = (
        pl.when(pl.col("received_indicators") > 0)
        .then(pl.lit("received"))
        .when(pl.col("reason").is_not_null() & pl.col("extended_to").is_null())
        .then(pl.lit("exempt"))
        .when(pl.col("extended_to") >= at)
        .then(pl.lit("extended"))
        .when(late <= grace)
        .then(pl.lit("due"))
        .otherwise(pl.lit("never"))
    )
    table = (
        organisations.select("opened", "closed", organisation="id")
        .join(returns, how="cross")
        .filter(existed)
        .join(came, on=_KEY, how="left")
        .join(agreed, on=_KEY, how="left")
        .with_columns(pl.col("received_indicators").fill_null(0), state=state)
        .with_columns(
            days_late=pl.when(pl.col("state").is_in(["due", "never"]))
            .then(pl.max_horizontal(late, pl.lit(0)))
            .otherwise(0)
        )
    )
    worst = pl.col("state").replace_strict(STATES, range(len(STATES)), return_dtype=pl.Int64)
    return table.select(pl.col(name).cast(kind) for name, kind in ROSTER.items()).sort(
        worst, -pl.col("days_late"), "due_on", "source_return", "period", "organisation"
    )
