"""A log that moves between engines keeps every hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select, text

from ratings.errors import LedgerError
from warehouse import copying, schema
from warehouse.batches import NewBatch
from warehouse.canonical_events import SALT_BYTES, batch_bytes
from warehouse.copying import Copied, copy
from warehouse.database import Database
from warehouse.event_log import QUARANTINE_SCHEMA, Ledger, event_frame
from warehouse.landing import Landing
from warehouse.merkle import leaf_hash, root
from warehouse.purge import Order, purge
from warehouse.purged import purge_problems, purged_leaves

SHA256 = "ab" * 32
AWKWARD = 'tab\tnewline\nquote" backslash\\ é 東 \\N'


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "observation", "schema_version": 1, "collection": "c", "indicator": "i", "value": number / 7,
        "organisation": AWKWARD, "period": "2020-01-01/P1Y", "published_at": 5, "payload": {"n": number},
    } | more  # fmt: skip


def fill(ledger: Ledger) -> None:
    """Three batches: one with refused rows and a file, one with odd values, one like any other."""
    ledger.record_landing(SHA256, 3, "a.csv")
    refused = pl.DataFrame(
        [{"source_row": 9, "reasons": "[]", "raw": '{"a":"1"}'}], schema=QUARANTINE_SCHEMA
    ).drop("batch")
    new = NewBatch("vintage", "ann", "0", collection="c", published_at=5, file_sha256=SHA256)
    some = [event(n) for n in range(300)]
    ledger.append(new, event_frame(some), refused, salts=salts(300))
    odd = [event(1, value=-0.0), event(2, value=None, numerator=5e-324), event(3, value=1.7e308, reason="")]
    ledger.append(NewBatch("vintage", "ann", "0"), event_frame(odd), salts=salts(3))
    ledger.append(NewBatch("vintage", "ann", "0"), event_frame([event(7)]), salts=salts(1))


def salts(number: int) -> bytes:
    return bytes(n % 251 for n in range(number * SALT_BYTES))


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a database holds."""
    with database.read() as connection:
        return {
            name: sorted(
                (tuple(row) for row in connection.execute(select(schema.metadata.tables[name]))), key=repr
            )
            for name in schema.metadata.tables
        }


def log_root(database: Database) -> bytes:
    """The root a checkpoint would sign."""
    query = (
        select(schema.batch, schema.batch_tree.c.events_root, schema.batch_tree.c.quarantine_sha256)
        .join(schema.batch_tree, schema.batch_tree.c.batch == schema.batch.c.id)
        .order_by(schema.batch.c.id)
    )
    with database.read() as connection:
        return root([leaf_hash(batch_bytes(row._asdict())) for row in connection.execute(query)])


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def ends(
    request: pytest.FixtureRequest,
    new_database: Callable[[], Database],
    new_postgresql: Callable[[], Database],
) -> tuple[Ledger, Database]:
    """A filled log on one engine and an empty database on the other."""
    databases = [new_database(), new_postgresql()]
    if request.param.startswith("postgresql"):
        databases.reverse()
    ledger = Ledger.found(databases[0])
    fill(ledger)
    return ledger, databases[1]


def test_both_engines_give_the_same_roots(
    new_database: Callable[[], Database], new_postgresql: Callable[[], Database]
) -> None:
    trees = []
    for database in (new_database(), new_postgresql()):
        fill(Ledger.found(database))
        trees.append(rows(database)["batch_tree"])
    assert trees[0] == trees[1]


def test_a_copy_holds_the_same_rows_and_has_the_same_root(ends: tuple[Ledger, Database]) -> None:
    source, target = ends
    assert copy(source, target) == Copied(0, 3, 304)
    assert rows(target) == rows(source.database)
    assert log_root(target) == log_root(source.database)


def test_a_purged_log_is_copied_with_what_is_left(ends: tuple[Ledger, Database], tmp_path: Path) -> None:
    source, target = ends
    by = NewBatch("", "ann", "0")
    purge(source, Landing(tmp_path), Order("Court 3", "erasure", positions=(2, 301)), by)
    copy(source, target)
    assert rows(target) == rows(source.database)
    assert sorted(purged_leaves(Ledger(target), 1, 304)) == [2, 301]
    assert purge_problems(Ledger(target)) == []


def test_an_interrupted_copy_goes_on(ends: tuple[Ledger, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = ends
    write = copying._write

    def fail(database: Database, whole: Any, number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt
        write(database, whole, number)

    monkeypatch.setattr(copying, "_write", fail)
    with pytest.raises(KeyboardInterrupt):
        copy(source, target)
    monkeypatch.undo()
    assert Ledger(target).head().batch == 2
    assert copy(source, target) == Copied(2, 1, 304)
    assert copy(source, target) == Copied(3, 0, 304)
    assert rows(target) == rows(source.database)


def test_a_copied_log_can_be_appended_to_and_is_then_no_copy(ends: tuple[Ledger, Database]) -> None:
    source, target = ends
    copy(source, target)
    assert (
        Ledger(target).append(NewBatch("vintage", "ann", "0"), event_frame([event(8)])).first_position == 305
    )
    with pytest.raises(LedgerError, match="the target has grown"):
        copy(source, target)


def test_a_target_with_another_log_is_refused(ends: tuple[Ledger, Database]) -> None:
    source, target = ends
    Ledger.found(target)
    before = rows(target)
    with pytest.raises(LedgerError, match="holds another log"):
        copy(source, target)
    assert rows(target) == before


def test_a_target_that_was_altered_is_refused(ends: tuple[Ledger, Database]) -> None:
    source, target = ends
    copy(source, target)
    with target.write() as connection:
        connection.execute(text("UPDATE salt SET salts = :zeros WHERE batch = 2"), {"zeros": bytes(48)})
    with pytest.raises(LedgerError, match="batch 2 of the target differs from the source in salt"):
        copy(source, target)


def test_a_damaged_source_is_not_carried_on(ends: tuple[Ledger, Database]) -> None:
    source, target = ends
    with source.database.write() as connection:
        connection.execute(text("UPDATE salt SET salts = :zeros WHERE batch = 2"), {"zeros": bytes(48)})
    with pytest.raises(LedgerError, match="batch 2 does not agree with its hash"):
        copy(source, target)
    assert Ledger(target).head().batch == 1


def test_a_log_is_not_copied_onto_itself(ends: tuple[Ledger, Database]) -> None:
    with pytest.raises(LedgerError, match="one database"):
        copy(ends[0], ends[0].database)
