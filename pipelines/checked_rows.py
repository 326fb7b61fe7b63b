"""Checked rows: what is left of a file after the checks.

Here: the accepted rows, the refused ones as the quarantine keeps them, and the counts of all others.
Not here: the checks (validations), what becomes of the rows (append_batch.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ratings.collections import NOTE
from validations.check_result import CheckResult
from validations.runner import Validation
from warehouse.canonical import canonical_json
from warehouse.observations import KEY
from warehouse.readers import ROW

CONTENT = [
    *KEY, "definition", "organisation_code", "period_label", "value", "numerator", "denominator",
    "obs_status", "conf_status", "source_row",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """What is left of a file after the checks. Nothing else of it is kept in memory.

    Attributes:
        read: rows in the file; where each holds several figures, those.
        accepted: one row per accepted figure or fact, columns as the collection's kind needs them.
        repeats: rows that say again what an earlier one says.
        quarantined: KEY columns of the refused, null as far as not understood.
        quarantine: refused rows as the quarantine table keeps them.
        out_of_scope: rows not to be read, by reason.
        results: what each check found.
    """

    read: int
    accepted: pl.DataFrame
    repeats: int
    quarantined: pl.DataFrame
    quarantine: pl.DataFrame
    out_of_scope: dict[str, int]
    results: tuple[CheckResult, ...]


def checked_rows(
    rows: pl.DataFrame, validation: Validation, columns: list[str], more: Sequence[CheckResult] = ()
) -> CheckedRows:
    """Rows as printed and as validated, parted by where they go.

    Args:
        rows: the file as printed.
        validation: its rows as understood, and what the checks found.
        columns: to be kept of the accepted rows.
        more: what further checks found.
    """
    in_scope = pl.col("out_of_scope").is_null()
    refused = validation.rows.filter(pl.col("reasons").is_not_null())
    outside = validation.rows.filter(~in_scope).group_by("out_of_scope").len().sort("out_of_scope")
    accepted = in_scope & ~pl.col("repeat") & pl.col("reasons").is_null()
    return CheckedRows(
        read=validation.rows.height,
        accepted=validation.rows.lazy().filter(accepted).select(columns).collect(),
        repeats=validation.rows.select((in_scope & pl.col("repeat")).sum()).item(),
        quarantined=refused.select(_key(refused)),
        quarantine=_quarantine(rows, refused),
        out_of_scope=dict(outside.iter_rows()),
        results=(*validation.results, *more),
    )


def _quarantine(rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows as the quarantine table keeps them: key, all reasons, the row as printed.

    A row that holds several refused figures stands there once, with the reasons of each and what is common
    to their keys.
    """
    if refused["source_row"].is_duplicated().any():
        refused = _one_a_row(refused)
    printed = refused.select("source_row").join(
        rows, left_on="source_row", right_on=ROW, how="left", maintain_order="left"
    )
    raw = [
        canonical_json(row) for row in printed.drop("source_row", NOTE, strict=False).iter_rows(named=True)
    ]
    return refused.select("source_row", *_key(refused), "reasons").with_columns(
        pl.Series("raw", raw, dtype=pl.String)
    )


def _key(refused: pl.DataFrame) -> list[pl.Expr]:
    """The columns of the key, null where facts have none."""
    return [pl.col(c) if c in refused.columns else pl.lit(None, pl.String).alias(c) for c in KEY]


def _one_a_row(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused figures as rows of the file: each reason begins with the indicator that it is about."""
    reasons: dict[int, list[dict[str, str]]] = {}
    for row, indicator, said in refused.select("source_row", "indicator_printed", "reasons").iter_rows():
        reasons.setdefault(row, []).extend(
            reason | {"message": f"{indicator}: {reason['message']}"} for reason in json.loads(said)
        )
    texts = [json.dumps(said, ensure_ascii=False) for said in reasons.values()]
    common = [pl.when(pl.col(c).n_unique() == 1).then(pl.col(c).first()) for c in KEY]
    return (
        refused.group_by("source_row", maintain_order=True)
        .agg(common)
        .with_columns(pl.Series("reasons", texts, dtype=pl.String))
    )
