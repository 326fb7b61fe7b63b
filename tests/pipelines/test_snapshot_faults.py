"""Bad input of the snapshot commands: a clear error with a next step, exit code not 0, nothing damaged."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.errors import NotFoundError, SnapshotError, StarledgerError
from tests.made_ledgers import OUT, overwrite, some_figures, warehouse
from warehouse import snapshots
from warehouse.snapshots import SnapshotRef, latest, snapshot_ids

MOMENT = "2024-01-10T09:30:00Z"
RATE = ["rate", "--method", "lait-quartile", "--as-published", MOMENT]


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


@pytest.fixture
def built(here: Settings) -> SnapshotRef:
    return build(here, "lait-quartile", as_published=OUT)


def refused(here: Settings, *command: str) -> StarledgerError:
    """The error that a command ends with."""
    done: Result = CliRunner().invoke(app, [*command, "--warehouse", str(here.warehouse)])
    assert done.exit_code != 0, done.output
    assert isinstance(done.exception, StarledgerError), done.exception
    assert "Next: " in str(done.exception)
    return done.exception


def content(directory: Path) -> dict[str, bytes]:
    return {str(f.relative_to(directory)): f.read_bytes() for f in directory.rglob("*") if f.is_file()}


def test_a_full_disk_leaves_no_snapshot_and_no_event(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write, left = snapshots.write_bytes, iter(range(5))

    def full(path: Path, what: bytes) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, what)

    monkeypatch.setattr(snapshots, "write_bytes", full)
    assert "No space left on device" in str(refused(here, *RATE))
    assert snapshot_ids(here.snapshots) == []
    assert not list(here.snapshots.iterdir())
    assert here.ledger().events("snapshot_built") == []
    monkeypatch.setattr(snapshots, "write_bytes", write)
    assert CliRunner().invoke(app, [*RATE, "--warehouse", str(here.warehouse)]).exit_code == 0


def test_a_directory_that_cannot_be_written_is_named(here: Settings) -> None:
    if os.geteuid() == 0:  # root may write anywhere
        here.snapshots.write_text("not a directory")
    else:
        here.snapshots.mkdir()
        here.snapshots.chmod(0o555)
    error = refused(here, *RATE)
    assert isinstance(error, SnapshotError)
    assert str(here.snapshots) in str(error)


def test_a_hand_edited_manifest_is_neither_verified_nor_released(here: Settings, built: SnapshotRef) -> None:
    manifest: dict[str, Any] = built.manifest | {"label": "Approved"}
    overwrite(built.path / "manifest.json", json.dumps(manifest))
    for command in (["snapshots", "verify", built.id], ["release", built.id, "--reason", "r"]):
        assert "manifest.json was altered" in str(refused(here, *command))
    assert latest(here.snapshots) is None


def test_a_deleted_or_swapped_table_is_named_by_every_command_that_needs_it(
    here: Settings, built: SnapshotRef, tmp_path: Path
) -> None:
    one, other = built.path / "bands.parquet", built.path / "quality.parquet"
    taken = one.read_bytes()
    overwrite(one, other.read_bytes())
    assert "bands.parquet was swapped" in str(refused(here, "snapshots", "verify", built.id))
    one.unlink()
    out = str(tmp_path / "out")
    for command in (
        ["snapshots", "verify", built.id],
        ["release", built.id, "--reason", "r"],
        ["snapshots", "publish", built.id, "--to", out],
    ):
        assert "bands.parquet is missing" in str(refused(here, *command))
    for command in (
        ["snapshots", "export", built.id, "--out", out],
        ["snapshots", "diff", built.id, built.id],
    ):
        assert "table bands cannot be read" in str(refused(here, *command))
    assert not Path(out).exists()
    one.write_bytes(taken)
    assert (
        CliRunner()
        .invoke(app, ["snapshots", "verify", built.id, "--warehouse", str(here.warehouse)])
        .exit_code
        == 0
    )


def test_a_snapshot_of_a_newer_version_is_left_alone_by_every_command(
    here: Settings, built: SnapshotRef, tmp_path: Path
) -> None:
    overwrite(built.path / "manifest.json", json.dumps(built.manifest | {"schema_version": 99}))
    before = content(built.path)
    for command in (
        ["snapshots", "verify", built.id],
        ["snapshots", "verify", str(built.path)],
        ["snapshots", "show", built.id],
        ["snapshots", "replay", built.id],
        ["snapshots", "sql", built.id, "SELECT 1"],
        ["snapshots", "export", built.id, "--out", str(tmp_path / "out")],
        ["release", built.id, "--reason", "r"],
    ):
        assert "newer than this code knows" in str(refused(here, *command)), command
    assert content(built.path) == before


def test_a_directory_that_is_no_snapshot_and_an_id_that_is_none(here: Settings, tmp_path: Path) -> None:
    for named in ("nothing", str(tmp_path / "nowhere"), "m-20240331-000000000000"):
        assert isinstance(refused(here, "snapshots", "verify", named), NotFoundError)
    (tmp_path / "empty").mkdir()
    assert "there is no manifest" in str(refused(here, "snapshots", "verify", str(tmp_path / "empty")))


def test_a_lost_signing_key_stops_a_build_before_anything_is_written(
    here: Settings, built: SnapshotRef
) -> None:
    shutil.rmtree(here.warehouse / "keys")
    command = ["rate", "--method", "lait-quartile", "--as-published", "2024-02-01"]
    assert "put the directory back from a backup" in str(refused(here, *command))
    assert snapshot_ids(here.snapshots) == [built.id]
