"""Coverage: what a batch by itself shows, indicator by indicator.

Here: whether the councils that usually give a figure gave it for the newest period too; whether numbers have
    the decimal places that the dictionary says.
Not here: a batch against what was known (history.py), figures late for a council (ratings/freshness.py).
"""

from __future__ import annotations

import polars as pl

from ratings.catalogue import load_catalogue
from ratings.queries import NOTHING_ACCEPTED
from validations.check_result import CheckResult
from validations.findings import conclude, findings, some
from validations.rules import places

COVERED_SHARE = 0.8
"""Of the councils that an indicator usually has, those that its newest period must have."""
COVERED_LEAST = 20
"""An indicator of fewer councils than this is not looked at."""


def councils_present(figures: pl.DataFrame, accepted: pl.DataFrame = NOTHING_ACCEPTED) -> CheckResult:
    """Hold the newest period of each indicator against the median number of councils of its others.

    A row that says a figure is missing or suppressed counts: the council is there, and says so.

    Args:
        figures: accepted rows: `indicator`, `organisation`, `period`.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).
    """
    present = (
        figures.group_by("indicator", "period")
        .agg(pl.len().alias("present"))
        .with_columns(pl.col("indicator", "period").cast(pl.String))
        .sort("indicator", "period")
    )
    usual = present.group_by("indicator", maintain_order=True).agg(
        pl.col("period").last(),
        pl.col("present").last(),
        pl.col("present").head(pl.len() - 1).median().alias("usual"),
    )
    looked = usual.filter(pl.col("usual") >= COVERED_LEAST)
    thin = looked.filter(pl.col("present") < COVERED_SHARE * pl.col("usual"))
    counted = pl.format("{} of {} councils", "present", pl.col("usual").round().cast(pl.Int64))
    return conclude(
        "councils_present",
        looked.height,
        findings(thin, counted, pl.format("{} of {} has {}", "indicator", "period", counted)),
        _named,
        accepted,
        threshold=COVERED_SHARE,
    )


def decimals_as_declared(figures: pl.DataFrame, accepted: pl.DataFrame = NOTHING_ACCEPTED) -> CheckResult:
    """Hold the numbers of each indicator against the decimal places that the dictionary says.

    One finding an indicator, not a row: a publisher who releases more places than it shows always does.

    Args:
        figures: accepted rows: `indicator`, `value`.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).
    """
    declared = load_catalogue().frame().select("code", "decimals").filter(pl.col("decimals").is_not_null())
    shown = (
        figures.lazy()
        .filter(pl.col("value").is_not_null())
        .with_columns(pl.col("indicator").cast(pl.String))
        .join(declared.lazy(), left_on="indicator", right_on="code")
        .group_by("indicator", "decimals")
        .agg(places(pl.col("value")).max().alias("shown"))
        .sort("indicator")
        .collect()
    )
    beyond = shown.filter(pl.col("shown") > pl.col("decimals"))
    counted = pl.format("{} decimal places, declared {}", "shown", "decimals")
    return conclude(
        "decimals_as_declared",
        shown.height,
        findings(beyond, counted, pl.format("{} shows {}", "indicator", counted)),
        _named,
        accepted,
    )


def _named(found: pl.DataFrame) -> str:
    return some(found["sentence"].to_list(), "; ")
