"""What a purge removes, and what must survive it, the same on both engines."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from ratings.errors import LedgerError, NotFoundError
from warehouse import purge as purge_module
from warehouse import schema
from warehouse.batches import Batch, NewBatch
from warehouse.canonical_events import SALT_BYTES, event_leaves
from warehouse.database import Database
from warehouse.event_log import Ledger, event_frame
from warehouse.landing import Landing
from warehouse.merkle import root
from warehouse.purge import Order, purge
from warehouse.purged import leaves, purge_problems, purged_files, purged_leaves, ranges

SECRET = "told-in-confidence"
BY = NewBatch(kind="", actor="ann", code_version="0")


def judgement(number: int) -> dict[str, Any]:
    return {
        "type": "judgement", "schema_version": 1, "organisation": f"o{number}", "value": float(number),
        "payload": {"text": f"{SECRET} {number}"},
    }  # fmt: skip


def add(ledger: Ledger, numbers: Sequence[int]) -> Batch:
    return ledger.append(
        NewBatch("vintage", "ann", "0", collection="c", published_at=1),
        event_frame([judgement(n) for n in numbers]),
    )


@pytest.fixture
def ledger(database: Database) -> Ledger:
    ledger = Ledger.found(database)
    add(ledger, range(1, 7))
    add(ledger, range(7, 10))
    return ledger


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


def order(**more: Any) -> Order:
    return Order(**({"authority": "Court 3", "reason": "erasure"} | more))


def holds(ledger: Ledger, batch: Batch) -> bool:
    """Whether a batch still gives its root."""
    with ledger.database.read() as connection:
        salts = connection.execute(
            select(schema.salt.c.salts).where(schema.salt.c.batch == batch.id)
        ).scalar_one()
        expected = connection.execute(
            select(schema.batch_tree.c.events_root).where(schema.batch_tree.c.batch == batch.id)
        ).scalar_one()
    events = ledger.read(batch.first_position - 1, batch.last_position - batch.first_position + 1)
    kept = purged_leaves(ledger, batch.first_position, batch.last_position)
    return root(leaves(events, salts, kept)) == expected


def remaining_root(ledger: Ledger, positions: Sequence[int]) -> str:
    """What the rows of purged events of the first batch hash to now, with their new salts."""
    with ledger.database.read() as connection:
        salts = connection.execute(select(schema.salt.c.salts).where(schema.salt.c.batch == 1)).scalar_one()
    every = event_leaves(ledger.read(0, 6), salts)
    return root([every[p - 1] for p in positions]).hex()


def test_the_payload_goes_and_everything_still_verifies(ledger: Ledger, landing: Landing) -> None:
    done = purge(ledger, landing, order(positions=(2, 3, 5)), BY)
    assert done is not None
    assert (done.kind, done.id, done.first_position, done.reason) == ("purge", 3, 10, "erasure")
    said = ledger.event(10)
    assert said["type"] == "purge"
    assert said["payload"]["positions"] == [[2, 3], [5, 5]]
    assert said["payload"]["authority"] == "Court 3"
    assert ledger.event(2)["payload"] == {}
    assert SECRET in ledger.event(4)["payload"]["text"]
    assert sorted(purged_leaves(ledger, 1, 9)) == [2, 3, 5]
    assert all(holds(ledger, batch) for batch in ledger.batches())
    assert [e["position"] for e in ledger.events("judgement")] == [1, 4, 6, 7, 8, 9]
    assert said["payload"]["remains"] == remaining_root(ledger, (2, 3, 5))


def test_a_whole_batch_can_be_purged_after_a_part_of_it(ledger: Ledger, landing: Landing) -> None:
    purge(ledger, landing, order(positions=(2,)), BY)
    purge(ledger, landing, order(batch=1), BY)
    assert ledger.event(11)["payload"]["positions"] == [[1, 1], [3, 6]]
    assert all(holds(ledger, batch) for batch in ledger.batches())
    assert purge(ledger, landing, order(batch=1, positions=(2,)), BY) is None
    assert ledger.head().batch == 4


def test_the_old_salts_are_gone(ledger: Ledger, landing: Landing) -> None:
    query = select(schema.salt.c.salts).where(schema.salt.c.batch == 1)
    with ledger.database.read() as connection:
        before = connection.execute(query).scalar_one()
    purge(ledger, landing, order(positions=(2,)), BY)
    with ledger.database.read() as connection:
        after = connection.execute(query).scalar_one()
    one = slice(SALT_BYTES, 2 * SALT_BYTES)
    assert before[one] != after[one]
    assert before[:SALT_BYTES] + before[2 * SALT_BYTES :] == after[:SALT_BYTES] + after[2 * SALT_BYTES :]


def as_owner(ledger: Ledger, statement: str) -> None:
    """What somebody can do who owns the tables."""
    with ledger.database.write() as connection:
        if ledger.database.dialect == "sqlite":
            connection.execute(text("DROP TRIGGER event_refuses_update"))
        else:
            connection.execute(text("DROP TRIGGER event_refuses_change ON event"))
        connection.execute(text(statement))


def test_what_is_left_of_a_purged_event_cannot_be_altered_unseen(ledger: Ledger, landing: Landing) -> None:
    purge(ledger, landing, order(positions=(2, 3, 8)), BY)
    purge(ledger, landing, order(positions=(1, 9)), BY)
    assert purge_problems(ledger) == []
    as_owner(ledger, "UPDATE event SET value = 90 WHERE position = 8")
    assert holds(ledger, ledger.batch(2))
    assert [p.split(",")[0] for p in purge_problems(ledger)] == [
        "what is left of the purged positions 2 to 3"
    ]


def test_an_altered_event_cannot_be_passed_off_as_purged(ledger: Ledger, landing: Landing) -> None:
    purge(ledger, landing, order(positions=(2,)), BY)
    with ledger.database.read() as connection:
        salts = connection.execute(select(schema.salt.c.salts).where(schema.salt.c.batch == 1)).scalar_one()
    leaf = event_leaves(ledger.read(0, 6), salts)[3]
    forged = {"position": 4, "leaf": leaf, "what": "", "authority": "", "reason": "", "purged_at": 1}
    with ledger.database.write() as connection:
        connection.execute(schema.purged.insert(), forged | {"purged_by": 3})
    as_owner(ledger, "UPDATE event SET value = 90 WHERE position = 4")
    assert holds(ledger, ledger.batch(1))
    assert purge_problems(ledger) == ["batch 3 orders the purge of positions 2, and purged are 2, 4"]


def kill_while_purging(url: str, directory: Path) -> None:
    def die(*_: object) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    purge_module._record = die
    purge(Ledger(Database(url)), Landing(directory), order(batch=1), BY)


def test_a_kill_leaves_all_as_it_was(ledger: Ledger, landing: Landing, tmp_path: Path) -> None:
    url = ledger.database.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=kill_while_purging, args=(url, tmp_path))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert SECRET in ledger.event(1)["payload"]["text"]
    assert holds(ledger, ledger.batch(1))
    refuses_change(ledger, "event")
    assert purge(ledger, landing, order(batch=1), BY) is not None
    assert purge_problems(ledger) == []


def refuses_change(ledger: Ledger, table: str) -> None:
    for statement in (f"UPDATE {table} SET reason = 'x'", f"DELETE FROM {table}"):
        with (
            pytest.raises((DatabaseError, LedgerError), match="append-only"),
            ledger.database.write() as connection,
        ):
            connection.execute(text(statement))


@pytest.mark.parametrize("table", ["event", "purged"])
def test_afterwards_the_tables_are_append_only_again(ledger: Ledger, landing: Landing, table: str) -> None:
    purge(ledger, landing, order(positions=(2,)), BY)
    refuses_change(ledger, table)


def test_a_fault_before_the_record_leaves_all_as_it_was(
    ledger: Ledger, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError("power cut")

    monkeypatch.setattr(purge_module, "_record", fail)
    with pytest.raises(OSError, match="power cut"):
        purge(ledger, landing, order(positions=(2,)), BY)
    assert SECRET in ledger.event(2)["payload"]["text"]
    assert purged_leaves(ledger, 1, 9) == {}
    assert holds(ledger, ledger.batch(1))
    refuses_change(ledger, "event")


def test_a_purge_does_not_hide_what_was_altered_before(ledger: Ledger, landing: Landing) -> None:
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE salt SET salts = :zeros WHERE batch = 1"), {"zeros": bytes(96)})
    with pytest.raises(LedgerError, match="batch 1 does not agree with its hash"):
        purge(ledger, landing, order(positions=(2,)), BY)


def test_landed_bytes_go_and_the_log_says_why(ledger: Ledger, landing: Landing, tmp_path: Path) -> None:
    source = tmp_path / "file.csv"
    source.write_text(SECRET)
    landed = landing.land(source)
    ledger.record_landing(landed.sha256, landed.byte_size, landed.file_name)
    purge(ledger, landing, order(files=(landed.sha256,)), BY)
    assert not landed.path.exists()
    found = purged_files(ledger)[landed.sha256]
    assert (found.authority, found.reason, found.purged_by) == ("Court 3", "erasure", 3)
    assert ledger.event(10)["payload"]["positions"] == []


def test_the_same_order_again_finishes_what_a_crash_left(
    ledger: Ledger, landing: Landing, tmp_path: Path
) -> None:
    source = tmp_path / "file.csv"
    source.write_text(SECRET)
    landed = landing.land(source)
    ledger.record_landing(landed.sha256, landed.byte_size, landed.file_name)
    purge(ledger, landing, order(files=(landed.sha256,)), BY)
    landing.land(source)
    assert purge(ledger, landing, order(files=(landed.sha256,)), BY) is None
    assert not landed.path.exists()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"authority": " ", "positions": (1,)}, LedgerError, "needs an authority and a reason"),
        ({"reason": "", "positions": (1,)}, LedgerError, "needs an authority and a reason"),
        ({}, LedgerError, "names what is to go"),
        ({"positions": (99,)}, NotFoundError, "no position 99"),
        ({"batch": 99}, NotFoundError, "no batch 99"),
        ({"files": (hashlib.sha256().hexdigest(),)}, NotFoundError, "no file with SHA-256"),
    ],
)
def test_an_order_that_cannot_be_carried_out_changes_nothing(
    ledger: Ledger, landing: Landing, wrong: dict[str, Any], error: type[LedgerError], message: str
) -> None:
    with pytest.raises(error, match=message):
        purge(ledger, landing, order(**wrong), BY)
    assert ledger.head().batch == 2


def test_the_record_of_a_purge_is_never_purged(ledger: Ledger, landing: Landing) -> None:
    purge(ledger, landing, order(positions=(2,)), BY)
    with pytest.raises(LedgerError, match="never purged"):
        purge(ledger, landing, order(batch=3), BY)


def test_no_byte_of_a_payload_is_left_in_a_sqlite_file(tmp_path: Path, landing: Landing) -> None:
    ledger = Ledger.found(Database(f"sqlite:///{tmp_path / 'ledger.db'}"))
    add(ledger, range(1, 200))
    purge(ledger, landing, order(batch=1), BY)
    left = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert SECRET.encode() not in left


def test_numbers_as_ranges() -> None:
    assert ranges([]) == []
    assert ranges([1, 2, 3, 5, 7, 8]) == [(1, 3), (5, 5), (7, 8)]
    assert json.dumps(ranges([4])) == "[[4, 4]]"
