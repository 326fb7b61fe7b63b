"""What the rows of a source file say in the platform's words."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
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
