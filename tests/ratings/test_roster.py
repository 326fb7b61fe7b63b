"""Roster: who owes what, before figures are missed; lags learned from releases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from ratings.catalogue import load_catalogue
from ratings.lags import learned_lags
from ratings.roster import Agreement, owed_returns, roster

ONE = replace(
    load_catalogue().indicator("LAIT:CPP_Total_NumRef"),
    code="T:1",
    source_return="R",
    publication_lag_days=61,  # from 31 March 2024 to Friday 31 May 2024
    grace_days=10,
)
TWO = replace(ONE, code="T:2")
STOPPED = replace(ONE, code="T:S", source_return="OLD", last_period="2015-04-01/P1Y")
INDICATORS = [ONE, TWO, STOPPED]
CATALOGUE = replace(load_catalogue(), indicators=MappingProxyType({i.code: i for i in INDICATORS}))
REGISTER = pl.DataFrame(
    {
        "id": ["bury", "new", "gone"],
        "opened": [None, date(2024, 4, 1), None],
        "closed": [None, None, date(2023, 1, 1)],
    }
)
NOW, BEFORE = "2023-04-01/P1Y", "2022-04-01/P1Y"


def _us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _received(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(code, "bury", period, _us(date(2024, 5, 20))) for code, period in rows],
        schema={
            "indicator": pl.String,
            "organisation": pl.String,
            "period": pl.String,
            "published_at": pl.Int64,
        },
        orient="row",
    )


def _row(at: date, received: pl.DataFrame, *agreements: Agreement, period: str = NOW) -> dict[str, Any]:
    found = roster(received, CATALOGUE, INDICATORS, REGISTER, _us(at), agreements)
    return found.row(
        by_predicate=(pl.col("organisation") == "bury") & (pl.col("period") == period), named=True
    )


@pytest.mark.parametrize(
    ("at", "state", "late"),
    [
        (date(2024, 3, 31), "due", 0),  # the period ends: owed from now on
        (date(2024, 5, 31), "due", 0),
        (date(2024, 6, 10), "due", 10),
        (date(2024, 6, 11), "never", 11),
    ],
)
def test_silence_is_visible_from_the_end_of_the_period_on(at: date, state: str, late: int) -> None:
    row = _row(at, _received())

    assert (row["state"], row["days_late"], row["due_on"]) == (state, late, date(2024, 5, 31))
    assert (row["indicators"], row["received_indicators"]) == (2, 0)


def test_a_part_of_a_return_is_received_and_says_how_much_is_there() -> None:
    row = _row(date(2024, 7, 1), _received(("T:1", NOW)))

    assert (row["state"], row["received_indicators"], row["indicators"]) == ("received", 1, 2)
    assert row["received_at"] == _us(date(2024, 5, 20))
    assert _row(date(2024, 7, 1), _received(("T:1", BEFORE)))["state"] == "never"


def test_an_extension_holds_to_its_last_day_and_an_exemption_for_good() -> None:
    more_time = Agreement("bury", "R", NOW, date(2024, 8, 1), "flood")
    exempt = Agreement("bury", "R", NOW, None, "merged")

    assert _row(date(2024, 8, 1), _received(), more_time)["state"] == "extended"
    late = _row(date(2024, 8, 3), _received(), more_time)
    assert (late["state"], late["days_late"], late["reason"]) == ("never", 2, "flood")
    assert _row(date(2024, 9, 1), _received(), more_time, exempt)["state"] == "exempt"
    assert _row(date(2024, 9, 1), _received(), exempt, more_time)["state"] == "never"  # the last one counts
    assert _row(date(2024, 9, 1), _received(("T:2", NOW)), exempt)["state"] == "received"


@pytest.mark.parametrize("until", [date(2024, 5, 1), date(2024, 5, 31), date(2024, 6, 5)])
@pytest.mark.parametrize("at", [date(2024, 6, 7), date(2024, 6, 10), date(2024, 6, 11)])
def test_more_time_that_ends_before_the_days_of_grace_takes_none_away(until: date, at: date) -> None:
    agreed = _row(at, _received(), Agreement("bury", "R", NOW, until, "flood"))

    assert agreed["state"] == _row(at, _received())["state"]


def test_who_did_not_exist_at_the_end_of_a_period_and_a_series_that_stopped_owe_nothing() -> None:
    found = roster(_received(), CATALOGUE, INDICATORS, REGISTER, _us(date(2024, 6, 1)))

    assert found.select("organisation", "source_return", "period").rows() == [("bury", "R", NOW)]


def test_a_deadline_on_a_bank_holiday_moves_to_the_next_working_day() -> None:
    may_day = replace(ONE, publication_lag_days=36)  # 6 May 2024

    assert owed_returns(CATALOGUE, [may_day], date(2024, 5, 1))["due_on"].max() == date(2024, 5, 7)


def test_a_lag_is_learned_only_where_a_release_brought_a_new_period() -> None:
    releases = [date(2023, 1, 1), date(2023, 6, 1), date(2024, 6, 9)]
    first_seen = pl.DataFrame(
        [
            ("T:1", "2020-04-01/P1Y", _us(releases[0])),  # there from the first release on: says nothing
            ("T:1", "2022-04-01/P1Y", _us(releases[1])),  # 62 days after 31 March 2023
            ("T:1", "2019-04-01/P1Y", _us(releases[2])),  # filled in later
            ("T:1", "2023-04-01/P1Y", _us(releases[2])),  # 70 days after 31 March 2024
            ("T:2", "2022-04-01/P1Y", _us(releases[1])),  # a new indicator
            ("T:2", "2021-04-01/P1Y", _us(releases[2])),  # and nothing newer
        ],
        schema=["indicator", "period", "published_at"],
        orient="row",
    )

    found = learned_lags(first_seen, pl.Series([_us(day) for day in releases]), CATALOGUE)

    (row,) = found.to_dicts()
    assert (row["indicator"], row["releases_seen"], row["proposed"], row["in_calendar"]) == ("T:1", 2, 70, 61)
    assert (row["shortest_days"], row["median_days"], row["longest_days"]) == (62, 66, 70)
    assert "374 days earlier" in row["basis"]
