"""Aged care: files that name their own organisations, with a column for each indicator, as far as the star.

Here: a small file made by hand, and the eight real quarters.
Not here: the formula alone (tests/ratings/test_matching.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from audit.influence import influence_of
from audit.trace import trace
from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.ingest_report import INGESTED, KNOWN, IngestReport
from pipelines.matching import match
from pipelines.quarantine import release
from pipelines.rate import build
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from ratings.catalogue import load_catalogue
from ratings.errors import NotFoundError
from warehouse.facts import facts
from warehouse.named_in_log import with_named
from warehouse.observations import observations

HEADER = (
    "reporting_period,service_name,provider_name,purpose,state,overall_star_rating,residents_experience_rating,"
    "compliance_rating,staffing_rating,quality_measures_rating,source_file,facility_id"
)
FIRST = """\
Acacia House,Acacia Ltd,For-profit,NSW,3.0,4.0,5.0,1.0,1.0
Banksia Lodge,Banksia Inc,Not-for-profit,VIC,4.0,4.0,4.0,3.0,3.0
Banksia Lodge,Banksia Inc,Not-for-profit,VIC,2.0,3.0,2.0,4.0,5.0
Correa Court,Correa Health,Government,TAS,,,5.0,1.0,1.0
Dianella Home,Dianella Ltd,For-profit,WA,4.0,3.0,3.0,3.0,3.0
"""
SECOND = """\
Acacia House,Acacia Ltd,For-profit,NSW,3.0,4.0,5.0,2.0,1.0
Banksia Lodge,Banksia Inc,Not-for-profit,VIC,4.0,4.0,4.0,3.0,3.0
Correa Court,Correa Health,Government,TAS,,,seven,9.0,1.0
,Nobody,Government,TAS,,,4.0,1.0,1.0
"""


def extract(directory: Path, month: str, lines: str, file_month: str | None = None) -> Path:
    """A file of one quarter."""
    name = (file_month or month).lower().replace(" ", "-")
    file = directory / f"star_ratings_{name}.csv"
    rows = []
    for line in lines.splitlines():
        service, provider, purpose, state, *stars = line.split(",")
        called = f"{service} | {state}" if service else ""
        source = f"star-ratings-quarterly-data-extract-{name}.xlsx"
        rows.append(",".join([month, service, provider, purpose, state, *stars, source, called]))
    file.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    return file


def taken(here: Settings, files: list[Path]) -> tuple[list[IngestReport], list[IngestReport]]:
    return ingest(here, files, "aged_care_au"), ingest(here, files, "aged_care_au_ratings")


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Settings, list[IngestReport], list[IngestReport]]:
    """A ledger with two small quarters, and the reports on their figures and on their stars."""
    directory = tmp_path_factory.mktemp("aged-care")
    files = [
        extract(directory, "May 2023", FIRST),
        extract(directory, "January 2025", SECOND, "February 2025"),
    ]
    here = settings(directory / "warehouse")
    return here, *taken(here, files)


Small = tuple[Settings, list[IngestReport], list[IngestReport]]


def test_every_figure_of_a_row_is_counted_and_goes_somewhere(small: Small) -> None:
    _, figures, stars = small
    assert [(r.status, r.read, r.observations, r.quarantined, r.warnings) for r in figures] == [
        (INGESTED, 20, 20, 0, 8),
        (INGESTED, 16, 10, 6, 0),
    ]
    assert [(r.status, r.read, r.observations, r.quarantined, r.warnings) for r in stars] == [
        (INGESTED, 5, 5, 0, 2),
        (INGESTED, 4, 3, 1, 0),
    ]


def test_a_row_with_several_refused_figures_stands_in_quarantine_once_with_the_reasons_of_each(
    small: Small,
) -> None:
    here, figures, _ = small
    broken, nobody = here.ledger().quarantine(figures[1].batch)
    assert (broken["source_row"], nobody["source_row"]) == (4, 5)
    assert [reason["message"] for reason in broken["reasons"]] == [
        "compliance: seven is neither a number nor a known marker",
        "staffing: value 9.0 is above 5.0, the most that can be true",
    ]
    assert broken["indicator"] is None
    assert broken["organisation"] == "agedcare-correa-court-tas"
    assert len(nobody["reasons"]) == 4


def test_two_bodies_of_one_name_are_numbered_and_neither_is_taken_for_the_one_left_later(
    small: Small,
) -> None:
    known = observations(small[0].ledger(), ["aged_care_au"])
    periods = {
        body: sorted(rows["period"].cast(str).unique())
        for (body,), rows in known.group_by("organisation")
        if "banksia" in str(body)
    }
    assert periods == {
        "agedcare-banksia-lodge-vic--1": ["2022-10-01/P3M"],
        "agedcare-banksia-lodge-vic--2": ["2022-10-01/P3M"],
        "agedcare-banksia-lodge-vic": ["2024-07-01/P3M"],
    }


def test_a_refused_row_is_released_to_the_body_that_its_whole_file_numbers(tmp_path: Path) -> None:
    here = settings(tmp_path / "warehouse", actor="ann")
    lines = FIRST.replace("3.0,2.0,4.0,5.0", "3.0,2.0,9.0,5.0")  # the second Banksia Lodge: staffing
    [report] = ingest(here, [extract(tmp_path, "May 2023", lines)], "aged_care_au")
    done = release(here, report.batch or 0, [4], "nine it is")
    assert (done.rows, done.observations) == ((4,), 1)
    known = observations(here.ledger(), ["aged_care_au"]).filter(pl.col("value") == 9)
    assert known["organisation"].to_list() == ["agedcare-banksia-lodge-vic--2"]
    checked = {
        e["payload"]["checked"] for e in here.ledger().events("check_result") if e["batch"] == done.batch.id
    }
    assert max(checked) == 1, "what is let in is checked, and nothing else"


def test_a_file_is_published_when_its_extract_was_out_whatever_its_rows_call_the_month(small: Small) -> None:
    assert [report.published_at[:10] for report in small[1]] == ["2023-05-31", "2025-02-28"]


def test_organisations_are_known_from_the_position_on_at_which_a_file_names_them(small: Small) -> None:
    ledger, catalogue = small[0].ledger(), load_catalogue()
    batch = next(b for b in ledger.batches(kind="vintage"))
    assert with_named(catalogue, ledger, as_recorded=batch.first_position - 1) is catalogue
    then = with_named(catalogue, ledger, as_recorded=batch.last_position)
    now = with_named(catalogue, ledger)
    assert set(now.organisations) - set(then.organisations) == {"agedcare-banksia-lodge-vic"}
    assert now.resolve("acacia house | nsw").id == "agedcare-acacia-house-nsw"
    assert now.resolve("Banksia Lodge | VIC (2)").id == "agedcare-banksia-lodge-vic--2"
    with pytest.raises(NotFoundError):
        catalogue.resolve("acacia house | nsw")


def test_the_method_is_held_against_every_star_that_can_be_computed(small: Small) -> None:
    found = match(small[0], "aged-care-au")
    assert (found.compared, found.matched) == (6, 5)
    (other,) = found.mismatches
    assert (other["organisation"], other["round"]) == ("agedcare-dianella-home-wa", "May 2023")
    assert (other["published"], other["computed"]) == (4, 3)


def test_the_command_prints_what_the_design_promises(small: Small) -> None:
    where = ["--warehouse", str(small[0].warehouse)]
    done = CliRunner().invoke(app, ["methods", "match", "aged-care-au", "--json", *where])
    said = json.loads(done.stdout)
    assert (done.exit_code, list(said)) == (0, ["method", "compared", "matched", "mismatches"])
    assert (said["method"], said["compared"], said["matched"]) == ("aged-care-au", 6, 5)


def test_a_star_is_traced_to_the_column_of_each_part(small: Small) -> None:
    here = small[0]
    built = build(here, "aged-care-au", as_published=parse_time("2025-03-01"))
    shown = trace(
        here.ledger(),
        here.landing,
        here.snapshots,
        "Acacia House | NSW",
        snapshot_id=built.id,
        indicator=None,
    )
    assert shown["star"]["star"] == 3
    lineage = built.table("lineage", organisation="agedcare-acacia-house-nsw")
    assert set(lineage["column"].drop_nulls()) == {
        "residents_experience_rating",
        "compliance_rating",
        "staffing_rating",
        "quality_measures_rating",
    }
    staffing = next(f for f in shown["figures"] if f["indicator"] == "AGEDCARE:staffing")
    assert staffing["source"]["row"] == 2
    assert {"column": "staffing_rating", "means": "value", "text": None} in staffing["source"]["cells"]


def test_what_a_star_hangs_on_is_asked_by_the_name_in_the_file(small: Small) -> None:
    here = small[0]
    built = build(here, "aged-care-au", as_published=parse_time("2025-03-01"))
    found = influence_of(built, "Acacia House | NSW")
    assert found["organisation"]["id"] == "agedcare-acacia-house-nsw"


def test_a_scope_names_a_body_as_the_files_in_the_log_do(small: Small, tmp_path: Path) -> None:
    file = extract(tmp_path, "May 2024", FIRST.splitlines()[0])

    def withdrawn(*names: str) -> int:
        scope = {"kind": "named", "organisations": list(names)}
        (report,) = ingest(
            small[0], [file], "aged_care_au", published_at=parse_time("2024-05-31"), scope=scope, dry_run=True
        )
        return report.withdrawn

    assert withdrawn("Dianella Home | WA") == 4
    with pytest.raises(NotFoundError, match="No Such House"):
        withdrawn("Dianella Home | WA", "No Such House")


def test_the_same_file_again_is_known(small: Small) -> None:
    here, figures, _ = small
    landed = here.landing.path(figures[0].sha256)
    copy = here.warehouse.parent / "star_ratings_may-2023.csv"
    copy.write_bytes(landed.read_bytes())
    (again,) = ingest(here, [copy], "aged_care_au")
    assert (again.status, again.batch) == (KNOWN, figures[0].batch)


def test_the_eight_real_quarters_match_but_for_three_known_exceptions(
    shared_data: Path, tmp_path: Path
) -> None:
    files = sorted((shared_data / "aged_care_au").glob("star_ratings_*.csv"))
    here = settings(tmp_path / "warehouse")
    figures, stars = taken(here, files)
    assert sum(r.read for r in figures) == sum(r.observations for r in figures) == 4 * 20_922
    assert sum(r.read for r in stars) == len(facts(here.ledger(), "published_rating")) == 20_922
    found = match(here, "aged-care-au")
    assert (found.compared, found.matched) == (19_746, 19_743)
    assert {(m["organisation"], m["round"], m["published"], m["computed"]) for m in found.mismatches} == {
        ("agedcare-catholic-healthcare-st-mary-s-retirement-village-nsw", "May 2023", 4, 3),
        ("agedcare-prom-country-aged-care-vic", "May 2023", 4, 3),
        ("agedcare-morrie-evans-wing-nursing-home-vic", "December 2023", 2, 3),
    }
