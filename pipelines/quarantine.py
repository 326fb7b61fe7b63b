"""Quarantine: refused rows listed, written to a file, and released by a person who answers for them.

Here: what waits, the export, and the release: a partial batch at the publish time of the file.
Not here: why a row is refused (validations), the events that a release comes to (warehouse/vintages.py).

A row that nobody can read is released by nobody: it is put right in a fixed file, ingested at the same
publish time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.append_batch import check_events
from pipelines.checked_rows import CONTENT
from pipelines.definitions import signed
from pipelines.ingest_report import IngestReport, conservation
from pipelines.settings import Settings
from pipelines.void import RETRIES
from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
from ratings.errors import InputError, LedgerError, NotFoundError
from ratings.reading import read_figures
from validations.check_result import ERROR, CheckResult
from validations.runner import prepared, validate_figures
from warehouse.batches import Batch
from warehouse.canonical import canonical_json, sha256_hex
from warehouse.event_log import ConflictError, Ledger, event_frame
from warehouse.observations import KEY, timeline
from warehouse.readers import read_rows
from warehouse.vintages import EVENT_COLUMNS, vintage_events

EXPORTED = (
    "batch", "collection", "file", "source_row", "indicator", "organisation", "period", "checks", "reasons",
    "raw", "released_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Released:
    """Rows let in.

    Attributes:
        batch: the batch that holds them.
        rows: rows of the file.
        observations: figures that became events.
        repairs: events that keep what files published later had said.
    """

    batch: Batch
    rows: tuple[int, ...]
    observations: int
    repairs: int


def quarantined(ledger: Ledger) -> list[dict[str, Any]]:
    """The batches with refused rows, and how many of those were released."""
    batches = ledger.batches()
    return [
        {
            "batch": b.id,
            "collection": b.collection,
            "file": b.file_name,
            "read": b.rows_read,
            "quarantined": b.counts["quarantined"],
            "released": len(released_rows(batches, b.id)),
        }
        for b in batches
        if b.counts.get("quarantined")
    ]


def released_rows(batches: Sequence[Batch], batch: int) -> dict[int, int]:
    """Rows of a batch that were released: the row, and the standing batch that let it in."""
    return {
        row: b.id
        for b in batches
        if b.voided_by is None and b.scope.get("released_from") == batch
        for row in b.scope["rows"]
    }


def export(settings: Settings, out: Path, batch: int | None = None) -> int:
    """Write refused rows to a file, one line a row: where it stood, all that is wrong with it, its text.

    Args:
        settings: where.
        out: a `.csv` or `.parquet` file.
        batch: only those of this batch.

    Returns:
        How many.

    Raises:
        InputError: the file's name ends otherwise, or it cannot be written.
        NotFoundError: there is no such batch.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise InputError(
            "refused rows are written as CSV or Parquet",
            file=str(out),
            hint="give --out a name that ends in .csv or .parquet",
        )
    ledger = settings.ledger()
    if batch is not None:
        ledger.batch(batch)
    schema = dict.fromkeys(EXPORTED, pl.String()) | dict.fromkeys(
        ("batch", "source_row", "released_by"), pl.Int64()
    )
    table = pl.DataFrame(list(_exported(ledger, batch)), schema=schema)
    try:
        if out.suffix == ".csv":
            table.write_csv(out, quote_style="non_numeric")
        else:
            table.write_parquet(out)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", file=str(out), hint="name another --out"
        ) from error
    return table.height


def _exported(ledger: Ledger, batch: int | None) -> Iterator[dict[str, Any]]:
    batches = ledger.batches()
    numbered = {b.id: b for b in batches}
    released = {b.id: released_rows(batches, b.id) for b in batches if b.counts.get("quarantined")}
    for row in ledger.quarantine(batch):
        of = numbered[row["batch"]]
        yield {
            "batch": of.id,
            "collection": of.collection,
            "file": of.file_name,
            "source_row": row["source_row"],
            **{name: row[name] for name in KEY},
            "checks": "; ".join(reason["check"] for reason in row["reasons"]),
            "reasons": "; ".join(reason["message"] for reason in row["reasons"]),
            "raw": canonical_json(row["raw"]),
            "released_by": released.get(of.id, {}).get(row["source_row"]),
        }


def release(settings: Settings, batch: int, rows: Sequence[int], reason: str) -> Released:
    """Let refused rows in: somebody answers for them, with a name and a reason.

    They become a partial batch at the publish time of their file, so that what was published at that time now
    holds them; what files published later say stays as it is.

    Args:
        settings: where, and who releases.
        batch: the batch that refused them.
        rows: rows of its file, as `quarantine show` numbers them; none for every row that can be released.
        reason: why they are right.

    Raises:
        InputError: there is no reason, a row is not in quarantine, or it holds no readable figure.
        LedgerError: the batch does not stand, its definitions have changed, or other writers kept coming in
            between.
        NotFoundError: there is no such batch, or nothing waits in it.
    """
    if not reason.strip():
        raise InputError("a release needs a reason", hint="say why the rows are right: --reason TEXT")
    ledger = settings.ledger()
    for _ in range(RETRIES):
        head = ledger.head()
        taken = ledger.batch(batch)
        standing = [b for b in ledger.batches(taken.collection, "vintage") if b.voided_by is None]
        _prove(taken, standing)
        figures, results = _figures(settings, ledger, taken, standing, rows)
        chosen = tuple(sorted(figures["source_row"].unique()))
        scope = {"kind": "overlay", "released_from": batch, "rows": list(chosen)}
        made = vintage_events(
            figures.select(CONTENT),
            timeline(ledger, [taken.collection or ""]),
            [b for b in standing if (b.published_at or 0) > (taken.published_at or 0)],
            collection=taken.collection or "",
            scope=scope,
            published_at=taken.published_at or 0,
            quarantined=figures.select(KEY).clear(),
        )
        report = IngestReport(
            taken.file_name or "",
            "released",
            read=figures.height,
            observations=made.observations,
            repairs=made.repairs,
        )
        new = signed(
            settings,
            "vintage",
            sha256_hex(f"release {batch} {list(chosen)}".encode()),
            reason.strip(),
            collection=taken.collection,
            published_at=taken.published_at,
            published_basis=taken.published_basis,
            received_at=taken.received_at,
            supplier=taken.supplier,
            file_name=taken.file_name,
            file_sha256=taken.file_sha256,
            definitions_sha256=taken.definitions_sha256,
            simulated=taken.simulated,
            scope=scope,
            rows_read=figures.height,
            counts=report.counts(),
        )
        checks = [*(_answered_for(result, reason.strip()) for result in results), conservation(report)]
        events = pl.concat(
            [made.events.select(EVENT_COLUMNS), event_frame(check_events(new, checks, report.went()))]
        )
        try:
            done = ledger.append(new, events, expected_position=head.position)
        except ConflictError:
            continue
        return Released(done, chosen, made.observations, made.repairs)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def _prove(taken: Batch, standing: Sequence[Batch]) -> None:
    """Refuse a release from a batch that does not stand, was read otherwise, or was replaced since."""
    if taken.kind != "vintage" or taken.collection is None:
        raise LedgerError(
            f"batch {taken.id} is of kind {taken.kind}, and rows are released from a vintage",
            hint="choose a vintage: starledger ledger batches",
        )
    taken.require_standing()
    kind = load_collection(taken.collection)
    if kind.event != "observation":
        raise InputError(
            f"rows of {kind.id} are facts, not figures", hint="correct the file, then ingest it again"
        )
    if kind.sha256 != taken.definitions_sha256:
        raise LedgerError(
            f"batch {taken.id} was read with definitions that have changed since",
            hint="ingest the file again: it is then read with today's, and may need no release",
        )
    newer = next(
        (
            b
            for b in standing
            if b.published_at == taken.published_at
            and b.id > taken.id
            and "released_from" not in b.scope
            and not _apart(b.scope, taken.scope)
        ),
        None,
    )
    if newer is not None:
        raise LedgerError(
            f"batch {newer.id} took the place of batch {taken.id} at the same publish time",
            hint=f"see what it refused: starledger quarantine show {newer.id}",
        )


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two scopes name nothing in common, so that neither takes the other's place."""
    both = [name for name in ("indicators", "organisations", "periods") if name in one and name in other]
    return any(not set(one[name]) & set(other[name]) for name in both)


def _figures(
    settings: Settings, ledger: Ledger, taken: Batch, standing: Sequence[Batch], rows: Sequence[int]
) -> tuple[pl.DataFrame, list[CheckResult]]:
    """The figures of refused rows, read from the landed file again, and what the checks say of them alone."""
    known = {row["source_row"] for row in ledger.quarantine(taken.id)}
    waiting = known - set(released_rows(standing, taken.id))
    if not waiting:
        raise NotFoundError(
            f"no refused row of batch {taken.id} waits", hint="see `starledger quarantine list`"
        )
    if strange := sorted(set(rows) - waiting):
        what = "was released before" if strange[0] in known else "is not in quarantine"
        raise InputError(
            f"the row {what}",
            file=taken.file_name,
            row=strange[0],
            hint=f"see them with `starledger quarantine show {taken.id}`",
        )
    kind = load_collection(taken.collection or "")
    name = taken.file_name or ""
    read = read_rows(settings.landing.path(taken.file_sha256 or ""), kind, name)
    # Read among all rows: a figure may have parts on other lines, and namesakes are numbered in order.
    whole = read_figures(read, kind, load_catalogue(), name)
    contested = prepared(whole, kind.event)[0]["conflict"].is_not_null()
    asked = whole.with_columns(contested=contested).filter(
        pl.col("source_row").is_in(sorted(rows or waiting))
    )
    validation = validate_figures(asked)
    found = validation.rows.filter(pl.col("out_of_scope").is_null() & ~pl.col("repeat"))
    alone = pl.len().over("source_row") == 1
    found = found.filter(pl.col("reasons").is_not_null() | pl.col("contested") | alone)
    readable = pl.all_horizontal(pl.col(c).is_not_null() for c in KEY)
    readable &= pl.col("value_fault").is_null() & pl.col("conflict").is_null()
    unreadable = found.filter(~readable)
    if unreadable.height and (rows or unreadable.height == found.height):
        raise InputError(
            "the row holds no figure that could be let in: its indicator, organisation, period or value is"
            " unknown, or two of the rows contradict each other",
            file=taken.file_name,
            row=unreadable["source_row"][0],
            hint="release one of those that contradict each other, or correct the file and ingest it again"
            " with its own publish time",
        )
    let_in = found.filter(readable)
    said = validate_figures(let_in.select(asked.columns)).results  # of what is let in, and of nothing else
    return let_in, [result for result in said if result.stage == "row"]


def _answered_for(result: CheckResult, reason: str) -> CheckResult:
    """A check result with its refused rows let in all the same."""
    if result.severity != ERROR or result.success:
        return result
    return replace(
        result, success=True, silenced=result.failed, message=f"{result.message}; released: {reason}"
    )
