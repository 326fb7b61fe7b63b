"""Cross-foot: what printed totals cannot hide."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.crossfoot import STARS, Finding, crossfoot, read_totals, rounds_to
from ratings.errors import InputError


def totals(*counts: int | None, **stated: object) -> dict[str, str]:
    """A row of totals as a file holds it."""
    cells = dict(zip(STARS, counts, strict=True)) | {"rating_round": "2002-05"} | stated
    return {name: "" if value is None else str(value) for name, value in cells.items()}


def findings(*rows: dict[str, str]) -> list[Finding]:
    return crossfoot(read_totals(rows))


def rules(*rows: dict[str, str]) -> list[str]:
    return [finding.rule for finding in findings(*rows)]


councils = st.tuples(*[st.integers(0, 200)] * 4).filter(lambda counts: sum(counts) > 0)


@given(councils)
def test_totals_that_add_up_and_state_true_percentages_give_no_finding(counts: tuple[int, ...]) -> None:
    total = sum(counts)
    percents = {f"percent_{s}": f"{100 * c / total:.2f}" for s, c in zip(STARS, counts, strict=True)}
    row = totals(*counts, total=total, councils_rated=total, **percents)
    assert findings(row, row) == []


@given(councils, st.integers(-50, 50).filter(bool))
def test_a_total_that_is_not_the_sum_is_always_found(counts: tuple[int, ...], error: int) -> None:
    stated = abs(sum(counts) + error)
    found = findings(totals(*counts, total=stated))
    assert [(f.rule, f.expected, f.found) for f in found] == (
        [("sum_is_total", str(stated), str(sum(counts)))] if stated != sum(counts) else []
    )


@given(councils, st.integers(0, 3), st.integers(1, 30))
def test_two_rows_of_one_round_that_differ_are_always_found(
    counts: tuple[int, ...], place: int, error: int
) -> None:
    other = list(counts)
    other[place] += error
    assert rules(totals(*counts), totals(*other)) == ["one_round_one_count"]
    assert rules(totals(*counts), totals(*other, rating_round="2002-11")) == []


@given(st.integers(1, 300), st.integers(0, 3), st.data())
def test_the_printed_percentage_of_a_count_fits_it_in_any_number_of_digits(
    base: int, decimals: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, base))
    assert rounds_to(count, base, f"{100 * count / base:.{decimals}f}")


@given(st.integers(1, 300), st.data())
def test_a_percentage_a_whole_point_off_never_fits(base: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, base))
    assert not rounds_to(count, base, f"{100 * count / base + 1:.3f}")


@given(st.lists(st.sampled_from(STARS), min_size=1, unique=True))
def test_a_row_without_every_count_is_not_added_up(missing: list[str]) -> None:
    row = totals(1, 2, 3, 4, total=99, councils_rated=98) | dict.fromkeys(missing, "")
    assert findings(row) == []


def test_76_of_150_is_not_55_per_cent_and_the_count_that_would_be_is_named() -> None:
    right = totals(10, 82, 50, 8, total=150)
    wrong = totals(10, 76, 50, 8, total=144, councils_rated=150, percent_one=55)
    found = {finding.rule: finding for finding in findings(right, wrong)}
    assert found["sum_is_councils_rated"].sentence == (
        "10 + 76 + 50 + 8 = 144, where 150 councils are said to be rated"
    )
    assert found["percent_fits_count"].sentence == (
        "76 with one star is 52.8 % of 144 and 50.7 % of 150, where 55 % is stated; "
        "55 % fits 82 or 83 of 150, and 82 is what another row gives for the round"
    )
    assert found["one_round_one_count"].sentence == (
        "row 3 gives 76 with one star where row 2 gives 82, and 144 in total where row 2 gives 150"
    )
    assert len(found) == 3


def test_totals_of_a_round_are_held_against_another_row_about_the_same_councils() -> None:
    december = totals(3, 31, 83, 26, total=143, rating_round="2005-12")
    before = totals(8, 36, 78, 20, total=142, rating_round="2004-11", restricted_to="2005-12")
    (finding,) = findings(december, before)
    assert (finding.round, finding.rule, finding.expected, finding.found) == (
        "2005-12",
        "same_councils_same_total",
        "142",
        "143",
    )


def test_a_restricted_row_is_not_held_against_the_whole_round() -> None:
    whole = totals(8, 40, 82, 20, rating_round="2004-11")
    part = totals(8, 36, 78, 20, rating_round="2004-11 restricted to the 142 councils rated in 2005")
    assert findings(whole, part) == []


@pytest.mark.parametrize(
    ("column", "text"),
    [("one", "seventy"), ("total", "-3"), ("percent_one", "55 %"), ("rating_round", "May")],
)
def test_what_cannot_be_read_names_row_and_column(column: str, text: str) -> None:
    with pytest.raises(InputError) as error:
        read_totals([totals(1, 2, 3, 4), totals(1, 2, 3, 4) | {column: text}], "totals.csv")
    assert (error.value.file, error.value.row, error.value.column) == ("totals.csv", 3, column)


def test_the_bundled_totals_give_findings_for_exactly_the_two_faulty_rounds() -> None:
    with (files("pipelines") / "facts" / "published_totals.csv").open(encoding="utf-8", newline="") as file:
        found = crossfoot(read_totals(csv.DictReader(file)))
    assert {(f.round, f.rule) for f in found} == {
        ("2002-05", "sum_is_councils_rated"),
        ("2002-05", "percent_fits_count"),
        ("2002-05", "one_round_one_count"),
        ("2005-12", "sum_is_councils_rated"),
        ("2005-12", "same_councils_same_total"),
    }


def test_the_totals_as_they_were_handed_down_give_findings_for_the_same_two_rounds(shared_data: Path) -> None:
    with (shared_data / "facts" / "published_totals.csv").open(encoding="utf-8", newline="") as file:
        found = crossfoot(read_totals(csv.DictReader(file)))
    assert {(f.round, f.rule) for f in found} == {
        ("2002-05", "one_round_one_count"),
        ("2005-12", "same_councils_same_total"),
    }
