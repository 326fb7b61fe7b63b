"""Children looked after: one series across two releases that name files, columns and labels differently.

Here: small files made by hand, and the two real releases of placement stability.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from audit.trace import trace
from pipelines.ingest import ingest
from pipelines.ingest_report import INGESTED, REFUSED
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from warehouse.event_log import Ledger
from warehouse.observations import observations

PLACES = "time_period,geographic_level,country_code,region_code,la_name,new_la_code"
CAMDEN = "Local authority,E92000001,E12000007,Camden,E09000007"
LONDON = "Regional,E92000001,E12000007,,"
ENGLAND = "National,E92000001,,,"
OLD, NEW = "Children looked after at 31 March", "CLA on 31 March"
THREE = "With 3 or more placements during the year"
RELEASED = {2022: parse_time("2022-11-17"), 2023: parse_time("2023-11-16")}


def release(file: Path, column: str, lines: Sequence[str]) -> Path:
    """A file of one release, with the byte order mark that the Department writes."""
    header = f"{PLACES},cla_group,{column},number,percentage"
    file.write_text("\n".join([header, *lines]) + "\n", "utf-8-sig")
    return file


def stable(ledger: Ledger, at: int) -> dict[tuple[str, str], tuple]:
    """What was known of the share with three or more placements."""
    known = observations(ledger, ["dfe_cla"], as_published=at).cast({pl.Categorical: pl.String})
    known = known.filter(pl.col("indicator") == "DFECLA:3plus_placements")
    columns = ("value", "numerator", "denominator", "obs_status")
    return {
        (row["organisation"], row["period"][:4]): tuple(row[c] for c in columns) for row in known.to_dicts()
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A ledger with two small releases."""
    directory = tmp_path_factory.mktemp("cla")
    here = settings(directory / "warehouse")
    first = release(
        directory / "la_cla_at_31_march_placement_stability_indicator.csv",
        "characteristic",
        [
            f"2021,{CAMDEN},{OLD},Total children,190,100",
            f"2021,{CAMDEN},{OLD},{THREE},13,7",
            f"2022,{CAMDEN},{OLD},Total children,191,100",
            f"2022,{CAMDEN},{OLD},{THREE},17,9",
            f"2022,{LONDON},{OLD},Total children,10000,100",
            f"2022,{LONDON},{OLD},{THREE},1,k",
            f"2022,{ENGLAND},{OLD},Total children,82170,100",
            f"2022,{ENGLAND},{OLD},{THREE},c,c",
            f"2022,{ENGLAND},{OLD},Something new,1,1",
        ],
    )
    second = release(
        directory / "la_cla_placement_stability.csv",
        "placement_stability",
        [
            f"2022,{CAMDEN},{NEW},Total children,190,100",
            f"2022,{CAMDEN},{NEW},{THREE},19,10",
            f"2023,{CAMDEN},{NEW},Total children,z,z",
            f"2023,{CAMDEN},{NEW},{THREE},z,z",
        ],
    )
    for file, year in ((first, 2022), (second, 2023)):
        (report,) = ingest(here, [file], "dfe_cla", published_at=RELEASED[year])
        assert report.status == INGESTED
        went = report.observations + report.unchanged + report.quarantined + report.out_of_scope
        assert went == report.read
        assert (report.quarantined, report.out_of_scope) == ((1, 4) if year == 2022 else (0, 2))
    return here


def test_figures_have_the_parts_that_stand_on_other_lines_and_every_marker_its_status(two: Settings) -> None:
    assert stable(two.ledger(), RELEASED[2022]) == {
        ("camden", "2020"): (7, 13, 190, "A"),
        ("camden", "2021"): (9, 17, 191, "A"),
        ("london", "2021"): (None, 1, 10_000, "N"),
        ("england", "2021"): (None, None, 82_170, "Q"),
    }


def test_a_renamed_column_and_label_carry_the_same_series_on(two: Settings) -> None:
    assert stable(two.ledger(), RELEASED[2023]) == {
        ("camden", "2021"): (10, 19, 190, "A"),
        ("camden", "2022"): (None, None, None, "M"),
    }


def test_a_label_that_no_release_had_is_quarantined_by_its_whole_name(two: Settings) -> None:
    (row,) = two.ledger().quarantine()
    assert (row["source_row"], row["organisation"]) == (10, "england")
    assert row["reasons"][0]["message"].startswith(f"unknown indicator {OLD} | Something new:")


def test_a_trace_names_the_columns_as_that_file_has_them(two: Settings) -> None:
    shown = trace(two.ledger(), two.landing, two.snapshots, "camden", indicator="DFECLA:3plus_placements")
    sources = [figure["source"] for figure in shown["figures"] if figure["source"]]
    cells = {cell["column"]: cell["text"] for source in sources for cell in source["cells"]}
    assert cells["placement_stability"] == THREE
    assert "characteristic" not in cells


def test_a_column_renamed_once_more_refuses_the_file_and_names_the_nearest(tmp_path: Path) -> None:
    file = release(tmp_path / "la_cla.csv", "characteristics", [f"2023,{CAMDEN},{NEW},{THREE},19,10"])
    (report,) = ingest(settings(tmp_path / "w"), [file], "dfe_cla", published_at=RELEASED[2023])
    assert report.status == REFUSED
    assert "'characteristic' may now be called 'characteristics'" in report.message


def test_the_two_real_releases_are_one_series(shared_data: Path, tmp_path: Path) -> None:
    here, folder = settings(tmp_path / "w"), shared_data / "dfe_cla"
    files = {
        2022: folder / "2022-11_release" / "la_cla_at_31_march_placement_stability_indicator.csv",
        2023: folder / "2023-11_release" / "la_cla_placement_stability.csv",
    }
    reports = [
        ingest(here, [file], "dfe_cla", published_at=RELEASED[year])[0] for year, file in files.items()
    ]
    assert [(r.read, r.quarantined, r.out_of_scope) for r in reports] == [(3360, 0, 1680), (5040, 0, 2520)]
    assert reports[1].withdrawn_reasons == {"rolled_off": 336}
    before, after = (stable(here.ledger(), RELEASED[year]) for year in (2022, 2023))
    assert before["england", "2021"] == (10, 8030, 82_170, "A")
    assert after["england", "2021"] == (10, 8200, 82_080, "A")
    assert after["camden", "2022"] == (9, 18, 197, "A")
