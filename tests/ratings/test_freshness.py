"""Freshness: figures against the calendar of their own indicator."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.calendar import ASSUMED_LAG_DAYS, due_date, expected_period
from ratings.catalogue import Catalogue, Indicator, load_catalogue
from ratings.freshness import STATES, freshness
from ratings.periods import next_period, parse_rule, period_bounds, shift_period

FINANCIAL = replace(
    load_catalogue().indicator("LAIT:CPP_Total_NumRef"),
    code="T:F",
    publication_lag_days=200,
    grace_days=30,
    period_rule="financial_year",
)
STOPPED = replace(FINANCIAL, code="T:S", last_period="2017-04-01/P1Y")
POOLED = replace(FINANCIAL, code="T:P", period_rule="calendar_year/P3Y")
UNKNOWN_LAG = replace(FINANCIAL, code="T:U", publication_lag_days=None)
INDICATORS = [FINANCIAL, STOPPED, POOLED, UNKNOWN_LAG]
CATALOGUE: Catalogue = replace(load_catalogue(), indicators=MappingProxyType({i.code: i for i in INDICATORS}))


def _us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1_000_000


def _figures(indicator: Indicator, *periods: str, value: float | None = 1.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "indicator": [indicator.code] * len(periods),
            "organisation": ["bolton"] * len(periods),
            "period": list(periods),
            "value": [value] * len(periods),
        },
        schema_overrides={"value": pl.Float64},
    )


def _state(indicator: Indicator, latest: str, at: date) -> dict[str, object]:
    return freshness(_figures(indicator, latest), CATALOGUE, _us(at)).row(0, named=True)


def test_a_period_is_due_its_publication_lag_after_its_last_day() -> None:
    due = date(2019, 3, 31) + timedelta(days=200)

    assert due_date(FINANCIAL, "2018-04-01/P1Y") == due
    assert expected_period(FINANCIAL, due) == "2018-04-01/P1Y"
    assert expected_period(FINANCIAL, due - timedelta(days=1)) == "2017-04-01/P1Y"


def test_a_series_that_stopped_expects_nothing_newer_than_its_last_period() -> None:
    assert expected_period(STOPPED, date(2025, 1, 1)) == "2017-04-01/P1Y"
    assert expected_period(STOPPED, date(2017, 1, 1)) == "2015-04-01/P1Y"


def test_an_unknown_lag_is_taken_as_a_year() -> None:
    assert due_date(UNKNOWN_LAG, "2018-04-01/P1Y") == date(2019, 3, 31) + timedelta(days=ASSUMED_LAG_DAYS)


@pytest.mark.parametrize(
    ("days_after_due", "state", "behind", "late"),
    [
        (-1, "fresh", 0, 0),
        (0, "due", 1, 0),
        (30, "due", 1, 30),
        (31, "out_of_date", 1, 31),
        (366, "out_of_date", 2, 366),
    ],
)
def test_a_figure_is_due_then_out_of_date_as_its_successor_stays_away(
    days_after_due: int, state: str, behind: int, late: int
) -> None:
    at = due_date(FINANCIAL, "2018-04-01/P1Y") + timedelta(days=days_after_due)

    row = _state(FINANCIAL, "2017-04-01/P1Y", at)

    assert (row["state"], row["periods_behind"], row["days_late"]) == (state, behind, late)
    assert row["age_days"] == (at - date(2018, 3, 31)).days


def test_the_a1_figures_of_march_2001_are_425_days_old_on_30_may_2002() -> None:
    catalogue = load_catalogue()
    figures = _figures(catalogue.indicator("PAF:A1"), "2000-04-01/P1Y")

    row = freshness(figures, catalogue, _us(date(2002, 5, 30))).row(0, named=True)

    assert row["age_days"] == 425
    assert row["state"] == "fresh"  # old, and yet nothing newer had to be out


def test_the_last_period_of_a_series_that_stopped_is_discontinued_once_nothing_follows() -> None:
    assert _state(STOPPED, "2017-04-01/P1Y", date(2018, 12, 1))["state"] == "fresh"
    assert _state(STOPPED, "2017-04-01/P1Y", date(2020, 12, 1))["state"] == "discontinued"
    assert _state(STOPPED, "2016-04-01/P1Y", date(2025, 12, 1))["state"] == "out_of_date"


def test_a_row_without_a_value_is_missing_and_so_is_a_pair_without_a_row() -> None:
    figures = _figures(FINANCIAL, "2018-04-01/P1Y", value=None)
    pairs = pl.DataFrame({"indicator": ["T:F", "T:F"], "organisation": ["bolton", "bury"]})

    result = freshness(figures, CATALOGUE, _us(date(2020, 1, 1)), pairs).sort("organisation")

    assert result["state"].to_list() == ["missing", "missing"]
    assert result["organisation"].to_list() == ["bolton", "bury"]
    assert result["expected_period"].to_list() == ["2018-04-01/P1Y"] * 2
    assert result["age_days"].to_list() == [None, None]


def test_the_newest_period_with_a_value_counts() -> None:
    figures = pl.concat(
        [
            _figures(FINANCIAL, "2016-04-01/P1Y", "2017-04-01/P1Y"),
            _figures(FINANCIAL, "2018-04-01/P1Y", value=None),
        ]
    )

    assert freshness(figures, CATALOGUE, _us(date(2019, 4, 1)))["latest_period"].to_list() == [
        "2017-04-01/P1Y"
    ]


def test_lazy_frames_give_the_same_answer() -> None:
    figures = _figures(FINANCIAL, "2016-04-01/P1Y", "2017-04-01/P1Y")
    at = _us(date(2019, 4, 1))

    assert freshness(figures.lazy(), CATALOGUE, at).collect().equals(freshness(figures, CATALOGUE, at))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(INDICATORS),
    st.integers(2005, 2022),
    st.dates(date(2004, 1, 1), date(2024, 12, 31)),
    st.integers(0, 1500),
)
def test_freshness_never_improves_by_waiting(indicator: Indicator, year: int, at: date, wait: int) -> None:
    latest = parse_rule(indicator.period_rule).ending_in(year).canonical

    before, after = _state(indicator, latest, at), _state(indicator, latest, at + timedelta(days=wait))

    assert STATES.index(str(before["state"])) <= STATES.index(str(after["state"]))
    for measure in ("periods_behind", "days_late", "age_days"):
        assert int(str(before[measure])) <= int(str(after[measure]))


@given(st.sampled_from(INDICATORS), st.dates(date(1990, 1, 1), date(2060, 1, 1)))
def test_the_expected_period_is_the_newest_one_that_is_due(indicator: Indicator, at: date) -> None:
    expected = expected_period(indicator, at)

    assert expected is not None
    assert due_date(indicator, expected) <= at
    if indicator.last_period is None:
        assert due_date(indicator, next_period(expected)) > at
    assert period_bounds(shift_period(expected, -1))[0] < period_bounds(expected)[0]
