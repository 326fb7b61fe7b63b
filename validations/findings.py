"""Findings: what a check found, one by one, and what of it an accepted answer to a query silences.

Here: the shape of findings, and the one way from findings to a check result.
Not here: finding anything (rules.py, history.py, coverage.py, totals.py), queries (ratings/queries.py).

Nothing silenced is hidden: it is counted in `failed` as before, in `silenced` besides, and named with its
query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from ratings.queries import SUBJECT
from validations.check_result import BATCH, WARNING, CheckResult, Finding

LISTED = 10_000
"""So many findings are kept one by one, those that no answer silences first; all are counted."""
NAMED = 5
"""So many are named in a sentence."""
_SCHEMA = {
    **dict.fromkeys(SUBJECT, pl.String()),
    "says": pl.String(),
    "sentence": pl.String(),
    "counts": pl.Int64(),
}


def findings(
    found: pl.DataFrame, says: pl.Expr, sentence: pl.Expr, counts: pl.Expr | None = None
) -> pl.DataFrame:
    """Findings in the shape that `conclude` takes.

    Args:
        found: one row a finding, with those of SUBJECT that it is about.
        says: what stands there: while it is the same, the finding is the same.
        sentence: the finding for people.
        counts: how many of what the check counts it stands for; by default one.
    """
    there = [
        pl.col(name).cast(pl.String) if name in found.columns else pl.lit(None, pl.String).alias(name)
        for name in SUBJECT
    ]
    one = pl.lit(1) if counts is None else counts
    return found.select(
        *there,
        says.cast(pl.String).alias("says"),
        sentence.alias("sentence"),
        one.cast(pl.Int64).alias("counts"),
    )


def single(sentence: str, says: str, counts: int = 1) -> pl.DataFrame:
    """One finding about the file as a whole, or none where there is no sentence."""
    rows = [(None, None, None, says, sentence, counts)] if sentence else []
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def conclude(
    check: str,
    checked: int,
    found: pl.DataFrame,
    words: Callable[[pl.DataFrame], str],
    accepted: pl.DataFrame,
    *,
    severity: str = WARNING,
    expectation: str = "",
    threshold: float | None = None,
    stage: str = BATCH,
) -> CheckResult:
    """A check result from what was found.

    Args:
        check: name of the check.
        checked: how many it looked at.
        found: from `findings`.
        words: what is said of the findings that no accepted answer silences.
        accepted: from `ratings.queries.accepted_findings`.
        severity: of the check.
        expectation: that counted.
        threshold: that decided.
        stage: of the check.
    """
    mine = accepted.filter(pl.col("check") == check).drop("check").unique([*SUBJECT, "says"])
    told = found.join(mine, on=[*SUBJECT, "says"], how="left", nulls_equal=True, maintain_order="left")
    standing, silenced = told.filter(pl.col("query").is_null()), told.filter(pl.col("query").is_not_null())
    message = words(standing) if standing.height else ""
    if silenced.height:
        numbers = [str(number) for number in sorted(silenced["query"].unique())]
        noun = "query" if len(numbers) == 1 else "queries"
        answered = f"{silenced['counts'].sum():,} accepted before, in answer to {noun} {some(numbers)}"
        message = f"{message}; {answered}" if message else answered
    listed = pl.concat([standing, silenced]).head(LISTED)
    return CheckResult(
        check=check,
        severity=severity,
        success=standing.is_empty(),
        checked=checked,
        failed=int(told["counts"].sum()),
        expectation=expectation,
        threshold=threshold,
        message=message,
        stage=stage,
        silenced=int(silenced["counts"].sum()),
        findings=tuple(Finding(**row) for row in listed.iter_rows(named=True)),
    )


def some(names: Sequence[str], between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return between.join(names[:NAMED]) + more
