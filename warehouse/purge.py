"""Purge: removing what the law says must go, so that everything else can still be verified.

Here: removing salts and payload text of events, and landed bytes, under a named authority.
Not here: what is left and whether an order covers it (purged.py), taking back a vintage that was a mistake
    (pipelines/void.py), backups of the database (docs/adr/0010-purge.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TypeVar

from sqlalchemy import Connection, Row, func, insert, select, text, update

from ratings.errors import LedgerError, NotFoundError
from warehouse import schema
from warehouse.batches import Batch, NewBatch, batch_row
from warehouse.canonical_events import EVENT_FIELDS, SALT_BYTES, event_leaves
from warehouse.event_log import Ledger, event_frame, now
from warehouse.grants import owns
from warehouse.landing import Landing
from warehouse.merkle import root, subtree_hashes
from warehouse.purged import events_between, kept_leaves, leaves, leaves_now, ranges, removed_files
from warehouse.whole_files import sync

KEPT_TYPES = frozenset({"purge", "batch_voided", "definition", "snapshot_built", "release"})
"""Events that later ones rest on; they hold nothing of any person but the pseudonym of the actor."""

_MANY = 500  # bound parameters of one statement
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be removed, by whose order and why.

    Attributes:
        authority: who may order it: an office, a court, a case number.
        reason: why.
        positions: events that lose their salt and payload.
        batch: a batch all of whose events do.
        files: SHA-256 of landed bytes to remove.
    """

    authority: str
    reason: str
    positions: tuple[int, ...] = ()
    batch: int | None = None
    files: tuple[str, ...] = ()


def purge(ledger: Ledger, landing: Landing, order: Order, signed: NewBatch) -> Batch | None:
    """Remove what the order names, and record that it was removed.

    The rows change and the record is appended in one transaction: a crash leaves all of it or nothing. Landed
    bytes go after it, so that none is ever missing without a record, and the tables are then written anew,
    since an engine keeps old rows in the free parts of its pages. The same order again finishes what a crash
    left.

    Args:
        ledger: opened by the owner of the tables.
        landing: where landed bytes lie.
        order: what, by whose authority, why.
        signed: who carries it out; its kind and reason are set here.

    Returns:
        The batch that records it; None when there was nothing left to record.

    Raises:
        LedgerError: the order names nothing, no authority or no reason, or an event that must stay; the
            events do not agree with their hash (a purge would hide it); the role does not own the tables.
        NotFoundError: there is no such position, batch or file.
    """
    if not order.authority.strip() or not order.reason.strip():
        raise LedgerError(
            "a purge needs an authority and a reason", hint="give --authority WHO and --reason WHY"
        )
    if not (order.positions or order.batch or order.files):
        raise LedgerError("a purge names what is to go", hint="give --position N, --batch N or --file SHA256")
    recorded = None
    with _changing_events(ledger) as connection:
        gone = {file.sha256 for file in removed_files(connection)}
        files = [sha256 for sha256 in dict.fromkeys(order.files) if sha256 not in gone]
        for sha256 in files:
            _known_file(connection, sha256)
        wanted = _positions(connection, order)
        moment = now()
        number = connection.execute(select(func.coalesce(func.max(schema.batch.c.id), 0))).scalar_one() + 1
        remains: dict[int, bytes] = {}
        for batch, positions in wanted.items():
            kept = _leaves_before(connection, batch)
            remains |= _remove(connection, batch, positions)
            about = {"authority": order.authority, "reason": order.reason, "purged_at": moment}
            what = {"what": "salt and payload", "purged_by": number}
            rows = [{"position": p, "leaf": kept[p]} | about | what for p in positions]
            connection.execute(insert(schema.purged), rows)
        if wanted or files:
            said = {
                "authority": order.authority,
                "positions": [list(r) for r in ranges(sorted(remains))],
                "files": files,
                "remains": root([remains[p] for p in sorted(remains)]).hex() if remains else None,
            }
            recorded = _record(connection, signed, number, order.reason, said, moment)
    if order.positions or order.batch:
        ledger.database.compact()
    for sha256 in dict.fromkeys(order.files):
        _remove_bytes(landing, sha256)
    return None if recorded is None else ledger.batch(recorded)


@contextmanager
def _changing_events(ledger: Ledger) -> Iterator[Connection]:
    """A write transaction in which events may be updated; outside it the trigger was never gone."""
    with ledger.database.write() as connection:
        if not owns(connection):
            raise LedgerError(
                "only the owner of the ledger's tables may purge",
                hint="give a --database-url with the role that founded the ledger",
            )
        if ledger.database.dialect == "sqlite":
            name = "event_refuses_update"
            trigger = connection.execute(
                text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"), {"name": name}
            ).scalar_one()
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
            yield connection
            connection.exec_driver_sql(trigger)
        else:
            connection.execute(text("ALTER TABLE event DISABLE TRIGGER event_refuses_change"))
            yield connection
            connection.execute(text("ALTER TABLE event ENABLE TRIGGER event_refuses_change"))


def _positions(connection: Connection, order: Order) -> dict[int, list[int]]:
    """What of the order is still to be removed, by batch, ascending."""
    table = schema.event
    query = select(table.c.position, table.c.batch, table.c.type).order_by(table.c.position)
    found: list[Row[int, int, str]] = []
    if order.batch is not None:
        found += connection.execute(query.where(table.c.batch == order.batch)).all()
        if not found:
            raise NotFoundError(
                f"there is no batch {order.batch}", hint="run `starledger ledger batches` to see them"
            )
    named = sorted(set(order.positions))
    for few in _few(named):
        found += connection.execute(query.where(table.c.position.in_(few))).all()
    missing = set(named) - {row.position for row in found}
    if missing:
        raise NotFoundError(f"the log has no position {min(missing)}", hint="see `starledger ledger batches`")
    for row in found:
        if row.type in KEPT_TYPES:
            raise LedgerError(
                f"position {row.position} is of type {row.type}, which is never purged: others rest on it",
                hint="leave it out of the purge",
            )
    done = set(kept_leaves(connection, *_bounds(row.position for row in found)))
    wanted: dict[int, set[int]] = {}
    for row in found:
        if row.position not in done:
            wanted.setdefault(row.batch, set()).add(row.position)
    return {batch: sorted(positions) for batch, positions in sorted(wanted.items())}


def _bounds(positions: Iterable[int]) -> tuple[int, int]:
    every = list(positions)
    return (min(every), max(every)) if every else (1, 0)


def _leaves_before(connection: Connection, batch: int) -> dict[int, bytes]:
    """The leaf hashes of a batch, by position, after proving that the rows still agree with its root."""
    span = select(schema.batch.c.first_position, schema.batch.c.last_position)
    first, last = connection.execute(span.where(schema.batch.c.id == batch)).one()
    events = events_between(connection, first, last)
    salts = connection.execute(select(schema.salt.c.salts).where(schema.salt.c.batch == batch)).scalar()
    tree = schema.batch_tree
    expected = connection.execute(select(tree.c.events_root).where(tree.c.batch == batch)).scalar()
    positions = events["position"].to_list()
    kept = kept_leaves(connection, first, last)
    whole = salts is not None and len(salts) == SALT_BYTES * events.height
    found = leaves(events, salts, kept) if whole and salts is not None else []
    if root(found) != expected:
        raise LedgerError(
            f"batch {batch} does not agree with its hash, and a purge would hide why",
            hint="run `starledger ledger verify` and keep what it says before anything is removed",
        )
    return dict(zip(positions, found, strict=True))


def _remove(connection: Connection, batch: int, positions: list[int]) -> dict[int, bytes]:
    """Remove payloads and salts of events of one batch; what their rows hash to now, by position.

    The old salts give way to new ones, so that what is left of an event is still covered by a hash, and that
    hash still cannot be guessed.
    """
    event, salt = schema.event, schema.salt
    for first, last in ranges(positions):
        here = event.c.position.between(first, last)
        connection.execute(update(event).where(here, event.c.payload.is_not(None)).values(payload=None))
    start = connection.execute(
        select(schema.batch.c.first_position).where(schema.batch.c.id == batch)
    ).scalar_one()
    salts = bytearray(connection.execute(select(salt.c.salts).where(salt.c.batch == batch)).scalar_one())
    for position in positions:
        at = (position - start) * SALT_BYTES
        salts[at : at + SALT_BYTES] = os.urandom(SALT_BYTES)
    connection.execute(update(salt).where(salt.c.batch == batch).values(salts=bytes(salts)))
    return {p: leaf for first, last in ranges(positions) for p, leaf in _numbered(connection, first, last)}


def _numbered(connection: Connection, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    return zip(range(first, last + 1), leaves_now(connection, first, last), strict=True)


def _record(
    connection: Connection, signed: NewBatch, number: int, reason: str, said: Mapping[str, object], at: int
) -> int:
    """Append the batch that says what was removed, inside the transaction that removes it."""
    position = (
        connection.execute(select(func.coalesce(func.max(schema.event.c.position), 0))).scalar_one() + 1
    )
    about = asdict(signed) | {"kind": "purge", "reason": reason, "identity": ""}
    recorded = Batch(**about, id=number, first_position=position, last_position=position, recorded_at=at)
    event = event_frame([{"type": "purge", "schema_version": 1, "reason": reason, "payload": said}])
    salt = os.urandom(SALT_BYTES)
    hashed = event_leaves(event.select(EVENT_FIELDS), salt)
    connection.execute(insert(schema.batch), batch_row(recorded))
    connection.execute(
        insert(schema.event), event.row(0, named=True) | {"position": position, "batch": number}
    )
    connection.execute(
        insert(schema.batch_tree),
        {
            "batch": number,
            "events_root": root(hashed),
            "quarantine_sha256": None,
            "subtrees": subtree_hashes(hashed),
        },
    )
    connection.execute(insert(schema.salt), {"batch": number, "salts": salt})
    return number


def _known_file(connection: Connection, sha256: str) -> None:
    table = schema.landed_file
    if connection.execute(select(table.c.sha256).where(table.c.sha256 == sha256)).first() is None:
        raise NotFoundError(
            f"no file with SHA-256 {sha256} was landed here",
            hint="run `starledger ledger batches` to see which were",
        )


def _remove_bytes(landing: Landing, sha256: str) -> None:
    try:
        path = landing.path(sha256)
    except NotFoundError:
        return
    try:
        path.unlink()
        sync(path.parent)
    except OSError as error:
        raise LedgerError(
            f"the purge is recorded, but {path} cannot be removed: {error.strerror}",
            hint="make its directory writable and give the same order again",
        ) from error


def _few(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _MANY):
        yield items[start : start + _MANY]
