"""The door to the engine: its gate, and its errors."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from ratings.errors import LedgerError
from warehouse import schema
from warehouse.batches import NewBatch
from warehouse.database import Database
from warehouse.engine_errors import reported
from warehouse.event_log import ConflictError, Ledger, event_frame
from warehouse.observations import timeline

ROUNDS = 25


def append_and_read(url: str, actor: str, failures: multiprocessing.Queue[str]) -> None:
    """Append and read to Arrow in turns, from several threads."""
    ledger = Ledger(Database(url))

    def work(number: int) -> None:
        try:
            for n in range(ROUNDS):
                row = {
                    "type": "observation", "schema_version": 1, "collection": "c", "organisation": "o",
                    "indicator": f"{actor}-{number}", "period": "2020-01-01/P1Y", "value": float(n),
                    "published_at": 1,
                }  # fmt: skip
                ledger.append(
                    NewBatch("vintage", actor, "0", collection="c", published_at=1), event_frame([row])
                )
                mine = timeline(ledger, ["c"]).filter(pl.col("indicator") == f"{actor}-{number}")
                if mine.height != n + 1:
                    failures.put(f"{actor}-{number}: {mine.height} rows after {n + 1} commits")
        except Exception as error:
            failures.put(repr(error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_processes_that_mix_both_sqlite_libraries_lose_no_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger.found(Database(url))
    context = multiprocessing.get_context("spawn")
    failures = context.Queue()
    processes = [
        context.Process(target=append_and_read, args=(url, actor, failures)) for actor in ("ann", "bob")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert failures.empty(), failures.get()
    assert ledger.head().position == 4 * ROUNDS
    assert timeline(ledger)["position"].sort().to_list() == list(range(1, 4 * ROUNDS + 1))


def test_a_thread_that_holds_a_connection_may_not_read_to_arrow(new_ledger: Callable[..., Ledger]) -> None:
    database = new_ledger().database
    with database.read(), pytest.raises(RuntimeError, match="close the connection"):
        database.frame(schema.event, ["position"])


def test_a_column_that_begins_with_nulls_keeps_its_type(new_ledger: Callable[..., Ledger]) -> None:
    ledger = new_ledger()
    rows = [{"type": "observation", "schema_version": 1, "collection": "c"} for _ in range(70_000)]
    rows.append(rows[0] | {"value": 0.25, "period_label": "2015"})
    ledger.append(NewBatch("vintage", "a", "0", collection="c"), event_frame(rows))
    read = ledger.database.frame(schema.event, ["position", "value", "period_label"])
    assert read.filter(pl.col("value").is_not_null()).rows() == [(70_001, 0.25, "2015")]


def test_writers_of_one_position_conflict(new_ledger: Callable[..., Ledger]) -> None:
    ledger = new_ledger()
    row = event_frame([{"type": "check_result", "schema_version": 1}])
    ledger.append(NewBatch("vintage", "a", "0"), row, expected_position=0)
    with pytest.raises(ConflictError):
        ledger.append(NewBatch("vintage", "b", "0"), row, expected_position=0)


def test_an_unreachable_server_is_an_error_with_a_next_step() -> None:
    with pytest.raises(
        LedgerError, match=r"no server answers at .*127\.0\.0\.1:1/nothing\. Next: check that the server runs"
    ):
        Database("postgresql://nobody@127.0.0.1:1/nothing").exists()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(LedgerError, match="SQLite or PostgreSQL, not in mysql"):
        Database("mysql://localhost/x")


def test_a_file_that_is_no_database_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(LedgerError, match=r"is not a database.*Next: restore the file"):
        Database(f"sqlite:///{file}").exists()


@pytest.mark.parametrize("address", ["nonsense", "postgresql://ann:secret@localhost:port/x"])
def test_an_address_that_is_no_url_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(LedgerError, match=r"is not a URL. Next: give --database-url") as refused:
        Database(address)
    assert "secret" not in str(refused.value)


def test_a_directory_that_sqlite_cannot_open_a_file_in_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    # A directory in the place of the file gives what SQLite says on a read-only disk, for any user.
    with pytest.raises(LedgerError, match=r"cannot be opened.*Next: check that the directory .* written to"):
        Database(tmp_path).exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            'connection failed: connection to server at "127.0.0.1", port 5433 failed: FATAL:  password '
            'authentication failed for user "clerk"',
            "does not let this user in with this password: DB. Next: check the user and the password",
        ),
        (
            'connection failed: connection to server at "127.0.0.1", port 5433 failed: fe_sendauth: no '
            "password supplied",
            "does not let this user in with this password: DB. Next: check the user and the password",
        ),
        (
            'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  no pg_hba.conf '
            'entry for host "10.0.0.9", user "clerk", database "d", no encryption',
            "the server admits no such connection from here: DB. Next: ask its administrator",
        ),
        (
            "failed to resolve host 'no.such.host.invalid': [Errno -2] Name or service not known",
            "the host of DB is not known. Next: check the name",
        ),
        (
            "UNAUTHORIZED: [libpq] COPY query failed: ERROR:  permission denied for table batch",
            "permission denied: this user may not do that in DB. Next: ask the owner",
        ),
        (
            "consuming input failed: server closed the connection unexpectedly",
            "the server broke off the connection: DB. Next: run the command again",
        ),
        (
            "attempt to write a readonly database",
            "the database file DB cannot be written. Next: make the file",
        ),
        ("database or disk is full", "the disk of the database DB is full. Next: free some space"),
        ("something new\nand more of it", "the database DB answered: something new"),
    ],
)
def test_what_an_engine_says_of_its_troubles_becomes_a_sentence(said: str, sentence: str) -> None:
    assert sentence in str(reported(said, "DB"))


def test_no_part_of_an_address_that_may_be_secret_is_shown() -> None:
    database = Database("postgresql://ann:geheim@/log?host=/run/server&sslpassword=geheim&password=geheim")
    assert database.shown == "postgresql://ann:***@/log?host=%2Frun%2Fserver"


def test_what_a_server_refuses_is_an_error_with_a_next_step(
    new_postgresql: Callable[[], Database],
) -> None:
    database = new_postgresql()
    ledger = Ledger.found(database)
    for part, value, hint in (("database", "nowhere", "createdb"), ("username", "nobody", "createuser")):
        other = database.url.set(**{part: value}).render_as_string(hide_password=False)
        with pytest.raises(LedgerError, match=rf"Next: .*({hint})"):
            Database(other).exists()
    with database.write() as connection:
        name = database.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    event = event_frame([{"type": "check_result", "schema_version": 1}])
    with pytest.raises(LedgerError, match=r"read-only transaction.*Next: name a server that takes writes"):
        ledger.append(NewBatch("vintage", "a", "0"), event)
    with pytest.raises(LedgerError, match=r"read-only transaction.*Next: name a server that takes writes"):
        ledger.record_landing("0" * 64, 1, "x")
    assert ledger.head().position == 0
