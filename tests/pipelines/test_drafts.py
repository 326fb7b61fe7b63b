"""Drafts that nobody asked for: due when figures came, held back by what the log says was refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.drafts import next_draft
from pipelines.ingest import ingest
from pipelines.publish import release, released_or_newest, unsettled
from pipelines.rate import build, start_of_today
from pipelines.settings import Settings, scheduled_method, settings
from pipelines.void import void
from ratings.errors import NotFoundError
from tests.made_ledgers import OUT, append, figure, simulated_warehouse, some_figures, warehouse
from warehouse.snapshot_manifest import iso

METHOD = "lait-quartile"
HOUR = 3_600_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


def refuse(here: Settings, tmp_path: Path, at: int) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    [report] = ingest(here, [broken], "lait", published_at=at)
    assert report.status == "refused"


def test_a_draft_is_due_when_figures_came_and_not_again_once_it_is_built(here: Settings) -> None:
    due = next_draft(here, METHOD)
    assert (due.due, due.blocked, due.round) == (True, False, iso(start_of_today())[:10])
    built = build(here, METHOD)
    again = next_draft(here, METHOD)
    assert (again.due, again.why) == (False, f"{built.id} holds everything that was accepted")
    append(here, [figure("camden", 9.0)], at=OUT + 1)
    assert next_draft(here, METHOD).due


def test_a_file_of_today_is_in_the_round_although_a_day_begins_at_midnight(here: Settings) -> None:
    at = start_of_today() + 1
    append(here, [figure("camden", 9.0)], at=at)
    assert next_draft(here, METHOD).round == iso(at)


def test_a_refused_newest_release_holds_the_draft_back_until_it_is_put_right(
    here: Settings, tmp_path: Path
) -> None:
    refuse(here, tmp_path, OUT + HOUR)
    held = next_draft(here, METHOD)
    assert (held.due, held.blocked) == (False, True)
    assert "broken.parquet, the newest release of lait, was refused (batch" in held.why
    append(here, [figure("camden", 9.0)], at=OUT + HOUR)  # the same release, corrected
    assert next_draft(here, METHOD).due


def test_a_refused_older_file_holds_nothing_back(here: Settings, tmp_path: Path) -> None:
    refuse(here, tmp_path, OUT - HOUR)
    assert next_draft(here, METHOD).due


def test_a_row_that_went_nowhere_holds_the_draft_back(here: Settings) -> None:
    append(here, [figure("camden", 9.0)], at=OUT + 1, rows_read=2, counts={"observations": 1})
    assert "2 rows read, 1 accounted for" in next_draft(here, METHOD).why


def test_a_void_makes_a_draft_due(here: Settings) -> None:
    extra = append(here, [figure("camden", 9.0)], at=OUT + 1)
    build(here, METHOD)
    void(here, extra.id, "the wrong file")
    assert next_draft(here, METHOD).due


def test_invented_figures_are_rated_at_their_own_last_release(tmp_path: Path) -> None:
    there = simulated_warehouse(tmp_path / "w")
    append(there, [figure("sim-amberdale", 1.0)], collection="simulated", simulated=True, at=OUT)
    due = next_draft(there, METHOD)
    assert (due.due, due.simulated, due.round) == (True, True, "2024-01-10T09:30Z")


def test_where_nothing_is_known_nothing_is_due(tmp_path: Path) -> None:
    nowhere = settings(tmp_path / "nowhere", actor="tester")
    assert "no ledger" in next_draft(nowhere, METHOD).why
    empty = warehouse(tmp_path / "w")
    assert next_draft(empty, METHOD).why == "nothing that lait-quartile rates was accepted yet"
    assert not (tmp_path / "nowhere").exists()


def test_an_embargo_that_ended_is_unsettled_until_latest_follows(here: Settings) -> None:
    built = build(here, METHOD, as_published=OUT)
    assert unsettled(here) is None
    step = release(here, built.id, at=OUT + HOUR, reason="embargo", now=OUT).step
    assert unsettled(here, now=OUT + HOUR - 1) is None
    assert unsettled(here, now=OUT + HOUR) == step
    (here.snapshots / "latest.json").write_text("{")
    assert unsettled(here, now=OUT + HOUR) == step


def test_a_snapshot_to_replay_is_the_released_one_else_the_newest(here: Settings) -> None:
    with pytest.raises(NotFoundError, match="no snapshot yet"):
        released_or_newest(here)
    first, second = (build(here, METHOD, as_published=OUT + n) for n in (0, 1))
    assert released_or_newest(here) == second.id
    release(here, first.id, reason="r")
    assert released_or_newest(here) == first.id


def test_the_method_of_unasked_runs_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STARLEDGER_METHOD", raising=False)
    assert scheduled_method() == "stars-illustrative"
    monkeypatch.setenv("STARLEDGER_METHOD", METHOD)
    assert scheduled_method() == METHOD
