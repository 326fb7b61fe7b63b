"""What a writer role and a read-only role may do, tried with real roles."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from ratings.errors import LedgerError, NotFoundError
from warehouse.batches import NewBatch
from warehouse.database import Database
from warehouse.event_log import Ledger, event_frame
from warehouse.export import export
from warehouse.grants import Access, grant, grant_statements
from warehouse.landing import Landing
from warehouse.purge import Order, purge

TABLES = (
    "ledger", "landed_file", "batch", "event", "indicator_block", "quarantine", "batch_tree", "salt",
    "purged",
)  # fmt: skip
NEW = NewBatch("vintage", "ann", "0")
EVENTS = event_frame([{"type": "observation", "schema_version": 1, "value": 1.0}])


@pytest.fixture
def owned(new_postgresql: Callable[[], Database]) -> Database:
    """A PostgreSQL ledger with one batch, seen by its owner."""
    database = new_postgresql()
    Ledger.found(database).append(NEW, EVENTS)
    return database


@pytest.fixture
def role(owned: Database) -> Iterator[str]:
    """A role that may log in and nothing more; its name needs quoting."""
    name = f"starledger-{uuid.uuid4().hex[:8]}"
    with owned.write() as connection:
        connection.execute(text(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'secret'"))
    yield name
    with owned.write() as connection:
        connection.execute(text(f'DROP OWNED BY "{name}"'))
        connection.execute(text(f'DROP ROLE "{name}"'))


def seen_by(owned: Database, role: str) -> Database:
    url = owned.url.set(username=role, password="secret")
    return Database(url.render_as_string(hide_password=False))


def refused(database: Database, statement: str) -> None:
    with pytest.raises((DatabaseError, LedgerError), match=r"permission denied|must be owner"):
        run(database, statement)


def run(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.execute(text(statement))


def test_a_writer_can_append_and_read(owned: Database, role: str) -> None:
    grant(owned, role, "writer")
    ledger = Ledger(seen_by(owned, role))
    ledger.record_landing("ab" * 32, 3, "a.csv")
    assert ledger.append(NEW, EVENTS, expected_position=1).last_position == 2
    assert ledger.read().height == 2


@pytest.mark.parametrize("access", ["writer", "read-only"])
@pytest.mark.parametrize("table", TABLES)
def test_nobody_but_the_owner_can_change_or_remove_rows(
    owned: Database, role: str, access: Access, table: str
) -> None:
    grant(owned, role, access)
    database = seen_by(owned, role)
    column = {"ledger": "kind", "landed_file": "file_name", "batch": "kind", "event": "reason"}.get(table)
    column = column or {
        "quarantine": "raw",
        "batch_tree": "subtrees",
        "salt": "salts",
        "indicator_block": "indicator",
    }.get(table, "reason")
    refused(database, f"UPDATE {table} SET {column} = {column}")
    refused(database, f"DELETE FROM {table}")
    refused(database, f"TRUNCATE {table} CASCADE")
    refused(database, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    refused(database, f"DROP TABLE {table} CASCADE")


def test_a_writer_writes_neither_what_was_founded_nor_what_was_purged(owned: Database, role: str) -> None:
    grant(owned, role, "writer")
    refused(seen_by(owned, role), "INSERT INTO ledger SELECT 2, origin, kind, founded_at FROM ledger")
    refused(seen_by(owned, role), "INSERT INTO purged VALUES (1, '', '', '', '', 1, 1)")
    refused(seen_by(owned, role), "UPDATE alembic_version SET version_num = '0000'")


def test_a_writer_cannot_purge(owned: Database, role: str, tmp_path: Path) -> None:
    grant(owned, role, "writer")
    with pytest.raises(LedgerError, match="only the owner of the ledger's tables may purge"):
        purge(Ledger(seen_by(owned, role)), Landing(tmp_path), Order("a", "b", positions=(1,)), NEW)


def test_a_reader_reads_everything_and_inserts_nothing(owned: Database, role: str, tmp_path: Path) -> None:
    grant(owned, role, "read-only")
    ledger = Ledger(seen_by(owned, role))
    assert export(ledger, tmp_path / "out").manifest["last_position"] == 1
    with pytest.raises(LedgerError, match="permission denied"):
        ledger.append(NEW, EVENTS)
    for table in TABLES:
        refused(ledger.database, f"INSERT INTO {table} SELECT * FROM {table}")
    assert ledger.head().position == 1


def test_a_writer_who_becomes_a_reader_writes_no_more(owned: Database, role: str) -> None:
    grant(owned, role, "writer")
    grant(owned, role, "read-only")
    with pytest.raises(LedgerError, match="permission denied"):
        Ledger(seen_by(owned, role)).append(NEW, EVENTS)


def test_a_role_without_a_grant_sees_nothing(owned: Database, role: str) -> None:
    refused(seen_by(owned, role), "SELECT * FROM event")


def test_only_the_owner_grants(owned: Database, role: str) -> None:
    grant(owned, role, "writer")
    with pytest.raises(LedgerError, match="only the owner"):
        grant(seen_by(owned, role), role, "read-only")


def test_a_grant_cannot_narrow_the_owner(owned: Database) -> None:
    assert owned.url.username
    with pytest.raises(LedgerError, match="has the rights of the tables' owner"):
        grant(owned, owned.url.username, "writer")


def test_a_role_that_is_not_there_is_named(owned: Database) -> None:
    with pytest.raises(NotFoundError, match="no role 'nobody-here'"):
        grant(owned, "nobody-here", "writer")


def test_the_name_of_a_role_is_quoted(owned: Database) -> None:
    assert grant_statements(owned, 'x"; DROP TABLE event', "read-only")[1] == (
        'GRANT USAGE ON SCHEMA public TO "x""; DROP TABLE event"'
    )


def test_sqlite_has_no_roles(new_database: Callable[[], Database]) -> None:
    with pytest.raises(LedgerError, match="SQLite, which has no roles"):
        grant_statements(new_database(), "ann", "writer")
