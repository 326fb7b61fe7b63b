"""Replay: the log alone gives the same snapshot again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.rate import build
from pipelines.replay import replay
from pipelines.settings import Settings
from ratings.errors import NotFoundError, SnapshotError
from ratings.methods import method_text
from tests.made_ledgers import (
    OUT,
    append,
    figure,
    judgements,
    overwrite,
    simulated_warehouse,
    some_figures,
    warehouse,
)
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshot_tables import TABLES

HOUR = 3_600_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


def test_a_replay_finds_every_table_the_same(here: Settings) -> None:
    built = build(here, "lait-quartile", as_published=OUT)
    done = replay(here, built.id)
    assert done.identical
    assert [table.table for table in done.tables] == list(TABLES)
    assert done.changed == ()


def test_what_came_later_changes_nothing(here: Settings) -> None:
    built = build(here, "lait-quartile", as_published=OUT + HOUR)
    append(here, [figure("camden", 99.0)], at=OUT + 1)
    assert build(here, "lait-quartile", as_published=OUT + HOUR).id != built.id
    assert replay(here, built.id).identical


def test_a_recorded_round_is_replayed_with_its_population_and_option(here: Settings) -> None:
    append(here, judgements("walsall", "most uncertain most uncertain"), collection="judgements")
    for option in ("A", "B"):
        built = build(here, "ssi-2002", as_published=OUT, option=option, round="2002-05")
        assert replay(here, built.id).identical


def test_simulated_figures_are_replayed_as_such(tmp_path: Path) -> None:
    there = simulated_warehouse(tmp_path / "w")
    append(there, [figure("sim-amberdale", 1.0)], collection="simulated", simulated=True)
    assert replay(there, build(there, "lait-quartile", as_published=OUT, simulated=True).id).identical


def test_a_snapshot_that_says_something_else_is_named_table_by_table(here: Settings) -> None:
    built = build(here, "lait-quartile", as_published=OUT)
    manifest = json.loads((built.path / "manifest.json").read_text())
    manifest["tables"]["bands"]["digest"] = "0" * 64
    overwrite(built.path / "manifest.json", json.dumps(manifest))
    done = replay(here, built.id)
    assert not done.identical
    assert [table.table for table in done.tables if not table.identical] == ["bands"]
    assert json.loads(json.dumps(done.as_dict()))["identical"] is False


def test_a_log_that_ends_too_early_is_refused(here: Settings, tmp_path: Path) -> None:
    some_figures(here)
    built = build(here, "lait-quartile", as_published=OUT)
    there = warehouse(tmp_path / "other")
    mixed = replace(here, database_url=there.database_url)
    with pytest.raises(SnapshotError, match="--database-url"):
        replay(mixed, built.id)


def test_an_unknown_snapshot_is_not_found(here: Settings) -> None:
    with pytest.raises(NotFoundError, match="snapshots list"):
        replay(here, "nothing")


def test_the_day_and_position_are_those_of_the_manifest(here: Settings) -> None:
    built = build(here, "lait-quartile", as_published=OUT)
    assert microseconds(built.manifest["as_published"]) == OUT


def of_my_own(here: Settings) -> Path:
    file = here.warehouse / "my-bands.toml"
    file.write_text(method_text("lait-quartile").replace("lait-quartile", "my-bands"))
    return file


def test_a_snapshot_of_a_method_of_ones_own_is_replayed_with_what_the_log_adopted(here: Settings) -> None:
    file = of_my_own(here)
    built = build(here, file, as_published=OUT)
    file.unlink()
    done = CliRunner().invoke(app, ["snapshots", "replay", built.id, "--warehouse", str(here.warehouse)])
    assert done.output == f"{built.id}: built again from the log, every table the same\n"


def test_a_replay_with_a_changed_method_says_that_the_method_changed(here: Settings) -> None:
    file = of_my_own(here)
    built = build(here, file, as_published=OUT)
    file.write_text(file.read_text() + "\n# a later thought\n")
    command = ["snapshots", "replay", built.id, "--method", str(file), "--warehouse", str(here.warehouse)]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, SnapshotError)
    assert "what it was built with has changed: method" in str(refused.exception)
