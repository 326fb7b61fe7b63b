"""The catalogue: indicators and organisations, and that every real file's codes and names resolve."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from ratings.catalogue import Catalogue, load_catalogue
from ratings.catalogue_file import read_catalogue
from ratings.collections import list_collections
from ratings.errors import DefinitionError, NotFoundError

DATA = Path(str(files("ratings"))) / "catalogue"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_core_has_about_two_hundred_indicators_of_two_frameworks(catalogue: Catalogue) -> None:
    prefixes = [indicator.code.split(":")[0] for indicator in catalogue.core()]

    assert {prefix: prefixes.count(prefix) for prefix in set(prefixes)} == {"LAIT": 175, "ASCOF": 29}


def test_every_core_indicator_is_rated_from_a_collection_that_exists(catalogue: Catalogue) -> None:
    known = {collection.id for collection in list_collections()}

    assert {i.collection for i in catalogue.indicators.values()} - {""} <= known
    assert {i.collection for i in catalogue.core()} == {"lait", "ascof", "oflog"}


def test_an_official_polarity_and_an_inferred_one_are_told_apart(catalogue: Catalogue) -> None:
    assert catalogue.indicator("LAIT:InfMort").polarity_basis == "official"
    assert catalogue.indicator("ASCOF:1A").polarity_basis == "inferred"
    assert all(i.polarity_basis for i in catalogue.indicators.values() if i.polarity != "none")


def test_the_frame_has_a_row_per_indicator_and_a_column_per_attribute(catalogue: Catalogue) -> None:
    frame = catalogue.frame()

    assert frame["code"].to_list() == list(catalogue.indicators)
    assert frame.columns == list(type(catalogue.indicator("LAIT:InfMort")).__dataclass_fields__)
    assert frame.filter(code="LAIT:CINPermExclusion")["banded"].to_list() == [False]


@pytest.mark.parametrize(
    ("text", "organisation"),
    [
        ("barking-and-dagenham", "barking-and-dagenham"),
        ("Stoke-on-Trent UA", "stoke-on-trent"),
        ("kingston upon hull", "kingston-upon-hull"),
        ("St. Helens", "st-helens"),
        ("st helens", "st-helens"),
        ("Bedford Borough", "bedford"),
        ("Durham", "durham"),
        ("E10000002", "buckinghamshire"),
        ("E06000060", "buckinghamshire"),
        ("Dorset", "dorset"),
        ("Dorset (Pre LG)", "dorset-before-2019"),
        ("London (Inner)", "inner-london"),
    ],
)
def test_an_organisation_is_found_by_id_name_alias_or_code(
    catalogue: Catalogue, text: str, organisation: str
) -> None:
    assert catalogue.resolve(text).id == organisation


def test_a_name_that_changed_hands_means_what_it_meant_on_the_day(catalogue: Catalogue) -> None:
    assert catalogue.resolve("Dorset", at=date(2019, 3, 31)).id == "dorset-before-2019"
    assert catalogue.resolve("Dorset", at=date(2019, 4, 1)).id == "dorset"
    assert catalogue.resolve("809", scheme="CASSR", at=date(2010, 1, 1)).id == "dorset-before-2019"


def test_an_unknown_name_is_answered_with_close_ones(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match="Calderdale"):
        catalogue.resolve("Caulderdale")
    with pytest.raises(NotFoundError, match="LAIT:InfMort"):
        catalogue.indicator("LAIT:InfMorte")


def test_a_code_of_two_schemes_is_not_guessed(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match="may mean"):
        catalogue.resolve("204")

    assert catalogue.resolve("204", scheme="LA").id == "hackney"
    assert catalogue.resolve("204", scheme="CASSR").id == "barnsley"


def test_no_code_of_a_scheme_has_two_holders_at_a_time(catalogue: Catalogue) -> None:
    for scheme in ("LA", "GSS", "CASSR", "name", "SIM"):
        for at in (None, date(2001, 3, 31), date(2010, 1, 1), date(2025, 1, 1)):
            assert catalogue.code_frame(scheme, at)["code"].is_unique().all()

    assert catalogue.code_frame("name", date(2001, 3, 31)).filter(code="Dorset")[
        "organisation"
    ].to_list() == ["dorset-before-2019"]


def test_a_closed_council_has_a_successor(catalogue: Catalogue) -> None:
    closed = {o.id: o.closed for o in catalogue.organisations.values() if o.closed is not None}
    replaced = {s.predecessor for s in catalogue.successions if s.predecessor != s.successor}

    assert set(closed) == replaced
    for event in catalogue.successions:
        if event.predecessor != event.successor:
            ended = closed[event.predecessor]
            assert (event.date - ended).days == 1
            assert catalogue.organisations[event.successor].opened == event.date


def test_there_are_150_simulated_councils_none_of_which_is_real(catalogue: Catalogue) -> None:
    simulated = [o for o in catalogue.organisations.values() if o.kind == "simulated"]
    real = {c.code.casefold() for c in catalogue.codes if c.organisation not in {o.id for o in simulated}}

    assert len({o.name for o in simulated}) == 150
    assert all(o.id.startswith("sim-") and o.name.casefold() not in real for o in simulated)
    assert catalogue.code_frame("SIM")["code"].to_list() == [f"{number:03}" for number in range(1, 151)]


def _faulty(folder: Path, name: str, old: str, new: str) -> Catalogue:
    """The catalogue with one replacement in one file."""
    paths = {}
    for source in (
        *("indicators.csv", "organisations.csv", "simulated_organisations.csv"),
        *("organisation_codes.csv", "successions.csv"),
    ):
        text = (DATA / source).read_text(encoding="utf-8")
        if source == name:
            assert text.count(old), old
            text = text.replace(old, new, 1)
        paths[source] = folder / source
        paths[source].write_text(text, encoding="utf-8")
    return read_catalogue(
        indicators=[paths["indicators.csv"]],
        organisations=[paths["organisations.csv"], paths["simulated_organisations.csv"]],
        codes=paths["organisation_codes.csv"],
        successions=paths["successions.csv"],
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        ("indicators.csv", ",financial_year,", ",fiscal_year,", r"row 2, column 'period_rule'"),
        ("indicators.csv", ",financial_year,", ",,", r"row 2, column 'period_rule': a value is missing"),
        ("indicators.csv", ",Department for Education,", ",,", r"row 2, column 'owner': a value is missing"),
        ("indicators.csv", ",none,official,", ",upward,official,", r"row 2, column 'polarity'"),
        ("indicators.csv", ",lower,official,", ",lower,,", r"column 'polarity_basis'"),
        ("indicators.csv", ",0,100,", ",100,0,", r"column 'valid_max': the largest"),
        ("indicators.csv", ",lait,yes,", ",,yes,", r"row 2, column 'collection'"),
        ("indicators.csv", ",30,", ",soon,", r"row 2, column 'grace_days'"),
        ("indicators.csv", "LAIT:CIN_Refferals_NFA,", "LAIT:CPP_Total_NumRef,", r"'code': .* defined twice"),
        ("organisations.csv", "england,", "Eng land,", r"row 2, column 'id'"),
        ("organisations.csv", ",council,", ",borough,", r"column 'kind'"),
        ("organisations.csv", ",council,north-west,", ",council,bolton,", r"column 'region'"),
        ("organisation_codes.csv", "bolton,LA,350", "bolton,LA,351", r"already held by"),
        ("organisation_codes.csv", "bolton,LA,350", "boltonia,LA,350", r"'boltonia' is not registered"),
        ("organisation_codes.csv", "2019-03-31", "31/03/2019", r"column 'valid_to': .* cannot be read"),
        ("successions.csv", ",split,", ",divorce,", r"row 2, column 'kind'"),
        ("successions.csv", "bedfordshire,bedford,", "bedfordshire,", r"successions.csv, row 2: .*cells"),
    ],
)
def test_a_fault_is_named_with_file_row_and_column(
    tmp_path: Path, name: str, old: str, new: str, place: str
) -> None:
    with pytest.raises(DefinitionError, match=place) as caught:
        _faulty(tmp_path, name, old, new)

    assert str(caught.value).startswith(name)


def test_line_endings_do_not_change_the_hash(tmp_path: Path) -> None:
    unix = _faulty(tmp_path, "successions.csv", "split", "split").sha256
    path = tmp_path / "indicators.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    windows = read_catalogue(
        indicators=[path],
        organisations=[tmp_path / "organisations.csv", tmp_path / "simulated_organisations.csv"],
        codes=tmp_path / "organisation_codes.csv",
        successions=tmp_path / "successions.csv",
    ).sha256

    assert windows == unix
    assert _faulty(tmp_path, "successions.csv", "split", "merge").sha256 != unix


def _distinct(path: Path, columns: tuple[str, ...]) -> set[tuple[str, ...]]:
    """What stands together in some columns of a CSV file."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    return {tuple(row[column] for column in columns) for row in rows}


@pytest.mark.slow
def test_every_measure_and_area_of_the_real_lait_releases_is_known(
    catalogue: Catalogue, shared_data: Path
) -> None:
    numbers = dict(catalogue.code_frame("LA").iter_rows())
    for file in sorted((shared_data / "lait" / "vintages").glob("*.parquet")):
        rows = pl.read_parquet(file, columns=["Short Desc", "LA Number", "LA and Regions"])
        for measure in rows["Short Desc"].unique():
            assert f"LAIT:{measure}" in catalogue.indicators
        for number, name in rows.select("LA Number", "LA and Regions").unique().iter_rows():
            assert catalogue.resolve(name, scheme="name").id == numbers[str(int(number))]


@pytest.mark.slow
def test_no_real_figure_is_outside_the_valid_range_of_its_indicator(
    catalogue: Catalogue, shared_data: Path
) -> None:
    limits = catalogue.frame().select("code", "valid_min", "valid_max")
    for file in sorted((shared_data / "lait" / "vintages").glob("*.parquet")):
        figures = (
            pl.read_parquet(file, columns=["Short Desc", "Values"])
            .with_columns(
                code="LAIT:" + pl.col("Short Desc"), value=pl.col("Values").cast(pl.Float64, strict=False)
            )
            .join(limits, on="code")
        )
        beyond = (pl.col("value") < pl.col("valid_min")) | (pl.col("value") > pl.col("valid_max"))
        assert figures.filter(beyond).is_empty()


def test_every_council_of_the_adult_files_is_known_by_code_and_name(
    catalogue: Catalogue, shared_data: Path
) -> None:
    ascof = _distinct(
        shared_data / "adults" / "ascof_2020-21_open_data.csv.gz",
        ("Geographical Code", "Geographical Description", "ONS Code"),
    )
    for code, name, gss in ascof:
        at = date(2021, 3, 31)
        by_code = catalogue.resolve(code, scheme="CASSR", at=at)
        assert catalogue.resolve(name, scheme="name", at=at) == by_code
        assert not gss or catalogue.resolve(gss, scheme="GSS", at=at) == by_code
    oflog = _distinct(
        shared_data / "adults" / "oflog_asc_data.csv",
        ("Financial year", "Local authority code", "Local authority name"),
    )
    for year, code, name in oflog:
        at = date(int(year[:4]) + 1, 3, 31)
        by_code = catalogue.resolve(code, scheme="GSS", at=at)
        assert catalogue.resolve(name, scheme="name", at=at) == by_code


def test_every_council_of_the_children_looked_after_files_is_known(
    catalogue: Catalogue, shared_data: Path
) -> None:
    for file in sorted((shared_data / "dfe_cla").glob("*/*.csv")):
        for number, gss, name, region in _distinct(
            file, ("old_la_code", "new_la_code", "la_name", "region_code")
        ):
            if region:
                assert catalogue.resolve(region).kind == "aggregate"
            if number:
                by_number = catalogue.resolve(number, scheme="LA")
                assert catalogue.resolve(gss, scheme="GSS") == by_number
                # Closed councils are printed beside their successors, under the name both had.
                at = by_number.closed or date(2023, 3, 31)
                assert catalogue.resolve(name, scheme="name", at=at) == by_number


def test_every_council_of_the_facts_of_2001_to_2014_is_known(catalogue: Catalogue, shared_data: Path) -> None:
    for file in ("published_ratings.csv", "a1_placements_2001.csv"):
        for (name,) in _distinct(shared_data / "facts" / file, ("council",)):
            assert catalogue.resolve(name, scheme="name", at=date(2008, 3, 31)).kind == "council"
    activity = shared_data / "pss_ex1" / "pssex1_activity_2000-01_to_2004-05.csv.gz"
    for (name,) in _distinct(activity, ("council",)):
        assert catalogue.resolve(name, scheme="name", at=date(2005, 3, 31)).kind == "council"
    unit_costs = shared_data / "pss_ex1" / "pssex1_unit_costs_2007-08_to_2013-14.csv.gz"
    for period, code, name in _distinct(unit_costs, ("period", "cassr_code", "council")):
        at = date(int(period[:4]) + 1, 3, 31)
        assert catalogue.resolve(name, scheme="name", at=at) == catalogue.resolve(code, scheme="CASSR", at=at)
