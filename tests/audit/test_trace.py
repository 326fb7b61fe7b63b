"""Trace: every step from a star to the cell, and the text that stands in it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.trace import trace
from audit.trace_lines import lines
from pipelines.ingest import ingest
from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from pipelines.void import void
from ratings.errors import NotFoundError, SnapshotError
from tests.made_ledgers import MEASURE, OUT, simulated_warehouse, some_figures, warehouse
from warehouse.snapshot_manifest import microseconds

HOUR = 3_600_000_000
MAY_2002 = microseconds("2002-05-30")
RATINGS = """council,rating_round,published_date,regime,children_serving,children_prospects,adults_serving,\
adults_prospects,stars,completeness,granularity,evidence,note,source_url
Walsall,2002-05,2002-05-30,joint,no,poor,no,poor,0,four_judgements,per_service,explicit,,https://example.org
Bolton,2002-05,2002-05-30,joint,most,promising,most,promising,2,four_judgements,per_service,explicit,,https://example.org
"""
A1 = """council,reference_date,children_with_3plus_placements,children_looked_after,percent_printed,\
extraction_note,source_url
Walsall,2001-03-31,57,406,14,,https://example.org
Bolton,2001-03-31,120,406,30,,https://example.org
"""
LAIT = """Short Desc,LA and Regions,LA Number,Years,Values
FirstYJS,Camden,202,2021,{earlier}
FirstYJS,Camden,202,2022,{now}
FirstYJS,Hackney,204,2022,2.5
"""


def ingested(settings: Settings, name: str, text: str, collection: str, at: int | None = None) -> int:
    file = settings.warehouse / name
    file.write_text(text)
    report = ingest(settings, [file], collection, published_at=at)[0]
    assert report.status == "ingested", report.message
    assert report.batch is not None
    return report.batch


def traced(settings: Settings, organisation: str, *more: str | None) -> dict[str, Any]:
    found = trace(settings.ledger(), settings.landing, settings.snapshots, organisation, *more)
    assert json.loads(json.dumps(found)) == found
    return found


def text_of(found: dict[str, Any]) -> str:
    return "\n".join("  " * depth + sentence for depth, sentence in lines(found))


def cell(source: dict[str, Any], means: str) -> tuple[str, str]:
    return next((c["column"], c["text"]) for c in source["cells"] if c["means"] == means)


@pytest.fixture(scope="module")
def of_2002(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("of-2002") / "w")
    ingested(made, "ratings.csv", RATINGS, "published_ratings")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "a1.csv", A1, "a1_2001")
    build(made, "ssi-2002", as_published=MAY_2002)
    return made


def test_a_star_of_2002_leads_to_the_cells_of_its_judgements(of_2002: Settings) -> None:
    found = traced(of_2002, "Walsall")
    assert found["star"]["star"] == 0
    assert "zero" in found["star"]["rule"]
    assert found["snapshot"]["method"]["status"] == "reconstructed"
    served = next(j for j in found["judgements"] if (j["service"], j["aspect"]) == ("children", "serving"))
    assert (served["judgement"], served["basis"]) == ("no", "recorded")
    source = served["event"]["source"]
    assert cell(source, "judgement") == ("children_serving", "no")
    assert (source["file"]["name"], source["row"]) == ("ratings.csv", 2)
    assert len(source["file"]["sha256"]) == 64
    assert source["file"]["publisher"].startswith("Social Services Inspectorate")
    assert of_2002.landing.path(source["file"]["sha256"]).read_text() == RATINGS


def test_its_key_figure_leads_to_numerator_and_denominator(of_2002: Settings) -> None:
    figure = traced(of_2002, "Walsall")["figures"][0]
    assert (figure["indicator"], figure["age_days"], figure["key"]) == ("PAF:A1", 425, True)
    assert figure["decides"] == ["children_serving"]
    assert cell(figure["source"], "numerator") == ("children_with_3plus_placements", "57")
    assert cell(figure["source"], "denominator") == ("children_looked_after", "406")
    assert figure["source"]["row"] == 2
    assert [version["used"] for version in figure["history"]] == [True]


def test_a_cap_says_what_it_lowered_and_why(of_2002: Settings) -> None:
    found = traced(of_2002, "bolton")
    served = next(j for j in found["judgements"] if (j["service"], j["aspect"]) == ("children", "serving"))
    assert (served["computed_judgement"], served["judgement"]) == ("most", "some")
    assert served["cap"]["indicator"] == "PAF:A1"
    assert served["cap"]["threshold"] == 20
    assert "capped from most: PAF:A1 is 29.5566" in text_of(found)


def test_the_rating_published_then_stands_beside(of_2002: Settings) -> None:
    published = traced(of_2002, "Walsall")["published"]
    assert published["says"]["stars"] == "0"
    assert cell(published["source"], "stars") == ("stars", "0")


def test_people_read_it_from_star_to_cell(of_2002: Settings) -> None:
    text = text_of(traced(of_2002, "Walsall"))
    assert text.startswith("Walsall: 0 stars under ssi-2002\n  method: ")
    assert "row 2: column 'children_serving' says 'no'" in text
    assert "425 days old" in text
    assert "published then: 0 stars (the same)" in text
    assert re.search(r"checkpoint beside it: log starledger-\S+, \d+ batches .* root [0-9a-f]{64}", text)
    assert re.search(r"file published 2002-05-30 \(stated\), received 20\S+Z, recorded 20", text)


def test_an_indicator_narrows_to_its_figure_and_judgements(of_2002: Settings) -> None:
    found = traced(of_2002, "Walsall", "A1")
    assert [f["indicator"] for f in found["figures"]] == ["PAF:A1"]
    assert [(j["service"], j["aspect"]) for j in found["judgements"]] == [("children", "serving")]


@pytest.fixture(scope="module")
def of_lait(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("of-lait") / "w")
    for n, values in enumerate(
        [{"earlier": 1, "now": 2}, {"earlier": 1, "now": 3}, {"earlier": 9, "now": 3}]
    ):
        ingested(made, f"lait{n}.csv", LAIT.format(**values), "lait", OUT + n * HOUR)
    build(made, "lait-quartile", as_published=OUT + 9 * HOUR)
    return made


def test_a_lait_figure_has_its_band_and_every_version(of_lait: Settings) -> None:
    found = traced(of_lait, "Camden", MEASURE)
    assert found["star"] is None
    figure = found["figures"][0]
    assert (figure["value"], figure["band_label"]) == (3.0, "D")
    assert [(v["value"], v["used"]) for v in figure["history"]] == [(2.0, False), (3.0, True)]
    assert [cell(v["source"], "value") for v in figure["history"]] == [("Values", "2"), ("Values", "3")]
    assert [v["source"]["file"]["name"] for v in figure["history"]] == ["lait0.csv", "lait1.csv"]
    assert figure["history"][0]["published_at"] == "2024-01-10T09:30:00Z"
    assert figure["source"]["row"] == 3
    assert "version: 2 [A] published 2024-01-10T09:30:00Z" in text_of(found)


def test_without_an_indicator_every_figure_says_where_it_stands(of_lait: Settings) -> None:
    figures = traced(of_lait, "Camden")["figures"]
    known = [figure for figure in figures if figure["source"]]
    assert len(figures) > 100
    assert [figure["indicator"] for figure in known] == [MEASURE]
    assert known[0]["source"]["file"]["name"] == "lait1.csv"
    assert known[0]["source"]["row"] == 3
    assert f"{figures[0]['indicator']} {figures[0]['title']}: no figure" in text_of(traced(of_lait, "Camden"))


def test_an_indicator_that_no_snapshot_holds_is_traced_from_the_log(
    tmp_path: Path, of_lait: Settings
) -> None:
    bare = warehouse(tmp_path / "w")
    ingested(bare, "lait.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    found = traced(bare, "202", MEASURE)
    assert found["snapshot"] is None
    assert [(f["period_words"], f["value"]) for f in found["figures"]] == [("2022", 2.0), ("2021", 1.0)]
    assert cell(found["figures"][0]["source"], "value") == ("Values", "2")
    assert "as the log knows them" in text_of(found)
    assert set(found) == set(traced(of_lait, "202", MEASURE))  # the same keys with a snapshot and without


def test_a_voided_version_is_shown_as_such_and_not_used(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    ingested(made, "one.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    wrong = ingested(made, "two.csv", LAIT.format(earlier=1, now=20), "lait", OUT + HOUR)
    void(made, wrong, "the wrong file")
    figure = traced(made, "Camden", MEASURE)["figures"][0]
    assert figure["value"] == 2.0
    assert [(v["value"], v["voided_by"] is not None) for v in figure["history"]] == [
        (2.0, False),
        (20.0, True),
    ]


def test_lost_bytes_are_said_to_be_lost(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    ingested(made, "one.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    source = traced(made, "Camden", MEASURE)["figures"][0]["source"]
    made.landing.path(source["file"]["sha256"]).unlink()
    found = traced(made, "Camden", MEASURE)
    assert "no bytes with SHA-256" in found["figures"][0]["source"]["problem"]
    assert "could not be read back" in text_of(found)


def test_a_simulated_star_says_that_it_is(tmp_path: Path) -> None:
    made = simulated_warehouse(tmp_path / "w")
    text = (
        "indicator,organisation,period,value,numerator,denominator,status\n" + f"{MEASURE},002,2022,7,,,A\n"
    )
    ingested(made, "sim.csv", text, "simulated", OUT)
    build(made, "stars-illustrative", as_published=OUT, simulated=True)
    found = traced(made, "Amberdale")
    assert found["snapshot"]["simulated"]
    assert "not rated under stars-illustrative" in text_of(found)
    assert "SIMULATED" in text_of(found)


def test_the_released_snapshot_is_taken_before_a_newer_draft(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    released, draft = (build(made, "lait-quartile", as_published=OUT + n * HOUR) for n in (0, 1))
    assert traced(made, "camden")["snapshot"]["id"] == draft.id
    release(made, released.id, reason="r")
    assert traced(made, "camden")["snapshot"]["id"] == released.id
    assert traced(made, "camden", None, draft.id)["snapshot"]["id"] == draft.id


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("Wallsall",), "did you mean 'Walsall'"),
        (("Walsall", "A0"), "no indicator"),
        (("Walsall", None, "nothing"), "snapshots list"),
        (("Walsall", "PAF:A3"), "nothing is known of Walsall in PAF:A3"),
    ],
)
def test_what_is_not_known_is_said_with_a_next_step(
    of_2002: Settings, asked: Sequence[str | None], says: str
) -> None:
    with pytest.raises(NotFoundError, match=says):
        traced(of_2002, *asked)  # type: ignore[arg-type]


def test_a_snapshot_of_another_log_is_not_mixed_with_this_one(of_lait: Settings, of_2002: Settings) -> None:
    snapshot_id = traced(of_lait, "Camden", MEASURE)["snapshot"]["id"]
    with pytest.raises(SnapshotError, match="another log"):
        trace(of_2002.ledger(), of_2002.landing, of_lait.snapshots, "Camden", None, snapshot_id)


def test_altered_landed_bytes_are_not_shown_as_the_source(tmp_path: Path) -> None:
    there = warehouse(tmp_path / "w")
    ingested(there, "lait.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    figure = traced(there, "camden", MEASURE)["figures"][0]
    recorded = figure["source"]["file"]["sha256"]
    landed = there.landing.path(recorded)
    landed.chmod(0o644)
    landed.write_text(LAIT.format(earlier=1, now=7))
    found = traced(there, "camden", MEASURE)
    for source in (figure["source"] for figure in found["figures"]):
        assert "the landed bytes are not those that were recorded: SHA-256 is " in source["problem"]
        assert f"expected {recorded}" in source["problem"]
        assert {c["text"] for c in source["cells"]} == {None}
    assert "!!! NOT PROVEN: the cell could not be read back" in text_of(found)
    assert " says " not in text_of(found)


def test_a_landed_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = warehouse(tmp_path / "w")
    ingested(there, "lait.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    hashed: list[Path] = []
    monkeypatch.setattr("audit.sources.sha256_of", lambda path: hashed.append(path) or path.name)
    assert len(traced(there, "camden", MEASURE)["figures"]) == 2
    assert len(hashed) == 1


def test_a_file_name_cannot_write_a_line_of_its_own(tmp_path: Path) -> None:
    there = warehouse(tmp_path / "w")
    ingested(there, "lait\n  rule: all is well\x1b[2J\u202e.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    sentences = [sentence for _, sentence in lines(traced(there, "camden", MEASURE))]
    assert all(sentence.isprintable() for sentence in sentences)
    assert any(r"file lait\n  rule: all is well\x1b[2J\u202e.csv" in sentence for sentence in sentences)
