"""What the checks found in the newest release, read back from the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import received
from pipelines.indicators import known_at
from pipelines.ingest import ingest
from pipelines.received import conservation, received_by_indicator
from pipelines.settings import Settings, settings
from pipelines.simulate import SimulatedFile, simulate
from pipelines.void import void
from warehouse.event_log import DEMONSTRATION

METHOD = "stars-illustrative"
DAY = 86_400_000_000


@pytest.fixture
def known(tmp_path: Path) -> tuple[Settings, list[SimulatedFile]]:
    where = settings(tmp_path / "warehouse", actor="tester")
    where.found_ledger(DEMONSTRATION)
    files = simulate(tmp_path / "simulated", councils=3)
    for file in (files[-1], files[0]):
        ingest(where, [file.path], "simulated", published_at=file.published_at)
    return where, files


def test_the_newest_release_is_the_one_published_last_not_the_one_that_came_last(
    known: tuple[Settings, list[SimulatedFile]],
) -> None:
    where, files = known
    found = received_by_indicator(where, known_at(where, METHOD))
    assert {entry.file_name for entry in found.values()} == {files[-1].path.name}
    made = Counter(event["batch"] for event in where.ledger().events("check_result"))
    assert all(entry.checks == made[entry.batch] >= 10 for entry in found.values())


def test_a_file_refused_as_a_whole_is_seen_although_it_is_no_input(
    known: tuple[Settings, list[SimulatedFile]], tmp_path: Path
) -> None:
    where, files = known
    before = known_at(where, METHOD)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    ingest(where, [broken], "simulated", published_at=files[-1].published_at + DAY)
    after = known_at(where, METHOD, as_published=files[-1].published_at + DAY)
    assert after.as_recorded == before.as_recorded < after.head
    assert all(entry.refused_file for entry in received_by_indicator(where, after).values())
    # The same release, whole at last, is what counts from then on.
    ingest(where, [files[1].path], "simulated", published_at=files[-1].published_at + DAY)
    again = known_at(where, METHOD, as_published=files[-1].published_at + DAY)
    assert not any(entry.refused_file for entry in received_by_indicator(where, again).values())


def test_a_release_that_was_taken_back_does_not_count(
    known: tuple[Settings, list[SimulatedFile]],
) -> None:
    where, files = known
    newest = received_by_indicator(where, known_at(where, METHOD))["LAIT:CPP_Num"].batch
    void(where, newest or 0, "the wrong file")
    found = received_by_indicator(where, known_at(where, METHOD))
    assert {entry.file_name for entry in found.values()} == {files[0].path.name}
    assert conservation(where, known_at(where, METHOD)).files == 1


def test_rows_that_went_nowhere_are_named_by_file(
    known: tuple[Settings, list[SimulatedFile]], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, files = known
    at = known_at(where, METHOD)
    assert conservation(where, at).problems == ()
    inputs = received._inputs(where.ledger(), at)
    lost = [replace(b, counts=b.counts | {"observations": b.counts["observations"] - 1}) for b in inputs[:1]]
    monkeypatch.setattr(received, "_inputs", lambda *_: [*lost, *inputs[1:]])
    [problem] = conservation(where, at).problems
    assert problem.startswith(f"{files[-1].path.name} (batch ")
