"""Rules: what a row, and a whole file, must satisfy to be accepted, and what happens when it does not.

Here: each rule once - its severity, the sentence a person reads, the rows that break it (a Polars
    expression), and the Great Expectations expectation that counts them.
Not here: running them (runner.py), reading rows (ratings/reading.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from validations.check_result import ERROR, WARNING

# More than this share of refused rows, and the file is not what it was said to be.
REFUSED_SHARE = 0.5

_PLACES, _BINARY = 6, 1e-9


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on rows.

    Attributes:
        name: stable name of the check.
        severity: critical, error or warning.
        broken: true for each row that breaks the rule; on the columns of `ratings.reading` plus `conflict`.
        sentence: what is wrong with a row, as text; on the same columns.
        expectation: class name in great_expectations.expectations that counts the same rows.
        arguments: its arguments.
    """

    name: str
    severity: str
    broken: pl.Expr
    sentence: pl.Expr
    expectation: str
    arguments: dict[str, Any] = field(default_factory=dict)


def _not_null(name: str, column: str, sentence: pl.Expr) -> Rule:
    return Rule(
        name, ERROR, pl.col(column).is_null(), sentence, "ExpectColumnValuesToNotBeNull", {"column": column}
    )


def _is_null(name: str, column: str, sentence: pl.Expr, severity: str = ERROR) -> Rule:
    return Rule(
        name,
        severity,
        pl.col(column).is_not_null(),
        sentence,
        "ExpectColumnValuesToBeNull",
        {"column": column},
    )


def _at_least(name: str, severity: str, larger: str, smaller: str, sentence: pl.Expr) -> Rule:
    return Rule(
        name,
        severity,
        (pl.col(larger) < pl.col(smaller)).fill_null(False),
        sentence,
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {
            "column_A": larger,
            "column_B": smaller,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


_PRINTED = {
    name: pl.col(name).cast(pl.String).fill_null("(blank)")
    for name in ("indicator_printed", "organisation_code", "period_label")
}

ORGANISATION_KNOWN = _not_null(
    "organisation_known", "organisation", pl.format("unknown organisation {}", _PRINTED["organisation_code"])
)

ORGANISATION_NAMED_ONCE = _is_null(
    "organisation_named_once",
    "namesake",
    pl.format(
        "several rows are named {}; told apart by their order in the file, this is number {}",
        _PRINTED["organisation_code"],
        "namesake",
    ),
    WARNING,
)

FIGURE_RULES = (
    _not_null(
        "indicator_known",
        "indicator",
        pl.format(
            "unknown indicator {}: neither in the catalogue nor in the collection's dictionary",
            _PRINTED["indicator_printed"],
        ),
    ),
    ORGANISATION_KNOWN,
    _is_null("period_readable", "period_fault", pl.col("period_fault")),
    _is_null("value_readable", "value_fault", pl.col("value_fault")),
    _at_least(
        "value_not_below_range",
        ERROR,
        "value",
        "valid_min",
        pl.format("value {} is below {}, the least that can be true", "value", "valid_min"),
    ),
    _at_least(
        "value_not_above_range",
        ERROR,
        "valid_max",
        "value",
        pl.format("value {} is above {}, the most that can be true", "value", "valid_max"),
    ),
    _is_null("figure_stated_once", "conflict", pl.col("conflict")),
    _at_least(
        "value_is_its_ratio",
        WARNING,
        "ratio_tolerance",
        "ratio_error",
        pl.format("value {} is not what {} of {} comes to in percent", "value", "numerator", "denominator"),
    ),
    _at_least(
        "numerator_within_denominator",
        WARNING,
        "percent_denominator",
        "numerator",
        pl.format("numerator {} is above denominator {}", "numerator", "denominator"),
    ),
)

FACT_RULES = (
    ORGANISATION_KNOWN,
    _not_null("round_given", "round", pl.lit("there is no rating round")),
    _is_null("word_known", "word_fault", pl.col("word_fault")),
    _is_null("fact_stated_once", "conflict", pl.col("conflict")),
)

EVIDENCE_RULES = (
    ORGANISATION_KNOWN,
    _is_null("word_known", "word_fault", pl.col("word_fault")),
    _not_null("words_given", "says", pl.lit("the row says nothing")),
)


def with_rule_columns(read: pl.DataFrame) -> pl.DataFrame:
    """The columns that rules need besides what was read.

    Adds `repeat` (a later row that says again what an earlier one says); the sentences `conflict` (two rows
    give one figure different values) and `period_fault` (a known indicator's period cannot be read), null
    where there is no fault; `percent_denominator` (the denominator, of percentages only). A percentage that
    comes with both its parts has `ratio_error`, how far it lies from what they come to, and
    `ratio_tolerance`, how far rounding may bring it: half a unit of the last place that its indicator shows.
    """
    key = ["indicator", "organisation", "period"]
    said = ["value", "numerator", "denominator", "obs_status", "conf_status"]
    whole = (
        pl.all_horizontal(pl.col(c).is_not_null() for c in key)
        & pl.col("value_fault").is_null()
        & pl.col("out_of_scope").is_null()
    )
    keyed = read.filter(whole).select(*key, *said, "source_row")
    twice = keyed.filter(pl.struct(key).is_duplicated())
    versions = twice.group_by(key).agg(
        pl.struct(said).n_unique().alias("versions"), pl.col("source_row").min().alias("first_row")
    )
    return (
        read.join(versions, on=key, how="left", maintain_order="left")
        .with_columns(
            pl.when(whole & (pl.col("versions") > 1))
            .then(pl.format("row {} and others give this figure different values", "first_row"))
            .alias("conflict"),
            (whole & (pl.col("versions") == 1) & (pl.col("source_row") > pl.col("first_row")))
            .fill_null(False)
            .alias("repeat"),
            pl.when(pl.col("period").is_null() & pl.col("indicator").is_not_null())
            .then(
                pl.format("period label {} cannot be read by its indicator's rule", _PRINTED["period_label"])
            )
            .alias("period_fault"),
            pl.when(pl.col("unit") == "percent").then("denominator").alias("percent_denominator"),
            pl.when((pl.col("unit") == "percent") & (pl.col("denominator") > 0))
            .then((pl.col("value") - 100 * pl.col("numerator") / pl.col("denominator")).abs())
            .alias("ratio_error"),
        )
        .with_columns(
            pl.when(pl.col("ratio_error").is_not_null())
            # A hundredth beyond the half unit, for what binary fractions add.
            .then(0.51 * 10.0 ** -places(pl.col("value")).max().over("indicator"))
            .alias("ratio_tolerance")
        )
        .drop("versions", "first_row")
    )


def places(value: pl.Expr) -> pl.Expr:
    """How many decimal places a number needs, as far as six."""
    exact = [((value * 10**n).round() - value * 10**n).abs() <= _BINARY * 10**n for n in range(_PLACES)]
    return pl.sum_horizontal(~said for said in exact).cast(pl.Int64)
