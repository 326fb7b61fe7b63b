"""Calendar: quarters, leap years, announced dates, working days, and files that cannot be true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.calendar import (
    ASSUMED_LAG_DAYS,
    day_of,
    due_date,
    end_of,
    ended_since,
    expected_period,
    overdue_since,
    working_day_from,
)
from ratings.catalogue import Announcement, Catalogue, load_catalogue
from ratings.catalogue_file import read_catalogue
from ratings.errors import DefinitionError
from ratings.freshness import freshness
from ratings.periods import describe_period, next_period, parse_period, parse_rule, period_bounds

YEARLY = replace(
    load_catalogue().indicator("LAIT:CPP_Total_NumRef"), code="T:Y", publication_lag_days=200, grace_days=30
)
QUARTERLY = replace(YEARLY, code="T:Q", period_rule="financial_quarter", publication_lag_days=60)


@pytest.mark.parametrize(
    ("label", "rule", "canonical"),
    [
        ("2024 Q1", "quarter", "2024-01-01/P3M"),
        ("2024 Q4", "quarter", "2024-10-01/P3M"),
        ("2024-25 Q1", "financial_quarter", "2024-04-01/P3M"),
        ("2024/25 Q4 (Prov)", "financial_quarter", "2025-01-01/P3M"),
        ("2024-04 to 2024-06", "financial_quarter", "2024-04-01/P3M"),
    ],
)
def test_a_quarter_is_read_in_the_year_of_its_rule(label: str, rule: str, canonical: str) -> None:
    period = parse_period(label, rule)

    assert period.canonical == canonical
    assert parse_period(canonical, rule).canonical == canonical
    assert parse_period(describe_period(canonical), rule).canonical == canonical


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("2024 Q5", "quarter"),
        ("2024", "quarter"),
        ("2024 Q1", "financial_quarter"),
        ("2024-25 Q1", "quarter"),
        ("2024-04 to 2024-09", "quarter"),
        ("2024-02-01/P3M", "quarter"),
    ],
)
def test_what_is_not_one_quarter_of_the_rule_is_refused(label: str, rule: str) -> None:
    with pytest.raises(Exception, match="does not name one period"):
        parse_period(label, rule)


def test_quarters_follow_each_other_and_are_counted_as_periods_behind() -> None:
    assert next_period("2024-10-01/P3M") == "2025-01-01/P3M"
    assert expected_period(QUARTERLY, date(2025, 2, 28)) == "2024-07-01/P3M"
    assert expected_period(QUARTERLY, date(2025, 3, 1)) == "2024-10-01/P3M"

    catalogue = replace(load_catalogue(), indicators=MappingProxyType({"T:Q": QUARTERLY}))
    figures = pl.DataFrame(
        {"indicator": ["T:Q"], "organisation": ["bury"], "period": ["2024-01-01/P3M"], "value": [1.0]}
    )
    row = freshness(figures, catalogue, _us(datetime(2025, 3, 1, tzinfo=UTC))).row(0, named=True)

    assert (row["state"], row["periods_behind"]) == ("out_of_date", 3)


@pytest.mark.parametrize("year", [2023, 2024, 2000, 1900])
def test_a_year_that_ends_with_february_ends_on_its_last_day_in_leap_years_too(year: int) -> None:
    period = parse_rule("year_ending:02-28").ending_in(year)

    assert period.end + timedelta(days=1) == date(year, 3, 1)
    assert period.start == date(year - 1, 3, 1)
    assert period_bounds(period.canonical) == (period.start, period.end)


def test_a_lag_counted_over_a_leap_day_is_a_day_shorter_on_the_calendar() -> None:
    autumn = replace(YEARLY, period_rule="year_ending:09-30", publication_lag_days=171)

    assert due_date(autumn, "2022-10-01/P1Y") == date(2024, 3, 19)
    assert due_date(autumn, "2023-10-01/P1Y") == date(2025, 3, 20)


def test_daylight_saving_moves_no_deadline_since_a_day_is_a_day_in_utc() -> None:
    # 00:30 on 31 March in London, summer time, is still 30 March in UTC.
    assert day_of(_us(datetime.fromisoformat("2025-03-31T00:30:00+01:00"))) == date(2025, 3, 30)
    # The hour that comes twice on 26 October 2025 is on one day both times.
    first, second = (datetime.fromisoformat(f"2025-10-26T01:30:00+0{h}:00") for h in (1, 0))
    assert day_of(_us(first)) == day_of(_us(second)) == date(2025, 10, 26)
    assert day_of(_us(datetime(1969, 12, 31, 23, 59, tzinfo=UTC))) == date(1969, 12, 31)


@pytest.mark.parametrize("day", [date.min, date(1969, 12, 31), date(2025, 10, 26)])
def test_a_day_ends_a_microsecond_before_the_next(day: date) -> None:
    assert (day_of(end_of(day)), day_of(end_of(day) + 1)) == (day, day + timedelta(days=1))


def test_the_last_day_there_is_has_an_end() -> None:
    assert day_of(end_of(date.max)) == date.max


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2025, 4, 17), date(2025, 4, 17)),
        (date(2025, 4, 18), date(2025, 4, 22)),  # Good Friday to Easter Monday
        (date(2027, 12, 31), date(2027, 12, 31)),
        (date(2022, 12, 31), date(2023, 1, 3)),  # New Year's Day fell on a Sunday
        (date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_a_deadline_moves_to_the_next_working_day(day: date, working: date) -> None:
    assert working_day_from(day) == working


def test_an_announced_date_takes_the_place_of_the_lag_once_it_is_announced() -> None:
    announcement = Announcement("T:Y", "2018-04-01/P1Y", date(2019, 12, 1), date(2019, 6, 1), "press notice")
    catalogue = replace(
        load_catalogue(), indicators=MappingProxyType({"T:Y": YEARLY}), announcements=(announcement,)
    )
    usual = date(2019, 3, 31) + timedelta(days=200)

    for asked, due in ((date(2019, 5, 31), usual), (date(2019, 6, 1), date(2019, 12, 1))):
        assert due_date(YEARLY, "2018-04-01/P1Y", catalogue.announced(asked).get("T:Y", {})) == due
    assert _state(catalogue, usual + timedelta(days=40)) == "fresh"
    assert _state(replace(catalogue, announcements=()), usual + timedelta(days=40)) == "out_of_date"
    assert _state(catalogue, date(2020, 1, 1)) == "out_of_date"


def test_without_a_lag_the_calendar_assumes_one_and_a_series_that_stopped_owes_nothing_more() -> None:
    unknown = replace(YEARLY, publication_lag_days=None)
    stopped = replace(YEARLY, last_period="2017-04-01/P1Y")

    assert due_date(unknown, "2018-04-01/P1Y") == date(2019, 3, 31) + timedelta(days=ASSUMED_LAG_DAYS)
    assert ended_since(YEARLY, "2016-04-01/P1Y", date(2019, 4, 1))[-1] == "2018-04-01/P1Y"
    assert ended_since(stopped, "2016-04-01/P1Y", date(2019, 4, 1))[-1] == "2017-04-01/P1Y"


@given(
    st.sampled_from(
        ["financial_year", "calendar_year/P3Y", "census_day:03-31", "quarter", "financial_quarter"]
    ),
    st.integers(0, 700),
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
)
@settings(max_examples=60)
def test_the_expected_period_is_the_newest_that_is_due(rule: str, lag: int, at: date) -> None:
    indicator = replace(YEARLY, period_rule=rule, publication_lag_days=lag)
    expected = expected_period(indicator, at)

    assert expected is not None
    assert due_date(indicator, expected) <= at < due_date(indicator, next_period(expected))
    assert overdue_since(indicator, expected, at) is None


LINE = "SSDA903,,2024-04-01/P1Y,2025-11-20,2025-10-01,https://example.org/calendar"


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        (LINE.replace("SSDA903,,", ",,"), "indicator", "either an indicator or a source return"),
        (LINE.replace("SSDA903,,", "SSDA,,"), "source_return", "not in the catalogue"),
        (LINE.replace("2024-04-01/P1Y", "2024-05-01/P1Y"), "period", "no period of"),
        (LINE.replace("2024-04-01/P1Y", "2024-25"), "period", "cannot be read"),
        (LINE.replace("2025-11-20", "2025-02-30"), "release_on", "cannot be read"),
        (LINE.replace("2025-11-20", "2025-03-31"), "release_on", "before the period has ended"),
        (LINE.replace("2025-10-01", "2025-11-21"), "announced_on", "after the release"),
        (LINE.replace("https://example.org/calendar", ""), "source", "missing"),
    ],
)
def test_a_release_date_that_cannot_be_true_is_refused_with_its_place(
    line: str, column: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionError, match=says) as fault:
        _read(tmp_path, line)
    assert (fault.value.file, fault.value.row, fault.value.column) == ("release_dates.csv", 2, column)


def test_an_announcement_for_a_return_holds_for_its_indicators_of_that_period(tmp_path: Path) -> None:
    catalogue = _read(tmp_path, LINE)

    found = {a.indicator for a in catalogue.announcements}
    assert len(found) > 40
    rules = {catalogue.indicator(code).period_rule for code in found}
    assert rules == {"financial_year"}
    assert {catalogue.indicator(code).source_return for code in found} == {"SSDA903"}


def test_a_calendar_that_is_not_there_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    shipped = files("ratings") / "catalogue"
    with pytest.raises(DefinitionError, match=r"release_dates\.csv: the file cannot be read"):
        read_catalogue(
            indicators=[shipped / "indicators.csv"],
            organisations=[shipped / "organisations.csv"],
            codes=shipped / "organisation_codes.csv",
            successions=shipped / "successions.csv",
            releases=tmp_path / "release_dates.csv",
        )


def test_the_announced_dates_of_the_next_releases_are_in_the_calendar() -> None:
    catalogue = load_catalogue()
    stability, finance = (catalogue.indicator(f"LAIT:{c}") for c in ("LACStable_2016on", "FosteringFinance"))
    announced = catalogue.announced(date(2026, 4, 8))
    assert due_date(stability, "2025-04-01/P1Y", announced[stability.code]) == date(2026, 11, 30)
    assert due_date(finance, "2025-04-01/P1Y", announced[finance.code]) == date(2027, 1, 20)
    assert catalogue.announced(date(2026, 4, 7)) == {}
    assert len(announced) > 150


def _read(folder: Path, line: str) -> Catalogue:
    releases = folder / "release_dates.csv"
    releases.write_text(f"source_return,indicator,period,release_on,announced_on,source\n{line}\n")
    shipped = files("ratings") / "catalogue"
    return read_catalogue(
        indicators=[shipped / "indicators.csv"],
        organisations=[shipped / "organisations.csv"],
        codes=shipped / "organisation_codes.csv",
        successions=shipped / "successions.csv",
        releases=releases,
    )


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _state(catalogue: Catalogue, at: date) -> str:
    figures = pl.DataFrame(
        {"indicator": ["T:Y"], "organisation": ["bury"], "period": ["2017-04-01/P1Y"], "value": [1.0]}
    )
    found = freshness(figures, catalogue, _us(datetime(at.year, at.month, at.day, tzinfo=UTC)))
    return str(found["state"][0])
