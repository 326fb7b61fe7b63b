"""Lags: how long after the end of a period its figures really came out.

Here: the lags that a collection's own releases show, and what they would have the calendar say.
Not here: changing the calendar, which a person does in the catalogue.

The day a figure came out lies between two releases: the one it was first in and the one before. A figure
counts only if its indicator was there before without it, and no newer period was: the first release of a
collection, a new indicator and a period filled in later show nothing about lags.
"""

from __future__ import annotations

import polars as pl

from ratings.catalogue import Catalogue
from ratings.periods import period_bounds

LAGS = {
    "indicator": pl.String,
    "source_return": pl.String,
    "releases_seen": pl.Int64,
    "shortest_days": pl.Int64,
    "median_days": pl.Int64,
    "longest_days": pl.Int64,
    "in_calendar": pl.Int64,
    "proposed": pl.Int64,
    "basis": pl.String,
}
_DAY_US = 86_400_000_000


def learned_lags(first_seen: pl.DataFrame, releases: pl.Series, catalogue: Catalogue) -> pl.DataFrame:
    """Propose publication lags from what a collection's releases show.

    Args:
        first_seen: `indicator`, `period`, `published_at`: when each period of an indicator first had a value,
            microseconds UTC.
        releases: the publish times of all releases of the collection, microseconds UTC.
        catalogue: what the calendar says now.

    Returns:
        Columns LAGS, one row per indicator that shows a lag, sorted by it. A lag is the whole days from the
        end of the period to the release that brought it: an upper bound. `proposed` is the longest of them,
        so that a release as late as any that was seen is not called late; `basis` says in words what it
        rests on, and how much sooner it may have been.
    """
    known = first_seen.filter(pl.col("indicator").is_in(list(catalogue.indicators)))
    ends = {period: period_bounds(period)[1] for period in known["period"].unique()}
    order = ["indicator", "published_at", "period"]
    # Of what one release brought, the newest period; older ones beside it were filled in.
    newest = (
        known.group_by("indicator", "published_at")
        .agg(pl.col("period").max())
        .sort(order)
        .with_columns(
            before=pl.col("period").cum_max().shift(1).over("indicator"),
            end=pl.col("period").replace_strict(ends, default=None, return_dtype=pl.Date),
        )
        .filter(pl.col("before").is_not_null() & (pl.col("period") > pl.col("before")))
    )
    times = pl.DataFrame({"release": releases.unique().sort()}).with_columns(
        earlier=pl.col("release").shift(1)
    )
    lag = (pl.col("published_at") // _DAY_US) - pl.col("end").cast(pl.Date).cast(pl.Int32).cast(pl.Int64)
    gap = -((pl.col("earlier") - pl.col("published_at")) // _DAY_US)
    calendar = catalogue.frame().select("source_return", indicator="code", in_calendar="publication_lag_days")
    return (
        newest.join(times, left_on="published_at", right_on="release", how="left")
        .with_columns(lag=lag, gap=gap)
        .group_by("indicator")
        .agg(
            releases_seen=pl.len(),
            shortest_days=pl.col("lag").min(),
            median_days=pl.col("lag").median().ceil(),
            longest_days=pl.col("lag").max(),
            gap=pl.col("gap").sort_by("lag").last(),
        )
        .join(calendar, on="indicator", how="left")
        .with_columns(
            proposed=pl.col("longest_days"),
            basis=pl.format(
                "upper bound: longest of {} seen; the release before it came {} days earlier",
                "releases_seen",
                "gap",
            ),
        )
        .select(pl.col(name).cast(kind) for name, kind in LAGS.items())
        .sort("indicator")
    )
