"""Export: the log as Parquet files that can be verified and replayed without this code.

Here: which tables and columns, how they are cut into files, the manifest, and that the directory is there
    whole or not at all.
Not here: what the bytes mean and how to verify them (docs/ledger-format.md says it for everyone), moving a
    log to another engine (copying.py), landed bytes (files already).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Table, select

from ratings.errors import LedgerError
from warehouse import schema
from warehouse.canonical import canonical_json, sha256_of
from warehouse.canonical_events import batch_bytes
from warehouse.event_log import Ledger, now
from warehouse.merkle import leaf_hash, root
from warehouse.whole_files import sync, unfinished, write_text

FORMAT = "starledger log 1"
EVENTS_A_FILE = 1_000_000
"""A file holds whole batches, and no further batch once it has this many events."""
_EVENTS_A_READ = 200_000

_TYPES = {
    pl.Int64(): pa.int64(), pl.Float64(): pa.float64(), pl.String(): pa.string(), pl.Binary(): pa.binary(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exported:
    """An export: its directory and what its manifest says."""

    path: Path
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """Batches that share a file, and their events."""

    first_batch: int
    last_batch: int
    first_position: int
    last_position: int


def export(
    ledger: Ledger,
    directory: Path,
    *,
    with_salts: bool = True,
    events_a_file: int = EVENTS_A_FILE,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write the log, as far as it reaches now, into a new directory.

    Args:
        ledger: what to write.
        directory: is made; must not be there yet.
        with_salts: without them events cannot be verified, nor can a small number be guessed from its hash.
        events_a_file: begin a new file after so many events.
        tell: is told what is being done.

    Raises:
        LedgerError: the directory is there already, or cannot be written. Nothing is left of it then.
    """
    if directory.exists():
        raise LedgerError(
            f"{directory} is there already", hint="name a directory that does not exist: it is made whole"
        )
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(directory.parent) as temporary:
            manifest = _write_all(ledger, temporary, with_salts, events_a_file, tell)
            temporary.rename(directory)
            sync(directory.parent)
    except OSError as error:
        raise LedgerError(
            f"the export {directory} cannot be written: {error.strerror or error}",
            hint="free some space or name another directory, then run the command again",
        ) from error
    return Exported(directory, manifest)


def _write_all(
    ledger: Ledger, directory: Path, with_salts: bool, events_a_file: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    last = ledger.head()
    files, log = [], []
    for part in _parts(ledger, last.batch, events_a_file):
        tell(f"writing batches {part.first_batch} to {part.last_batch} of {last.batch}")
        log += _batch_leaves(ledger, part)
        for table, frames in _tables(ledger, part, with_salts):
            name = f"{table.name}-{part.first_batch:08d}-{part.last_batch:08d}.parquet"
            files.append(_write(directory / name, table, frames))
    landed = _rows(ledger, schema.landed_file, "TRUE")
    files.append(_write(directory / "landed_file.parquet", schema.landed_file, iter([landed])))
    with ledger.database.read() as connection:
        founded = connection.execute(select(schema.ledger)).one()
    manifest = {
        "format": FORMAT,
        "origin": founded.origin,
        "kind": founded.kind,
        "founded_at": founded.founded_at,
        "exported_at": now(),
        "batches": last.batch,
        "last_position": last.position,
        "root": root(log).hex(),
        "salts": with_salts,
        "files": files,
    }
    write_text(directory / "manifest.json", canonical_json(manifest) + "\n")
    sync(directory)
    return manifest


def _parts(ledger: Ledger, last: int, events_a_file: int) -> Iterator[_Part]:
    table = schema.batch
    query = select(table.c.id, table.c.first_position, table.c.last_position)
    with ledger.database.read() as connection:
        batches = connection.execute(query.where(table.c.id <= last).order_by(table.c.id)).all()
    begin = 0
    for at, batch in enumerate(batches):
        first = batches[begin]
        if batch.last_position - first.first_position + 1 >= events_a_file or at == len(batches) - 1:
            yield _Part(first.id, batch.id, first.first_position, batch.last_position)
            begin = at + 1


def _batch_leaves(ledger: Ledger, part: _Part) -> list[bytes]:
    tree = schema.batch_tree
    query = (
        select(schema.batch, tree.c.events_root, tree.c.quarantine_sha256)
        .join(tree, tree.c.batch == schema.batch.c.id)
        .where(schema.batch.c.id.between(part.first_batch, part.last_batch))
        .order_by(schema.batch.c.id)
    )
    with ledger.database.read() as connection:
        return [leaf_hash(batch_bytes(row._asdict())) for row in connection.execute(query)]


def _tables(ledger: Ledger, part: _Part, with_salts: bool) -> Iterator[tuple[Table, Iterator[pl.DataFrame]]]:
    batches = f"BETWEEN {part.first_batch:d} AND {part.last_batch:d}"
    yield schema.batch, iter([_rows(ledger, schema.batch, f"id {batches}")])
    yield schema.batch_tree, iter([_rows(ledger, schema.batch_tree, f"batch {batches}")])
    yield schema.event, _events(ledger, part)
    yield schema.quarantine, iter([_rows(ledger, schema.quarantine, f"batch {batches}")])
    if with_salts:
        yield schema.salt, _salts(ledger, part)
    # Last: what is purged while this runs is then known to be purged, even if its row was written before.
    positions = f"position BETWEEN {part.first_position:d} AND {part.last_position:d}"
    yield schema.purged, iter([_rows(ledger, schema.purged, positions)])


def _events(ledger: Ledger, part: _Part) -> Iterator[pl.DataFrame]:
    for start in range(part.first_position, part.last_position + 1, _EVENTS_A_READ):
        stop = min(start + _EVENTS_A_READ - 1, part.last_position)
        yield _rows(ledger, schema.event, f"position BETWEEN {start:d} AND {stop:d}")


def _salts(ledger: Ledger, part: _Part) -> Iterator[pl.DataFrame]:
    for batch in range(part.first_batch, part.last_batch + 1):
        yield _rows(ledger, schema.salt, f"batch = {batch:d}")


def _rows(ledger: Ledger, table: Table, where: str) -> pl.DataFrame:
    keys = [column.name for column in table.primary_key.columns]
    return (
        ledger.database.frame(table, [c.name for c in table.columns], where)
        .cast({pl.Categorical: pl.String})
        .sort(keys)
    )


def _write(path: Path, table: Table, frames: Iterator[pl.DataFrame]) -> dict[str, Any]:
    """Write one file, flush it, and say what the manifest says of it."""
    types = schema.frame_schema(table)
    fields = [pa.field(c.name, _TYPES[types[c.name]], nullable=bool(c.nullable)) for c in table.columns]
    rows = 0
    with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
        for frame in frames:
            arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.schema(fields))
            writer.write_table(arrow)
            rows += frame.height
    sync(path)
    return {
        "name": path.name,
        "table": table.name,
        "rows": rows,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }
