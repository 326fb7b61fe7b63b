"""Proof rows: what the log must give for one proof, read without hashing the whole of it.

Here: one event with its salt, batch and path, from the stored hashes of subtrees; all batch rows.
Not here: the form of a proof (audit/proofs.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ratings.errors import LedgerError, NotFoundError
from warehouse import merkle, schema
from warehouse.batch_leaves import raw_batches
from warehouse.canonical_events import SALT_BYTES
from warehouse.event_log import Ledger
from warehouse.purged import kept_leaves, leaves_now


@dataclass(frozen=True, slots=True)
class EventRows:
    """An event with its salt, the path in its batch, its batch, and all batches of the log, as stored."""

    event: dict[str, Any]
    salt: bytes
    path: list[bytes]
    batch: dict[str, Any]
    batches: list[dict[str, Any]]


def log_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """All batch rows, as stored."""
    with ledger.database.read() as connection:
        return raw_batches(connection)


def event_rows(ledger: Ledger, position: int) -> EventRows:
    """What proves one event.

    Raises:
        NotFoundError: there is no such position, or the event was purged.
        LedgerError: the events around it are not what was recorded.
    """
    table = schema.event
    with ledger.database.read() as connection:
        batches = raw_batches(connection)
        row = connection.execute(select(table).where(table.c.position == position)).first()
        batch = next((b for b in batches if b["first_position"] <= position <= b["last_position"]), None)
        if row is None or batch is None:
            raise NotFoundError(f"the log has no position {position}", hint="see `starledger ledger batches`")
        if kept_leaves(connection, position, position):
            raise NotFoundError(f"position {position} was purged: what it said can no longer be shown")
        first, size = batch["first_position"], batch["last_position"] - batch["first_position"] + 1
        salts = connection.execute(
            select(schema.salt.c.salts).where(schema.salt.c.batch == batch["id"])
        ).scalar()

        def leaves_of(start: int, stop: int) -> list[bytes]:
            kept = kept_leaves(connection, first + start, first + stop - 1)
            now = leaves_now(connection, first + start, first + stop - 1)
            return [kept.get(first + start + n, leaf) for n, leaf in enumerate(now)]

        try:
            path = merkle.inclusion_path_from_subtrees(
                position - first, size, bytes(batch["subtrees"] or b""), leaves_of
            )
        except ValueError as error:
            raise LedgerError(
                f"batch {batch['id']} is not what was recorded: {error}",
                hint="run `starledger ledger verify`",
            ) from None
    at = (position - first) * SALT_BYTES
    return EventRows(row._asdict(), bytes(salts or b"")[at : at + SALT_BYTES], path, batch, batches)
