"""Ingest report: what became of the rows of one file.

Here: the report, the conservation law that it keeps, and the error that refused files end with.
Not here: ingesting (ingest.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ratings.errors import InputError
from validations.check_result import BATCH, CheckResult

INGESTED, KNOWN, REFUSED, DRY_RUN = "ingested", "already known", "refused", "dry run"
WENT = ("observations", "unchanged", "quarantined", "out_of_scope")
"""Where a row that was read can have gone: the conservation law."""
_COUNTS = (
    "read", *WENT, "withdrawn", "warnings", "silenced", "relabelled", "repairs", "withdrawn_reasons",
    "out_of_scope_reasons",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of one file.

    `read = observations + unchanged + quarantined + out_of_scope`, always: the conservation law. Where a row
    of the file holds several figures, each of them is what is counted.

    Attributes:
        file: its name.
        status: ingested, already known, refused, or dry run.
        batch: the batch it is recorded in, None for a dry run.
        read: rows in the file.
        observations: rows that became events.
        unchanged: rows that said what was known, and repeats of an earlier row.
        quarantined: rows refused, kept with their reasons.
        out_of_scope: rows the collection declares not to be read, counted.
        withdrawn: figures known before that the file no longer has.
        warnings: what the warnings found, added up: rows, figures, series, indicators; all were accepted.
        silenced: what they found besides that stands as an accepted answer to a query left it.
        relabelled: unchanged rows whose period label alone differs.
        repairs: events that keep what files published later had said.
        withdrawn_reasons: `withdrawn` by reason.
        out_of_scope_reasons: `out_of_scope` by reason.
        checks: every check result.
        sha256: of the file's bytes.
        published_at: ISO 8601.
        message: why it was refused, or that it was known.
    """

    file: str
    status: str
    batch: int | None = None
    read: int = 0
    observations: int = 0
    unchanged: int = 0
    quarantined: int = 0
    out_of_scope: int = 0
    withdrawn: int = 0
    warnings: int = 0
    silenced: int = 0
    relabelled: int = 0
    repairs: int = 0
    withdrawn_reasons: dict[str, int] = field(default_factory=dict)
    out_of_scope_reasons: dict[str, int] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    sha256: str = ""
    published_at: str = ""
    message: str = ""

    def counts(self) -> dict[str, Any]:
        """Where every row went, as the batch records it."""
        return {name: getattr(self, name) for name in _COUNTS}

    def went(self) -> dict[str, int]:
        """The conservation law in numbers, as every check result records it."""
        return {name: getattr(self, name) for name in ("read", *WENT)}


def conservation(report: IngestReport) -> CheckResult:
    """The conservation law as a check result: every row read went somewhere.

    Raises:
        RuntimeError: it does not hold, which is a fault of this program and never of the file.
    """
    accounted = report.observations + report.unchanged + report.quarantined + report.out_of_scope
    if accounted != report.read:
        raise RuntimeError(f"{report.file}: {report.read} rows read, {accounted} accounted for")
    return CheckResult("rows_conserved", "critical", True, report.read, 0, stage=BATCH)


def failed(reports: Sequence[IngestReport]) -> InputError | None:
    """The error to end with, where a file was refused."""
    refused = [report for report in reports if report.status == REFUSED]
    if not refused:
        return None
    others = f" (and {len(refused) - 1} more refused)" if len(refused) > 1 else ""
    return InputError(refused[0].message + others)
