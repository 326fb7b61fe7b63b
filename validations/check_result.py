"""Check result: what a check found, and how grave that is.

Here: the shape of a check result and of its findings, and the three severities.
Not here: the checks (rules.py, history.py, coverage.py, totals.py), from findings to a result (findings.py),
    suites and their hash (suites.py).
"""

from __future__ import annotations

from dataclasses import dataclass

CRITICAL, ERROR, WARNING = "critical", "error", "warning"
"""The file is refused; the row is quarantined; what is found is accepted and flagged."""

FILE, ROW, BATCH = "file", "row", "batch"
"""Stages: the file's shape; every row by itself; the batch as a whole, and against what is known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a warning is about.

    Attributes:
        indicator: whose figure, None where it is about more than one indicator.
        organisation: whose figure, None where it is about more than one organisation.
        period: of the figure, None where it is about more than one period.
        says: what stands there: the figure, or what the check counted.
        sentence: the finding for people.
        counts: how many of what the check counts it stands for.
        query: the query whose accepted answer silences it, None where it stands.
    """

    indicator: str | None
    organisation: str | None
    period: str | None
    says: str
    sentence: str
    counts: int = 1
    query: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found in one batch.

    Attributes:
        check: stable name.
        severity: critical, error or warning.
        success: whether everything satisfied it, apart from what an accepted answer silences.
        checked: how many rows (or figures, series, indicators: what the check is about) it looked at.
        failed: how many of them broke it.
        expectation: the expectation that counted; empty for checks of the platform's own.
        threshold: the share or number that decides, None where one row is enough.
        message: what is wrong, and what is silenced, for people; empty where there is neither.
        stage: file, row or batch.
        silenced: how many of `failed` stand as an accepted answer to a query left them.
        findings: of a warning, what it found one by one. Refused rows are in quarantine instead.
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
    silenced: int = 0
    findings: tuple[Finding, ...] = ()
