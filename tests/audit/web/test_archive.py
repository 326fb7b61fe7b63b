"""Archive: when the log and the files are looked at again, and what of a snapshot is shown to whom."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from audit.web.archive import INTERNAL, PUBLIC, Archive, NotWholeError
from audit.web.tables import by_organisation, confidential
from audit.web.watch import Watch
from ratings.errors import LedgerError, NotFoundError
from tests.warehouse.test_snapshots import ABOUT, tables
from warehouse.batches import Head, NewBatch
from warehouse.event_log import Ledger, event_frame
from warehouse.landing import Landing
from warehouse.snapshot_manifest import iso
from warehouse.snapshots import SnapshotRef, write_snapshot

EVERY = 5.0


@pytest.fixture
def ledger(new_ledger: Callable[..., Ledger]) -> Ledger:
    return new_ledger()


@pytest.fixture
def written(tmp_path: Path, ledger: Ledger) -> SnapshotRef:
    about = replace(ABOUT, ledger={"origin": ledger.origin, "kind": "production"})
    return write_snapshot(tmp_path / "snapshots", about, tables() | {"observations": with_secrets()})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of the watch, to be set."""
    seconds = [100.0]
    monkeypatch.setattr("audit.web.watch.monotonic", lambda: seconds[0])
    return seconds


def with_secrets() -> pl.DataFrame:
    return tables()["observations"].with_columns(
        pl.Series("value", [1.5, 2.5]), pl.Series("conf_status", ["C", "F"])
    )


def archive(ledger: Ledger, root: Path, audience: str = INTERNAL, every: float = 0.0) -> Archive:
    return Archive(
        ledger,
        Landing(root),
        root / "snapshots",
        audience=audience,
        now=lambda: 1_800_000_000_000_000,
        prove=str,
        every=every,
    )


def record(ledger: Ledger, kind: str, payload: dict[str, object]) -> None:
    event = {"type": kind, "schema_version": 1, "payload": payload, "reason": "a test"}
    ledger.append(NewBatch(kind="release", actor="ann", code_version="0"), event_frame([event]))


def record_build(ledger: Ledger, found: SnapshotRef) -> None:
    record(ledger, "snapshot_built", {"id": found.id, "manifest_sha256": found.manifest_sha256})


def record_release(ledger: Ledger, found: SnapshotRef, at: int = 0) -> None:
    record(ledger, "release", {"snapshot": found.id, "state": "released", "at": iso(at)})


def test_a_look_is_good_for_a_moment_and_then_sees_what_is_new(
    ledger: Ledger, written: SnapshotRef, tmp_path: Path, clock: list[float]
) -> None:
    record_build(ledger, written)
    public = archive(ledger, tmp_path, PUBLIC, EVERY)
    before = public.version()
    record_release(ledger, written)
    clock[0] += EVERY - 0.1
    assert (public.version(), public.entries()) == (before, [])
    clock[0] += 0.1
    assert public.version() != before
    assert [(entry.id, entry.current) for entry in public.entries()] == [(written.id, True)]
    after = public.version()
    clock[0] += EVERY
    assert public.version() == after


def test_an_embargo_that_ends_is_seen_though_nothing_is_written(
    ledger: Ledger, written: SnapshotRef, tmp_path: Path
) -> None:
    record_build(ledger, written)
    record_release(ledger, written, at=50)
    at = [49]
    watch = Watch(ledger, Landing(tmp_path), written.path.parent, public=True, now=lambda: at[0], every=0.0)
    before = watch.look()
    at[0] = 50
    assert (list(before.entries), list(watch.look().entries)) == ([], [written.id])
    assert watch.look().version > before.version


def test_a_snapshot_that_the_log_names_later_is_looked_at_again(
    ledger: Ledger, written: SnapshotRef, tmp_path: Path
) -> None:
    reader = archive(ledger, tmp_path)
    with pytest.raises(NotWholeError, match="the log does not say that it was built"):
        reader.open(written.id)
    record_build(ledger, written)
    reader.version()
    assert reader.open(written.id).manifest_sha256 == written.manifest_sha256


def test_a_table_that_changed_after_it_was_verified_is_not_shown(
    ledger: Ledger, written: SnapshotRef, tmp_path: Path, clock: list[float]
) -> None:
    record_build(ledger, written)
    reader = archive(ledger, tmp_path, every=EVERY)
    opened = reader.open(written.id)
    assert opened.table("organisations").height == 2
    file = written.path / "observations.parquet"
    file.chmod(0o644)
    pl.read_parquet(file).with_columns(value=pl.lit(9.9)).write_parquet(file)
    with pytest.raises(NotWholeError, match="changed while they were read"):
        opened.table("observations")
    clock[0] += EVERY
    reader.version()
    with pytest.raises(NotWholeError, match=r"observations\.parquet is cut short"):
        reader.open(written.id)


def test_confidential_figures_are_kept_for_insiders_in_tables_of_their_own(
    ledger: Ledger, written: SnapshotRef, tmp_path: Path
) -> None:
    record_build(ledger, written)
    record_release(ledger, written)
    shown = {
        audience: archive(ledger, tmp_path, audience)
        .open(written.id)
        .table("observations")["value"]
        .to_list()
        for audience in (INTERNAL, PUBLIC, INTERNAL)
    }
    assert shown == {INTERNAL: [2.5, 1.5], PUBLIC: [2.5, None]}


def test_what_is_not_said_to_be_confidential_is_free() -> None:
    said = pl.DataFrame(
        {"position": [1, 2, 3, 4], "organisation": list("abcd"), "indicator": ["i"] * 4}
    ).with_columns(conf_status=pl.Series([None, "F", "C", "N"]))
    assert confidential(said)["position"].to_list() == [3, 4]


def test_rows_of_an_organisation_are_found_as_a_filter_finds_them() -> None:
    rows = pl.DataFrame({"organisation": ["b", "a", "b", "c"], "n": ["1", "2", "3", "2"]})
    table = by_organisation(rows)
    for name in ("a", "b", "c", "nobody"):
        assert table.where(organisation=name).equals(rows.filter(pl.col("organisation") == name))
    assert table.where(organisation="b", n="3")["n"].to_list() == ["3"]
    assert table.where(n="2")["organisation"].to_list() == ["a", "c"]
    assert by_organisation(rows.select("n")).where(n="2").height == 2


def test_those_who_wait_for_a_ledger_that_fails_are_told_at_once(ledger: Ledger, tmp_path: Path) -> None:
    watch = Watch(ledger, Landing(tmp_path), tmp_path, public=True, now=lambda: 0, every=0.0)
    asked, go = [], Event()

    def head() -> Head:
        asked.append(1)
        assert go.wait(10)
        raise LedgerError("it does not answer")

    ledger.head = head  # type: ignore[method-assign]
    with ThreadPoolExecutor(4) as readers:
        waiting = [readers.submit(watch.look) for _ in range(4)]
        while not asked:
            pass
        go.set()
        for reader in waiting:
            with pytest.raises(LedgerError, match="it does not answer"):
                reader.result()
    assert len(asked) < 4
    with pytest.raises(LedgerError):
        watch.look()
    assert len(asked) == 2


def test_a_snapshot_that_is_not_there_has_no_problems_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    record(ledger, "snapshot_built", {"id": "m-20240331-000000000000", "manifest_sha256": "0" * 64})
    reader = archive(ledger, tmp_path)
    with pytest.raises(NotWholeError, match="its directory is missing"):
        reader.open("m-20240331-000000000000")
    with pytest.raises(NotFoundError):
        reader.open("m-20240331-000000000001")
