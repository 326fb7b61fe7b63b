"""Totals: whether published totals of stars add up and agree with each other, as a check result.

Here: what the rules of ratings/crossfoot.py find, said in the shape of every other check.
Not here: the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from ratings.crossfoot import STARS, crossfoot, read_totals
from validations.check_result import CheckResult
from validations.findings import conclude, findings


def are_totals(columns: Iterable[str]) -> bool:
    """Whether a file with these columns counts councils by star."""
    return set(STARS) <= set(columns)


def totals_add_up(
    rows: Iterable[Mapping[str, str | None]], file_name: str, accepted: pl.DataFrame
) -> CheckResult:
    """Hold published totals against themselves and each other.

    A warning: what was printed is kept as printed, and the check says what cannot be true of it.

    Args:
        rows: as for `ratings.crossfoot.read_totals`.
        file_name: for messages.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).

    Raises:
        InputError: a round or a number cannot be read; names row and column.
    """
    totals = read_totals(rows, file_name)
    said = [
        (f"{one.label}: {one.sentence}", f"row {one.row} ({one.label}): {one.sentence}")
        for one in crossfoot(totals)
    ]
    rows_said = pl.DataFrame(said, schema={"says": pl.String, "sentence": pl.String}, orient="row")
    return conclude(
        "totals_add_up",
        len(totals),
        findings(rows_said, pl.col("says"), pl.col("sentence")),
        lambda found: "; ".join(found["sentence"]),
        accepted,
    )
