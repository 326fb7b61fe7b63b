"""Periods: labels as printed, the one canonical period behind them, and arithmetic."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.errors import DefinitionError, InputError
from ratings.periods import (
    describe_period,
    next_period,
    parse_period,
    parse_rule,
    period_bounds,
    period_of_month,
    shift_period,
)

RULES = [
    "calendar_year",
    "financial_year",
    "academic_year",
    "year_ending:09-30",
    "calendar_year/P3Y",
    "financial_year/P3Y",
    "academic_year/P2Y",
    "census_day:03-31",
    "census_month:01",
    "census_month:02",
]
rules = st.sampled_from(RULES)
years = st.integers(min_value=1100, max_value=9000)


@pytest.mark.parametrize(
    ("label", "rule", "canonical", "status"),
    [
        ("2015", "calendar_year", "2015-01-01/P1Y", "A"),
        ("2015", "financial_year", "2014-04-01/P1Y", "A"),
        ("2015", "academic_year", "2014-09-01/P1Y", "A"),
        ("2015", "year_ending:09-30", "2014-10-01/P1Y", "A"),
        ("2015", "census_day:03-31", "2015-03-31/P1D", "A"),
        ("2015", "census_month:01", "2015-01-01/P1M", "A"),
        ("2014-15", "financial_year", "2014-04-01/P1Y", "A"),
        ("2014-15", "academic_year", "2014-09-01/P1Y", "A"),
        ("2014/15", "academic_year", "2014-09-01/P1Y", "A"),
        ("2014/2015", "academic_year", "2014-09-01/P1Y", "A"),
        ("1999-00", "financial_year", "1999-04-01/P1Y", "A"),
        ("2015-16 (OT)", "financial_year", "2015-04-01/P1Y", "A"),
        ("2013-15", "calendar_year/P3Y", "2013-01-01/P3Y", "A"),
        ("2012/13-14/15", "financial_year/P3Y", "2012-04-01/P3Y", "A"),
        ("2023(Prov)", "academic_year", "2022-09-01/P1Y", "P"),
        ("2024 (prov)", "academic_year", "2023-09-01/P1Y", "P"),
        ("2022 (Revised)", "academic_year", "2021-09-01/P1Y", "A"),
        ("2020 (Final)", "academic_year", "2019-09-01/P1Y", "A"),
        (" 2025 (Rev) ", "academic_year", "2024-09-01/P1Y", "A"),
        ("2001-03-31", "financial_year", "2000-04-01/P1Y", "A"),
        ("2000-04-01/P1Y", "financial_year", "2000-04-01/P1Y", "A"),
    ],
)
def test_a_label_is_read_under_the_rule_of_its_indicator(
    label: str, rule: str, canonical: str, status: str
) -> None:
    period = parse_period(label, rule)

    assert (period.canonical, period.status) == (canonical, status)
    assert period.canonical == f"{period.start.isoformat()}/{period.duration}"


def test_a_provisional_label_is_the_same_period_as_the_revised_one() -> None:
    provisional = parse_period("2025 (Prov)", "academic_year")
    revised = parse_period("2025 (Rev)", "academic_year")

    assert provisional.canonical == revised.canonical
    assert (provisional.status, revised.status) == ("P", "A")


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("0", "academic_year"),
        ("", "academic_year"),
        ("2002-05", "financial_year"),  # a round of ratings
        ("2013-15", "calendar_year"),  # three years are not one
        ("2013-15", "financial_year/P3Y"),  # two financial years
        ("2015", "calendar_year/P3Y"),  # which end of the window?
        ("2014-15", "calendar_year"),
        ("2014-15", "census_day:03-31"),
        ("2001-03-30", "financial_year"),
        ("2014-04-01/P1Y", "academic_year"),
        ("2014-04-01/P3Y", "financial_year"),
        ("2025 (guess)", "academic_year"),
        ("2015-14", "financial_year"),
        ("20155", "calendar_year"),
        ("0000", "calendar_year"),
        ("9999", "calendar_year"),
        ("\u0662\u0660\u0661\u0665", "calendar_year"),  # other digits than ours
    ],
)
def test_what_is_not_one_period_of_the_rule_is_refused(label: str, rule: str) -> None:
    with pytest.raises((InputError, DefinitionError), match="rule"):
        parse_period(label, rule)


@pytest.mark.parametrize("rule", ["", "year", "census_day:02-30", "census_month:13", "calendar_year/P0Y"])
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(DefinitionError, match="is not a period rule"):
        parse_rule(rule)


@given(rules, years)
def test_a_period_written_for_people_is_read_back_as_itself(rule: str, year: int) -> None:
    period = parse_rule(rule).ending_in(year)

    assert parse_period(describe_period(period.canonical), rule).canonical == period.canonical
    assert parse_period(period.canonical, rule).canonical == period.canonical
    assert parse_period(period.end.isoformat(), rule).canonical == period.canonical


@given(rules, years)
def test_bounds_say_the_first_and_the_last_day(rule: str, year: int) -> None:
    period = parse_rule(rule).ending_in(year)

    assert period_bounds(period.canonical) == (period.start, period.end)
    assert period.start <= period.end
    assert period.end.year == year


@given(st.sampled_from([r for r in RULES if "/P" not in r and "census" not in r]), years)
def test_the_next_year_begins_the_day_after_this_one_ends(rule: str, year: int) -> None:
    this = parse_rule(rule).ending_in(year).canonical

    assert period_bounds(next_period(this))[0] == period_bounds(this)[1] + timedelta(days=1)


@given(rules, years, st.integers(-50, 50))
def test_a_shift_is_undone_by_its_opposite_and_stays_in_the_series(rule: str, year: int, by: int) -> None:
    this = parse_rule(rule).ending_in(year).canonical

    assert shift_period(this, by) == parse_rule(rule).ending_in(year + by).canonical
    assert shift_period(shift_period(this, by), -by) == this


@given(st.text(max_size=12), rules)
def test_any_text_is_either_a_period_or_a_clear_refusal(label: str, rule: str) -> None:
    try:
        canonical = parse_period(label, rule).canonical
    except InputError:
        return

    assert parse_period(canonical, rule).canonical == canonical


def test_a_period_beyond_the_calendar_is_refused() -> None:
    for reach in (
        lambda: shift_period("2000-01-01/P1Y", 9000),
        lambda: period_bounds("9999-12-31/P3Y"),
        lambda: period_bounds("2000-13-01/P1Y"),
        lambda: describe_period("2000"),
    ):
        with pytest.raises(InputError):
            reach()


@pytest.mark.slow
def test_no_two_labels_of_one_measure_and_release_collapse_into_one_period(shared_data: Path) -> None:
    indicators = load_catalogue().indicators
    unreadable: set[str] = set()
    for file in sorted((shared_data / "lait" / "vintages").glob("*.parquet")):
        pairs = pl.read_parquet(file, columns=["Short Desc", "Years"]).unique()
        seen: dict[tuple[str, str], str] = {}
        for measure, label in pairs.iter_rows():
            try:
                period = parse_period(label, indicators[f"LAIT:{measure}"].period_rule).canonical
            except InputError:
                unreadable.add(label)
                continue
            assert seen.setdefault((measure, period), label) == label, (file.name, measure, period)

    assert unreadable == {"0"}


@pytest.mark.parametrize(
    ("label", "rule", "before", "canonical"),
    [
        ("May 2023", "quarter", 0, "2023-04-01/P3M"),
        ("may-2023", "quarter", 2, "2022-10-01/P3M"),
        ("Sep 2023", "quarter", 0, "2023-07-01/P3M"),
        ("2024-01", "quarter", 1, "2023-10-01/P3M"),
        ("March 2024", "financial_year", 0, "2023-04-01/P1Y"),
        ("April 2024", "financial_year", 1, "2023-04-01/P1Y"),
    ],
)
def test_a_month_names_the_period_it_lies_in_or_one_so_many_before(
    label: str, rule: str, before: int, canonical: str
) -> None:
    assert period_of_month(label, rule, before).canonical == canonical


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("Mai 2023", "quarter"), ("2023", "quarter"), ("13-2023", "quarter"), ("2023-13", "quarter"),
        ("May 2023", "calendar_year/P3Y"), ("May 2023", "census_month:04"), ("May 0000", "quarter"),
    ],
)  # fmt: skip
def test_a_month_that_is_none_or_lies_in_no_one_period_is_not_read(label: str, rule: str) -> None:
    with pytest.raises(InputError):
        period_of_month(label, rule)
