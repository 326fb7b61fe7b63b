"""Parts: whether the figures of a file add up as its collection says they do, as a check result.

Here: totals and their parts within one file, per organisation and period.
Not here: published totals of stars (totals.py), which indicators add up (ratings/collections, `[[totals]]`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ratings.collections import Total
from ratings.periods import describe_period
from ratings.queries import NOTHING_ACCEPTED
from validations.check_result import CheckResult
from validations.findings import conclude, findings, some

_OF = ["organisation", "period"]


def totals_equal_parts(
    rows: pl.DataFrame, totals: Sequence[Total], silenced: pl.DataFrame = NOTHING_ACCEPTED
) -> list[CheckResult]:
    """Hold every total against the sum of its parts, where all of them are known.

    A warning: one of them is wrong, and nothing says which.

    Args:
        rows: from `validations.runner`, with `reasons`, `repeat` and `out_of_scope`.
        totals: what adds up, as the collection says.
        silenced: findings that an accepted answer silences (ratings.queries.accepted_findings).

    Returns:
        One result; none where the collection declares nothing.
    """
    if not totals:
        return []
    accepted = pl.col("reasons").is_null() & pl.col("out_of_scope").is_null() & ~pl.col("repeat")
    asked = {code for total in totals for code in (*total.parts, total.total) if code}
    figures = rows.filter(accepted & pl.col("indicator").cast(pl.String).is_in(asked)).with_columns(
        pl.col("indicator", *_OF).cast(pl.String)
    )
    compared = pl.concat(_compared(figures, total) for total in totals)
    wrong = compared.filter((pl.col("sum") - pl.col("total")).abs() > pl.col("allowed")).sort("source_row")
    sentences = [
        f"row {row['source_row']}: {row['name']} of {row['organisation']}, {describe_period(row['period'])},"
        f" is {row['total']:g} and its parts add up to {row['sum']:g}"
        for row in wrong.iter_rows(named=True)
    ]
    named = wrong.select(
        "indicator",
        *_OF,
        pl.format("{}, parts {}", "total", "sum").alias("says"),
        pl.Series("sentence", sentences, dtype=pl.String),
    )
    return [
        conclude(
            "totals_equal_parts",
            compared.height,
            findings(named, pl.col("says"), pl.col("sentence")),
            lambda found: some(found["sentence"].to_list(), "; "),
            silenced,
        )
    ]


def _compared(figures: pl.DataFrame, total: Total) -> pl.DataFrame:
    """Each total whose parts are all known, beside their sum and how far they may be apart."""
    number = pl.col(total.numbers)
    parts = (
        figures.filter(pl.col("indicator").is_in(total.parts) & number.is_not_null())
        .group_by(_OF)
        .agg(
            pl.col("indicator").n_unique().alias("known"),
            number.sum().alias("sum"),
            _is_rounded(number, total).all().alias("rounded"),
            pl.when(pl.col("denominator").n_unique() == 1)
            .then(pl.col("denominator").first())
            .alias("shared"),
            pl.col("source_row").min(),
        )
        .filter(pl.col("known") == len(total.parts))
    )
    if total.total:
        of = figures.filter((pl.col("indicator") == total.total) & number.is_not_null())
        both = parts.drop("source_row").join(of.select(*_OF, "source_row", total=number), on=_OF)
    else:
        both = parts.filter(pl.col("shared").is_not_null()).rename({"shared": "total"})
    half = (total.rounded_to or 0.0) / 2 * (len(total.parts) + 1)
    rounded = pl.col("rounded") & _is_rounded(pl.col("total"), total)
    # A hair beyond, for what binary fractions add.
    allowed = pl.when(rounded).then(half).otherwise(0.0) + 1e-9 * (1 + pl.col("total").abs())
    return both.select(
        *_OF,
        "source_row",
        "sum",
        "total",
        allowed.alias("allowed"),
        pl.lit(total.total or total.parts[0]).alias("indicator"),
        pl.lit(total.total or f"the denominator of {total.parts[0]}").alias("name"),
    )


def _is_rounded(number: pl.Expr, total: Total) -> pl.Expr:
    if total.rounded_to is None:
        return number.is_null()  # of known numbers none is
    steps = number / total.rounded_to
    return (steps - steps.round()).abs() < 1e-6
