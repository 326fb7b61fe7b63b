"""The event log: batches of immutable events, appended whole or not at all.

Here: founding and opening a ledger, the append contract (expected position, identity, one transaction),
and reading batches, events and quarantine back.
Not here: what is said of a batch (batches.py), which events a file becomes (vintages.py), what was known when
(observations.py).
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Table, func, insert, select, true

from ratings.errors import LedgerError, NotFoundError
from warehouse import schema
from warehouse.batches import CONTENT, Batch, Head, NewBatch, batch_row, read_batches, read_head
from warehouse.canonical import canonical_json, sha256_hex
from warehouse.canonical_events import SALT_BYTES, event_leaves
from warehouse.database import SCHEMA_REVISION, Bulk, Database
from warehouse.grants import owns
from warehouse.indicator_blocks import blocks_of, events_of_figures
from warehouse.merkle import root_from_subtrees, subtree_hashes
from warehouse.upcasting import upcast

PRODUCTION, DEMONSTRATION = "production", "demonstration"
EVENT_TYPES = frozenset(
    {
        "observation", "withdrawal", "check_result", "definition", "judgement", "published_rating",
        "evidence", "snapshot_built", "release", "decision", "query", "case", "batch_voided", "purge",
    }
)  # fmt: skip
EVENT_SCHEMA = schema.frame_schema(schema.event)
QUARANTINE_SCHEMA = schema.frame_schema(schema.quarantine)


def now() -> int:
    """The present, in microseconds UTC."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def event_frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Events written by hand, one dictionary each, as a frame; payloads are put in canonical form."""
    filled = [
        {name: (canonical_json(row[name]) if name == "payload" else row[name]) for name in row}
        for row in rows
    ]
    return pl.DataFrame(
        filled, schema={n: t for n, t in EVENT_SCHEMA.items() if n not in ("position", "batch")}
    )


class Ledger:
    """An open ledger.

    Args:
        database: where it lives.

    Raises:
        LedgerError: there is none, or its schema is newer or older than this code.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        revision = database.revision()
        if revision is None:
            raise LedgerError(
                f"there is no ledger at {database.shown}",
                hint="run `starledger ingest` or `starledger demo` to found one, or say where it is with"
                " --warehouse or --database-url",
            )
        if revision > SCHEMA_REVISION:
            raise LedgerError(
                f"the ledger's schema {revision} is newer than this version knows ({SCHEMA_REVISION})",
                hint="install the version of starledger that wrote it, or a newer one",
            )
        if revision < SCHEMA_REVISION:
            with database.read() as connection:
                if not owns(connection):
                    raise LedgerError(
                        f"the ledger's schema {revision} is older than that of this version "
                        f"({SCHEMA_REVISION}), and this user may not change it",
                        hint="let the role that founded the ledger run `starledger ledger batches` once",
                    )
            database.upgrade()
        with database.read() as connection:
            row = connection.execute(select(schema.ledger)).one()
        self.origin: str = row.origin
        self.kind: str = row.kind

    @classmethod
    def found(cls, database: Database, kind: str = PRODUCTION) -> Ledger:
        """Found a ledger, or open the one that is there.

        Args:
            database: where it is to live.
            kind: `production` or `demonstration`; only the latter accepts simulated batches.

        Raises:
            LedgerError: a ledger of the other kind is there already.
        """
        if not database.exists():
            database.upgrade()
            with database.write() as connection:
                if connection.execute(select(func.count()).select_from(schema.ledger)).scalar() == 0:
                    origin = f"starledger-{uuid.uuid4()}"
                    row = {"id": 1, "origin": origin, "kind": kind, "founded_at": now()}
                    connection.execute(insert(schema.ledger), row)
        ledger = cls(database)
        if ledger.kind != kind:
            raise LedgerError(
                f"this is a {ledger.kind} ledger, and a {kind} one was asked for",
                hint="name another directory with --warehouse",
            )
        return ledger

    def head(self) -> Head:
        """Where the log ends now."""
        with self.database.read() as connection:
            return read_head(connection)

    def append(
        self,
        new: NewBatch,
        events: pl.DataFrame,
        quarantine: pl.DataFrame | None = None,
        *,
        expected_position: int | None = None,
        salts: bytes | None = None,
    ) -> Batch:
        """Append one batch in one transaction.

        Args:
            new: what is said of the batch.
            events: columns of the `event` table without `position` and `batch`, in the order to be recorded.
            quarantine: columns of the `quarantine` table without `batch`.
            expected_position: the last position the caller knew; None where it does not matter.
            salts: 16 bytes an event; by default random ones.

        Returns:
            The batch as recorded; the one already there when `new.identity` is known.

        Raises:
            ConflictError: the log has grown since `expected_position`.
            LedgerError: the batch is empty, holds what is not a number, is simulated in production, or has
                the identity of another one.
        """
        self._admit(new, events)
        salts = os.urandom(SALT_BYTES * events.height) if salts is None else salts
        # Hashing needs no lock and no answer of the database: it goes on while the rows are loaded.
        with ThreadPoolExecutor(1) as beside, self.database.bulk() as bulk:
            if new.identity and (known := _identity_held(bulk, new.identity)):
                number = known
            else:
                hashed = beside.submit(_hash_events, events, salts)
                head = Head(*(bulk.numbers(_HEAD) or (0, 0)))
                if expected_position is not None and head.position != expected_position:
                    raise ConflictError(
                        f"the log has grown to position {head.position} since {expected_position} was read",
                        hint="read again and retry",
                    )
                number = head.batch + 1
                recorded = Batch(
                    **asdict(new),
                    id=number,
                    first_position=head.position + 1,
                    last_position=head.position + events.height,
                    recorded_at=now(),
                )
                _insert_batch(bulk, recorded, events, quarantine)
                tree = {"batch": number, "quarantine_sha256": quarantine_sha256(quarantine)}
                _insert_row(bulk, schema.salt, {"batch": number, "salts": salts})
                _insert_row(bulk, schema.batch_tree, tree | hashed.result())
        recorded = self.batch(number)
        differing = [name for name in CONTENT if getattr(recorded, name) != getattr(new, name)]
        if differing:
            raise LedgerError(
                f"batch {number} has this identity and another {', '.join(differing)}",
                hint="void that batch first if it was a mistake",
            )
        return recorded

    def require_demonstration(self) -> None:
        """Refuse simulated figures where real ones are kept.

        Raises:
            LedgerError: this is a production ledger.
        """
        if self.kind != DEMONSTRATION:
            raise LedgerError(
                "a production ledger refuses simulated figures",
                hint="use a demonstration ledger: starledger demo makes one",
            )

    def _admit(self, new: NewBatch, events: pl.DataFrame) -> None:
        if not events.height:
            raise LedgerError("a batch holds at least one event")
        if new.simulated:
            self.require_demonstration()
        unknown = set(events["type"].unique()) - EVENT_TYPES
        if unknown:
            raise LedgerError(f"unknown event types: {', '.join(sorted(unknown))}")
        for name in ("value", "numerator", "denominator"):
            if not events[name].drop_nulls().is_finite().all():
                raise LedgerError(f"an event's {name} is not a finite number")

    def record_landing(self, sha256: str, byte_size: int, file_name: str) -> None:
        """Record where landed bytes came from; a second landing of the same bytes changes nothing."""
        with self.database.write() as connection:
            known = connection.execute(
                select(schema.landed_file).where(schema.landed_file.c.sha256 == sha256)
            ).first()
            if known is None:
                row = {"sha256": sha256, "byte_size": byte_size, "file_name": file_name, "landed_at": now()}
                connection.execute(insert(schema.landed_file), row)

    def by_identity(self, identity: str) -> Batch | None:
        """The batch of that identity that stands, None where there is none or it was voided."""
        with self.database.read() as connection:
            held = read_batches(connection, which=schema.batch.c.identity == identity)
        return next((b for b in held if b.voided_by is None), None)

    def identities(self, beginning: str) -> list[str]:
        """Identities that begin with these words, of the batches that stand, in the order recorded."""
        table, void = schema.batch.c, schema.batch.alias("void").c
        query = select(table.identity).where(
            table.identity.startswith(beginning, autoescape=True),
            table.id.not_in(select(void.voids).where(void.voids.is_not(None))),
        )
        with self.database.read() as connection:
            return list(connection.execute(query.order_by(table.id)).scalars())

    def batches(
        self, collection: str | None = None, kind: str | None = None, as_recorded: int | None = None
    ) -> list[Batch]:
        """Batches in the order they were recorded.

        A batch is a file's release or one act of a person, some two kilobytes in memory: twenty years of
        monthly returns from 150 councils are 36,000 of them, or 70 MB. So they are read at once.

        Args:
            collection: only of that collection.
            kind: only of that kind.
            as_recorded: only batches that end at or before this position; voids after it are not known yet.
        """
        table = schema.batch.c
        which: ColumnElement[bool] = true()
        if collection is not None:
            which &= table.collection == collection
        if kind is not None:
            which &= table.kind == kind
        with self.database.read() as connection:
            return read_batches(connection, as_recorded, which)

    def batch(self, number: int) -> Batch:
        """One batch.

        Raises:
            NotFoundError: there is no such batch.
        """
        with self.database.read() as connection:
            found = read_batches(connection, which=schema.batch.c.id == number)
        if not found:
            raise NotFoundError(
                f"there is no batch {number}", hint="run `starledger ledger batches` to see them"
            )
        return found[0]

    def events(
        self, *types: str, as_published: int | None = None, as_recorded: int | None = None
    ) -> list[dict[str, Any]]:
        """Events of some types (not observations: see observations.py) that stand, in order of position.

        An event whose payload was purged says nothing any more, and is left out.

        Args:
            types: which types; no observation, and no withdrawal of one.
            as_published: only those published by then (microseconds UTC), and those without a publish time.
            as_recorded: only those recorded up to this position, rounded down to a batch end.

        Returns:
            One dictionary an event: the columns of the `event` table, `payload` parsed.
        """
        table = schema.event
        query = select(table).where(table.c.type.in_(types), schema.is_no_figure).order_by(table.c.position)
        query = query.where(table.c.position.not_in(select(schema.purged.c.position)))
        with self.database.read() as connection:
            batches = {b.id: b for b in read_batches(connection, as_recorded)}
            rows = [row._asdict() for row in connection.execute(query)]
        return [
            _parsed(row)
            for row in rows
            if row["batch"] in batches
            and batches[row["batch"]].voided_by is None
            and (as_published is None or row["published_at"] is None or row["published_at"] <= as_published)
        ]

    def read(self, after: int = 0, limit: int = 100_000) -> pl.DataFrame:
        """The next events for a subscriber that has seen everything up to a position.

        Positions are gapless and in commit order, so a subscriber that keeps the last position it has dealt
        with, together with what it made of it, misses none and sees none twice.

        Args:
            after: the last position seen; 0 for none.
            limit: at most so many.

        Returns:
            The columns of the `event` table in order of position, text as Categorical; empty where there is
            nothing new yet.
        """
        columns = list(EVENT_SCHEMA)
        where = f"position > {int(after)} AND position <= {int(after) + int(limit)}"
        return self.database.frame(schema.event, columns, where).sort("position")

    def event(self, position: int) -> dict[str, Any]:
        """One event, `payload` parsed.

        Raises:
            NotFoundError: the log has no such position.
        """
        with self.database.read() as connection:
            row = connection.execute(select(schema.event).where(schema.event.c.position == position)).first()
        if row is None:
            raise NotFoundError(
                f"the log has no position {position}",
                hint="see `starledger ledger batches`",
            )
        return _parsed(row._asdict())

    def history(self, indicator: str, organisation: str, period: str | None = None) -> list[dict[str, Any]]:
        """Every observation and withdrawal of one figure (or all periods of it), by position."""
        every = self.histories([indicator], organisation)
        return every if period is None else [event for event in every if event["period"] == period]

    def histories(self, indicators: Collection[str], organisation: str | None = None) -> list[dict[str, Any]]:
        """Every event about some indicators, of one organisation or of all, by position: one query."""
        query = events_of_figures(indicators, organisation)
        with self.database.read() as connection:
            rows = [_parsed(row._asdict()) for row in connection.execute(query)]
        return sorted(rows, key=itemgetter("position"))

    def quarantine(self, batch: int | None = None) -> list[dict[str, Any]]:
        """Refused rows, of one batch or all: batch, source_row, key as far as known, reasons, raw text."""
        table = schema.quarantine
        query = select(table).order_by(table.c.batch, table.c.source_row)
        if batch is not None:
            query = query.where(table.c.batch == batch)
        with self.database.read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        return [row | {"reasons": json.loads(row["reasons"]), "raw": json.loads(row["raw"])} for row in rows]

    def landed(self, sha256: str) -> dict[str, Any]:
        """Provenance of landed bytes: sha256, byte_size, file_name, landed_at."""
        with self.database.read() as connection:
            row = connection.execute(
                select(schema.landed_file).where(schema.landed_file.c.sha256 == sha256)
            ).first()
        if row is None:
            raise NotFoundError(
                f"no file with SHA-256 {sha256} was landed here",
                hint="run `starledger ledger batches` to see which were",
            )
        return row._asdict()


class ConflictError(LedgerError):
    """Another writer was faster."""


_HEAD = "SELECT last_position, id FROM batch ORDER BY id DESC LIMIT 1"


def _identity_held(bulk: Bulk, identity: str) -> int | None:
    """The standing batch of that identity (64 hex digits or words of ours)."""
    held = bulk.numbers(
        f"SELECT id FROM batch WHERE identity = {_quoted(identity)}"
        " AND id NOT IN (SELECT voids FROM batch WHERE voids IS NOT NULL)"
    )
    return held[0] if held else None


def _quoted(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _insert_batch(bulk: Bulk, recorded: Batch, events: pl.DataFrame, quarantine: pl.DataFrame | None) -> None:
    _insert_row(bulk, schema.batch, batch_row(recorded))
    positions = pl.int_range(recorded.first_position, recorded.last_position + 1, dtype=pl.Int64)
    batch = pl.lit(recorded.id, dtype=pl.Int64).alias("batch")
    placed = events.with_columns(positions.alias("position"), batch)
    bulk.insert(schema.event, placed)
    bulk.insert(schema.indicator_block, blocks_of(placed, pl.lit(recorded.first_position)))
    if quarantine is not None:
        bulk.insert(schema.quarantine, quarantine.with_columns(batch))


def _insert_row(bulk: Bulk, table: Table, row: dict[str, Any]) -> None:
    bulk.insert(table, pl.DataFrame([row], schema=schema.frame_schema(table)))


def _hash_events(events: pl.DataFrame, salts: bytes) -> dict[str, bytes]:
    """What `batch_tree` holds of the events of a batch."""
    leaves = event_leaves(events, salts)
    subtrees = subtree_hashes(leaves)
    top = root_from_subtrees(len(leaves), subtrees, lambda start, stop: leaves[start:stop])
    return {"events_root": top, "subtrees": subtrees}


def quarantine_sha256(refused: pl.DataFrame | None) -> str | None:
    """What the refused rows of a batch hash to: SHA-256 of RFC 8785 JSON, one line a row, by source row."""
    if refused is None or not refused.height:
        return None
    columns = [name for name in QUARANTINE_SCHEMA if name != "batch"]
    rows = refused.select(columns).cast({pl.Categorical: pl.String}).sort("source_row")
    lines = [canonical_json(row) for row in rows.iter_rows(named=True)]
    return sha256_hex("\n".join(lines).encode())


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    said = json.loads(row["payload"]) if row["payload"] else {}
    return row | {"payload": upcast(row["type"], row["schema_version"], said)}
