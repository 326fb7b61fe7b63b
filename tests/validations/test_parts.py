"""Totals and their parts within one file: what is found, what rounding excuses, what is not known."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from ratings.catalogue import load_catalogue
from ratings.collections import Total, load_collection
from ratings.reading import read_figures
from validations.parts import totals_equal_parts
from validations.runner import validate_figures
from warehouse.readers import read_rows

SHARED = Total(("A", "B"), None, "numerator", 10)
OTHER = Total(("A", "B"), "C", "value", 0.01)


def figures(*rows: tuple) -> pl.DataFrame:
    """Accepted figures of one organisation and year: indicator, value, numerator, denominator."""
    return pl.DataFrame(
        [
            {
                "indicator": code, "organisation": "camden", "period": "2021-04-01/P1Y", "value": value,
                "numerator": numerator, "denominator": denominator, "source_row": number, "reasons": None,
                "out_of_scope": None, "repeat": False,
            }
            for number, (code, value, numerator, denominator) in enumerate(rows, 2)
        ],
        schema_overrides={"value": pl.Float64, "numerator": pl.Float64, "denominator": pl.Float64,
                          "reasons": pl.String, "out_of_scope": pl.String},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("numerators", "denominator", "failed"),
    [
        ((3, 4), 7, 0),
        ((3, 4), 8, 1),
        ((30, 40), 80, 0),  # all multiples of ten: rounded, 15 off at most
        ((30, 40), 90, 1),
        ((30, 41), 80, 1),  # one is not, so none is rounded
        ((3, None), 8, None),  # a part is not known: nothing to compare
    ],
)
def test_parts_add_up_to_the_denominator_they_share(
    numerators: tuple, denominator: float, failed: int | None
) -> None:
    rows = [(code, None, n, denominator) for code, n in zip("AB", numerators, strict=True)]
    (result,) = totals_equal_parts(figures(*rows), [SHARED])
    assert (result.checked, result.failed) == ((0, 0) if failed is None else (1, failed))
    assert (result.severity, result.success) == ("warning", not failed)


def test_a_total_that_is_an_indicator_of_its_own_is_named_with_its_row() -> None:
    good = figures(("A", 1.25, None, None), ("B", 3.5, None, None), ("C", 4.76, None, None))
    assert totals_equal_parts(good, [OTHER])[0].success
    (wrong,) = totals_equal_parts(good.with_columns(pl.col("value").replace(4.76, 4.8)), [OTHER])
    assert wrong.message == "row 4: C of camden, 2021-22, is 4.8 and its parts add up to 4.75"


def test_refused_and_unread_rows_are_no_parts() -> None:
    rows = figures(("A", None, 3, 8), ("B", None, 4, 8))
    for column in ("reasons", "out_of_scope"):
        spoiled = rows.with_columns(
            pl.when(pl.col("indicator") == "B").then(pl.lit("why")).otherwise(column).alias(column)
        )
        assert totals_equal_parts(spoiled, [SHARED])[0].checked == 0
    assert totals_equal_parts(rows, []) == []


def test_a_cell_changed_in_the_real_file_of_care_leavers_is_found(shared_data: Path, tmp_path: Path) -> None:
    collection = load_collection("dfe_cla")
    with (shared_data / "dfe_cla/2022-11_release/la_care_leavers_activity.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        kept = [row for row in csv.DictReader(file) if row["time_period"] == "2022"]
    place = next(
        n for n, row in enumerate(kept)
        if (row["la_name"], row["age"], row["activity"])
        == ("Camden", "Aged 19 to 21", "Total not in education, employment or training")
    )  # fmt: skip

    def check() -> tuple[int, int, str]:
        path = tmp_path / "la_care_leavers_activity.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(kept[0]))
            writer.writeheader()
            writer.writerows(kept)
        read = read_figures(read_rows(path, collection), collection, load_catalogue(), path.name)
        (result,) = totals_equal_parts(validate_figures(read).rows, collection.totals)
        return result.checked, result.failed, result.message

    checked, failed, message = check()
    assert (failed, message) == (0, "")
    assert checked > 400
    kept[place]["number"] = str(int(kept[place]["number"]) + 1)
    _, failed, message = check()
    assert failed == 2  # as a total of its parts, and as a part of all care leavers
    assert "camden, 2021-22" in message
