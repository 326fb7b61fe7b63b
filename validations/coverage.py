"""Coverage: what a batch by itself shows, indicator by indicator.

Here: whether the councils that usually give a figure gave it for the newest period too; whether numbers have
    the decimal places that the dictionary says.
Not here: a batch against what was known (history.py), figures late for a council (ratings/freshness.py).
"""

from __future__ import annotations

import polars as pl

from ratings.catalogue import load_catalogue
from validations.check_result import BATCH, WARNING, CheckResult
from validations.rules import places

COVERED_SHARE = 0.8
"""Of the councils that an indicator usually has, those that its newest period must have."""
COVERED_LEAST = 20
"""An indicator of fewer councils than this is not looked at."""
_NAMED = 5


def councils_present(figures: pl.DataFrame) -> CheckResult:
    """Hold the newest period of each indicator against the median number of councils of its others.

    A row that says a figure is missing or suppressed counts: the council is there, and says so.

    Args:
        figures: accepted rows: `indicator`, `organisation`, `period`.
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
    names = [
        f"{indicator} of {period} has {here:,} of {there:,.0f} councils"
        for indicator, period, here, there in thin.iter_rows()
    ]
    return _result("councils_present", looked.height, names, COVERED_SHARE)


def decimals_as_declared(figures: pl.DataFrame) -> CheckResult:
    """Hold the numbers of each indicator against the decimal places that the dictionary says.

    One finding an indicator, not a row: a publisher who releases more places than it shows always does.

    Args:
        figures: accepted rows: `indicator`, `value`.
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
    names = [f"{i} shows {n} decimal places, declared {d}" for i, d, n in beyond.iter_rows()]
    return _result("decimals_as_declared", shown.height, names)


def _result(check: str, checked: int, names: list[str], threshold: float | None = None) -> CheckResult:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    message = "; ".join(names[:_NAMED]) + more
    return CheckResult(check, WARNING, not names, checked, len(names), "", threshold, message, BATCH)
