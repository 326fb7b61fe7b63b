"""Check result: what a check found, and how grave that is.

Here: the shape of a check result and the three severities.
Not here: the checks (rules.py, history.py, totals.py), their suites and hash (suites.py).
"""

from __future__ import annotations

from dataclasses import dataclass

CRITICAL, ERROR, WARNING = "critical", "error", "warning"
"""The file is refused; the row is quarantined; what is found is accepted and flagged."""

FILE, ROW, BATCH = "file", "row", "batch"
"""Stages: the file's shape; every row by itself; the batch as a whole, and against what is known."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found in one batch.

    Attributes:
        check: stable name.
        severity: critical, error or warning.
        success: whether everything satisfied it.
        checked: how many rows (or figures, series, indicators: what the check is about) it looked at.
        failed: how many of them broke it.
        expectation: the expectation that counted; empty for checks of the platform's own.
        threshold: the share or number that decides, None where one row is enough.
        message: what is wrong, for people; empty on success.
        stage: file, row or batch.
    """

    check: str
    severity: str
    success: bool
    checked: int
    failed: int
    expectation: str = ""
    threshold: float | None = None
    message: str = ""
    stage: str = ROW
