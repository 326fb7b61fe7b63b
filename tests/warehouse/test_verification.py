"""Tampering by someone who owns the database: each kind is found and named."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from ratings.errors import LedgerError
from warehouse import merkle, verification
from warehouse.batch_leaves import batch_leaves, raw_batches
from warehouse.batches import NewBatch
from warehouse.database import Database
from warehouse.event_log import Ledger, event_frame
from warehouse.landing import Landing
from warehouse.verification import Covered, verify


def append(ledger: Ledger, count: int = 600, start: int = 0) -> None:
    rows = [
        {"type": "observation", "schema_version": 1, "collection": "c", "indicator": "i",
         "organisation": f"o{n}", "value": float(n), "published_at": 5}
        for n in range(start, start + count)
    ]  # fmt: skip
    new = NewBatch(kind="vintage", actor="ann", code_version="0", collection="c", published_at=5)
    ledger.append(new, event_frame(rows))


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger.found(database)
    append(made)
    append(made, 3)
    return made


def tamper(ledger: Ledger, *statements: str) -> None:
    with ledger.database.write() as connection:
        if ledger.database.dialect == "sqlite":
            names = connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).scalars()
            for name in names.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            for table in ("event", "indicator_block", "batch", "batch_tree", "salt", "landed_file"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(text(statement))


def covered(ledger: Ledger) -> Covered:
    with ledger.database.read() as connection:
        rows = raw_batches(connection)
    return Covered(len(rows), merkle.root(batch_leaves(rows)), rows[-1]["last_position"])


def problems(ledger: Ledger, against: Covered | None = None) -> str:
    found = verify(ledger, None, against, processes=1)
    assert found.ok == (not found.problems)
    return "\n".join(found.problems)


def test_an_untouched_log_verifies(ledger: Ledger) -> None:
    found = verify(ledger, None, covered(ledger), processes=1)
    assert (found.ok, found.events, found.batches) == (True, 603, 2)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE event SET value = 7.5 WHERE position = 300", "an event between positions 257 and 512"),
        ("UPDATE event SET reason = 'x' WHERE position = 590", "an event between positions 513 and 600"),
        ("DELETE FROM event WHERE position = 300", "batch 1: the event at position 300 is missing"),
        ("DELETE FROM event WHERE position > 601", "the event at position 602 and 1 more is missing"),
        ("UPDATE event SET batch = 1 WHERE position = 602", "position 602 says that it is in another batch"),
        ("INSERT INTO event (position, batch, type, schema_version) VALUES (604, 2, 'observation', 1)",
         "1 events are in no batch, the first at position 604"),
        ("UPDATE batch_tree SET events_root = salts FROM salt WHERE batch_tree.batch = 1 AND salt.batch = 1",
         "batch 1: an event between positions 513 and 600, or its recorded root"),
        ("DELETE FROM batch_tree WHERE batch = 2", "batch 2 has no row in batch_tree"),
        ("DELETE FROM salt WHERE batch = 2", "batch 2: salts of positions 601 to 603 are missing"),
        ("DELETE FROM indicator_block WHERE first_position = 257",
         "batch 1: indicator_block does not lead to events of i from position 257 on"),
        ("INSERT INTO indicator_block VALUES (2, 'j', 601)",
         "batch 2: indicator_block leads in vain to events of j from position 601 on"),
    ],
)  # fmt: skip
def test_what_was_altered_is_named(ledger: Ledger, statement: str, named: str) -> None:
    tamper(ledger, statement)
    assert named in problems(ledger)


def test_two_swapped_events_are_found(ledger: Ledger) -> None:
    tamper(
        ledger,
        "UPDATE event SET value = 399, organisation = 'o399' WHERE position = 1",
        "UPDATE event SET value = 0, organisation = 'o0' WHERE position = 400",
    )
    found = problems(ledger)
    assert "positions 1 and 256" in found
    assert "positions 257 and 512" in found


def test_a_replaced_row_that_passed_the_triggers_is_found(new_ledger: Callable[[], Ledger]) -> None:
    ledger = new_ledger()
    append(ledger)
    with ledger.database.write() as connection:
        connection.execute(
            text(
                "INSERT OR REPLACE INTO event (position, batch, type, schema_version) "
                "VALUES (300, 1, 'observation', 1)"
            )
        )
    assert "positions 257 and 512" in problems(ledger)


CUT = tuple(
    f"DELETE FROM {table} WHERE {column} = 2"
    for table, column in (
        ("indicator_block", "batch"), ("event", "batch"), ("batch_tree", "batch"), ("salt", "batch"),
        ("batch", "id"),
    )
)  # fmt: skip


def test_a_truncated_tail_is_caught_by_a_newer_checkpoint(ledger: Ledger) -> None:
    kept = covered(ledger)
    tamper(ledger, *CUT)
    assert problems(ledger) == ""
    assert "the log ends at batch 1, and the checkpoint covers 2" in problems(ledger, kept)


def test_an_old_backup_put_back_is_caught_by_a_newer_checkpoint(
    new_ledger: Callable[[], Ledger], tmp_path: Path
) -> None:
    ledger, backup = new_ledger(), tmp_path / "backup.db"
    append(ledger)
    with sqlite3.connect(ledger.database.address) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close(), target.close()
    append(ledger, 2)
    kept = covered(ledger)
    restored = Ledger(Database(backup))
    assert problems(restored) == ""
    assert "an older copy was put in its place" in problems(restored, kept)
    append(restored, 2, start=7)
    assert "the first 2 batches are not those of the checkpoint" in problems(restored, kept)


def test_several_processes_find_what_one_finds(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_WORTH_A_PROCESS", 0)
    monkeypatch.setattr(verification, "CHUNK", merkle.SUBTREE_LEAVES)
    whole = verify(ledger, processes=2)
    assert (whole.ok, whole.events, whole.root) == (True, 603, verify(ledger, processes=1).root)
    tamper(ledger, "UPDATE event SET value = 7.5 WHERE position = 300")
    found = verify(ledger, processes=2)
    assert found.problems == verify(ledger, processes=1).problems
    assert "an event between positions 257 and 512" in found.problems[0]


def killed(address: object, segments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_while_it_hashes_is_an_error_and_no_endless_wait(
    new_ledger: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger()
    append(ledger)
    monkeypatch.setattr(verification, "_WORTH_A_PROCESS", 0)
    monkeypatch.setattr(verification, "_hash_at", killed)
    with pytest.raises(LedgerError, match=r"was killed. Next: see whether memory ran out"):
        verify(ledger, processes=2)


def test_a_rewritten_log_with_new_hashes_is_caught_by_a_checkpoint(ledger: Ledger) -> None:
    kept = covered(ledger)
    tamper(ledger, *CUT)
    append(ledger, 3, start=50)
    assert problems(ledger) == ""
    assert "the first 2 batches are not those of the checkpoint" in problems(ledger, kept)


def test_a_later_log_agrees_with_an_earlier_checkpoint(ledger: Ledger) -> None:
    kept = covered(ledger)
    append(ledger, 2)
    assert problems(ledger, kept) == ""


def test_a_landed_file_changed_or_missing_is_named(ledger: Ledger, tmp_path: Path) -> None:
    source, landing = tmp_path / "f.csv", Landing(tmp_path / "landing")
    source.write_text("a,b\n")
    landed = landing.land(source)
    ledger.record_landing(landed.sha256, landed.byte_size, landed.file_name)
    assert verify(ledger, landing, processes=1).ok
    os.chmod(landed.path, 0o644)  # noqa: PTH101
    landed.path.write_text("a,c\n")
    assert "f.csv" in verify(ledger, landing, processes=1).problems[0]
    assert "was changed" in verify(ledger, landing, processes=1).problems[0]
    landed.path.unlink()
    assert "is missing" in verify(ledger, landing, processes=1).problems[0]
