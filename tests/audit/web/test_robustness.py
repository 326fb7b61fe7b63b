"""Robustness: PostgreSQL that is slow or goes away, readers during a release, a server asked often."""

from __future__ import annotations

import http.client
import itertools
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, create_engine, text

from audit.web.app import create_app
from audit.web.archive import Archive
from pipelines.publish import release
from tests.audit.web.made_told import Told
from tests.audit.web.test_pages import client
from tests.conftest import postgresql_databases
from warehouse.copying import copy
from warehouse.database import Database
from warehouse.event_log import now

REQUESTS = int(os.environ.get("STARLEDGER_REQUESTS", "400"))
READERS = 16
SECONDS = 0.5
WALSALL = "/snapshots/{s}/organisations/walsall"
FIGURE = WALSALL + "/figures/PAF:A1"


@dataclass(frozen=True, slots=True)
class OnPostgresql:
    """The pages of a ledger in PostgreSQL, and the database behind them."""

    database: Database
    reader: TestClient
    archive: Archive

    @contextmanager
    def admin(self, database: str | None = None) -> Iterator[Connection]:
        url = self.database.url.set(database=database or self.database.url.database)
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()


@pytest.fixture(scope="module")
def served(postgresql: str, told: Told) -> Iterator[OnPostgresql]:
    with postgresql_databases(postgresql) as make:
        database = make()
        copy(told.settings.ledger(), database)
        moved = replace(told.settings, database_url=database.url.render_as_string(hide_password=False))
        archive = Archive(
            moved.reading_ledger(SECONDS),
            moved.landing,
            moved.snapshots,
            audience="public",
            now=now,
            prove=lambda position: "",
            verified=moved.verified,
        )
        reader = TestClient(create_app(archive), raise_server_exceptions=False)
        yield OnPostgresql(database, reader, archive)


def test_postgresql_itself_refuses_what_the_pages_could_write(served: OnPostgresql) -> None:
    for statement in (
        "INSERT INTO landed_file VALUES ('x', 1, 'x', 1)",
        "CREATE TABLE mine (x INTEGER)",
        "DELETE FROM salt",
    ):
        with (
            pytest.raises(Exception, match="read-only"),
            served.archive.ledger.database.read() as connection,
        ):
            connection.execute(text(statement))
    with pytest.raises(Exception, match="read-only"), served.archive.ledger.database.bulk() as bulk:
        bulk.numbers("DELETE FROM salt RETURNING 1")


def test_a_query_that_takes_too_long_ends_with_a_page_and_the_next_one_is_answered(
    served: OnPostgresql, told: Told
) -> None:
    path = FIGURE.format(s=told.july)
    assert served.reader.get(path).status_code == 200
    with served.admin() as connection:
        locked = connection.execution_options(isolation_level="READ COMMITTED")
        with locked.begin():
            locked.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
            began = time.monotonic()
            slow = served.reader.get(path + "/2000-04-01--P1Y")
            took = time.monotonic() - began
    assert slow.status_code == 503
    assert "The ledger cannot be read now" in slow.text
    assert SECONDS <= took < 10 * SECONDS
    assert served.reader.get(path + "/2000-04-01--P1Y").status_code == 200


def test_a_postgresql_that_goes_away_has_its_page_and_is_found_again(
    served: OnPostgresql, told: Told
) -> None:
    path, name = WALSALL.format(s=told.july), served.database.url.database
    assert served.reader.get(path).status_code == 200
    with served.admin("postgres") as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        )
        for each in (path, "/", "/api" + path):
            gone = served.reader.get(each)
            assert gone.status_code == 503, each
            assert str(name) not in gone.text
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    assert served.reader.get(path).status_code == 200


def test_a_connection_that_is_killed_in_the_middle_costs_one_page(served: OnPostgresql, told: Told) -> None:
    path, name = FIGURE.format(s=told.may), served.database.url.database
    with served.admin("postgres") as admin, served.admin() as connection, ThreadPoolExecutor(1) as beside:
        locked = connection.execution_options(isolation_level="READ COMMITTED")
        with locked.begin():
            locked.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
            waiting = beside.submit(served.reader.get, path)
            waits = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{name}' AND wait_event_type = 'Lock'"
            )
            while not admin.execute(waits).all() and not waiting.done():
                time.sleep(0.01)
            assert waiting.result().status_code == 503
    assert served.reader.get(path).status_code == 200


def test_readers_during_a_release_see_all_of_it_or_nothing(told: Told, tmp_path: Path) -> None:
    directory = shutil.copytree(told.settings.warehouse, tmp_path / "w")
    here = replace(told.settings, warehouse=directory, database_url=directory / "ledger.db")
    public = client(here, "public")
    done = threading.Event()
    lists: Counter[tuple[tuple[str, bool], ...]] = Counter()
    pages: Counter[tuple[int, bytes]] = Counter()

    def reads() -> None:
        while not done.is_set():
            snapshots = public.get("/api").json()["snapshots"]
            lists[tuple((rated["about"]["id"], rated["released"]) for rated in snapshots)] += 1
            page = public.get(WALSALL.format(s=told.august))
            pages[page.status_code, page.content] += 1
            time.sleep(0.1)  # so that whoever releases has a turn

    before = ((told.july, True), (told.may, False))
    after = ((told.august, True), (told.july, False), (told.may, False))
    with ThreadPoolExecutor(READERS) as beside:
        reading = [beside.submit(reads) for _ in range(READERS)]
        try:
            _until(lambda: lists[before] >= READERS, reading)
            release(here, told.august, reason="the third")
            _until(lambda: lists[after] >= READERS, reading)
        finally:
            done.set()
        for each in reading:
            each.result()
    assert set(lists) == {before, after}
    assert sorted(status for status, _ in pages) == [200, 404]


def _until(holds: Callable[[], bool], reading: list[Future[None]]) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        assert not any(each.done() for each in reading)
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process holds: resident memory in MiB, threads, open files."""

    memory: float
    threads: int
    files: int


def taken(process: int) -> Taken:
    said = Path(f"/proc/{process}/status").read_text()
    numbers = {line.split(":")[0]: line.split()[1] for line in said.splitlines() if len(line.split()) > 1}
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Taken(int(numbers["VmRSS"]) / 1024, int(numbers["Threads"]), files)


@pytest.fixture(scope="module")
def running(told: Told) -> Iterator[tuple[int, int]]:
    """A server of its own: its process and its port."""
    asked = ["serve", "--port", "0", "--warehouse", str(told.settings.warehouse)]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("starledger"), *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert " at http://127.0.0.1:" in said, said
    yield process.pid, int(said.strip().rstrip("/").rpartition(":")[2])
    process.terminate()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait()


def addresses(told: Told) -> Iterator[tuple[str, str, int]]:
    """Method, address and status that is due: pages, twins and files, and what nobody should ask."""
    for number in itertools.count():
        for snapshot in (told.may, told.july):
            yield "GET", "/", 200
            yield "GET", f"/snapshots/{snapshot}?q=w&page={number % 99_000 + 1}", 200
            yield "GET", WALSALL.format(s=snapshot), 200
            yield "GET", "/api" + FIGURE.format(s=snapshot), 200
            yield "HEAD", f"/snapshots/{snapshot}", 200
            yield "GET", f"/snapshots/{snapshot}/ratings.csv?q={number}", 200
            yield "GET", f"/snapshots/{snapshot}/indicators/PAF:A1", 200
        yield "GET", "/ledger", 200
        yield "GET", f"/snapshots/{told.august}", 404
        yield "GET", f"/snapshots/{told.july}?page={10**18 + number}", 422
        yield "GET", f"/snapshots/{told.july}/organisations/a%00{number}", 422
        yield "GET", f"/snapshots/{told.july}/indicators/{'x' * 5000}", 422
        yield "GET", f"/{number}/%2e%2e%2f%2e%2e%2fledger.db", 404
        yield "POST", "/", 405


@pytest.mark.timeout(1800)
def test_a_server_asked_ten_thousand_times_holds_no_more_than_before(
    running: tuple[int, int], told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    process, port = running
    asked = addresses(told)
    lock = threading.Lock()

    def reader(count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(count):
            with lock:
                method, address, status = next(asked)
            connection.request(method, address)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, (method, address, answer.status)
        connection.close()

    def all_ask(count: int) -> Taken:
        with ThreadPoolExecutor(READERS) as readers:
            for each in [readers.submit(reader, count // READERS) for _ in range(READERS)]:
                each.result()
        time.sleep(0.2)
        return taken(process)

    began, half, end = taken(process), all_ask(REQUESTS // 2), all_ask(REQUESTS // 2)
    with capsys.disabled():
        print(
            f"\n{REQUESTS:,} requests of {READERS} readers: {began} at first, {half} half-way, {end} at last"
        )
    assert end.memory < 600
    assert end.memory < half.memory + 64  # answers are kept up to 48 MiB
    assert end.threads <= half.threads + READERS
    assert end.files <= half.files + 2


def test_what_is_no_request_is_refused_and_the_server_stays_up(running: tuple[int, int]) -> None:
    _, port = running
    for said in (
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            try:
                raw.sendall(said)
                answer = raw.recv(100)
            except ConnectionError:
                continue  # it hung up before it had read all of that
            assert answer[:12] in (b"HTTP/1.1 400", b""), said[:30]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
