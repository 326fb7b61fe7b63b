"""Stored snapshots: of every schema version one was kept with its log, and the log still gives it."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.replay import replay
from pipelines.settings import Settings
from pipelines.snapshot_checks import check
from warehouse.snapshots import list_snapshots, verify

STORED = Path(__file__).parent / "data"
VERSIONS = sorted(int(path.name.rpartition("-")[2]) for path in STORED.glob("snapshot-version-*"))


def stored(version: int, directory: Path) -> Settings:
    """A warehouse as the version that wrote it left it."""
    kept = STORED / f"snapshot-version-{version}"
    shutil.copytree(kept, directory / "snapshots", ignore=lambda *_: ["ledger.sql.gz"])
    with closing(sqlite3.connect(directory / "ledger.db")) as connection:
        connection.executescript(gzip.decompress((kept / "ledger.sql.gz").read_bytes()).decode())
    return Settings(directory, directory / "ledger.db", "tester")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stored_snapshot_of_every_version_is_whole_and_the_log_gives_it_again(
    version: int, tmp_path: Path
) -> None:
    there = stored(version, tmp_path / "w")
    found = list_snapshots(there.snapshots)
    assert {snapshot.manifest["method"]["id"] for snapshot in found} == {"lait-quartile", "ssi-2002"}
    for snapshot in found:
        assert snapshot.manifest["schema_version"] == version
        assert verify(snapshot.path) == []
        assert check(there, snapshot.id)[1].problems == ()
        done = replay(there, snapshot.id)
        assert {table.table for table in done.tables} == set(snapshot.manifest["tables"])
        assert [table.table for table in done.tables if not table.identical] == []
