"""Freshness: how out of date each figure is, against the calendar of its own indicator.

Here: the newest known period of every indicator and organisation beside the one that should be known, and
    how many figures of each return are how late.
Not here: when a period is due (calendar.py); when a file was last processed, which says nothing about
    the figures in it.

Freshness never improves by waiting: while the same figures are known, a later day gives the same state
or one further down the list `STATES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, beside
from ratings.calendar import NOTHING_ANNOUNCED, day_of, expected_period, overdue_since
from ratings.catalogue import Catalogue, Indicator
from ratings.periods import period_bounds, periods_between
from ratings.roster import return_name

# fresh         nothing newer is due
# due           something newer is due, within the days of grace
# out_of_date   something newer is due for longer than that
# discontinued  the series stopped and its last period is known: nothing newer will come
# missing       no figure is known at all
STATES = ("fresh", "due", "out_of_date", "discontinued", "missing")
LATE = ("out_of_date", "missing")
"""The states of a figure that should be there by now."""

_KEY = ["indicator", "organisation"]
_RETURN = ["source_return", "owner"]


def freshness(
    figures: IntoFrameT, catalogue: Catalogue, at_us: int, pairs: IntoFrameT | None = None
) -> IntoFrameT:
    """Say of every indicator and organisation how far behind its calendar the newest figure is.

    Args:
        figures: state frame; columns `indicator`, `organisation`, `period` (canonical), `value`. A row
            without a value counts as asked for and not there.
        catalogue: gives each indicator its calendar; figures of other indicators are left out.
        at_us: the moment of the question, microseconds UTC.
        pairs: `indicator`, `organisation` that ought to have figures; those without are `missing`. Same
            engine as `figures`.

    Returns:
        One row per (indicator, organisation): `latest_period` (null if missing), `expected_period`, `state`,
        `periods_behind` (periods due since the latest known), `days_late` (days since the oldest of those
        was due, 0 if none), `age_days` (from the end of the latest period to the day of the question).
        For a missing figure the last three are null.
    """
    at = day_of(at_us)
    frame: Frame = nw.from_native(figures)
    known = frame.filter(~nw.col("value").is_null()).group_by(*_KEY).agg(latest_period=nw.col("period").max())
    asked = frame.select(*_KEY).unique()
    if pairs is not None:
        wanted: Frame = nw.from_native(pairs)
        asked = nw.concat([asked, wanted.select(*_KEY)]).unique()
    newest: Any = known.select("indicator", "latest_period").unique()
    found = newest.collect() if isinstance(newest, nw.LazyFrame) else newest  # a few thousand rows at most
    details = beside(calendar_table(catalogue, at, [(str(i), str(p)) for i, p in found.iter_rows()]), frame)
    result = (
        asked.join(beside(expected_table(catalogue, at), frame), on="indicator", how="inner")
        .join(known, on=_KEY, how="left")
        .join(details, on=["indicator", "latest_period"], how="left")
        .with_columns(
            state=nw.when(nw.col("latest_period").is_null())
            .then(nw.lit("missing"))
            .otherwise(nw.col("state"))
        )
        .select(*_KEY, "latest_period", "expected_period", "state", "periods_behind", "days_late", "age_days")
    )
    native: IntoFrameT = nw.to_native(result)
    return native


def with_returns(rows: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Rows by `indicator`, with the `source_return` that feeds it and the `owner` of its figures."""
    feeds = [(code, return_name(each), each.owner) for code, each in catalogue.indicators.items()]
    table = pl.DataFrame(feeds, schema=dict.fromkeys(["indicator", *_RETURN], pl.String), orient="row")
    return rows.join(table, on="indicator", how="left", maintain_order="left")


def by_return(rows: pl.DataFrame) -> pl.DataFrame:
    """How late the figures of each source return are, by the body that answers for them, worst first.

    Args:
        rows: what `freshness` gives, with `source_return` and `owner`.

    Returns:
        What `counted_by` gives for each (source_return, owner).
    """
    return counted_by(rows, _RETURN)


def counted_by(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """How late figures are, counted by what some columns say, worst first.

    Args:
        rows: what `freshness` gives, with the columns.
        columns: such as `organisation`.

    Returns:
        One row for each of what the columns say: `figures`, how many of them are in each of STATES,
        `days_late` of the latest of them, `age_days` of the oldest. Most figures out of date first, then most
        missing.
    """
    counts = [(pl.col("state") == state).sum().cast(pl.Int64).alias(state) for state in STATES]
    return (
        rows.group_by(columns)
        .agg(
            pl.len().cast(pl.Int64).alias("figures"),
            *counts,
            pl.col("days_late").max().fill_null(0),
            pl.col("age_days").max(),
        )
        .sort(-pl.col("out_of_date"), -pl.col("missing"), -pl.col("days_late"), *columns)
    )


def expected_table(catalogue: Catalogue, at: date) -> pl.DataFrame:
    """The period that each indicator of the catalogue is expected to have on the day `at`.

    Returns:
        columns `indicator`, `expected_period`.
    """
    announced = catalogue.announced(at)
    rows = [
        (code, expected_period(indicator, at, announced.get(code, NOTHING_ANNOUNCED)))
        for code, indicator in catalogue.indicators.items()
    ]
    return pl.DataFrame(rows, schema={"indicator": pl.String, "expected_period": pl.String}, orient="row")


def calendar_table(catalogue: Catalogue, at: date, newest: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """How fresh an indicator is on the day `at`, if a given period is the newest known.

    Args:
        catalogue: gives each indicator its calendar; indicators that it does not have are left out.
        at: the day of the question.
        newest: pairs of indicator and canonical period, each once.

    Returns:
        columns `indicator`, `latest_period`, `state`, `periods_behind`, `days_late`, `age_days`.
    """
    announced = catalogue.announced(at)
    rows = [
        (
            code,
            period,
            *_measure(catalogue.indicators[code], period, at, announced.get(code, NOTHING_ANNOUNCED)),
        )
        for code, period in newest
        if code in catalogue.indicators
    ]
    return pl.DataFrame(
        rows,
        schema={
            "indicator": pl.String,
            "latest_period": pl.String,
            "state": pl.String,
            "periods_behind": pl.Int64,
            "days_late": pl.Int64,
            "age_days": pl.Int64,
        },
        orient="row",
    )


def _measure(
    indicator: Indicator, latest: str, at: date, announced: Mapping[str, date]
) -> tuple[str, int, int, int]:
    """State, periods behind, days late and age in days, if `latest` is the newest known period."""
    expected = expected_period(indicator, at, announced)
    since = overdue_since(indicator, latest, at, announced)
    stopped = indicator.last_period is not None and latest >= indicator.last_period
    behind = 0 if expected is None else periods_between(latest, expected)
    late = 0 if since is None or stopped else (at - since).days
    if since is None:
        state = "fresh"
    elif stopped:
        state = "discontinued"
    else:
        state = "due" if late <= indicator.grace_days else "out_of_date"
    return state, behind, late, (at - period_bounds(latest)[1]).days
