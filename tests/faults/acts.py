"""Acts: what is broken off in the tests of this folder, as functions and for processes to be killed.

Here: figures, appends, landings and snapshots of the tests; what a `WarmProcess` is told to do.
Not here: how it is broken off (file_calls.py, processes.py), what must hold then (the tests).
"""

from __future__ import annotations

import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import polars as pl

from tests.faults.file_calls import Calls, broken
from warehouse.batches import Batch, NewBatch
from warehouse.database import Database
from warehouse.event_log import QUARANTINE_SCHEMA, ConflictError, Ledger
from warehouse.landing import LandedFile, Landing
from warehouse.snapshot_files import CHANGES, CHECKPOINT, PROOFS, Beside
from warehouse.snapshot_manifest import About, microseconds
from warehouse.snapshot_tables import SCHEMAS
from warehouse.snapshots import SnapshotRef, move_latest, write_snapshot

EVENTS = 20_000
REFUSED = 3


def figures(count: int, first: int = 0, indicator: str = "i") -> pl.DataFrame:
    """Observations that are told apart by `source_row`."""
    rows = pl.select(source_row=pl.int_range(first, first + count, dtype=pl.Int64))
    return rows.with_columns(
        *(pl.lit(None, pl.String).alias(n) for n in ("definition", "organisation_code", "period_label")),
        *(pl.lit(None, pl.String).alias(n) for n in ("conf_status", "reason", "payload")),
        *(pl.lit(None, pl.Int64).alias(n) for n in ("stated_by", "source_batch")),
        pl.lit(None, pl.Float64).alias("numerator"),
        pl.lit(None, pl.Float64).alias("denominator"),
        pl.lit("observation").alias("type"),
        pl.lit(1, pl.Int64).alias("schema_version"),
        pl.lit("c").alias("collection"),
        pl.lit(indicator).alias("indicator"),
        ("council-" + (pl.col("source_row") % 150).cast(pl.String)).alias("organisation"),
        pl.lit("2020-01-01/P1Y").alias("period"),
        (pl.col("source_row") / 7).alias("value"),
        pl.lit("A").alias("obs_status"),
        pl.lit(5, pl.Int64).alias("published_at"),
    )


def vintage(**more: Any) -> NewBatch:
    """A batch of the tests."""
    return NewBatch("vintage", "ann", "0", collection="c", published_at=5, **more)


def append(ledger: Ledger, number: int) -> Batch:
    """Append the batch of that number, always with the same content."""
    refused = pl.DataFrame(
        [{"source_row": row, "reasons": "[]", "raw": "{}"} for row in range(REFUSED)],
        schema={n: t for n, t in QUARANTINE_SCHEMA.items() if n != "batch"},
    )
    return ledger.append(vintage(identity=f"b{number}"), figures(EVENTS, number * EVENTS), refused)


def land(root: Path) -> LandedFile:
    """Land a file of two and a half megabytes."""
    return Landing(root / "landing").land(root / "second.csv")


def lay_out_landing(root: Path) -> LandedFile:
    """A landing store that holds one file, and a second file to land."""
    (root / "first.csv").write_bytes(b"first")
    (root / "second.csv").write_bytes(b"0123456789" * 250_000)
    return Landing(root / "landing").land(root / "first.csv")


def snapshot_of(label: str) -> tuple[About, dict[str, pl.DataFrame]]:
    """A small snapshot: what it says of itself, and its tables."""
    method = {
        "id": "m", "version": "1", "title": "M", "status": "official", "sha256": "0" * 64, "option": None,
        "round": None,
    }  # fmt: skip
    about = About(
        method=method,
        catalogue_sha256="1" * 64,
        quality_sha256="3" * 64,
        as_published=microseconds("2024-03-31"),
        as_recorded=len(label),
        ledger={"origin": "o", "kind": "production"},
        simulated=False,
        label=label,
        code_version="starledger 0",
    )
    return about, {name: pl.DataFrame(schema.empty_table()) for name, schema in SCHEMAS.items()}


def beside(_manifest: object) -> Beside:
    """Files of no meaning in place of those that prove something."""
    files = {CHANGES: b"{}", CHECKPOINT: b"o", PROOFS: b"0123456789" * 20_000}
    return Beside(files, {"size": 1}, lambda outputs: " ".join(outputs))


def publish(root: Path, label: str = "the second") -> SnapshotRef:
    """Write a snapshot and let `latest.json` name it."""
    made = write_snapshot(root / "snapshots", *snapshot_of(label), beside)
    move_latest(root / "snapshots", {"id": made.id})
    return made


def lay_out_snapshots(root: Path) -> SnapshotRef:
    """A directory of snapshots with one of them released."""
    return publish(root, "the first one")


ACTS = {"land": land, "publish": publish}


def append_as_told(pipe: Connection, url: str) -> None:
    """Append the batches whose numbers are heard."""
    ledger = Ledger(Database(url))
    pipe.send("ready")
    while True:
        number = pipe.recv()
        pipe.send("begun")
        append(ledger, number)
        pipe.send("done")


def append_among_others(pipe: Connection, url: str, name: str) -> None:
    """Append six batches, in competition with others."""
    ledger, chance = Ledger(Database(url)), random.Random(name)
    pipe.send("ready")
    pipe.recv()
    for number in range(6):
        rows = figures(chance.randint(1, 400), number * 1000, indicator=name)
        while True:
            # Every other batch insists on the position that it knows, as one does who has read before.
            expected = ledger.head().position if number % 2 else None
            try:
                ledger.append(vintage(identity=f"{name} {number}"), rows, expected_position=expected)
                break
            except ConflictError:
                continue


def die_at_a_call(_: Connection, act: str, root: Path, at: int) -> None:
    """Do something until a file call of it, where this process is killed."""
    with broken(root, Calls(at, "kill")):
        ACTS[act](root)
