"""Runner: rules over a whole batch, as check results and refused rows.

Here: one Great Expectations run per batch (limits joined as columns, never one expectation per indicator),
    held against our own masks.
Not here: the rules (rules.py), a batch against what is known (history.py), what becomes of refused rows
    (pipelines/checked_rows.py).

Great Expectations takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from ratings.queries import NOTHING_ACCEPTED, SUBJECT, figure_says
from validations.check_result import BATCH, CRITICAL, ERROR, FILE, ROW, WARNING, CheckResult
from validations.findings import conclude, findings
from validations.rules import (
    EVIDENCE_RULES,
    FACT_RULES,
    FIGURE_RULES,
    ORGANISATION_NAMED_ONCE,
    REFUSED_SHARE,
    Rule,
    with_rule_columns,
)

LOOKED_AT = pl.col("out_of_scope").is_null() & ~pl.col("repeat")
"""The rows that rules are about."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation made of a batch.

    Attributes:
        results: one per check, in the order of the rules.
        rows: the rows read, in scope or not, with the rule columns and `reasons`: a JSON list of
            `{"check", "message"}` for refused rows, null for the others.
        refusal: why the file as a whole is refused, None when it is accepted.
    """

    results: tuple[CheckResult, ...]
    rows: pl.DataFrame
    refusal: str | None


def validate_figures(read: pl.DataFrame, accepted: pl.DataFrame = NOTHING_ACCEPTED) -> Validation:
    """Check the rows of a file of observations.

    Args:
        read: from `ratings.reading.read_figures`.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).
    """
    return _validate(*prepared(read, "observation"), accepted)


def validate_facts(read: pl.DataFrame, event: str) -> Validation:
    """Check the rows of a file of judgements, published ratings or evidence.

    Args:
        read: from `ratings.reading.read_facts`.
        event: what a row becomes.
    """
    return _validate(*prepared(read, event), NOTHING_ACCEPTED)


def prepared(read: pl.DataFrame, event: str) -> tuple[pl.DataFrame, tuple[Rule, ...]]:
    """The rows of a file with the columns that its rules need, and the rules."""
    if event == "observation":
        return with_rule_columns(read), FIGURE_RULES + _about_names(read)
    rules = EVIDENCE_RULES if event == "evidence" else FACT_RULES
    return read, rules + _about_names(read)


def _about_names(read: pl.DataFrame) -> tuple[Rule, ...]:
    """The rule for files whose own names are the register of organisations."""
    return (ORGANISATION_NAMED_ONCE,) if "namesake" in read.columns else ()


def refusal(check: str, message: str) -> CheckResult:
    """The result of a check that refuses a file before any row was looked at."""
    return CheckResult(check, CRITICAL, False, 0, 1, message=message, stage=FILE)


@cache
def _whole_batch() -> Any:
    """What every data frame is handed to; one context a process, for each makes directories."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(rows: pl.DataFrame, rules: Sequence[Rule], accepted: pl.DataFrame) -> Validation:
    # A row of the file may hold several figures, so its number is no key.
    rows = rows.with_row_index("line")
    looked_at = rows.filter(LOOKED_AT)
    masks = looked_at.select(rule.broken.alias(rule.name) for rule in rules)
    counts = dict(zip(masks.columns, masks.sum().row(0), strict=True)) if looked_at.height else {}
    counted = _expectation_counts(looked_at, rules) if looked_at.height else {}
    for rule in rules:
        if counted.get(rule.name, 0) != counts.get(rule.name, 0):
            raise RuntimeError(
                f"check {rule.name}: Great Expectations counts {counted[rule.name]} rows,"
                f" the mask {counts[rule.name]}"
            )
    results = [_result(looked_at, rule, counts.get(rule.name, 0), accepted) for rule in rules]
    refused = _reasons(
        looked_at, [rule for rule in rules if rule.severity == ERROR and counts.get(rule.name, 0)]
    )
    message = _too_little(looked_at, refused)
    results.append(
        CheckResult(
            "most_rows_accepted",
            CRITICAL,
            not message,
            looked_at.height,
            refused.height if message else 0,
            "",
            REFUSED_SHARE,
            message,
            BATCH,
        )
    )
    marked = rows.join(refused, on="line", how="left", maintain_order="left").drop("line")
    return Validation(tuple(results), marked, message or None)


def _result(rows: pl.DataFrame, rule: Rule, failed: int, accepted: pl.DataFrame) -> CheckResult:
    """What a rule found: refused rows by number, for quarantine has each; rows it warns of one by one.

    Facts are counted too: a finding that a question can be asked about is one on a figure.
    """
    if rule.severity != WARNING or not failed or not set(SUBJECT) <= set(rows.columns):
        message = _example(rows, rule) if failed else ""
        return CheckResult(
            rule.name, rule.severity, not failed, rows.height, failed, rule.expectation, message=message
        )
    broken = rows.filter(rule.broken).select(
        *SUBJECT,
        figure_says().alias("says"),
        pl.format("row {}: {}", "source_row", rule.sentence).alias("sentence"),
    )
    return conclude(
        rule.name,
        rows.height,
        findings(broken, pl.col("says"), pl.col("sentence")),
        lambda found: str(found["sentence"][0]),
        accepted,
        expectation=rule.expectation,
        stage=ROW,
    )


def _too_little(looked_at: pl.DataFrame, refused: pl.DataFrame) -> str:
    """Why a file as a whole is not what it was said to be; empty where it is."""
    if not looked_at.height:
        return "not one row is in scope: every row is of a kind that the collection leaves out"
    if refused.height / looked_at.height <= REFUSED_SHARE:
        return ""
    first = json.loads(refused["reasons"][0])[0]["message"]
    return f"{refused.height:,} of {looked_at.height:,} rows would be refused, first: {first}"


def _example(rows: pl.DataFrame, rule: Rule) -> str:
    first = rows.filter(rule.broken).head(1).select("source_row", rule.sentence.alias("sentence")).row(0)
    return f"row {first[0]}: {first[1]}"


def _reasons(rows: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Columns line and reasons (JSON, every rule broken) of the rows that break one."""
    if not rules:
        return pl.DataFrame(schema={"line": pl.UInt32, "reasons": pl.String})
    broken = pl.concat(
        rows.filter(rule.broken).select(
            "line",
            pl.struct(pl.lit(rule.name).alias("check"), rule.sentence.alias("message"))
            .struct.json_encode()
            .alias("reason"),
        )
        for rule in rules
    )
    if len(rules) > 1:
        broken = broken.group_by("line", maintain_order=True).agg(pl.col("reason").str.join(","))
    return broken.select("line", pl.format("[{}]", "reason").alias("reasons")).sort("line")


def rule_columns(rules: Sequence[Rule]) -> list[str]:
    """The columns that the expectations of rules look at."""
    return sorted({c for rule in rules for k, c in rule.arguments.items() if k.startswith("column")})


def expectations(rules: Sequence[Rule]) -> list[Any]:
    """Rules as Great Expectations has them, each with the name of its check."""
    import great_expectations as gx

    return [
        getattr(gx.expectations, rule.expectation)(
            **rule.arguments,
            meta={"check": rule.name},
            severity="warning" if rule.severity == WARNING else "critical",  # it knows no `error`
        )
        for rule in rules
    ]


def _numbers(rows: pl.DataFrame, rules: Sequence[Rule]) -> Any:
    """The columns of rules as a pandas frame of floats; of text, of which only null is asked, 1 or nothing.

    Great Expectations hashes every frame and walks the values that fail: text would cost seconds.
    """
    import pandas as pd

    columns = [rows[name] for name in rule_columns(rules)]
    numbers = [
        c if c.dtype.is_numeric() else c.is_not_null().replace_strict({True: 1.0}, default=None)
        for c in columns
    ]
    return pd.DataFrame({c.name: c.cast(pl.Float64).to_numpy() for c in numbers})


def _expectation_counts(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, int]:
    """How many rows break each rule, by Great Expectations.

    Rows are looked for by our own masks: asking Great Expectations for them takes minutes when many fail.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        whole = _whole_batch()
        suite = gx.ExpectationSuite(name="rows", expectations=expectations(rules))
        outcome = whole.get_batch({"dataframe": _numbers(rows, rules)}).validate(
            suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
        )
    counts: dict[str, int] = {}
    for result in outcome.results:
        check = result.expectation_config.meta["check"]
        if "unexpected_count" not in result.result:
            raise RuntimeError(f"check {check} could not be run: {result.exception_info}")
        counts[check] = result.result["unexpected_count"]
    return counts
