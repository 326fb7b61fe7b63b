"""Batches: what is said of the events of one append.

Here: a batch before it is appended and as it stands in the log, what makes two of them the same, and batches
as rows of their table, written and read.
Not here: appending one (event_log.py), the events in it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from ratings.errors import LedgerError
from warehouse import schema
from warehouse.canonical import canonical_json, sha256_hex

FULL: dict[str, Any] = {"kind": "full"}
OVERLAY: dict[str, Any] = {"kind": "overlay"}
"""Scopes of a vintage: it replaces all of its collection, or nothing."""
CONTENT = ("kind", "collection", "published_at", "file_sha256", "definitions_sha256", "voids")
"""What batches of one identity have in common."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends: the last position and the last batch (0 and 0 when it is empty)."""

    position: int
    batch: int


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What is said of a batch before it is appended. Times in microseconds UTC.

    Attributes:
        kind: vintage, rejected, definition, snapshot, release, void, decision, query or purge.
        identity: what makes a second append the same append; empty: every append is a new one.
        scope: what of its collection a vintage replaces: `{"kind": "full" | "overlay"}` or
            `{"kind": "named", "organisations": [...], "periods": [...], "indicators": [...]}`.
        counts: where every row read went.
    """

    kind: str
    actor: str
    code_version: str
    identity: str = ""
    actor_kind: str = "person"
    on_behalf_of: str | None = None
    reason: str | None = None
    run_id: str | None = None
    collection: str | None = None
    published_at: int | None = None
    published_basis: str | None = None
    received_at: int | None = None
    supplier: str | None = None
    scope: dict[str, Any] = field(default_factory=lambda: OVERLAY)
    file_name: str | None = None
    file_sha256: str | None = None
    definitions_sha256: str | None = None
    rows_read: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    voids: int | None = None


@dataclass(frozen=True, slots=True)
class Batch(NewBatch):
    """A batch as it stands in the log."""

    id: int = 0
    first_position: int = 0
    last_position: int = 0
    recorded_at: int = 0
    voided_by: int | None = None

    def require_standing(self) -> None:
        """Refuse a batch that was taken back.

        Raises:
            LedgerError: it was.
        """
        if self.voided_by is not None:
            raise LedgerError(
                f"batch {self.id} was voided by batch {self.voided_by}",
                hint="choose one that stands: starledger ledger batches",
            )


def vintage_identity(collection: str, published_at: int, file_sha256: str, definitions_sha256: str) -> str:
    """What makes two vintages the same: collection, publish time, bytes, definitions they are read with."""
    return sha256_hex("\n".join([collection, str(published_at), file_sha256, definitions_sha256]).encode())


def batch_row(batch: Batch) -> dict[str, Any]:
    """A batch as a row of its table."""
    row = asdict(batch)
    del row["voided_by"]
    return row | {
        "scope": canonical_json(batch.scope),
        "counts": canonical_json(batch.counts),
        "simulated": int(batch.simulated),
    }


def read_head(connection: Connection) -> Head:
    """Where the log ends."""
    last = connection.execute(
        select(schema.batch.c.last_position, schema.batch.c.id).order_by(schema.batch.c.id.desc()).limit(1)
    ).first()
    return Head(last.last_position, last.id) if last else Head(0, 0)


def read_batches(
    connection: Connection, as_recorded: int | None = None, which: ColumnElement[bool] | None = None
) -> list[Batch]:
    """Batches in the order they were recorded.

    Args:
        connection: to the ledger.
        as_recorded: only those that end at or before this position, voids after it not being known; None
            for all.
        which: a condition on the batch table.
    """
    table, void = schema.batch, schema.batch.alias("void")
    known = select(void.c.voids, func.max(void.c.id).label("voided_by")).where(void.c.voids.is_not(None))
    query = select(table)
    if as_recorded is not None:
        known = known.where(void.c.last_position <= as_recorded)
        query = query.where(table.c.last_position <= as_recorded)
    if which is not None:
        query = query.where(which)
    voids = known.group_by(void.c.voids).subquery()
    query = query.add_columns(voids.c.voided_by).outerjoin(voids, voids.c.voids == table.c.id)
    rows = [row._asdict() for row in connection.execute(query.order_by(table.c.id))]
    names = {f.name for f in fields(Batch)}
    return [
        Batch(
            **{k: v for k, v in row.items() if k in names and k not in ("scope", "counts", "simulated")},
            scope=json.loads(row["scope"]),
            counts=json.loads(row["counts"]),
            simulated=bool(row["simulated"]),
        )
        for row in rows
    ]
