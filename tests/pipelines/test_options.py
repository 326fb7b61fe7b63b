"""Options: times and positions that no ledger can mean are refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cli.options import time_of
from pipelines.settings import Settings
from ratings.errors import InputError
from tests.made_ledgers import some_figures, warehouse
from warehouse.snapshot_manifest import microseconds


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


@pytest.mark.parametrize("time", ["9999-12-31", "2201-01-01", "1899-12-31", "0001-01-01T00:00+14:00"])
@pytest.mark.parametrize("command", [["rate", "--method", "lait-quartile"], ["freshness"]])
def test_a_time_beyond_all_periods_is_refused(here: Settings, command: list[str], time: str) -> None:
    done = CliRunner().invoke(app, [*command, "--as-published", time, "--warehouse", str(here.warehouse)])
    assert isinstance(done.exception, InputError)
    assert "times run from the year 1900 to the year 2200" in str(done.exception)
    assert not here.snapshots.exists()


@pytest.mark.parametrize("time", ["1900-01-01", "2200-12-31"])
@pytest.mark.parametrize("command", [["rate", "--method", "lait-quartile"], ["freshness"]])
def test_the_first_and_the_last_time_are_taken(here: Settings, command: list[str], time: str) -> None:
    assert time_of(time) == microseconds(time)
    done = CliRunner().invoke(app, [*command, "--as-published", time, "--warehouse", str(here.warehouse)])
    assert not isinstance(done.exception, ValueError | OverflowError)


@pytest.mark.parametrize("position", ["99999999999999999999", str(2**63), "-1"])
def test_a_position_that_no_log_has_is_refused(here: Settings, position: str) -> None:
    command = ["rate", "--method", "lait-quartile", "--as-published", "2024-02-01"]
    done = CliRunner().invoke(app, [*command, "--as-recorded", position, "--warehouse", str(here.warehouse)])
    assert isinstance(done.exception, InputError)
    assert "is not a position of a log" in str(done.exception)


def test_the_last_position_a_database_can_number_means_everything(here: Settings) -> None:
    command = ["rate", "--method", "lait-quartile", "--as-published", "2024-02-01"]
    done = CliRunner().invoke(
        app, [*command, "--as-recorded", str(2**63 - 1), "--warehouse", str(here.warehouse)]
    )
    assert done.exit_code == 0, done.exception
