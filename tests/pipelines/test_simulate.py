"""The simulator: the same seed gives the same bytes, and every defect comes in its share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pyarrow.parquet as pq
import pytest

from pipelines import simulate as simulator
from pipelines.simulate import COLUMNS, SimulatedFile, simulate
from pipelines.source_files import find_source_files
from ratings.calendar import expected_period
from ratings.catalogue import SIMULATED_SCHEME, load_catalogue
from ratings.collections import load_collection
from ratings.errors import InputError
from ratings.reading import read_figures
from warehouse.readers import read_rows

KEY = ["indicator", "organisation", "period"]


@pytest.fixture(scope="module")
def cycle(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    """A cycle at full width."""
    return simulate(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="module")
def read(cycle: list[SimulatedFile]) -> list[pl.DataFrame]:
    """What the rows of each release say."""
    kind, catalogue = load_collection("simulated"), load_catalogue()
    found = (read_figures(read_rows(f.path, kind), kind, catalogue, f.path.name) for f in cycle)
    return [rows.with_columns(cs.by_dtype(pl.Categorical).cast(pl.String)) for rows in found]


@pytest.fixture(scope="module")
def good(read: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """The rows of each release that can be true, one for each key."""
    return [
        rows.filter(~faulty()).unique(KEY, keep="none").select(*KEY, "value", "obs_status") for rows in read
    ]


def faulty() -> pl.Expr:
    """Rows that a check must refuse."""
    unknown = pl.any_horizontal(pl.col(KEY).is_null())
    outside = (pl.col("value") > pl.col("valid_max")) | (pl.col("value") < pl.col("valid_min"))
    return unknown | pl.col("value_fault").is_not_null() | outside.fill_null(False)


def near(share: float, expected: float) -> bool:
    """Whether a share that was drawn is what it should be, give or take a third."""
    return 0.67 * expected < share < 1.5 * expected


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = simulate(tmp_path / "a", seed=7, councils=4)
    again = simulate(tmp_path / "b", seed=7, councils=4)
    assert [f.path.read_bytes() for f in first] == [f.path.read_bytes() for f in again]
    assert [f.published_at for f in first] == [f.published_at for f in again]


def test_another_seed_gives_other_figures(tmp_path: Path) -> None:
    first, other = (simulate(tmp_path / str(seed), seed=seed, councils=4) for seed in (1, 2))
    assert first[0].path.read_bytes() != other[0].path.read_bytes()


def test_figures_do_not_depend_on_the_hash_seed_of_the_process(tmp_path: Path) -> None:
    ours = simulate(tmp_path / "ours", councils=2)
    script = (
        "import sys, pathlib\n"
        "from pipelines.simulate import simulate\n"
        "simulate(pathlib.Path(sys.argv[1]), councils=2)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "theirs")], env=environment, check=True)
    for file in ours:
        assert file.path.read_bytes() == (tmp_path / "theirs" / "vintages" / file.path.name).read_bytes()


@pytest.mark.parametrize("councils", [0, load_catalogue().code_frame(SIMULATED_SCHEME).height + 1])
def test_no_councils_and_more_than_are_registered_are_refused(councils: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 1 to 150"):
        simulate(tmp_path, councils=councils)


def test_releases_list_names_every_file_and_its_time(cycle: list[SimulatedFile]) -> None:
    directory = cycle[0].path.parent
    found = find_source_files([directory], releases=directory.parent / "releases.csv")
    assert [(r.path, r.published_at) for r in found] == [(f.path, f.published_at) for f in cycle]


def test_every_file_says_that_it_is_simulated(cycle: list[SimulatedFile]) -> None:
    for file in cycle:
        assert b"invented" in pq.read_schema(file.path).metadata[b"simulated"]
        assert pq.read_schema(file.path).names == list(COLUMNS)
    assert load_collection("simulated").simulated


def test_a_cycle_is_as_wide_as_the_catalogue_and_only_about_invented_councils(
    good: list[pl.DataFrame],
) -> None:
    last = good[-1]
    assert set(last["indicator"]) == {indicator.code for indicator in load_catalogue().core()}
    assert last["organisation"].n_unique() == 150
    assert {load_catalogue().organisations[o].kind for o in last["organisation"].unique()} == {"simulated"}
    periods = last.group_by("indicator").agg(pl.col("period").n_unique())["period"]
    assert periods.min() == 2
    assert periods.max() == 3


def test_a_small_share_of_the_rows_is_impossible(read: list[pl.DataFrame]) -> None:
    for rows in read:
        assert 0.001 < rows.select(faulty().mean()).item() < 0.005
    everything = pl.concat(read)
    for column in (*KEY, "value_fault"):
        assert everything.filter(pl.col(column).is_null() == (column != "value_fault")).height > 5, column
    assert everything.filter(pl.col("value") > pl.col("valid_max")).height > 50
    assert everything.filter(pl.col("value") < pl.col("valid_min")).height > 50


def test_one_row_of_each_release_contradicts_another(read: list[pl.DataFrame]) -> None:
    for rows in read:
        twice = rows.drop_nulls(KEY).filter(pl.struct(KEY).is_duplicated())
        values = twice.group_by(KEY).agg(pl.col("value").n_unique())["value"]
        assert sorted(values) == [1, 2]


def test_some_cells_are_missing_and_some_suppressed(read: list[pl.DataFrame]) -> None:
    last = read[-1]
    assert near(last["obs_status"].is_in(["O", "L"]).mean(), simulator.MISSING)
    assert 0.005 < (last["obs_status"] == "Q").mean() < 0.03
    suppressed = last.filter(pl.col("obs_status") == "Q")
    assert suppressed["conf_status"].eq("C").all()
    assert suppressed["numerator"].null_count() == suppressed.height


def test_a_value_is_its_numerator_over_its_denominator(read: list[pl.DataFrame]) -> None:
    percents = read[-1].filter(~faulty() & (pl.col("unit") == "percent")).drop_nulls(["value", "numerator"])
    percents = percents.unique(KEY, keep="none")
    assert percents.height > 40_000
    difference = (percents["value"] - 100 * percents["numerator"] / percents["denominator"]).abs()
    assert difference.max() < 0.051


def test_new_periods_come_provisional_first_and_final_later(read: list[pl.DataFrame]) -> None:
    first, then = (rows.filter(~faulty()).unique(KEY, keep="none") for rows in read[:2])
    provisional = first.filter(pl.col("obs_status") == "P")
    assert provisional.height > 5_000
    later = provisional.join(then, on=KEY, suffix="_later")
    assert later.height > 0.98 * provisional.height
    assert not later["obs_status_later"].eq("P").any()


def test_figures_are_revised_in_their_share(good: list[pl.DataFrame]) -> None:
    both = good[0].join(good[-1], on=KEY, suffix="_last").drop_nulls(["value", "value_last"])
    share = (both["value"] != both["value_last"]).mean()
    # A figure that is only a few units wide may be revised to itself.
    assert 0.5 * simulator.REVISED < share < 1.7 * simulator.REVISED


def test_some_figures_are_withdrawn(good: list[pl.DataFrame], read: list[pl.DataFrame]) -> None:
    refused = read[-1].filter(faulty()).height
    gone = good[0].join(good[-1], on=KEY, how="anti").height
    assert 0.3 * simulator.WITHDRAWN < (gone - refused) / good[0].height < 2 * simulator.WITHDRAWN


def test_late_councils_arrive_and_silent_ones_do_not(good: list[pl.DataFrame]) -> None:
    adults = pl.col("indicator").str.starts_with("ASCOF:")
    returned = []
    for rows in good:
        newest = rows.filter(pl.col("period") == pl.col("period").max().over("indicator"))
        returned.append(newest.group_by("organisation", service=adults).len().height)
    everybody = 2 * 150
    assert returned[-1] < everybody
    assert returned[0] < returned[-1]
    assert everybody - returned[-1] == round(150 * simulator.SILENT_COUNCILS)


def test_exactly_the_stopped_series_are_out_of_date(good: list[pl.DataFrame]) -> None:
    day = simulator.RELEASES[-1].date()
    latest = dict(good[-1].group_by("indicator").agg(pl.col("period").max()).iter_rows())
    core = load_catalogue().core()
    behind = [indicator for indicator in core if latest[indicator.code] != expected_period(indicator, day)]
    assert len(behind) == simulator.STOPPED
    assert all(indicator.banded and indicator.polarity != "none" for indicator in behind)


def test_dubious_series_stand_out(good: list[pl.DataFrame]) -> None:
    suppressed = (
        good[-1]
        .group_by("indicator")
        .agg(share=(pl.col("obs_status") == "Q").mean())
        .sort("share", descending=True)
    )
    assert suppressed["share"][simulator.DUBIOUS - 1] > 0.15
    assert suppressed["share"].median() < 0.02


def test_a_council_that_does_well_does_well_in_most_indicators(good: list[pl.DataFrame]) -> None:
    polarity = load_catalogue().frame().select(pl.col("code").alias("indicator"), "polarity")
    latest = good[-1].filter(pl.col("period") == pl.col("period").max().over("indicator")).drop_nulls("value")
    ranked = latest.join(polarity, on="indicator").filter(pl.col("polarity") != "none")
    place = pl.col("value").rank() / pl.len()
    ranked = ranked.with_columns(
        good=pl.when(pl.col("polarity") == "higher").then(place).otherwise(1 - place).over("indicator")
    )
    means = ranked.group_by("organisation").agg(pl.col("good").mean(), pl.len())
    # By chance alone a mean of a hundred ranks would lie within a tenth of the middle.
    assert means["good"].max() > 0.62
    assert means["good"].min() < 0.38
