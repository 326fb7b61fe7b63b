"""What the rows of a source file say in the platform's words."""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.collections import Collection, load_collection
from ratings.errors import InputError
from ratings.reading import read_figures

LAIT, CATALOGUE = load_collection("lait"), load_catalogue()


def read_lait(*rows: tuple[str | None, ...]) -> list[dict]:
    columns = ["Short Desc", "Years", "LA Number", "Values", "LA and Regions"]
    frame = pl.DataFrame(
        [(*row, None) for row in rows], schema=dict.fromkeys(columns, pl.String), orient="row"
    )
    return read_figures(
        frame.with_row_index("row", 2).cast({"row": pl.Int64}), LAIT, CATALOGUE, "lait.csv"
    ).to_dicts()


def test_a_row_becomes_a_figure() -> None:
    (figure,) = read_lait(("InfMort", "2022 (prov)", "202", " 3.5 "))
    assert (figure["indicator"], figure["organisation"], figure["period"]) == (
        "LAIT:InfMort",
        "camden",
        "2022-01-01/P1Y",
    )
    assert (figure["value"], figure["obs_status"], figure["period_label"]) == (3.5, "P", "2022 (prov)")
    assert figure["value_fault"] is None
    assert figure["source_row"] == 2


def test_a_marker_is_a_figure_without_a_value() -> None:
    (figure,) = read_lait(("InfMort", "2022", "202", "-"))
    assert (figure["value"], figure["obs_status"], figure["value_fault"]) == (None, "O", None)


def test_what_is_not_known_is_null_and_kept_as_printed() -> None:
    (figure,) = read_lait(("Nonsense", "2022", "999", "1"))
    assert (figure["indicator"], figure["organisation"], figure["period"]) == (None, None, None)
    assert (figure["indicator_printed"], figure["organisation_code"]) == ("Nonsense", "999")


@pytest.mark.parametrize("cell", ["1e309", "NaN", "inf", "1,234", "12%", "0x10", "--", "1 2", "١٢"])
def test_what_only_looks_like_a_number_is_none(cell: str) -> None:
    (figure,) = read_lait(("InfMort", "2022", "202", cell))
    assert figure["value"] is None
    assert figure["value_fault"] == f"{cell} is neither a number nor a known marker"


def test_an_empty_cell_is_a_fault_where_no_marker_says_otherwise() -> None:
    (figure,) = read_lait(("InfMort", "2022", "202", None))
    assert figure["value_fault"] == "the cell is empty"


def test_minus_zero_is_zero() -> None:
    (figure,) = read_lait(("InfMort", "2022", "202", "-0.0"))
    assert math.copysign(1, figure["value"]) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read_to_the_last_bit(number: float) -> None:
    (figure,) = read_lait(("InfMort", "2022", "202", repr(number)))
    assert figure["value"] == number


@given(st.text(max_size=12))
def test_no_text_whatever_breaks_the_reading(text: str) -> None:
    (figure,) = read_lait((text, text, text, text))
    assert figure["value"] is None or math.isfinite(figure["value"])


def test_the_lines_of_one_figure_are_brought_together() -> None:
    ascof = load_collection("ascof")
    lines = [("Outcome", "19.6"), ("Numerator", "83160"), ("Denominator", "4235"), ("Base", "430")]
    rows = pl.DataFrame(
        {
            "Geographical Code": ["211"] * 4, "Geographical Description": ["Kirklees"] * 4,
            "ASCOF Measure Code": ["1A"] * 4, "Disaggregation Level": ["Total"] * 4,
            "Measure Type": [line[0] for line in lines], "Measure Value": [line[1] for line in lines],
            "row": [2, 3, 4, 5],
        }
    )  # fmt: skip
    figures = read_figures(rows, ascof, CATALOGUE, "ascof_2020-21_open_data.csv").to_dicts()
    outcome = figures[0]
    assert (outcome["value"], outcome["numerator"], outcome["denominator"]) == (19.6, 83160.0, 4235.0)
    assert outcome["period"] == "2020-04-01/P1Y"
    assert outcome["out_of_scope"] is None
    assert all("component line" in figure["out_of_scope"] for figure in figures[1:])


def test_a_file_whose_name_lacks_the_period_is_refused() -> None:
    ascof = load_collection("ascof")
    rows = pl.DataFrame({c: ["x"] for c in ascof.required_columns()} | {"row": [2]})
    with pytest.raises(InputError, match="stands in its name, and this name has none"):
        read_figures(rows, ascof, CATALOGUE, "open_data.csv")


def test_a_computed_value_comes_from_its_counts() -> None:
    a1 = load_collection("a1_2001")
    rows = pl.DataFrame(
        {
            "council": ["Bolton"], "reference_date": ["2001-03-31"], "children_with_3plus_placements": ["45"],
            "children_looked_after": ["275"], "percent_printed": ["16"], "source_url": ["x"], "row": [2],
        }
    )  # fmt: skip
    (figure,) = read_figures(rows, a1, CATALOGUE, "a1.csv").to_dicts()
    assert figure["value"] == 4500 / 275
    assert (figure["period"], figure["organisation"]) == ("2000-04-01/P1Y", "bolton")


def read_as(collection: Collection, **cells: list[str | None]) -> list[dict]:
    """Figures of a file with these columns, read by the rules of a collection."""
    size = len(next(iter(cells.values())))
    empty: list[str | None] = [None] * size
    columns = {column: cells.get(column, empty) for column in collection.required_columns()}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return read_figures(
        frame.with_row_index("row", 2).cast({"row": pl.Int64}), collection, CATALOGUE, "file.csv"
    ).to_dicts()


@pytest.mark.parametrize(
    ("mark", "cell", "value"),
    [
        (",", "1,234", 1234), (",", "-12,345,678.5", -12_345_678.5), (",", "999", 999), (",", "1,23", None),
        (",", "1234,567", None), (",", ",123", None), (" ", "1 234", 1234), (".", "1.234", 1234),
        (None, "1,234", None),
    ],
)  # fmt: skip
def test_thousands_are_read_where_declared_and_grouped_by_three(
    mark: str | None, cell: str, value: float | None
) -> None:
    collection = replace(LAIT, file=replace(LAIT.file, thousands=mark))
    (row,) = read_as(collection, **{"Values": [cell]})
    assert row["value"] == value
    assert (row["value_fault"] is None) == (value is not None)


def test_a_status_is_taken_by_what_the_collection_says_it_means_and_no_other() -> None:
    simulated = load_collection("simulated")
    statuses = [
        (row["obs_status"], row["value_fault"])
        for row in read_as(simulated, value=["1"] * 3, status=["P", "", "rumour"])
    ]
    assert statuses[0] == ("P", None)
    assert statuses[1][1] is None
    assert statuses[2][1] == "status rumour is none that the collection knows"
    activity = load_collection("pss_ex1_activity")
    rows = read_as(activity, value=["1"] * 4, period=["2000-01"] * 4, is_avg_based=["Y", "y", "0", "P"])
    assert [row["obs_status"] for row in rows[:3]] == ["E", "E", "A"]
    assert rows[3]["value_fault"] == "status P is none that the collection knows"


def test_the_first_column_that_is_not_blank_says_whom_a_row_is_about() -> None:
    cla = load_collection("dfe_cla")
    rows = read_as(
        cla,
        new_la_code=["E09000007", None, " "],
        region_code=["E12000007", "E12000007", ""],
        country_code=["E92000001"] * 3,
    )
    assert [row["organisation"] for row in rows] == ["camden", "london", "england"]


def test_a_column_for_each_indicator_gives_a_figure_for_each_in_every_row() -> None:
    aged_care = load_collection("aged_care_au")
    rows = read_as(
        aged_care,
        facility_id=["A | NSW", "B | NSW"],
        reporting_period=["May 2023", "Mai 2023"],
        compliance_rating=["5.0", "x"],
    )
    assert [(row["source_row"], row["indicator"]) for row in rows[:4]] == [
        (2, f"AGEDCARE:{part}")
        for part in ("residents_experience", "compliance", "staffing", "quality_measures")
    ]
    assert [row["value"] for row in rows[:4]] == [None, 5, None, None]
    assert {row["period"] for row in rows[:4]} == {"2022-10-01/P3M"}
    assert {row["period"] for row in rows[4:]} == {None}
    assert rows[5]["value_fault"] == "x is neither a number nor a known marker"
