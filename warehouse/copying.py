"""Copying: moving a log from one engine to another, every hash kept.

Here: copying batch after batch with positions, times, salts and roots as they are, proving each on the way;
    going on after an interruption; the checks that let no two logs mix.
Not here: files for others to read (export.py), landed bytes and snapshots (they are files: copy the warehouse
    directory).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Table, func, insert, select

from ratings.errors import LedgerError
from warehouse import schema
from warehouse.database import Database
from warehouse.event_log import EVENT_SCHEMA, QUARANTINE_SCHEMA, ConflictError, Ledger, quarantine_sha256
from warehouse.indicator_blocks import blocks_of
from warehouse.merkle import root
from warehouse.purged import leaves

_ONE_ROW = (schema.batch, schema.batch_tree, schema.salt)  # tables with one row a batch


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: batches that were there already, batches it brought, the last position."""

    found: int
    brought: int
    position: int


@dataclass(frozen=True, slots=True)
class _Whole:
    """Everything a log holds of one batch: its rows of `_ONE_ROW`, its events, refused and purged rows."""

    rows: dict[str, dict[str, Any]]
    events: pl.DataFrame
    quarantine: pl.DataFrame
    purged: list[dict[str, Any]]


def copy(source: Ledger, target: Database, tell: Callable[[str], None] = lambda _: None) -> Copied:
    """Copy a log into a database that is empty, or that holds the beginning of this very log.

    One transaction a batch, in order: an interrupted copy is a log that ends earlier, and the next run goes
    on after proving what is there. Memory is bounded by the largest batch. Batches that are appended to the
    source while it is copied are left for the next run.

    Args:
        source: the log to copy.
        target: where to.
        tell: is told what is being done.

    Raises:
        LedgerError: the target holds another log or differs from the source, or a batch of the source does
            not agree with its hash. Nothing of such a batch is written.
    """
    if target.url == source.database.url:
        raise LedgerError("source and target are one database", hint="name another --to-database-url")
    last = source.head().batch
    there = _prepare(source, target)
    found = there.head().batch
    if found > last:
        raise LedgerError(
            f"the target holds {found} batches, the source {last}: the target has grown since it was copied",
            hint="copy into an empty database",
        )
    for number in range(1, last + 1):
        tell(f"{'proving' if number <= found else 'copying'} batch {number} of {last}")
        whole = _read(source.database, number)
        _prove(whole, number)
        if number <= found:
            _same(whole, _read(target, number), number)
        else:
            _write(target, whole, number)
    return Copied(min(found, last), max(last - found, 0), there.head().position)


def _prepare(source: Ledger, target: Database) -> Ledger:
    """The target as a ledger with the source's name, and with the landed files the source knows of."""
    with source.database.read() as connection:
        founded = connection.execute(select(schema.ledger)).one()._asdict()
        landed = [row._asdict() for row in connection.execute(select(schema.landed_file))]
    if not target.exists():
        target.upgrade()
    with target.write() as connection:
        known = connection.execute(select(schema.ledger)).first()
        if known is not None and known._asdict() != founded:
            raise LedgerError(
                f"the target {target.shown} holds another log, {known.origin}",
                hint="name an empty database with --to-database-url",
            )
        if known is None:
            if connection.execute(select(func.count()).select_from(schema.batch)).scalar():
                raise LedgerError(f"the target {target.shown} is not empty", hint="name an empty database")
            connection.execute(insert(schema.ledger), founded)
        there = set(connection.execute(select(schema.landed_file.c.sha256)).scalars())
        missing = [row for row in landed if row["sha256"] not in there]
        if missing:
            connection.execute(insert(schema.landed_file), missing)
    return Ledger(target)


def _read(database: Database, number: int) -> _Whole:
    with database.read() as connection:
        rows = {}
        for table in _ONE_ROW:
            key = table.c.id if table is schema.batch else table.c.batch
            row = connection.execute(select(table).where(key == number)).first()
            if row is None:
                raise LedgerError(
                    f"batch {number} has no row in {table.name} of {database.shown}",
                    hint="run `starledger ledger verify`",
                )
            rows[table.name] = row._asdict()
        batch = rows["batch"]
        here = schema.purged.c.position.between(batch["first_position"], batch["last_position"])
        query = select(schema.purged).where(here).order_by(schema.purged.c.position)
        purged = [row._asdict() for row in connection.execute(query)]
    positions = f"position BETWEEN {batch['first_position']:d} AND {batch['last_position']:d}"
    events = _words(database.frame(schema.event, list(EVENT_SCHEMA), positions)).sort("position")
    refused = database.frame(schema.quarantine, list(QUARANTINE_SCHEMA), f"batch = {number:d}")
    return _Whole(rows, events, _words(refused).sort("source_row"), purged)


def _words(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.cast({pl.Categorical: pl.String})


def _prove(whole: _Whole, number: int) -> None:
    """A batch that does not agree with its own hashes is not carried on."""
    batch, tree = whole.rows["batch"], whole.rows["batch_tree"]
    kept = {row["position"]: row["leaf"] for row in whole.purged}
    positions = list(range(batch["first_position"], batch["last_position"] + 1))
    if (
        whole.events["position"].to_list() != positions
        or set(whole.events["batch"]) != {number}
        or root(leaves(whole.events, whole.rows["salt"]["salts"], kept)) != tree["events_root"]
        or quarantine_sha256(whole.quarantine) != tree["quarantine_sha256"]
    ):
        raise LedgerError(
            f"batch {number} does not agree with its hash",
            hint="run `starledger ledger verify` on the source",
        )


def _same(source: _Whole, target: _Whole, number: int) -> None:
    """What an earlier run brought is what the source holds."""
    differing = [
        name
        for name, same in (
            *((name, row == target.rows[name]) for name, row in source.rows.items()),
            ("event", source.events.equals(target.events)),
            ("quarantine", source.quarantine.equals(target.quarantine)),
            ("purged", source.purged == target.purged),
        )
        if not same
    ]
    if differing:
        raise LedgerError(
            f"batch {number} of the target differs from the source in {', '.join(differing)}",
            hint="copy into an empty database; if nothing was purged in between, one of the two was altered",
        )


def _write(target: Database, whole: _Whole, number: int) -> None:
    with target.bulk() as bulk:
        head = bulk.numbers("SELECT id FROM batch ORDER BY id DESC LIMIT 1") or (0,)
        if head[0] != number - 1:
            raise ConflictError(
                "another writer came between: the target must be written by nobody else",
                hint="copy into an empty database",
            )
        bulk.insert(schema.batch, _frame(schema.batch, [whole.rows["batch"]]))
        bulk.insert(schema.event, whole.events)
        begins = pl.lit(whole.rows["batch"]["first_position"])
        bulk.insert(schema.indicator_block, blocks_of(whole.events, begins))
        if whole.quarantine.height:
            bulk.insert(schema.quarantine, whole.quarantine)
        for table in (schema.batch_tree, schema.salt):
            bulk.insert(table, _frame(table, [whole.rows[table.name]]))
        if whole.purged:
            bulk.insert(schema.purged, _frame(schema.purged, whole.purged))


def _frame(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema.frame_schema(table))
