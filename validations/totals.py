"""Totals: whether published totals of stars add up and agree with each other, as a check result.

Here: what the rules of ratings/crossfoot.py find, said in the shape of every other check.
Not here: the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ratings.crossfoot import STARS, crossfoot, read_totals
from validations.check_result import BATCH, WARNING, CheckResult


def are_totals(columns: Iterable[str]) -> bool:
    """Whether a file with these columns counts councils by star."""
    return set(STARS) <= set(columns)


def totals_add_up(rows: Iterable[Mapping[str, str | None]], file_name: str) -> CheckResult:
    """Hold published totals against themselves and each other.

    A warning: what was printed is kept as printed, and the check says what cannot be true of it.

    Args:
        rows: as for `ratings.crossfoot.read_totals`.
        file_name: for messages.

    Raises:
        InputError: a round or a number cannot be read; names row and column.
    """
    totals = read_totals(rows, file_name)
    findings = crossfoot(totals)
    message = "; ".join(f"row {finding.row} ({finding.label}): {finding.sentence}" for finding in findings)
    return CheckResult(
        "totals_add_up", WARNING, not findings, len(totals), len(findings), message=message, stage=BATCH
    )
