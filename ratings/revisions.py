"""Revisions: what each publication did to the figures known before it, told apart and measured.

Here: which figures a publication brought, revised, redefined, took away and restored, read from events in
    order of publication; how large the revisions were; the triangle of period by publication.
Not here: which events stand (warehouse/observations.py), how they are shown (pipelines/revisions.py), what a
    large revision means for an indicator (quality.py).

"Revised" is never stored. A late file leaves events at its own time and repairs at those of later files; in
order of publication the two say what the world saw, so that a repair is no revision of ours. Several files of
one time are one publication. Means are taken with `math.fsum`, which rounds once: the order of the rows
changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any

import polars as pl

KEY = ["indicator", "organisation", "period"]

# new          a figure of which nothing was known
# restored     a figure that had been taken away is back
# revised      its value, numerator or denominator is another
# redefined    another version of the indicator's definition: a break, not a revision
# status       only a mark is another, such as provisional that became normal
# withdrawn    gone, while its period is still within the source's window
# rolled_off   gone with its period
# quarantined  the new row was refused, so that the old one no longer stands
KINDS = ("new", "restored", "revised", "redefined", "status", "withdrawn", "rolled_off", "quarantined")
GONE = ("withdrawn", "rolled_off", "quarantined")
PROVISIONAL = "P"

MEASURES = {
    "revised": pl.Int64,
    "measured": pl.Int64,
    "mean_revision": pl.Float64,
    "mean_absolute_revision": pl.Float64,
    "relative_absolute_revision": pl.Float64,
}
STAGES = ("all", "provisional_to_final")


def changes(events: pl.DataFrame) -> pl.DataFrame:
    """Every time a publication changed a figure.

    Args:
        events: observations and withdrawals that stand, each indicator from one collection: KEY, `type`,
            `published_at` (microseconds UTC), `stated_by`, `position`, `value`, `numerator`, `denominator`,
            `obs_status`, `conf_status`, `definition`, and `reason` (of withdrawals).

    Returns:
        One row per figure and publication that changed it: KEY, `published_at`, `kind` (one of KINDS),
        `earlier` and `later` (values in the indicator's unit; null where none was given or the figure was not
        known), `final` (True where a provisional figure ceased to be so), `position`. Repetitions of what was
        known give no row.
    """
    # The codes of a category sort faster than its texts, and any order of keys will do.
    codes = [pl.col(c).cast(pl.Categorical).to_physical().alias(f"{c}_code") for c in KEY]
    publication = ("published_at", "stated_by", "position")
    ordered = events.with_columns(codes).sort(*(f"{c}_code" for c in KEY), *publication)
    same_next = _same_key(-1) & (pl.col("published_at").shift(-1) == pl.col("published_at"))
    said = ordered.filter(~same_next.fill_null(False))  # of one time, the last word
    gone = pl.col("type") == "withdrawal"
    known = said.filter(~gone | (_same_key(1) & (pl.col("type").shift(1) != "withdrawal")).fill_null(False))
    again = _same_key(1).fill_null(False)

    def differs(*columns: str) -> pl.Expr:
        return pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in columns)

    kind = (
        pl.when(gone)
        .then(pl.col("reason").cast(pl.String))
        .when(~again)
        .then(pl.lit("new"))
        .when(gone.shift(1))
        .then(pl.lit("restored"))
        .when(differs("definition"))
        .then(pl.lit("redefined"))
        .when(differs("value", "numerator", "denominator"))
        .then(pl.lit("revised"))
        .when(differs("obs_status", "conf_status"))
        .then(pl.lit("status"))
    )
    was_provisional = (pl.col("obs_status").shift(1) == PROVISIONAL).fill_null(False)
    is_provisional = (pl.col("obs_status") == PROVISIONAL).fill_null(False)
    return (
        known.select(
            *KEY,
            "published_at",
            kind.alias("kind"),
            pl.when(again).then(pl.col("value").shift(1)).alias("earlier"),
            pl.when(~gone).then(pl.col("value")).alias("later"),
            (again & ~gone & was_provisional & ~is_provisional).alias("final"),
            "position",
        )
        .filter(pl.col("kind").is_not_null())
        .cast({"kind": pl.Enum(KINDS)})
    )


def _same_key(step: int) -> pl.Expr:
    return pl.all_horizontal(pl.col(f"{c}_code").shift(step) == pl.col(f"{c}_code") for c in KEY)


def by_publication(changed: pl.DataFrame, publications: Sequence[int]) -> pl.DataFrame:
    """What each publication did, counted in figures.

    Args:
        changed: from `changes`.
        publications: the times of all publications, microseconds UTC, those that changed nothing too.

    Returns:
        One row per publication, in order: `published_at`, a count for each of KINDS, `finalised` (of the
        revised and the status-only, those that ceased to be provisional), and `known`: figures known then.
    """
    return _counted(changed, pl.DataFrame({"published_at": sorted(publications)}, {"published_at": pl.Int64}))


def triangle(changed: pl.DataFrame, publications: Sequence[int]) -> pl.DataFrame:
    """The revision triangle: for every period what each publication did to its figures.

    Args:
        changed: from `changes`; of one indicator, if revisions are to be measured in its unit.
        publications: as in `by_publication`.

    Returns:
        One row per period and publication since the period was first known: `period`, the columns of
        `by_publication`, and those of MEASURES. Sorted by both.
    """
    first = changed.group_by(pl.col("period").cast(pl.String)).agg(
        pl.col("published_at").min().alias("since")
    )
    cells = (
        first.join(
            pl.DataFrame({"published_at": sorted(publications)}, {"published_at": pl.Int64}), how="cross"
        )
        .filter(pl.col("published_at") >= pl.col("since"))
        .drop("since")
    )
    by = ["period", "published_at"]
    plain = changed.with_columns(pl.col("period").cast(pl.String))
    return (
        _counted(plain, cells, ["period"])
        .join(measures(plain, by).drop("revised"), on=by, how="left")
        .with_columns(pl.col("measured").fill_null(0))
        .sort(by)
    )


def _counted(changed: pl.DataFrame, cells: pl.DataFrame, of: Sequence[str] = ()) -> pl.DataFrame:
    """`cells` with the changes of each counted by kind, and how many figures are known after it."""
    by = [*of, "published_at"]
    counts = changed.group_by(by).agg(
        *((pl.col("kind") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS),
        (pl.col("final") & pl.col("kind").is_in(["revised", "status"]))
        .sum()
        .cast(pl.Int64)
        .alias("finalised"),
    )
    came = pl.sum_horizontal("new", "restored") - pl.sum_horizontal(GONE)
    known = came.cum_sum().over(list(of)) if of else came.cum_sum()
    return (
        cells.join(counts, on=by, how="left")
        .with_columns(pl.exclude(by).fill_null(0))
        .sort(by)
        .with_columns(known.alias("known"))
    )


def by_indicator(changed: pl.DataFrame) -> pl.DataFrame:
    """How large the revisions of each indicator were, those from provisional to final separately.

    Args:
        changed: from `changes`.

    Returns:
        One row per indicator and stage with a revision: `indicator`, `stage` (one of STAGES; `all` holds the
        others too), and the columns of MEASURES; sorted.
    """
    final = changed.filter("final")
    parts = [
        measures(part, ["indicator"]).with_columns(pl.lit(stage).alias("stage"))
        for stage, part in zip(STAGES, (changed, final), strict=True)
    ]
    return (
        pl.concat(parts)
        .select(pl.col("indicator").cast(pl.String), "stage", *MEASURES)
        .sort("indicator", "stage")
    )


def measures(changed: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The size of the revisions in each group.

    Args:
        changed: from `changes`.
        by: columns to group by.

    Returns:
        One row per group with a revision, in no order: `by`; `revised` (figures); `measured`, those with a
        value before and after, over which the rest is taken: `mean_revision` (later less earlier; a mean far
        from zero is a bias) and `mean_absolute_revision`, in the indicator's unit, and
        `relative_absolute_revision`: the sum of absolute revisions in percent of the sum of absolute later
        values, null where that is 0.

    Source: relative mean absolute revision as in McKenzie and Gamba, "Interpreting the results of revision
        analyses", OECD, 2008; a revision is the later less the earlier estimate.
    """
    both = pl.col("earlier").is_not_null() & pl.col("later").is_not_null()
    groups = (
        changed.filter(pl.col("kind") == "revised")
        .group_by(by)
        .agg(
            pl.len().cast(pl.Int64).alias("revised"),
            pl.col("later").filter(both),
            (pl.col("later") - pl.col("earlier")).filter(both).alias("revision"),
        )
    )
    rows = [_measured(*lists) for lists in groups.select("later", "revision").iter_rows()]
    sizes = pl.DataFrame(
        rows, schema={name: kind for name, kind in MEASURES.items() if name != "revised"}, orient="row"
    )
    return pl.concat([groups.select(*by, "revised"), sizes], how="horizontal")


def _measured(later: list[float], revisions: list[float]) -> tuple[Any, ...]:
    if not revisions:
        return 0, None, None, None
    count, absolute, size = len(revisions), fsum(map(abs, revisions)), fsum(map(abs, later))
    return count, fsum(revisions) / count, absolute / count, 100 * absolute / size if size else None
