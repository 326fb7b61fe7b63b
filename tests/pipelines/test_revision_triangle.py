"""Revisions as a person or a script asks for them: read from a log, as values, as Parquet, as a picture."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from pipelines.revisions import revisions, write_chart, write_triangle
from pipelines.settings import Settings
from pipelines.void import void
from ratings.errors import LedgerError, NotFoundError
from tests.made_ledgers import MEASURE, OUT, append, figure, warehouse, withdrawal

HOUR = 3_600_000_000
OTHER = "LAIT:InfMort"


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Three publications: five figures; one revised, one withdrawn; that one back, a label changed."""
    made = warehouse(tmp_path / "warehouse")
    councils = ("camden", "hackney", "islington", "lambeth")
    append(made, [*(figure(c, 10.0) for c in councils), figure("camden", 3.0, indicator=OTHER)])
    append(made, [figure("camden", 12.0), withdrawal("hackney", "withdrawn")], at=OUT + HOUR)
    append(made, [figure("hackney", 10.0)], at=OUT + 2 * HOUR, counts={"relabelled": 1})
    return made


def test_every_publication_is_told_with_its_files(here: Settings) -> None:
    found = revisions(here, "lait").as_dict()
    told = [
        {name: row[name] for name in ("new", "revised", "relabelled", "withdrawn", "restored", "known")}
        for row in found["publications"]
    ]
    assert told == [
        {"new": 5, "revised": 0, "relabelled": 0, "withdrawn": 0, "restored": 0, "known": 5},
        {"new": 0, "revised": 1, "relabelled": 0, "withdrawn": 1, "restored": 0, "known": 4},
        {"new": 0, "revised": 0, "relabelled": 1, "withdrawn": 0, "restored": 1, "known": 5},
    ]
    assert [row["batches"] for row in found["publications"]] == [[1], [2], [3]]
    assert found["publications"][0]["published_at"] == "2024-01-10T09:30:00Z"
    assert "mean_revision" not in found["triangle"][0]


def test_of_one_indicator_the_revisions_are_measured_in_its_unit(here: Settings) -> None:
    found = revisions(here, "lait", "FirstYJS").as_dict()
    assert found["indicator"] == MEASURE
    (size,) = found["indicators"]
    assert (size["mean_revision"], size["relative_absolute_revision"]) == (2.0, pytest.approx(100 * 2 / 12))
    assert [row["mean_revision"] for row in found["triangle"]] == [None, 2.0, None]


def test_as_recorded_leaves_out_what_came_later(here: Settings) -> None:
    first = here.ledger().batches("lait")[0]
    found = revisions(here, "lait", as_recorded=first.last_position + 1)
    assert found.as_recorded == first.last_position
    assert found.publications.height == 1


def test_what_a_voided_file_revised_is_said_by_the_next_file_that_agreed(here: Settings) -> None:
    void(here, 2, "the wrong file")
    found = revisions(here, "lait")
    assert found.publications.select("batches", "revised", "withdrawn").rows() == [([1], 0, 0), ([3], 1, 0)]
    for batch in (1, 3):
        void(here, batch, "the wrong file")
    with pytest.raises(NotFoundError, match="every file of collection lait was voided"):
        revisions(here, "lait")


def test_unknown_names_end_with_a_sentence(here: Settings) -> None:
    with pytest.raises(NotFoundError, match="no indicator 'nope'"):
        revisions(here, "lait", "nope")
    with pytest.raises(NotFoundError, match=r"lait holds no figure of ASCOF:.*rated from ascof"):
        revisions(here, "lait", "ASCOF:1C(1A)")
    with pytest.raises(NotFoundError, match="no file of collection oflog"):
        revisions(here, "oflog")
    with pytest.raises(NotFoundError, match="up to position 0"):
        revisions(here, "lait", as_recorded=0)


def test_the_triangle_is_written_whole_or_not_at_all(here: Settings, tmp_path: Path) -> None:
    found, out = revisions(here, "lait", MEASURE), tmp_path / "new" / "triangle.parquet"
    assert write_triangle(found, out) == 3
    table = pl.read_parquet(out)
    assert table["period_label"].unique().to_list() == ["2022"]
    assert table["revised"].to_list() == [0, 1, 0]
    assert [file.name for file in out.parent.iterdir()] == ["triangle.parquet"]
    with pytest.raises(LedgerError, match="cannot be written"):
        write_triangle(found, out / "below.parquet")


def test_the_picture_has_words_and_is_the_same_each_time(here: Settings, tmp_path: Path) -> None:
    found = revisions(here, "lait", MEASURE)
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    write_chart(found, one)
    write_chart(found, two)
    assert one.read_bytes() == two.read_bytes()
    assert set(re.findall(r"url\(#(.+?)\)", one.read_text("utf-8"))) == {"part-0"}
    drawn = ElementTree.fromstring(one.read_text("utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    title, description = drawn.find(f"{space}title"), drawn.find(f"{space}desc")
    assert title is not None
    assert title.text == f"Figures revised by each publication: {MEASURE}, rate per 100,000"
    assert description is not None
    assert "2024-01-10 10:30: 1" in (description.text or "")
    assert not drawn.findall(f".//{space}script")
    assert "http" not in one.read_text("utf-8").replace("http://www.w3.org/", "")
