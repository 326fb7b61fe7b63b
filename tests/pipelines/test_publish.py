"""Publish: what latest.json says follows from the releases in the log, and from nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import publish
from pipelines.cli import app
from pipelines.publish import STATES, release, settle
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.errors import MethodError, NotFoundError, SnapshotError
from tests.made_ledgers import OUT, append, figure, overwrite, simulated_warehouse, some_figures, warehouse
from warehouse.event_log import now
from warehouse.release_history import Step, current, history, life, state_of, states
from warehouse.snapshot_manifest import iso
from warehouse.snapshots import SnapshotRef, latest

HOUR = 3_600_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


@pytest.fixture
def first(here: Settings) -> SnapshotRef:
    return build(here, "lait-quartile", as_published=OUT)


@pytest.fixture
def second(here: Settings) -> SnapshotRef:
    return build(here, "lait-quartile", as_published=OUT + HOUR)


def named(here: Settings) -> str | None:
    content = latest(here.snapshots)
    return content["id"] if content else None


def test_a_draft_is_not_latest(here: Settings, first: SnapshotRef) -> None:
    assert named(here) is None
    assert state_of(here.ledger(), first.id) == "draft"


def test_a_release_moves_latest_and_stands_in_the_log_with_its_reason(
    here: Settings, first: SnapshotRef
) -> None:
    done = release(here, first.id, reason="approved by the board")
    assert named(here) == done.latest == first.id
    step = history(here.ledger(), first.id)[-1]
    assert (step.state, step.reason, step.actor) == ("released", "approved by the board", "tester")
    content = json.loads((here.snapshots / "latest.json").read_text())
    assert content["manifest_sha256"] == first.manifest_sha256
    assert (here.snapshots / content["path"] / "manifest.json").is_file()


@pytest.mark.parametrize("state", ["held", "superseded", "withdrawn"])
def test_the_one_released_before_comes_back(
    here: Settings, first: SnapshotRef, second: SnapshotRef, state: str
) -> None:
    release(here, first.id, reason="r")
    release(here, second.id, reason="r")
    assert named(here) == second.id
    assert release(here, second.id, state=state, reason="a mistake").latest == first.id
    assert named(here) == first.id


def test_with_nothing_released_before_there_is_no_latest(here: Settings, first: SnapshotRef) -> None:
    release(here, first.id, reason="r")
    assert release(here, first.id, state="withdrawn", reason="a mistake").latest is None
    assert not (here.snapshots / "latest.json").exists()


def test_withdrawing_an_older_one_leaves_latest_alone(
    here: Settings, first: SnapshotRef, second: SnapshotRef
) -> None:
    release(here, first.id, reason="r")
    release(here, second.id, reason="r")
    release(here, first.id, state="withdrawn", reason="r")
    assert named(here) == second.id


@pytest.mark.parametrize("state", ["preview", "approved", "held"])
def test_other_states_do_not_move_latest(here: Settings, first: SnapshotRef, state: str) -> None:
    release(here, first.id, state=state, reason="r")
    assert named(here) is None
    assert state_of(here.ledger(), first.id) == state


def test_an_embargo_lifts_at_its_time_and_not_before(here: Settings, first: SnapshotRef) -> None:
    at = now() + HOUR
    assert release(here, first.id, at=at, reason="r").latest is None
    assert settle(here, now=at - 1) is None
    assert state_of(here.ledger(), first.id, at - 1) == "draft"
    assert settle(here, now=at) == first.id
    assert named(here) == first.id


def test_holding_calls_off_an_embargoed_release(here: Settings, first: SnapshotRef) -> None:
    at = now() + HOUR
    release(here, first.id, at=at, reason="r")
    release(here, first.id, state="held", reason="a doubt")
    assert settle(here, now=at + HOUR) is None


@pytest.mark.parametrize("state", ["released", "approved"])
def test_an_illustrative_snapshot_is_never_released(here: Settings, state: str) -> None:
    built = build(here, "stars-illustrative", as_published=OUT)
    with pytest.raises(MethodError, match=r"illustrative.*never released.*Next: "):
        release(here, built.id, state=state, reason="r")
    assert history(here.ledger()) == []


def test_a_snapshot_of_simulated_figures_is_never_released(tmp_path: Path) -> None:
    there = simulated_warehouse(tmp_path / "simulated")
    append(there, [figure("sim-amberdale", 1.0)], collection="simulated", simulated=True)
    built = build(there, "lait-quartile", as_published=OUT, simulated=True)
    with pytest.raises(SnapshotError, match="rests on simulated figures"):
        release(there, built.id, reason="r")
    assert latest(there.snapshots) is None


def test_a_manifest_that_calls_itself_official_is_not_believed(here: Settings) -> None:
    built = build(here, "stars-illustrative", as_published=OUT)
    text = (built.path / "manifest.json").read_text().replace('"illustrative"', '"official"')
    overwrite(built.path / "manifest.json", text)
    with pytest.raises(MethodError, match="illustrative"):
        release(here, built.id, reason="r")


def test_an_altered_snapshot_is_not_released(here: Settings, first: SnapshotRef) -> None:
    label = first.manifest["label"]
    text = (first.path / "manifest.json").read_text().replace(label, "Approved by nobody")
    overwrite(first.path / "manifest.json", text)
    with pytest.raises(SnapshotError, match=r"manifest\.json was altered, or receipt\.json was"):
        release(here, first.id, reason="r")
    assert history(here.ledger()) == []


def test_a_snapshot_with_a_missing_table_is_not_released(here: Settings, first: SnapshotRef) -> None:
    (first.path / "bands.parquet").unlink()
    with pytest.raises(SnapshotError, match=r"bands\.parquet is missing"):
        release(here, first.id, reason="r")


def test_a_damaged_snapshot_can_still_be_withdrawn(here: Settings, first: SnapshotRef) -> None:
    release(here, first.id, reason="r")
    shutil.rmtree(first.path)
    assert release(here, first.id, state="withdrawn", reason="damaged").latest is None
    assert named(here) is None


def test_rather_nothing_is_latest_than_what_was_withdrawn(
    here: Settings, first: SnapshotRef, second: SnapshotRef
) -> None:
    release(here, first.id, reason="r")
    release(here, second.id, reason="r")
    (first.path / "bands.parquet").unlink()
    with pytest.raises(SnapshotError, match=r"bands\.parquet is missing"):
        release(here, second.id, state="withdrawn", reason="a mistake")
    assert state_of(here.ledger(), second.id) == "withdrawn"
    assert named(here) is None


def test_a_crash_before_latest_moved_is_made_good(here: Settings, first: SnapshotRef) -> None:
    release(here, first.id, reason="r")
    (here.snapshots / "latest.json").unlink()
    with pytest.raises(SnapshotError, match="released already"):
        release(here, first.id, reason="r")
    assert named(here) == first.id


def test_an_unreadable_latest_is_written_anew(here: Settings, first: SnapshotRef) -> None:
    release(here, first.id, reason="r")
    (here.snapshots / "latest.json").write_text("{")
    assert settle(here) == first.id
    assert named(here) == first.id


def test_a_snapshot_names_the_released_one_of_its_method(here: Settings, first: SnapshotRef) -> None:
    release(here, first.id, reason="r")
    assert first.manifest["supersedes"] is None
    assert build(here, "lait-quartile", as_published=OUT + HOUR).manifest["supersedes"] == first.id


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"state": "published"}, "choose one of preview"),
        ({"reason": "  "}, "needs a reason"),
        ({"at": 0}, "cannot take effect in the past"),
        ({"state": "withdrawn"}, "was never released"),
        ({"state": "superseded"}, "was never released"),
    ],
)
def test_what_cannot_be_is_refused_with_a_next_step(
    here: Settings, first: SnapshotRef, wrong: dict[str, object], says: str
) -> None:
    with pytest.raises(SnapshotError, match=f"(?s){says}") as refused:
        release(here, first.id, **({"reason": "r"} | wrong))
    assert refused.value.hint
    assert history(here.ledger()) == []


def test_an_unknown_snapshot_is_not_found(here: Settings, first: SnapshotRef) -> None:
    with pytest.raises(NotFoundError, match="snapshots list"):
        release(here, first.id[:-1] + ("0" if first.id[-1] != "0" else "1"), reason="r")


def test_a_snapshot_of_another_log_is_refused(here: Settings, first: SnapshotRef, tmp_path: Path) -> None:
    there = warehouse(tmp_path / "other")
    shutil.copytree(first.path, there.snapshots / first.id)
    with pytest.raises(SnapshotError, match="this ledger did not build"):
        release(there, first.id, reason="r")


STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(STATES), st.integers(0, 9)), max_size=8
).map(lambda rows: [Step(s, state, at, n, "x", "r") for n, (s, state, at) in enumerate(rows)])


@given(STEPS, st.integers(0, 9))
def test_what_is_released_was_released_by_its_own_last_word(steps: list[Step], at: int) -> None:
    step = current(steps, at)
    if step is not None:
        assert step.at <= at
        mine = [s for s in steps if s.snapshot == step.snapshot]
        assert not [s for s in mine if s.position > step.position and s.at <= at]


@given(STEPS)
def test_a_step_begun_is_not_undone_by_the_mere_passing_of_time(steps: list[Step]) -> None:
    for at in range(9):
        before, after = states(steps, at), states(steps, at + 1)
        for name, step in before.items():
            assert after[name] == step or after[name].at == at + 1


def test_a_hold_wins_over_an_earlier_plan_whatever_its_time() -> None:
    plan = [Step("a", "released", 5, 1, "x", "r"), Step("a", "held", 2, 2, "x", "r")]
    assert current(plan, 9) is None
    again = [*plan, Step("a", "released", 7, 3, "x", "r")]
    assert current(again, 6) is None
    assert current(again, 7) == again[-1]


def test_a_withdrawal_during_a_release_has_the_last_word(
    here: Settings, first: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, about_to_move, withdrawn = publish.move_latest, Event(), Event()

    def slow_move(root: Path, content: Mapping[str, Any] | None) -> None:
        if content is not None and not about_to_move.is_set():
            about_to_move.set()
            withdrawn.wait(2)  # time enough for the withdrawal, if nothing holds it up
        move(root, content)

    monkeypatch.setattr(publish, "move_latest", slow_move)

    def withdraw() -> None:
        release(here, first.id, state="withdrawn", reason="a mistake")
        withdrawn.set()

    with ThreadPoolExecutor(2) as both:
        released = both.submit(release, here, first.id, reason="r")
        assert about_to_move.wait(30)
        second_word = both.submit(withdraw)
        released.result(60)
        second_word.result(60)
    assert state_of(here.ledger(), first.id) == "withdrawn"
    assert named(here) is None


def test_of_two_releases_at_once_one_is_told_that_it_is_released_already(
    here: Settings, first: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, together = publish._admit, Barrier(2)

    def meet(*arguments: Any) -> None:
        admit(*arguments)
        with suppress(BrokenBarrierError):
            together.wait(1)

    monkeypatch.setattr(publish, "_admit", meet)
    with ThreadPoolExecutor(2) as both:
        done = [both.submit(release, here, first.id, reason="r") for _ in range(2)]
        refused = [error for error in (one.exception(60) for one in done) if error is not None]
    assert len(refused) == 1
    assert "released already" in str(refused[0])
    assert len(history(here.ledger())) == 1


def test_what_a_writer_elsewhere_appends_meanwhile_is_looked_at_before_the_release_is_recorded(
    here: Settings, first: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, looks = publish._admit, []

    def interrupted(*arguments: Any) -> None:
        admit(*arguments)
        looks.append(here.ledger().head().position)
        if len(looks) == 1:
            append(here, [figure("camden", 9.0)], at=OUT + 1)

    monkeypatch.setattr(publish, "_admit", interrupted)
    done = release(here, first.id, reason="r")
    assert len(looks) == 2
    assert done.step.position == looks[-1] + 1
    assert done.latest == first.id


def test_a_release_for_later_says_when_and_settling_lifts_it(
    here: Settings, first: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["--warehouse", str(here.warehouse)]
    later = iso(now() // 1_000_000 * 1_000_000 + HOUR)
    said = CliRunner().invoke(app, ["release", first.id, "--reason", "r", "--at", later, *place])
    assert f"{first.id} will be released at {later} (embargo); latest.json names nothing" in said.output
    assert CliRunner().invoke(app, ["snapshots", "settle", *place]).output == "latest.json names nothing\n"
    monkeypatch.setattr(publish, "present", lambda: now() + 2 * HOUR)
    settled = CliRunner().invoke(app, ["snapshots", "settle", *place])
    assert settled.output == f"latest.json names {first.id}\n"
    assert named(here) == first.id


def test_a_snapshot_that_a_second_build_does_not_give_is_not_released(
    here: Settings, first: SnapshotRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines import replay

    true = replay.snapshot_tables

    def another(*arguments: Any, **more: Any) -> Any:
        tables = true(*arguments, **more)
        return tables | {"bands": tables["bands"].with_columns(band=1 + pl.col("band"))}

    monkeypatch.setattr(replay, "snapshot_tables", another)
    with pytest.raises(SnapshotError, match=r"differs in: bands: it is not released.*Next: "):
        release(here, first.id, reason="r")
    assert named(here) is None
    assert history(here.ledger()) == []
    release(here, first.id, state="held", reason="looks wrong")  # other steps are not held up


def test_every_state_of_a_life_is_told_with_what_latest_says_after_it(
    here: Settings, first: SnapshotRef, second: SnapshotRef
) -> None:
    steps = [
        (first, "preview", None),
        (first, "approved", None),
        (first, "released", first),
        (second, "held", first),
        (second, "released", second),
        (first, "superseded", second),
        (second, "withdrawn", None),
        (first, "released", first),
    ]
    for snapshot, state, after in steps:
        release(here, snapshot.id, state=state, reason=f"because of {state}")
        assert named(here) == (after.id if after else None)
    told = life(here.ledger())
    assert [row["state"] for row in told[:2]] == ["draft", "draft"]
    assert [(row["snapshot"], row["state"], row["latest"]) for row in told[2:]] == [
        (snapshot.id, state, after.id if after else None) for snapshot, state, after in steps
    ]
    assert {row["actor"] for row in told} == {"tester"}
    assert told[2]["reason"] == "because of preview"
    assert [row["position"] for row in told] == sorted(row["position"] for row in told)
    assert [row for row in told if row["snapshot"] == second.id] == life(here.ledger(), second.id)


def test_a_release_under_embargo_is_told_with_what_latest_will_say(
    here: Settings, first: SnapshotRef
) -> None:
    release(here, first.id, at=now() + HOUR, reason="r")
    assert named(here) is None
    [_, step] = life(here.ledger())
    assert (step["state"], step["latest"]) == ("released", first.id)
    assert step["at"] > iso(now())


def test_the_history_is_a_command_and_an_unknown_snapshot_an_error(
    here: Settings, first: SnapshotRef
) -> None:
    release(here, first.id, reason="checked")
    command = ["snapshots", "history", "--warehouse", str(here.warehouse)]
    said = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert said == life(here.ledger())
    assert "checked" in CliRunner().invoke(app, [*command, first.id]).output
    refused = CliRunner().invoke(app, [*command, "nothing"])
    assert isinstance(refused.exception, NotFoundError)
