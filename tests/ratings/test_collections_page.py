"""The page on collections: its example is loaded, read and checked, and says what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from ratings import catalogue, collection_file
from ratings.catalogue import load_catalogue, measure_files
from ratings.catalogue_file import read_catalogue
from ratings.collection_file import read_collection
from ratings.collections import load_collection
from ratings.errors import DefinitionError, InputError
from ratings.reading import read_figures
from validations.runner import validate_figures
from warehouse.readers import read_rows

PAGE = (Path(__file__).parents[2] / "docs" / "collections.md").read_text("utf-8")
NAME = "home_care_2024-25.csv"


def shown(language: str, beginning: str) -> str:
    """The text of the block of this language that begins so."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return next(text for text in found if text.startswith(beginning))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The three files of the example, and the catalogue with its indicators in place of the shipped one."""
    (tmp_path / NAME).write_text(shown("text", "Return of home care"), "utf-8")
    (tmp_path / "home_care.toml").write_text(shown("toml", "# Hours of home care"), "utf-8")
    (tmp_path / "home_care_measures.csv").write_text(shown("csv", "code,definition"), "utf-8")
    root = files("ratings") / "catalogue"
    extended = read_catalogue(
        indicators=[root / "indicators.csv", *measure_files(), tmp_path / "home_care_measures.csv"],
        organisations=[root / "organisations.csv", root / "simulated_organisations.csv"],
        codes=root / "organisation_codes.csv",
        successions=root / "successions.csv",
        releases=root / "release_dates.csv",
    )
    assert len(extended.indicators) == len(load_catalogue().indicators) + 2
    for module in (catalogue, collection_file):
        monkeypatch.setattr(module, "load_catalogue", lambda: extended)
    yield tmp_path
    load_collection.cache_clear()  # what was read with that catalogue


def test_the_example_reads_as_the_page_says(folder: Path) -> None:
    collection = read_collection(folder / "home_care.toml")
    rows = read_rows(folder / NAME, collection)
    checked = validate_figures(read_figures(rows, collection, catalogue.load_catalogue(), NAME))
    counts = checked.rows.select(
        read=checked.rows["source_row"].len(),
        refused=checked.rows["reasons"].count(),
        outside=checked.rows["out_of_scope"].count(),
    ).row(0)
    assert counts == (6, 2, 1)
    taken = checked.rows.filter(
        checked.rows["reasons"].is_null() & checked.rows["out_of_scope"].is_null()
    ).select("indicator", "organisation", "period", "value", "obs_status")
    assert taken.rows() == [
        ("HOME:HC1", "camden", "2024-04-01/P1Y", 1204.0, "A"),
        ("HOME:HC2", "camden", "2024-04-01/P1Y", 87.5, "A"),
        ("HOME:HC1", "greenwich", "2024-04-01/P1Y", None, "O"),
    ]
    said = [json.loads(reasons)[0] for reasons in checked.rows["reasons"].drop_nulls()]
    for reason, row in zip(said, (6, 7), strict=True):
        assert f"{reason['check']}: 1 rows, such as row {row}: {reason['message'][:20]}" in PAGE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'value = "Amount"',
            'valu = "Amount"',
            "home_care.toml, column 'columns.valu': no such key is known here",
        ),
        ('value = "Amount"', 'value = "Amounts"', "'Amounts' may now be called 'Amount'"),
        ('thousands = ","', "", "1,204 is neither a number nor a known marker"),
    ],
)
def test_what_is_written_wrong_is_said_as_the_page_says(folder: Path, old: str, new: str, said: str) -> None:
    file = folder / "home_care.toml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    try:
        collection = read_collection(file)
        rows = read_rows(folder / NAME, collection)
        read = read_figures(rows, collection, catalogue.load_catalogue(), NAME)
        message = str(read["value_fault"][0])
    except (DefinitionError, InputError) as error:
        message = str(error)
    assert said in message
    assert said in PAGE


def test_every_collection_that_the_page_points_to_is_there() -> None:
    for identifier in set(re.findall(r"`(\w+)\.toml`", PAGE)) - {"home_care"}:
        assert load_collection(identifier).id == identifier
