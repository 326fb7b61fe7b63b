"""What is known of each indicator, in warehouses of three invented councils."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.indicators import figures_by_indicator, known_at
from pipelines.ingest import ingest
from pipelines.rate import start_of_today
from pipelines.settings import Settings, settings
from pipelines.simulate import SimulatedFile, simulate
from ratings.catalogue import load_catalogue
from warehouse.event_log import DEMONSTRATION
from warehouse.observations import observations

METHOD = "stars-illustrative"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    return simulate(tmp_path_factory.mktemp("simulated"), councils=3)


def warehouse(directory: Path, files: list[SimulatedFile]) -> Settings:
    where = settings(directory, actor="tester")
    where.found_ledger(DEMONSTRATION)
    for file in files:
        ingest(where, [file.path], "simulated", published_at=file.published_at)
    return where


@pytest.fixture(scope="module")
def known(releases: list[SimulatedFile], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The first and the last release, in that order."""
    return warehouse(tmp_path_factory.mktemp("known"), [releases[0], releases[-1]])


def test_every_indicator_of_the_core_has_an_entry(known: Settings) -> None:
    found = figures_by_indicator(known, known_at(known, METHOD))
    assert list(found) == [indicator.code for indicator in load_catalogue().core()]


def test_the_counts_are_those_of_the_figures_in_the_log(known: Settings) -> None:
    figures = observations(known.ledger(), ["simulated"])
    for code, entry in figures_by_indicator(known, known_at(known, METHOD)).items():
        its = figures.filter(pl.col("indicator") == code)
        there = its.drop_nulls("value")
        assert (entry.figures, entry.missing) == (there.height, its.height - there.height), code
        assert entry.organisations == there["organisation"].n_unique()
        assert entry.newest_published_at == its["published_at"].max()
        assert entry.latest_period == there["period"].max()
        assert sum(entry.councils.values()) == 150, "councils without a figure are missing, not left out"


def test_the_digest_is_the_same_in_whatever_order_the_files_came(
    known: Settings, releases: list[SimulatedFile], tmp_path: Path
) -> None:
    turned = warehouse(tmp_path, [releases[-1], releases[0]])
    one, other = (figures_by_indicator(where, known_at(where, METHOD)) for where in (known, turned))
    assert {code: entry.digest for code, entry in one.items()} == {
        code: entry.digest for code, entry in other.items()
    }


def test_the_digest_changes_with_the_figures_and_with_nothing_else(
    known: Settings, releases: list[SimulatedFile]
) -> None:
    said = ["organisation", "period", "definition", "value", "numerator", "denominator"]
    said += ["obs_status", "conf_status"]
    times = [releases[0].published_at, releases[-1].published_at]
    states = [observations(known.ledger(), ["simulated"], as_published=time) for time in times]
    digests = [figures_by_indicator(known, known_at(known, METHOD, as_published=time)) for time in times]
    same = 0
    for code in digests[0]:
        before, after = (s.filter(pl.col("indicator") == code).select(said).sort(said) for s in states)
        assert before.equals(after) == (digests[0][code].digest == digests[1][code].digest), code
        same += before.equals(after)
    assert 0 < same < len(digests[0])


def test_invented_figures_are_looked_at_when_their_last_release_came_out(
    known: Settings, releases: list[SimulatedFile]
) -> None:
    at = known_at(known, METHOD)
    assert (at.simulated, at.as_published) == (True, releases[-1].published_at)
    assert at.as_recorded == known.ledger().head().position


def test_a_ledger_without_invented_figures_is_looked_at_today(tmp_path: Path) -> None:
    at = known_at(warehouse(tmp_path, []), METHOD)
    assert (at.simulated, at.as_published) == (False, start_of_today())


def test_a_position_that_is_given_is_kept(known: Settings) -> None:
    first = known.ledger().batches("simulated")[0].last_position
    at = known_at(known, METHOD, as_recorded=first)
    found = figures_by_indicator(known, at)
    assert at.as_recorded == at.head == first
    assert sum(e.figures for e in found.values()) < sum(
        e.figures for e in figures_by_indicator(known, known_at(known, METHOD)).values()
    )


def test_where_nothing_is_known_every_indicator_is_missing(tmp_path: Path) -> None:
    where = warehouse(tmp_path, [])
    found = figures_by_indicator(where, known_at(where, METHOD))
    assert {entry.state for entry in found.values()} == {"missing"}
    assert len({entry.digest for entry in found.values()}) == 1
    assert all(entry.expected_period for entry in found.values())


def test_waiting_makes_no_figure_fresh(known: Settings) -> None:
    later = known_at(known, METHOD, as_published=start_of_today())
    assert {entry.councils.get("fresh", 0) for entry in figures_by_indicator(known, later).values()} == {0}
