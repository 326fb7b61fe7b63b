"""Suites: which checks a file goes through, stage by stage, and how they are recorded.

Here: the hash of everything that decides, and a check result as an event's payload.
Not here: the checks themselves (rules.py for rows, history.py and totals.py for batches), running them
    (runner.py).

The stages are those of `check_result`: a file that is refused at one does not reach the next.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from validations import coverage, history
from validations.check_result import CheckResult
from validations.rules import (
    EVIDENCE_RULES,
    FACT_RULES,
    FIGURE_RULES,
    ORGANISATION_NAMED_ONCE,
    REFUSED_SHARE,
)


def payload(result: CheckResult) -> dict[str, Any]:
    """A check result as an event's payload, with the suite and the version of what ran it."""
    return asdict(result) | {"suite_sha256": suite_sha256(), "gx_version": _gx_version()}


@cache
def suite_sha256() -> str:
    """Hash of every rule's name, severity, expectation and arguments, and of every threshold."""
    rules = [
        [r.name, r.severity, r.expectation, r.arguments]
        for r in (*FIGURE_RULES, *FACT_RULES, *EVIDENCE_RULES, ORGANISATION_NAMED_ONCE)
    ]
    thresholds = [
        [name, value]
        for module in (history, coverage)
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float)
    ]
    said = json.dumps([rules, REFUSED_SHARE, thresholds], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


@cache
def _gx_version() -> str:
    return version("great-expectations")
