"""Collections: what their files say, and that they fit the real sources."""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import fields
from datetime import date
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from ratings.catalogue import load_catalogue
from ratings.collection_file import read_collection
from ratings.collections import Columns, OutOfScope, Published, list_collections, load_collection
from ratings.errors import DefinitionError, InputError, NotFoundError
from ratings.periods import parse_period
from ratings.reading import read_figures
from warehouse.readers import read_rows

DATA = Path(str(files("ratings"))) / "collections"


@pytest.mark.parametrize(
    ("name", "code", "value"),
    [
        ("lait", "LAIT:InfMort", ("Values",)),
        ("a1_2001", "PAF:A1", ("children_with_3plus_placements", "children_looked_after")),
        ("aged_care_au", "AGEDCARE:compliance", None),
    ],
)
def test_a_collection_says_which_columns_a_figure_is_read_from(
    name: str, code: str, value: tuple[str, ...] | None
) -> None:
    collection = load_collection(name)
    read = collection.read_from(code)
    if value is None:  # a column of its own for each measure
        [column] = read["value"]
        assert column in collection.read_from()["value"]
        assert len(collection.read_from()["value"]) > 1
    else:
        assert read["value"] == value
    assert set(read) <= {
        "indicator", "organisation", "period", "value", "numerator", "denominator", "obs_status",
    }  # fmt: skip
    named = {column for columns in read.values() for column in columns}
    assert named <= {*collection.required_columns(), *collection.number_columns()}


def test_all_collections_load_and_have_hashes_of_their_own() -> None:
    collections = list_collections()

    assert [c.id for c in collections] == [
        "a1_2001",
        "aged_care_au",
        "aged_care_au_ratings",
        "ascof",
        "dfe_cla",
        "evidence",
        "judgements",
        "lait",
        "oflog",
        "pss_ex1_activity",
        "pss_ex1_unit_costs",
        "published_ratings",
        "published_totals",
        "simulated",
    ]
    assert len({c.sha256 for c in collections}) == len(collections)
    assert [c.id for c in collections if c.simulated] == ["simulated"]


def test_an_unknown_collection_is_answered_with_those_there_are() -> None:
    for name in ("late", "../catalogue/x", ""):
        with pytest.raises(NotFoundError, match="choose one of a1_2001, aged_care_au"):
            load_collection(name)


def test_codes_as_printed_become_codes_of_the_catalogue() -> None:
    assert load_collection("lait").indicator_code("InfMort") == "LAIT:InfMort"
    assert load_collection("ascof").indicator_code("1C1A") == "ASCOF:1C(1A)"
    assert load_collection("ascof").indicator_code("1A") == "ASCOF:1A"
    assert load_collection("oflog").indicator_code("ASC5") == "ASCOF:2D"
    assert load_collection("oflog").indicator_code("ASC7") == "OFLOG:ASC7"
    assert load_collection("simulated").indicator_code("LAIT:InfMort") == "LAIT:InfMort"


def test_the_year_of_an_ascof_file_stands_in_its_name() -> None:
    period = load_collection("ascof").period

    assert period is not None
    assert period.from_file_name("ascof_2020-21_open_data.csv.gz") == "2020-21"
    assert period.from_file_name("ascof_open_data.csv") is None
    assert period.from_file_name("ascof_12020-210.csv") is None


def test_a_publication_date_known_to_the_month_counts_from_its_last_day() -> None:
    published = Published("published_date", None)

    assert published.day("2002-05-30") == date(2002, 5, 30)
    assert published.day("2008-11") == date(2008, 11, 30)
    assert published.day("2006") == date(2006, 12, 31)
    assert published.day("") is None
    assert Published(None, date(2001, 11, 19)).day() == date(2001, 11, 19)
    for wrong in ("May 2002", "2002-13", "2002-02-30", "30/05/2002"):
        with pytest.raises(InputError, match="is not a date"):
            published.day(wrong)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('coverage = "partial"', 'coverage = "some"', r"'coverage': 'some' is not one of full"),
        ('replaces = ["period"]', "", r"'replaces': a partial collection"),
        ('scheme = "CASSR"', "", r"'organisation.scheme': this key is missing"),
        ('rule = "indicator"', 'rule = "fiscal"', r"'period.rule': 'fiscal' is not a period rule"),
        ("(?P<period>", "(?P<year>", r"'period.pattern': the pattern has no group"),
        ("(?P<period>", "((?P<period>", r"'period.pattern': not a regular expression"),
        ('"ASCOF:1C(1A)"', '"ASCOF:9Z"', r"'indicator.codes.1C1A': no indicator 'ASCOF:9Z'"),
        ('value = "Measure Value"', "", r"'columns.value'"),
        ('value = "Measure Value"', 'values = "Measure Value"', r"'columns.value"),
        ('name = "Geographical Description"', "nom = 'x'", r"'columns.nom': no such key"),
        ('value = ["Outcome"]', 'value = "Outcome"', r"'pivot.value': this must be a list"),
        ('name = "Geographical Description"', 'group = ""', r"'columns.group': this must be a text"),
        ('formats = ["csv", "csv.gz", "xlsx"]', 'formats = ["csv"]\nheader_rows = 0', r"'file.header_rows'"),
        (
            'formats = ["csv", "csv.gz", "xlsx"]',
            'formats = ["csv"]\nencoding = "utf-9"',
            r"'file.encoding': 'utf-9'",
        ),
        ('formats = ["csv", "csv.gz", "xlsx"]', 'formats = ["csv"]\ndelimiter = "||"', r"'file.delimiter'"),
        ('scheme = "CASSR"', 'scheme = "CASSR"\nnamed_as = "rumour"', r"'organisation.named_as': 'rumour'"),
        ('rule = "indicator"', 'rule = "indicator"\nbefore = 1', r"'period.before': only a label"),
        ("[organisation]", '[aliases]\nVolume = ["x"]\n[organisation]', r"'aliases.Volume': no column"),
        ('conf_status = "C"', 'conf_status = "secret"', r"'markers.\[c\].conf_status'"),
        ('not_in = ["Total"]', "", r"'out_of_scope\[1\].in': say either"),
        ('event = "observation"', 'event = "rumour"', r"'event': 'rumour'"),
        ('formats = ["csv", "csv.gz", "xlsx"]', 'formats = ["pdf"]', r"'file.formats': 'pdf'"),
        ('formats = ["csv", "csv.gz", "xlsx"]', "", r"'file.formats': no format"),
        ('id = "ascof"', 'id = "ascot"', r"'id': the id 'ascot' is not the name"),
        ('id = "ascof"', "id = ascof", r"ascof.toml: the file cannot be read"),
    ],
)
def test_a_fault_is_named_with_file_table_and_key(tmp_path: Path, old: str, new: str, place: str) -> None:
    text = (DATA / "ascof.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "ascof.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(DefinitionError, match=place) as caught:
        read_collection(path)

    assert str(caught.value).startswith("ascof.toml")


def test_the_hash_follows_the_content_and_not_the_line_endings(tmp_path: Path) -> None:
    path = tmp_path / "lait.toml"
    content = (DATA / "lait.toml").read_bytes()
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    assert read_collection(path).sha256 == load_collection("lait").sha256

    path.write_bytes(content.replace(b'obs_status = "Q"', b'obs_status = "O"'))
    assert read_collection(path).sha256 != load_collection("lait").sha256


SOURCES = {
    "a1_2001": "facts/a1_placements_2001.csv",
    "ascof": "adults/ascof_2020-21_open_data.csv.gz",
    "judgements": "facts/published_ratings.csv",
    "oflog": "adults/oflog_asc_data.csv",
    "pss_ex1_unit_costs": "pss_ex1/pssex1_unit_costs_2007-08_to_2013-14.csv.gz",
    "published_ratings": "facts/published_ratings.csv",
    "published_totals": "facts/published_totals.csv",
}


def _rows(path: Path) -> list[dict[str, str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(content.decode("utf-8-sig").splitlines()))


def _left_out(row: dict[str, str], filters: tuple[OutOfScope, ...]) -> bool:
    return any((row[rule.column] in rule.values) != rule.negated for rule in filters)


@pytest.mark.parametrize("identifier", SOURCES)
def test_every_row_of_the_real_file_can_be_read(identifier: str, shared_data: Path) -> None:
    collection, catalogue = load_collection(identifier), load_catalogue()
    path = shared_data / SOURCES[identifier]
    rows = _rows(path)
    codes = dict(
        catalogue.code_frame(collection.organisation_scheme, collection.organisations_at).iter_rows()
    )
    columns = collection.columns

    assert set(collection.required_columns()) <= set(rows[0])
    assert path.name.endswith(collection.file.formats)
    for row in rows:
        if _left_out(row, collection.out_of_scope):
            continue
        assert columns.organisation is None or row[columns.organisation] in codes
        if collection.published and collection.published.column:
            collection.published.day(row[collection.published.column])
        if collection.event != "observation" or collection.period is None:
            continue
        code = (
            collection.indicator_code(row[columns.indicator])
            if columns.indicator
            else str(collection.indicator_fixed)
        )
        label = row[columns.period] if columns.period else collection.period.from_file_name(path.name)
        assert parse_period(str(label), catalogue.indicator(code).period_rule).duration == "P1Y"
        if columns.value and row[columns.value] not in collection.markers:
            float(row[columns.value])


def test_a_pivot_leaves_one_figure_for_each_measure_and_council(shared_data: Path) -> None:
    collection = load_collection("ascof")
    pivot = collection.pivot
    assert pivot is not None
    kept = [r for r in _rows(shared_data / SOURCES["ascof"]) if not _left_out(r, collection.out_of_scope)]
    figures = [
        (r["ASCOF Measure Code"], r["Geographical Code"]) for r in kept if r[pivot.column] in pivot.value
    ]
    groups = {(r["ASCOF Measure Code"], r["Geographical Code"]) for r in kept}

    assert len(figures) == len(groups) == len(set(figures))
    assert len({code for code, _ in figures}) == 21


def test_figures_that_ascof_and_oflog_both_publish_agree(shared_data: Path) -> None:
    outcome = {
        r["ONS Code"]: r["Measure Value"]
        for r in _rows(shared_data / SOURCES["ascof"])
        if r["ASCOF Measure Code"] == "2D"
        and r["Measure Type"] == "Outcome"
        and r["ONS Code"].startswith("E")
    }
    explorer = {
        r["Local authority code"]: r["Value"]
        for r in _rows(shared_data / SOURCES["oflog"])
        if r["Code"] == "ASC5" and r["Financial year"] == "2020-21"
    }

    assert len(explorer) == 151
    for council, value in explorer.items():
        marker = outcome[council] in load_collection("ascof").markers
        assert marker == (value in load_collection("oflog").markers)
        assert marker or float(outcome[council]) == pytest.approx(float(value))


def test_computed_a1_percentages_round_to_the_printed_ones(shared_data: Path) -> None:
    ratio = load_collection("a1_2001").ratio
    assert ratio is not None
    assert ratio.printed is not None
    for row in _rows(shared_data / SOURCES["a1_2001"]):
        counts = int(row["children_with_3plus_placements"]), int(row["children_looked_after"])
        assert abs(ratio.scale * counts[0] / counts[1] - int(row[ratio.printed])) <= 0.5


@pytest.mark.slow
def test_every_cell_of_the_real_lait_releases_is_a_number_or_a_known_marker(shared_data: Path) -> None:
    markers = list(load_collection("lait").markers)
    for file in sorted((shared_data / "lait" / "vintages").glob("*.parquet")):
        assert set(load_collection("lait").required_columns()) <= set(pl.read_parquet_schema(file))
        values = pl.read_parquet(file, columns=["Values"])["Values"].unique()
        texts = values.filter(values.cast(pl.Float64, strict=False).is_null())
        assert set(texts) <= set(markers)


def test_every_key_of_a_collection_file_stands_in_the_page_that_explains_them() -> None:
    root = Path(__file__).resolve().parents[2]
    source = (root / "ratings" / "collection_file.py").read_text("utf-8")
    page = (root / "docs" / "collections.md").read_text("utf-8")
    asked = r"\.(?:text|maybe|choice|texts|flag|number|amount|day|mapping|tables?)\(\s*\"(\w+)\""
    keys = set(re.findall(asked, source)) | {field.name for field in fields(Columns)}
    assert {"formats", "markers", "judgements"} <= keys
    missing = sorted(key for key in keys if not re.search(rf"[`\[]{key}[`\].]", page))
    assert not missing


def test_the_rows_of_every_year_of_the_activity_return_are_read(shared_data: Path) -> None:
    collection = load_collection("pss_ex1_activity")
    path = shared_data / "pss_ex1" / "pssex1_activity_2000-01_to_2004-05.csv.gz"
    rows = read_rows(path, collection)
    read = read_figures(rows, collection, load_catalogue(), path.name)
    assert read.height == 66_985
    understood = ["indicator", "organisation", "period", "value"]
    assert read.select(pl.col(understood).null_count()).row(0) == (0, 0, 0, 0)
    averaged = rows["is_avg_based"].str.to_lowercase().eq("y").sum()
    assert (read["obs_status"].cast(pl.String) == "E").sum() == averaged > 600
    labels = {
        row["indicator"]: row["period_label"] for row in read.unique("indicator").cast(pl.String).to_dicts()
    }
    assert all(label in code for code, label in labels.items())  # a row number is one year's alone
