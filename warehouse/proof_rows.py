"""Proof rows: what the log must give for a proof, read without hashing the whole of it.

Here: one event with its salt, batch and path, or many with the nodes of their multiproofs, from the stored
    hashes of subtrees; all batch rows.
Not here: the form of a proof (audit/proofs.py, audit/inclusion.py), multiproofs (multiproof.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import select

from ratings.errors import LedgerError, NotFoundError
from warehouse import merkle, schema
from warehouse.batch_leaves import raw_batches
from warehouse.canonical_events import EVENT_FIELDS, SALT_BYTES
from warehouse.event_log import Ledger
from warehouse.merkle import SUBTREE_LEAVES
from warehouse.multiproof import multiproof_from_subtrees
from warehouse.purged import kept_leaves, leaves, leaves_now, salts_between

UNSAID = ("schema_version", "organisation_code", "stated_by", "source_batch", "reason", "payload")
"""What the event of an observation says besides its row in a snapshot."""
_SPANS = 200  # an engine's limit on the depth of a condition is about a thousand


@dataclass(frozen=True, slots=True)
class EventRows:
    """An event with its salt, the path in its batch, its batch, and all batches of the log, as stored."""

    event: dict[str, Any]
    salt: bytes
    path: list[bytes]
    batch: dict[str, Any]
    batches: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BatchRows:
    """What proves some events of one batch.

    Attributes:
        batch: the batch as stored.
        positions: the events, ascending; those purged are not among them.
        salts: 16 bytes an event.
        nodes: the multiproof from them to the root of the batch.
    """

    batch: dict[str, Any]
    positions: NDArray[np.int64]
    salts: bytes
    nodes: bytes


@dataclass(frozen=True, slots=True)
class ManyRows:
    """What proves many events.

    Attributes:
        batches: all batches of the log, as stored.
        parts: of each batch that holds some of the events.
        unsaid: `position` and the columns of `UNSAID` of every event proved.
        purged: positions whose content was purged: nothing shows any more what they said.
    """

    batches: list[dict[str, Any]]
    parts: list[BatchRows]
    unsaid: pl.DataFrame
    purged: list[int]


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
            raise NotFoundError(
                f"position {position} was purged: what it said can no longer be shown",
                hint="`starledger ledger verify` names the authority that ordered it",
            )
        first, size = batch["first_position"], batch["last_position"] - batch["first_position"] + 1
        salt = salts_between(connection, position, position)

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
    return EventRows(row._asdict(), salt, path, batch, batches)


def many_rows(ledger: Ledger, positions: Sequence[int] | pl.Series) -> ManyRows:
    """What proves many events at once.

    Raises:
        LedgerError: events around them are not what was recorded.
    """
    wanted = pl.Series(positions, dtype=pl.Int64).unique().sort().to_numpy()
    with ledger.database.read() as connection:
        batches = raw_batches(connection)
        starts = [b["first_position"] for b in batches]
        groups = np.split(wanted, np.searchsorted(wanted, starts[1:]))
        held = [(b, group) for b, group in zip(batches, groups, strict=True) if group.size]
        salts = {
            row.batch: bytes(row.salts)
            for row in connection.execute(
                select(schema.salt).where(schema.salt.c.batch.in_([b["id"] for b, _ in held]))
            )
        }
        kept = {b["id"]: kept_leaves(connection, b["first_position"], b["last_position"]) for b, _ in held}
    parts, purged = [], list[int]()
    for b, group in held:
        gone = np.isin(group, list(kept[b["id"]]))
        purged += group[gone].tolist()
        if not gone.all():
            parts.append(_batch_rows(ledger, b, group[~gone], salts.get(b["id"], b""), kept[b["id"]]))
    proved = np.concatenate([part.positions for part in parts]) if parts else wanted[:0]
    unsaid = ledger.database.frame(schema.event, ["position", *UNSAID], _within(proved))
    if unsaid.height > proved.size:
        unsaid = unsaid.filter(pl.col("position").is_in(proved))
    return ManyRows(batches, parts, unsaid.sort("position"), purged)


def _batch_rows(
    ledger: Ledger, batch: dict[str, Any], positions: NDArray[np.int64], salts: bytes, kept: dict[int, bytes]
) -> BatchRows:
    first, size = batch["first_position"], batch["last_position"] - batch["first_position"] + 1

    def leaves_of(blocks: Sequence[int]) -> dict[int, list[bytes]]:
        spans = [(first + n * SUBTREE_LEAVES, first + min((n + 1) * SUBTREE_LEAVES, size)) for n in blocks]
        if not spans:
            return {}
        inside = np.concatenate([np.arange(start, stop) for start, stop in spans])
        rows = ledger.database.frame(schema.event, ["position", *EVENT_FIELDS], _within(inside))
        rows = rows.filter(pl.col("position").is_in(inside)).sort("position")
        hashed = leaves(rows, _some(salts, inside - first), kept)
        ends = np.cumsum([0, *(stop - start for start, stop in spans)]).tolist()
        return {block: hashed[ends[n] : ends[n + 1]] for n, block in enumerate(blocks)}

    try:
        nodes = multiproof_from_subtrees(size, positions - first, bytes(batch["subtrees"] or b""), leaves_of)
        return BatchRows(batch, positions, _some(salts, positions - first), nodes)
    except (ValueError, IndexError) as error:
        raise LedgerError(
            f"batch {batch['id']} is not what was recorded: {error}", hint="run `starledger ledger verify`"
        ) from None


def _within(positions: NDArray[np.int64]) -> str:
    """An SQL condition that lets these positions through, and others where there are too many gaps."""
    if not positions.size:
        return "FALSE"
    spans = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    if len(spans) > _SPANS:
        spans = [positions]
    return " OR ".join(f"position BETWEEN {span[0]} AND {span[-1]}" for span in spans)


def _some(salts: bytes, indexes: NDArray[np.int64]) -> bytes:
    """The salts of some events of a batch."""
    return np.frombuffer(salts, dtype=f"V{SALT_BYTES}")[indexes].tobytes()
