"""Object stores: a snapshot is there whole or not at all, and what is there is never written again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import Mock

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.ledger_proofs import public_key
from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.errors import InputError, NotFoundError, SnapshotError
from tests.made_ledgers import OUT, append, figure, overwrite, some_figures, warehouse
from warehouse.object_store import (
    Store,
    fetch_snapshot,
    latest_in,
    move_latest_in,
    open_store,
    put_snapshot,
    snapshots_in,
)
from warehouse.snapshots import SnapshotRef, latest, verify

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        try:
            yield f"{host}:{port}"
        finally:
            server.stop()


@pytest.fixture(params=["directory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "published")
    endpoint = request.getfixturevalue("endpoint")
    bucket = f"b{abs(hash(request.node.name)) % 10**9}"
    boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1").create_bucket(
        Bucket=bucket
    )
    return f"s3://{bucket}/ratings?endpoint_override={endpoint}&scheme=http&region=us-east-1"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("stored") / "w")
    some_figures(made)
    return made


@pytest.fixture(scope="module")
def built(here: Settings) -> SnapshotRef:
    return build(here, "lait-quartile", as_published=OUT)


def test_a_snapshot_comes_back_as_it_was_put(built: SnapshotRef, url: str, tmp_path: Path) -> None:
    store = open_store(url)
    assert snapshots_in(store) == []
    assert put_snapshot(store, built) is False
    assert snapshots_in(store) == [built.id]
    assert put_snapshot(store, built) is True
    fetched = fetch_snapshot(store, built.id, tmp_path)
    assert verify(fetched) == []
    assert {f.name: f.read_bytes() for f in fetched.iterdir()} == {
        f.name: f.read_bytes() for f in built.path.iterdir()
    }
    with pytest.raises(NotFoundError, match="no snapshot 'nothing'"):
        fetch_snapshot(store, "nothing", tmp_path)


def full_after(puts: int, store: Store) -> Store:
    """A store that takes so many objects and no more."""
    left = iter(range(puts))

    def put(path: str, content: bytes) -> bool:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        return store.put(path, content)

    return replace(store, put=put)


def test_a_copy_broken_off_anywhere_is_not_there_and_is_finished_by_the_next(
    built: SnapshotRef, url: str
) -> None:
    count = len(list(built.path.iterdir()))
    for at in range(0, count, 4):
        store = open_store(url)
        store = replace(store, root=store.path(f"try-{at}"))
        with pytest.raises(SnapshotError, match=r"cannot be published: .*No space left.*Next: "):
            put_snapshot(full_after(at, store), built)
        assert snapshots_in(store) == []
        assert put_snapshot(store, built) is False
        assert snapshots_in(store) == [built.id]


def test_of_two_publishers_one_wins_and_nothing_is_mixed(
    built: SnapshotRef, url: str, tmp_path: Path
) -> None:
    """Two warehouses have the same rating under the same id, with receipts of their own."""
    other = Path(shutil.copytree(built.path, tmp_path / "other" / built.id))
    overwrite(other / "receipt.json", "another")
    rival = replace(built, path=other)
    store = open_store(url)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(put_snapshot, store, each) for each in (built, rival, built, rival)]
    refused = [error for each in done if (error := each.exception()) is not None]
    assert len(refused) == 2
    assert all("is another" in str(error) for error in refused)
    fetched = fetch_snapshot(store, built.id, tmp_path)
    assert {f.name: f.read_bytes() for f in fetched.iterdir()} in [
        {f.name: f.read_bytes() for f in each.iterdir()} for each in (built.path, other)
    ]


def test_readers_polling_during_a_publish_see_whole_snapshots_only(
    built: SnapshotRef, url: str, tmp_path: Path
) -> None:
    store, over, seen = open_store(url), Event(), []

    def read() -> None:
        number = 0
        while True:
            last = over.is_set()
            for identifier in snapshots_in(store):
                into = tmp_path / str(number)
                into.mkdir()
                seen.append(verify(fetch_snapshot(store, identifier, into)))
                number += 1
            if last:
                return

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        put_snapshot(store, built)
        over.set()
        reader.result(60)
    assert seen
    assert not any(seen)


def test_latest_moves_in_one_put_and_goes_away(url: str) -> None:
    store = open_store(url)
    assert latest_in(store) is None
    if store.files.type_name == "local":
        Path(store.root).mkdir()
    for number in (1, 2):
        move_latest_in(store, {"id": str(number)})
        assert latest_in(store) == {"id": str(number)}
    move_latest_in(store, None)
    move_latest_in(store, None)
    assert latest_in(store) is None


def test_a_release_is_followed_by_the_store_that_is_named(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = warehouse(tmp_path / "w")
    some_figures(here)
    monkeypatch.setenv("STARLEDGER_PUBLISH_TO", url)
    first = build(here, "lait-quartile", as_published=OUT)
    release(here, first.id, reason="r")
    store = open_store(url)
    assert (latest_in(store) or {})["id"] == first.id
    append(here, [figure("camden", 9.0)], at=OUT + 1)
    second = build(here, "lait-quartile", as_published=OUT + 1)
    assert snapshots_in(store) == [first.id]  # a draft is nobody else's yet
    release(here, second.id, reason="r")
    assert snapshots_in(store) == sorted([first.id, second.id])
    release(here, second.id, state="withdrawn", reason="r")
    assert (latest_in(store) or {})["id"] == first.id
    release(here, first.id, state="held", reason="r")
    assert latest_in(store) is None


def test_a_store_that_was_away_during_a_release_is_made_good_by_settling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = warehouse(tmp_path / "w")
    some_figures(here)
    first = build(here, "lait-quartile", as_published=OUT)
    (tmp_path / "mount").write_text("nothing is mounted here")
    url = str(tmp_path / "mount" / "published")
    monkeypatch.setenv("STARLEDGER_PUBLISH_TO", url)
    command = ["release", first.id, "--reason", "r", "--warehouse", str(here.warehouse)]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, SnapshotError)
    assert f"here latest.json names {first.id}" in str(refused.exception)
    assert "starledger snapshots settle" in str(refused.exception)
    assert (latest(here.snapshots) or {})["id"] == first.id
    (tmp_path / "mount").unlink()
    done = CliRunner().invoke(app, ["snapshots", "settle", "--warehouse", str(here.warehouse)])
    assert done.output == f"latest.json names {first.id}\n"
    assert (latest_in(open_store(url)) or {})["id"] == first.id
    assert snapshots_in(open_store(url)) == [first.id]


def test_a_store_named_wrong_is_told_with_what_was_released_here_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = warehouse(tmp_path / "w")
    some_figures(here)
    first = build(here, "lait-quartile", as_published=OUT)
    monkeypatch.setenv("STARLEDGER_PUBLISH_TO", "nowhere://x/y")
    with pytest.raises(SnapshotError, match=f"latest.json names {first.id}.*put STARLEDGER_PUBLISH_TO right"):
        release(here, first.id, reason="r")
    assert (latest(here.snapshots) or {})["id"] == first.id


def test_the_commands_publish_and_verify_by_url(here: Settings, built: SnapshotRef, url: str) -> None:
    place = ["--warehouse", str(here.warehouse)]
    command = ["snapshots", "publish", built.id, "--to", url, *place]
    assert CliRunner().invoke(app, command).output == f"{built.id} is there: {url}\n"
    assert "was there already" in CliRunner().invoke(app, command).output
    address, _, query = url.partition("?")
    there = f"{address}/{built.id}" + (f"?{query}" if query else "")
    key = ["--public-key", str(public_key(here))]
    done = CliRunner().invoke(app, ["snapshots", "verify", there, *key, *place])
    assert done.exit_code == 0, done.output
    assert "whole and unaltered, 5 observations in the log" in done.output


@pytest.mark.parametrize("wrong", ["nowhere://x/y", "s3:///", "gs://bucket/path"])
def test_what_is_no_place_for_snapshots_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="Next: give a URL"):
        open_store(wrong)


def test_a_store_that_does_not_answer_is_an_error_with_a_next_step(
    built: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (KEYS | {"AWS_MAX_ATTEMPTS": "1"}).items():
        monkeypatch.setenv(name, value)
    closed = open_store("s3://bucket/path?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    with pytest.raises(SnapshotError, match=r"cannot be published.*Next: check the address"):
        put_snapshot(closed, built)


def test_a_reader_of_parquet_opens_a_table_by_its_url(
    built: SnapshotRef, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    store = open_store(url)
    put_snapshot(store, built)
    table: Any = pq.read_table(store.path(built.id, "observations.parquet"), filesystem=store.files)
    assert (
        pl.DataFrame(table)["organisation"].to_list() == built.table("observations")["organisation"].to_list()
    )


def test_a_secret_in_the_url_of_a_store_is_never_shown() -> None:
    with pytest.raises(InputError, match="'nowhere://bucket/y' is not a place") as refused:
        open_store("nowhere://key:secret@bucket/y")
    assert "secret" not in refused.value.message
    assert open_store("s3://key:secret@bucket/y?region=eu-west-1").url == "s3://bucket/y?region=eu-west-1"


def test_what_a_kill_leaves_of_a_file_half_put_is_in_no_snapshot(
    built: SnapshotRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "published"))
    with monkeypatch.context() as killed:
        killed.setattr("os.link", Mock(side_effect=OSError("killed")))
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(SnapshotError, match="killed"):
            put_snapshot(store, built)
    put_snapshot(store, built)
    assert verify(tmp_path / "published" / built.id) == []
    assert snapshots_in(store) == [built.id]
