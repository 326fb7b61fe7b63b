"""Purged: what is left of events and landed bytes that were removed by order.

Here: the kept leaf hashes, the leaves of a batch with them, removed files, and whether everything that counts
    as purged was purged by an order that stands in the log.
Not here: removing (purge.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Integer, cast, func, select

from warehouse import schema
from warehouse.canonical import parse_json
from warehouse.canonical_events import SALT_BYTES, event_leaves
from warehouse.event_log import Ledger
from warehouse.merkle import root


@dataclass(frozen=True, slots=True)
class PurgedFile:
    """Landed bytes that were removed, on whose authority, why, and the batch that records it."""

    sha256: str
    authority: str
    reason: str
    purged_by: int


@dataclass(frozen=True, slots=True)
class PurgedEvent:
    """An event that lost its salt and its payload, on whose authority, and the batch that records it."""

    position: int
    authority: str
    purged_by: int


def purged_event(ledger: Ledger, position: int) -> PurgedEvent | None:
    """What was removed of an event by order; None where nothing was."""
    table = schema.purged.c
    with ledger.database.read() as connection:
        row = connection.execute(
            select(table.position, table.authority, table.purged_by).where(table.position == position)
        ).first()
    return PurgedEvent(*row) if row else None


def purged_leaves(ledger: Ledger, first: int, last: int) -> dict[int, bytes]:
    """The kept leaf hashes of purged events, by position, between two positions (both included)."""
    with ledger.database.read() as connection:
        return kept_leaves(connection, first, last)


def purged_files(ledger: Ledger) -> dict[str, PurgedFile]:
    """Landed bytes that were removed by order, by SHA-256."""
    with ledger.database.read() as connection:
        return {file.sha256: file for file in removed_files(connection)}


def leaves(events: pl.DataFrame, salts: bytes, kept: Mapping[int, bytes]) -> list[bytes]:
    """Leaf hashes of the events of a batch, those of purged ones as they were kept.

    Args:
        events: the columns of the `event` table, in order of position.
        salts: 16 bytes an event.
        kept: of `purged_leaves`.
    """
    hashed = event_leaves(events, salts)
    if kept:
        return [kept.get(p, leaf) for p, leaf in zip(events["position"].to_list(), hashed, strict=True)]
    return hashed


def purge_problems(ledger: Ledger) -> list[str]:
    """What is wrong with purged events; nothing where all is well.

    A kept leaf stands in for an event that can no longer be hashed, and so could hide one that was altered.
    It may only do so where a purge event in the log, itself covered by its batch's root, names the position
    and says what the rest of the row hashes to. A verifier of the log must ask this too.

    Returns:
        Sentences, each with the positions it is about.
    """
    problems = []
    with ledger.database.read() as connection:
        orders = {row["batch"]: parse_json(row["payload"]) for row in _orders(connection)}
        table = schema.purged
        query = select(table.c.position, table.c.purged_by).order_by(table.c.position)
        purged: dict[int, list[int]] = {}
        for row in connection.execute(query):
            purged.setdefault(row.purged_by, []).append(row.position)
        for batch in sorted({*orders, *purged}):
            named = [(first, last) for first, last in orders.get(batch, {}).get("positions", [])]
            found = ranges(purged.get(batch, []))
            if found != named:
                problems.append(
                    f"batch {batch} orders the purge of positions {_shown(named)}, and purged are "
                    f"{_shown(found)}"
                )
            elif named and root(_remains(connection, named)).hex() != orders[batch]["remains"]:
                problems.append(
                    f"what is left of the purged positions {_shown(named)} does not agree with batch "
                    f"{batch}, which says what it hashes to"
                )
    return problems


def ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def kept_leaves(connection: Connection, first: int, last: int) -> dict[int, bytes]:
    """The same as `purged_leaves`, inside a transaction."""
    table = schema.purged
    query = select(table.c.position, table.c.leaf).where(table.c.position.between(first, last))
    return {row.position: bytes(row.leaf) for row in connection.execute(query)}


def removed_files(connection: Connection) -> list[PurgedFile]:
    """The same as `purged_files`, inside a transaction."""
    return [
        PurgedFile(sha256, said["authority"], row["reason"], row["batch"])
        for row in _orders(connection)
        for said in [parse_json(row["payload"])]
        for sha256 in said["files"]
    ]


def events_between(connection: Connection, first: int, last: int) -> pl.DataFrame:
    """The events between two positions (both included), in order, inside a transaction."""
    table = schema.event
    query = select(table).where(table.c.position.between(first, last)).order_by(table.c.position)
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema.frame_schema(table), orient="row")


def leaves_now(connection: Connection, first: int, last: int) -> list[bytes]:
    """What the rows between two positions of one batch hash to now, purged or not."""
    events, salts = events_between(connection, first, last), salts_between(connection, first, last)
    return event_leaves(events, salts) if len(salts) == events.height * SALT_BYTES else []


def salts_between(connection: Connection, first: int, last: int) -> bytes:
    """The salts of positions of one batch (both included); fewer bytes where they are missing."""
    batch, salt = schema.batch.c, schema.salt.c
    begin = (first - batch.first_position) * SALT_BYTES + 1
    query = (
        select(func.substr(salt.salts, cast(begin, Integer), (last - first + 1) * SALT_BYTES))
        .join(schema.batch, salt.batch == batch.id)
        .where(batch.first_position <= first, batch.last_position >= last)
    )
    return bytes(connection.execute(query).scalar() or b"")


def _remains(connection: Connection, named: Sequence[tuple[int, int]]) -> list[bytes]:
    return [
        leaf
        for first, last in _within_batches(connection, named)
        for leaf in leaves_now(connection, first, last)
    ]


def _within_batches(connection: Connection, named: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same positions, cut where a batch ends."""
    table = schema.batch
    for first, last in named:
        query = select(table.c.first_position, table.c.last_position).where(
            table.c.first_position <= last, table.c.last_position >= first
        )
        for row in connection.execute(query.order_by(table.c.id)).all():
            yield max(first, row.first_position), min(last, row.last_position)


def _orders(connection: Connection) -> list[dict[str, Any]]:
    table = schema.event
    query = select(table).where(table.c.type == "purge").order_by(table.c.position)
    return [row._asdict() for row in connection.execute(query)]


def _shown(found: Sequence[tuple[int, int]]) -> str:
    shown = [str(a) if a == b else f"{a} to {b}" for a, b in found[:10]]
    return (", ".join(shown) or "none") + (", ..." if len(found) > 10 else "")
