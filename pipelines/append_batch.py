"""Append a batch: the checked rows of a file become events, in one transaction with what the checks found.

Here: figures compared with what is known, facts row by row, a refused file; and the report of each.
Not here: reading and checking a file (ingest.py); the fewest events that say it (warehouse/vintages.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import polars as pl

from pipelines.against_known import against_known
from pipelines.checked_rows import CheckedRows
from pipelines.ingest_report import DRY_RUN, INGESTED, KNOWN, REFUSED, IngestReport, conservation
from pipelines.source_files import row_times
from pipelines.void import RETRIES
from ratings.collections import Collection
from ratings.errors import LedgerError
from validations.check_result import WARNING, CheckResult
from validations.suites import payload, suite_sha256
from warehouse.batches import FULL, OVERLAY, Batch, NewBatch, vintage_identity
from warehouse.event_log import ConflictError, Ledger, event_frame
from warehouse.observations import KEY, NO_EVENTS, timeline
from warehouse.readers import ROW
from warehouse.snapshot_manifest import iso
from warehouse.vintages import EVENT_COLUMNS, VintageEvents, vintage_events

Keep = Callable[[pl.DataFrame], None]
"""Is given the events that a file of figures would append."""


def append_figures(
    ledger: Ledger | None,
    log: Ledger | None,
    base: NewBatch,
    kind: Collection,
    checked: CheckedRows,
    given: dict[str, Any] | None,
    accepted: pl.DataFrame,
    keep: Keep | None = None,
) -> IngestReport:
    """Figures: what differs from what is known becomes events; again if the log grew meanwhile.

    Args:
        ledger: the log to compare with; None where there is none yet.
        log: the log to append to; None for a dry run.
        base: the batch to be.
        kind: the collection of the file.
        checked: its rows after the checks.
        given: what the file replaces, if its sender said so.
        accepted: findings that an accepted answer silences.
        keep: is given the events of a dry run.

    Raises:
        LedgerError: other writers kept coming in between.
    """
    scope = _scope(kind, given, checked)
    for _ in range(RETRIES):
        head = ledger.head() if ledger else None
        made, found = _compare(ledger, base, kind, checked, scope, accepted)
        report = replace(
            _report(base, replace(checked, results=(*checked.results, *found))),
            observations=made.observations,
            unchanged=made.unchanged + checked.repeats,
            withdrawn=sum(made.withdrawn.values()),
            withdrawn_reasons=made.withdrawn,
            relabelled=made.relabelled,
            repairs=made.repairs,
        )
        results = [*checked.results, *found, conservation(report)]
        if log is None or head is None:
            if keep:
                keep(made.events)
            return report
        found_events = event_frame(check_events(base, results, report.went()))
        events = pl.concat([made.events.select(EVENT_COLUMNS), found_events])
        new = replace(base, scope=scope, rows_read=checked.read, counts=report.counts())
        try:
            batch = log.append(new, events, checked.quarantine, expected_position=head.position)
        except ConflictError:
            continue
        if batch.first_position <= head.position:  # another process ingested the same vintage meanwhile
            return already_known(base.file_name or "", batch)
        return replace(report, status=INGESTED, batch=batch.id)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def append_facts(
    log: Ledger | None, base: NewBatch, kind: Collection, rows: pl.DataFrame, checked: CheckedRows
) -> IngestReport:
    """Facts: an event for each accepted row, or for each judgement cell of it."""
    times = dict(zip(rows[ROW].to_list(), row_times(kind, rows), strict=True))
    printed = {row[ROW]: row for row in rows.iter_rows(named=True)}
    events: list[dict[str, Any]] = []
    silent = 0
    for row in checked.accepted.iter_rows(named=True):
        payloads = _fact_payloads(kind, printed[row["source_row"]])
        silent += not payloads
        common = {
            "type": kind.event,
            "schema_version": 1,
            "collection": kind.id,
            "published_at": times[row["source_row"]] or base.published_at,
        }
        events += [common | row | {"payload": payload} for payload in payloads]
    if silent:
        checked = replace(checked, out_of_scope=checked.out_of_scope | {"no judgement given": silent})
    report = replace(
        _report(base, checked), observations=checked.accepted.height - silent, unchanged=checked.repeats
    )
    results = [*checked.results, conservation(report)]
    if log is None:
        return report
    events += check_events(base, results, report.went())
    scope = FULL if kind.coverage == "full" else OVERLAY
    new = replace(base, scope=scope, rows_read=checked.read, counts=report.counts())
    head = log.head()
    batch = log.append(new, event_frame(events), checked.quarantine)
    if batch.first_position <= head.position:
        return already_known(base.file_name or "", batch)
    return replace(report, status=INGESTED, batch=batch.id)


def append_refusal(
    ledger: Ledger | None, base: NewBatch, name: str, read: int, checks: list[CheckResult]
) -> IngestReport:
    """Record that a file was refused, and why; its rows are not counted as read into the log."""
    batch = None
    if ledger:
        counts = {"read": read, "refused": read}
        identity = f"refused {identity_of(base)} {suite_sha256()}"
        new = replace(base, kind="rejected", identity=identity, rows_read=read, counts=counts, scope=OVERLAY)
        batch = ledger.append(new, event_frame(check_events(base, checks, counts))).id
    failed = next(c for c in checks if c.severity == "critical" and not c.success)
    return IngestReport(
        file=name,
        status=REFUSED,
        batch=batch,
        read=read,
        checks=[asdict(c) for c in checks],
        sha256=base.file_sha256 or "",
        published_at=iso(base.published_at or 0),
        message=failed.message,
    )


def already_known(name: str, known: Batch) -> IngestReport:
    """The report of a vintage that the log has."""
    return IngestReport(
        file=name,
        status=KNOWN,
        batch=known.id,
        read=known.rows_read,
        unchanged=known.rows_read - known.counts["quarantined"] - known.counts["out_of_scope"],
        quarantined=known.counts["quarantined"],
        out_of_scope=known.counts["out_of_scope"],
        sha256=known.file_sha256 or "",
        published_at=iso(known.published_at or 0),
        message=f"this release is already known as batch {known.id}; nothing was appended",
    )


def _report(base: NewBatch, checked: CheckedRows) -> IngestReport:
    """The part of a report that is known before anything is compared or written."""
    return IngestReport(
        file=base.file_name or "",
        status=DRY_RUN,
        read=checked.read,
        quarantined=checked.quarantined.height,
        out_of_scope=sum(checked.out_of_scope.values()),
        out_of_scope_reasons=checked.out_of_scope,
        warnings=sum(c.failed - c.silenced for c in checked.results if c.severity == WARNING),
        silenced=sum(c.silenced for c in checked.results),
        checks=[asdict(c) for c in checked.results],
        sha256=base.file_sha256 or "",
        published_at=iso(base.published_at or 0),
    )


def _compare(
    ledger: Ledger | None,
    base: NewBatch,
    kind: Collection,
    checked: CheckedRows,
    scope: dict[str, Any],
    accepted: pl.DataFrame,
) -> tuple[VintageEvents, list[CheckResult]]:
    """The events of a file, and what the checks find that hold it against what was known."""
    published_at = base.published_at or 0
    known = timeline(ledger, [kind.id]) if ledger else NO_EVENTS
    standing = [b for b in ledger.batches(kind.id, "vintage") if b.voided_by is None] if ledger else []
    made = vintage_events(
        checked.accepted,
        known,
        [b for b in standing if (b.published_at or 0) > published_at],
        collection=kind.id,
        scope=scope,
        published_at=published_at,
        quarantined=checked.quarantined,
    )
    return made, against_known(made, known, standing, base, accepted)


def _scope(kind: Collection, given: dict[str, Any] | None, checked: CheckedRows) -> dict[str, Any]:
    """What the file replaces: as given, else as its collection says; refused rows count as spoken of."""
    if given:
        return given
    if kind.coverage != "partial":
        return FULL if kind.coverage == "full" else OVERLAY
    spoken = pl.concat(
        [checked.accepted.select(KEY).cast(pl.String), checked.quarantined.select(KEY).cast(pl.String)]
    )
    named = {f"{column}s": sorted(spoken[column].drop_nulls().unique()) for column in kind.replaces}
    return {"kind": "named", **named}


def _fact_payloads(kind: Collection, row: dict[str, Any]) -> list[dict[str, Any]]:
    carried = {column: row[column] for column in kind.payload if row[column] is not None}
    if kind.columns.round:
        carried["round"] = row[kind.columns.round]
    if kind.event == "judgement":
        return [
            carried | {"service": j.service, "aspect": j.aspect, "judgement": row[j.column]}
            for j in kind.judgements
            if row[j.column]
        ]
    return [carried | ({"stars": row[kind.columns.value]} if kind.columns.value else {})]


def check_events(base: NewBatch, checks: Sequence[CheckResult], rows: dict[str, int]) -> list[dict[str, Any]]:
    """Check results as events, each with where the rows of the file went."""
    return [
        {
            "type": "check_result",
            "schema_version": 1,
            "collection": base.collection,
            "published_at": base.published_at,
            "payload": payload(check) | {"rows": rows},
        }
        for check in checks
    ]


def identity_of(base: NewBatch) -> str:
    """What a vintage is known by: the same again is the same batch."""
    return vintage_identity(
        base.collection or "", base.published_at or 0, base.file_sha256 or "", base.definitions_sha256 or ""
    )
