"""Database: one door to the ledger's engine, SQLite or PostgreSQL.

Here: connections for transactions (SQLAlchemy), whole-table reads to Arrow (ADBC), bulk inserts, migrations,
and the gate that keeps two SQLite libraries from being open on one file in one process.
Not here: what the tables mean (schema.py) and what may be written (event_log.py).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from ratings.errors import LedgerError
from warehouse.engine_errors import reported
from warehouse.schema import frame_schema

SCHEMA_REVISION = "0002"
_WRITER_LOCK = 0x57A21ED6E2  # PostgreSQL advisory lock: a role that may only INSERT may not lock a table.
_PATIENCE_MS = 60_000  # how long to wait for another writer
_SECRET_OPTIONS = ("password", "sslpassword", "oauth_client_secret")
_URL_HINT = (
    "give --database-url, or else STARLEDGER_DATABASE_URL, as sqlite:///FILE or postgresql://USER@HOST/NAME"
)


class _Gate:
    """Lets in either many SQLAlchemy connections or one ADBC connection, never both.

    The ADBC wheel carries its own SQLite. POSIX locks belong to the process: when one library closes the file
    it drops the locks the other one holds, and committed rows are lost. So within a process, and per file,
    the two never have it open at the same time.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._shared = 0
        self._exclusive = False
        self._held = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._exclusive)
            self._shared += 1
        self._held.count = getattr(self._held, "count", 0) + 1
        try:
            yield
        finally:
            self._held.count -= 1
            with self._condition:
                self._shared -= 1
                self._condition.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if getattr(self._held, "count", 0):
            raise RuntimeError("close the connection of this thread before reading to Arrow")
        with self._condition:
            self._condition.wait_for(lambda: not self._exclusive and not self._shared)
            self._exclusive = True
        try:
            yield
        finally:
            with self._condition:
                self._exclusive = False
                self._condition.notify_all()


_gates: dict[str, _Gate] = {}
_gates_lock = threading.Lock()


def _gate(path: str) -> _Gate:
    with _gates_lock:
        return _gates.setdefault(str(Path(path).resolve()), _Gate())


class Bulk:
    """One write transaction that takes Arrow.

    Args:
        cursor: of an ADBC connection inside the transaction.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def numbers(self, query: str) -> tuple[int, ...] | None:
        """The first row of a query whose columns are whole numbers and never null; None where it has none."""
        self._cursor.execute(query)
        row = self._cursor.fetchone()
        return None if row is None else tuple(row)

    def insert(self, table: Table, rows: pl.DataFrame) -> None:
        """Append rows: the table's columns, in any order, of its types."""
        if rows.is_empty():
            return
        # A column that says nothing costs as much to hand over as one that does.
        columns = [c.name for c in table.columns if rows[c.name].null_count() < rows.height]
        arrow = rows.select(columns).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._cursor.adbc_ingest(table.name, arrow, mode="append")


class Database:
    """An open door to one database.

    Args:
        url: SQLAlchemy URL, `sqlite:///path` or `postgresql://user@host/name`; or the path of an SQLite file,
            in which no sign has a meaning of its own.
        read_only: refuse every write, whatever is asked; the engine holds this, not only we.
        query_seconds: how long a query of a read-only door may take; None for no limit. SQLite counts from
            the opening of its connection, of which each read has its own.
    """

    def __init__(
        self, url: str | Path, *, read_only: bool = False, query_seconds: float | None = None
    ) -> None:
        parsed = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else _parsed(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise LedgerError(
                f"a ledger lives in SQLite or PostgreSQL, not in {parsed.drivername}", hint=_URL_HINT
            )
        self.url: URL = parsed
        self.read_only = read_only
        self.dialect = parsed.get_backend_name()
        how = _reading(parsed, query_seconds) if read_only else {}
        self._options: str | None = how.get("connect_args", {}).get("options")
        self.engine: Engine = create_engine(parsed, poolclass=NullPool, **how)
        self._gate = _gate(parsed.database or "") if self.dialect == "sqlite" else None
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", _prepare_reading if read_only else _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def address(self) -> str | Path:
        """What another process opens the same database with: the file, or the URL with its password."""
        if self.dialect == "sqlite":
            return Path(self.url.database or "")
        return self.url.render_as_string(hide_password=False)

    @property
    def shown(self) -> str:
        """The address as a person would type it, its secrets left out."""
        if self.dialect == "sqlite":
            return str(self.url.database)
        plain = self.url.set(drivername=self.dialect).difference_update_query(_SECRET_OPTIONS)
        return plain.render_as_string(hide_password=True)

    def exists(self) -> bool:
        """Whether a ledger was founded here: not only its tables made."""
        return self.revision() is not None

    def revision(self) -> str | None:
        """The schema revision of the ledger that was founded here, None where there is none."""
        if self.dialect == "sqlite" and not Path(self.url.database or "").exists():
            return None
        with self.read() as connection:
            if not self.engine.dialect.has_table(connection, "ledger"):
                return None
            query = "SELECT version_num FROM alembic_version WHERE (SELECT count(*) FROM ledger) = 1"
            return connection.execute(text(query)).scalar()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection inside one read transaction."""
        with self._open() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside one write transaction; writers come one after the other."""
        with self._open() as connection:
            connection = connection.execution_options(immediate=True)
            with connection.begin():
                if self.dialect == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
                yield connection

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        if self._gate is None:
            with self._reported(), self.engine.connect() as connection:
                yield connection
        else:
            with self._gate.shared(), self._reported(), self.engine.connect() as connection:
                yield connection

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turn what an engine says of its own troubles into an error with a next step."""
        try:
            yield
        except DatabaseError as error:
            trouble = reported(str(error.orig or error), self.shown)
            if trouble.hint is None and not isinstance(error, OperationalError):
                raise
            raise trouble from error

    @contextmanager
    def bulk(self) -> Iterator[Bulk]:
        """A write transaction that takes Arrow; writers come one after the other."""
        with self._adbc() as connection, connection.cursor() as cursor:
            if self.dialect == "sqlite":
                cursor.execute("PRAGMA synchronous = FULL")
            connection.adbc_connection.set_autocommit(False)
            try:
                # SQLite would begin by reading and then find that another writer came between: a write that
                # changes nothing takes the lock first.
                cursor.execute(
                    "DELETE FROM salt WHERE batch < 0"
                    if self.dialect == "sqlite"
                    else f"SELECT pg_advisory_xact_lock({_WRITER_LOCK}) IS NULL"
                )
                yield Bulk(cursor)
                connection.adbc_connection.commit()
            except BaseException:
                connection.adbc_connection.rollback()
                raise

    @contextmanager
    def _adbc(self) -> Iterator[Any]:
        """An ADBC connection, alone on its file in this process; its errors reported like all others."""
        import adbc_driver_manager

        try:
            if self._gate is None:
                import adbc_driver_postgresql.dbapi as adbc_postgresql

                with adbc_postgresql.connect(self._libpq_uri(), autocommit=True) as connection:
                    yield connection
                return
            import adbc_driver_sqlite.dbapi as adbc_sqlite

            uri = _file_uri(self.url, "ro" if self.read_only else "rw")
            with self._gate.exclusive(), adbc_sqlite.connect(uri, autocommit=True) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
                    cursor.fetchall()
                yield connection
        except adbc_driver_manager.Error as error:
            raise reported(str(error), self.shown) from error

    def _libpq_uri(self) -> str:
        """The address for the other library of PostgreSQL, with what holds a read-only door to reading."""
        url = self.url.set(drivername="postgresql")
        if self._options is None:
            return url.render_as_string(hide_password=False)
        address = url.difference_update_query(["options"]).render_as_string(hide_password=False)
        return f"{address}{'&' if '?' in address else '?'}options={quote(self._options)}"

    def frame(
        self, table: Table, columns: list[str], where: str = "TRUE", *, compact: bool = True
    ) -> pl.DataFrame:
        """Read columns of a table through Arrow.

        Args:
            table: what to read.
            columns: its columns, in the order wanted.
            where: an SQL condition of numbers and column names only (nothing that a user typed).
            compact: text as Categorical, since the same few thousand words fill millions of cells; else as it
                is, which takes less time and more memory.

        Returns:
            One row per row of the table, in no particular order.
        """
        types = frame_schema(table)
        schema = {name: types[name] for name in columns}
        query = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {where}"
        if self.dialect == "sqlite":
            # The driver takes each column's type from the rows it sees first, and a null says nothing:
            # a row of typed values goes before, and is cut off again.
            typed = {pl.Int64(): "0", pl.Float64(): "0.5", pl.String(): "''", pl.Binary(): "x''"}
            prototype = ", ".join(f"{typed[schema[name]]} AS {name}" for name in columns)
            query = f"SELECT {prototype} UNION ALL {query}"
        with self._adbc() as connection, connection.cursor() as cursor:
            if self.dialect == "sqlite":
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
            cursor.execute(query)
            found = _collected(
                cursor.fetch_record_batch(), schema, pl.Categorical() if compact else pl.String()
            )
        return found.slice(1) if self.dialect == "sqlite" else found

    def compact(self) -> None:
        """Write the tables anew, so that nothing is left of what was removed from them, and others wait."""
        command = "VACUUM" if self.dialect == "sqlite" else "VACUUM (FULL) event, salt"
        with self._open() as connection:
            raw: Any = connection.connection.driver_connection
            if self.dialect == "postgresql":
                raw.autocommit = True
            raw.execute(command)

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema to a revision, by default the newest, in one transaction."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)


def _parsed(url: str) -> URL:
    """A URL in its parts; what cannot be read as one is not repeated, since it may hold a password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError("the address of the database is not a URL", hint=_URL_HINT) from None


def _collected(
    batches: pa.RecordBatchReader, schema: dict[str, pl.DataType], text: pl.DataType
) -> pl.DataFrame:
    """Record batches as one frame; each is converted while the database fetches the next."""
    kept = {name: text if dtype == pl.String() else dtype for name, dtype in schema.items()}
    parts = [pl.DataFrame(schema=kept)]
    with ThreadPoolExecutor(1) as beside:
        fetched = beside.submit(next, batches, None)
        while (batch := fetched.result()) is not None:
            fetched = beside.submit(next, batches, None)
            parts.append(pl.DataFrame(batch).select(list(schema)).cast(schema).cast(kept))  # type: ignore[arg-type]
    return pl.concat(parts)


def _file_uri(url: URL, mode: str) -> str:
    return f"{Path(url.database or '').resolve().as_uri()}?mode={mode}"


def _reading(url: URL, seconds: float | None) -> dict[str, Any]:
    """How an engine is opened so that it refuses to write, and gives up on a query that takes too long."""
    if url.get_backend_name() == "postgresql":
        limit = 0 if seconds is None else max(1, int(1000 * seconds))
        options = f"-c default_transaction_read_only=on -c statement_timeout={limit}"
        return {"connect_args": {"options": options, "connect_timeout": 10}}

    def connect() -> sqlite3.Connection:
        # As SQLAlchemy opens it: a connection may be closed by another thread than the one that opened it.
        connection = sqlite3.connect(_file_uri(url, "ro"), uri=True, check_same_thread=False)
        if seconds is not None:
            ends = time.monotonic() + seconds
            connection.set_progress_handler(lambda: int(time.monotonic() > ends), 100_000)
        return connection

    return {"creator": connect}


def _prepare_reading(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = (
        None  # transactions begin where _begin_sqlite says, not before the first write
    )
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    connection.execute("PRAGMA page_size = 16384")  # heard by a new file only: a bulk load writes fewer pages
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
