"""The eleven real LAIT vintages, ingested in shuffled order: at each publish time, exactly that file."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pipelines.ingest import ingest
from pipelines.ingest_report import IngestReport
from pipelines.revisions import revisions
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from ratings.catalogue import load_catalogue
from ratings.errors import InputError
from ratings.periods import parse_period
from ratings.revisions import KINDS
from warehouse.observations import KEY, state, timeline

pytestmark = pytest.mark.slow
NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Lait:
    """A warehouse with all vintages, what was reported of each, and where the files are."""

    settings: Settings
    reports: dict[str, IngestReport]
    directory: Path
    times: dict[str, int]
    events: pl.DataFrame

    def known(self, as_published: int) -> pl.DataFrame:
        return state(self.events, as_published)


@pytest.fixture(scope="module")
def lait(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lait:
    directory = shared_data / "lait"
    with (directory / "releases.csv").open() as stream:
        times = {line["file"]: parse_time(line["published_at"]) for line in csv.DictReader(stream)}
    here = settings(tmp_path_factory.mktemp("lait") / "warehouse")
    order = sorted(times)
    random.Random(20020530).shuffle(order)
    reports = {}
    for name in order:
        (reports[name],) = ingest(here, [directory / "vintages" / name], "lait", published_at=times[name])
    return Lait(here, reports, directory, times, timeline(here.ledger(), ["lait"]))


def numbers(file: Path) -> tuple[pl.DataFrame, int]:
    """What a naive reader takes from a file: its numeric cells by key; and how many labels he cannot read."""
    rows = pl.read_parquet(file).select(
        "Short Desc", "Years", "Values", pl.col("LA Number").cast(pl.Int64).cast(pl.String)
    )
    catalogue = load_catalogue()
    rules = {code: indicator.period_rule for code, indicator in catalogue.indicators.items()}

    def canonical(measure: str, label: str) -> str | None:
        try:
            return parse_period(label, rules[f"LAIT:{measure}"]).canonical
        except InputError:
            return None

    labels = rows.select("Short Desc", "Years").unique()
    periods = [canonical(*pair) for pair in labels.iter_rows()]
    councils = catalogue.code_frame("LA")
    taken = (
        rows.lazy()
        .filter(pl.col("Values").str.contains(NUMBER))
        .join(labels.with_columns(pl.Series("period", periods)).lazy(), on=["Short Desc", "Years"])
        .join(councils.lazy(), left_on="LA Number", right_on="code")
        .filter(pl.col("period").is_not_null())
        .select(
            pl.concat_str(pl.lit("LAIT:"), "Short Desc").cast(pl.Categorical).alias("indicator"),
            pl.col("organisation").cast(pl.Categorical),
            pl.col("period").cast(pl.Categorical),
            pl.col("Values").cast(pl.Float64).alias("value"),
        )
        .unique()
    )
    unreadable = rows["Years"].eq("0").sum()
    return taken.collect(), unreadable


def test_at_each_publish_time_the_state_is_exactly_that_file(lait: Lait) -> None:
    for name, time in lait.times.items():
        expected, unreadable = numbers(lait.directory / "vintages" / name)
        known = lait.known(time).filter(pl.col("value").is_not_null())
        assert known.height == expected.height, name
        assert known.join(expected, on=[*KEY, "value"], how="anti").height == 0, name
        assert lait.reports[name].quarantined == unreadable, name


def test_every_row_of_every_vintage_went_somewhere(lait: Lait) -> None:
    for report in lait.reports.values():
        assert (
            report.observations + report.unchanged + report.quarantined + report.out_of_scope == report.read
        )


def test_the_incident_of_14_february_2025_shows_between_its_two_times(lait: Lait) -> None:
    reverted, mended = "2025-02-14_2db9c9b0.parquet", "2025-02-14_78c577b0.parquet"
    assert lait.reports[reverted].sha256 == lait.reports["2025-01-29_75ffad46.parquet"].sha256
    before = lait.known(lait.times[reverted] - 1)
    during = lait.known(lait.times[reverted])
    both = before.join(during, on=KEY, suffix="_during")
    said = [pl.col(c).ne_missing(pl.col(f"{c}_during")) for c in ("value", "obs_status")]
    assert both.filter(pl.any_horizontal(said)).height == 1257
    assert before.join(during, on=KEY, how="anti").height == 1190
    after = lait.known(lait.times[mended])
    assert before.join(after, on=KEY, how="anti").height == 0


def test_a_release_that_changes_nothing_changes_no_figure(lait: Lait) -> None:
    may_2, may_28 = (lait.times[n] for n in ("2025-05-02_cd42a1b8.parquet", "2025-05-28_b3494e3d.parquet"))
    before, after = lait.known(may_2), lait.known(may_28)
    assert before.height == after.height
    same = before.join(after, on=[*KEY, "value", "obs_status"], how="semi", nulls_equal=True)
    assert same.height == before.height


def test_in_order_28_may_adds_no_observation_and_april_2026_rolls_off_what_left_the_window(
    lait: Lait, tmp_path: Path
) -> None:
    here = settings(tmp_path / "warehouse")
    names = ["2025-05-02_cd42a1b8.parquet", "2025-05-28_b3494e3d.parquet", "2026-04-08_2e30e395.parquet"]
    files = [lait.directory / "vintages" / name for name in names]
    _, unchanged, april = ingest(here, files, "lait", releases=lait.directory / "releases.csv")
    assert (unchanged.observations, unchanged.withdrawn) == (0, 0)
    assert april.withdrawn_reasons == {"rolled_off": 40120, "withdrawn": 170}


def test_revisions_are_what_the_world_saw_whatever_the_order_of_arrival(lait: Lait) -> None:
    found = revisions(lait.settings, "lait").publications
    told = {row["published_at"]: row for row in found.iter_rows(named=True)}
    reverted = told[lait.times["2025-02-14_2db9c9b0.parquet"]]
    assert (reverted["revised"] + reverted["status"], reverted["withdrawn"]) == (1257, 1190)
    mended = told[lait.times["2025-02-14_78c577b0.parquet"]]
    assert mended["restored"] == 1190
    quiet = told[lait.times["2025-05-28_b3494e3d.parquet"]]
    assert sum(quiet[kind] for kind in KINDS) == 0
    rolled = told[lait.times["2026-04-08_2e30e395.parquet"]]
    assert (rolled["rolled_off"], rolled["withdrawn"]) == (40120, 170)
    for name, time in lait.times.items():
        assert told[time]["known"] == lait.known(time).height, name


def test_no_release_is_critical_and_what_the_checks_say_is_little(lait: Lait) -> None:
    for name, report in lait.reports.items():
        found = [check for check in report.checks if not check["success"]]
        assert {check["severity"] for check in found} <= {"warning", "error"}, name
        assert len([check for check in found if check["severity"] == "warning"]) <= 6, name


def test_in_order_the_regression_is_told_and_two_councils_exchanged_are_named(
    lait: Lait, tmp_path: Path
) -> None:
    here = settings(tmp_path / "warehouse")
    names = sorted(name for name in lait.times if "2025-01-29" <= name < "2025-03")
    files = [lait.directory / "vintages" / name for name in names]
    reports = ingest(here, files, "lait", releases=lait.directory / "releases.csv")
    told = {
        report.file: check["message"]
        for report in reports
        for check in report.checks
        if check["check"] == "file_not_reverted" and not check["success"]
    }
    assert list(told) == ["2025-02-14_2db9c9b0.parquet"]
    assert "the very bytes of 2025-01-29_75ffad46.parquet" in told["2025-02-14_2db9c9b0.parquet"]
    assert "of 1,257 changed figures" in told["2025-02-14_2db9c9b0.parquet"]
    assert "1,190 known since are gone" in told["2025-02-14_2db9c9b0.parquet"]

    copy = tmp_path / "swapped.parquet"
    mine = pl.col("Short Desc") == "LACnum"
    number = pl.col("LA Number").cast(pl.Int64)
    read = pl.read_parquet(files[-1])
    assert read.filter(mine & number.is_in([383, 373])).height > 10
    read.with_columns(
        pl.when(mine & (number == 383))
        .then(pl.lit(373))
        .when(mine & (number == 373))
        .then(pl.lit(383))
        .otherwise(number)
        .alias("LA Number")
    ).write_parquet(copy)
    (report,) = ingest(here, [copy], "lait", published_at=parse_time("2025-03-01"), dry_run=True)
    (said,) = (c for c in report.checks if c["check"] == "own_series")
    assert said["message"] == "leeds and sheffield hold each other's series of LAIT:LACnum"
