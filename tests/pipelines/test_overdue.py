"""Overdue returns: grouped by the return that feeds them, told once for what they miss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import overdue
from pipelines.overdue import LateIndicator, LateReturn, Silence, overdue_alert, overdue_returns, returns_due
from pipelines.roster import agree, who_owes
from ratings.calendar import due_date, expected_period, working_day_from
from ratings.catalogue import Announcement, load_catalogue
from tests.made_ledgers import some_figures, warehouse

LATE = LateReturn(
    "SSDA903",
    ("Department for Education",),
    ("children",),
    tuple(
        LateIndicator(f"LAIT:{n}", "out_of_date", 40 - n, "2022-04-01/P1Y", "2023-04-01/P1Y")
        for n in range(12)
    ),
)


def test_an_alert_names_the_return_and_those_furthest_behind() -> None:
    alert = overdue_alert(LATE)
    assert alert.subject == "SSDA903 is late: 12 indicators"
    assert alert.group == "SSDA903"
    assert "LAIT:0: 2022-23 is known, 2023-24 was expected, 40 days late" in alert.text
    assert "and 2 more" in alert.text


def test_a_day_later_is_the_same_alert_and_another_period_is_a_new_one() -> None:
    later = replace(LATE, indicators=tuple(replace(i, days_late=i.days_late + 1) for i in LATE.indicators))
    newer = replace(LATE, indicators=tuple(replace(i, expected="2024-04-01/P1Y") for i in LATE.indicators))
    assert overdue_alert(later).key == overdue_alert(LATE).key
    assert overdue_alert(newer).key != overdue_alert(LATE).key


def test_an_alert_says_whom_to_ask_and_who_never_answered() -> None:
    silent = LateReturn(
        "S251", ("DfE",), ("finance",), (), (Silence("2023-04-01/P1Y", 12, ("bury", "kent")),)
    )
    alert = overdue_alert(silent)
    assert alert.subject == "S251 is late: 2 organisations never answered"
    assert "Ask: DfE" in alert.text
    assert "2023-24, 12 days late: 2 organisations never answered: bury, kent" in alert.text
    assert "starledger roster --return S251" in alert.text
    fewer = replace(silent, silent=(replace(silent.silent[0], days_late=13, organisations=("kent",)),))
    assert overdue_alert(fewer).key == alert.key


def test_every_indicator_with_a_period_due_in_a_year_is_due_on_exactly_one_working_day() -> None:
    due = {
        indicator.code: working_day_from(due_date(indicator, period))
        for indicator in load_catalogue().core()
        if (period := expected_period(indicator, date(2025, 12, 31)))
        and due_date(indicator, period).year == 2025
    }
    days = sorted(set(due.values()))
    counted = sum(sum(returns_due(day).values()) for day in days)
    assert counted >= len(due) > 100
    assert all(day.weekday() < 5 for day in days)
    quiet = next(day for n in range(365) if (day := date(2025, 1, 1) + timedelta(n)) not in days)
    assert returns_due(quiet) == {}


def test_an_announced_release_date_takes_the_place_of_the_usual_lag_in_the_release_calendar() -> None:
    usual, announced = date(2026, 11, 25), date(2026, 11, 30)
    indicator = load_catalogue().indicator("LAIT:LACStable_2016on")
    assert due_date(indicator, "2025-04-01/P1Y") == usual
    silent = replace(load_catalogue(), announcements=())
    assert returns_due(usual, silent)["SSDA903"] > 40
    assert "SSDA903" not in returns_due(usual)
    assert returns_due(announced)["SSDA903"] > 40
    # 31 October 2026 is a Saturday.
    assert returns_due(date(2026, 10, 31)) == {}
    assert returns_due(date(2026, 11, 2))["CIN census"] == 35


def test_a_date_announced_later_is_not_known_before() -> None:
    postponed = Announcement(
        "LAIT:LACStable_2016on", "2025-04-01/P1Y", date(2026, 12, 15), date(2026, 11, 27), "a notice"
    )
    catalogue = replace(load_catalogue(), announcements=(*load_catalogue().announcements, postponed))
    before, after = returns_due(date(2026, 11, 30)), returns_due(date(2026, 11, 30), catalogue)
    assert before["SSDA903"] == after["SSDA903"] + 1
    assert returns_due(date(2026, 12, 15), catalogue) == {"SSDA903": 1}


def test_who_was_given_more_time_is_not_told_of_and_a_return_that_all_were_excused_from_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = warehouse(tmp_path / "w")
    some_figures(where)
    name = "lait, return not known"
    [late] = [r for r in overdue_returns(where, "lait-quartile") if r.source_return == name]
    assert "SSDA903" in {r.source_return for r in overdue_returns(where, "lait-quartile")}
    assert "ascof, return not known" not in {r.source_return for r in overdue_returns(where, "lait-quartile")}
    assert late.indicators
    silence = late.silent[-1]
    assert "hackney" in silence.organisations
    agree(where, "hackney", name, silence.period, until=None, reason="merged")
    [after] = [r for r in overdue_returns(where, "lait-quartile") if r.source_return == name]
    [same] = [s for s in after.silent if s.period == silence.period]
    assert set(silence.organisations) - set(same.organisations) == {"hackney"}
    assert overdue_alert(after).key == overdue_alert(late).key

    def all_excused(*arguments: Any, **options: Any) -> pl.DataFrame:
        return who_owes(*arguments, **options).with_columns(state=pl.lit("exempt"))

    monkeypatch.setattr(overdue, "who_owes", all_excused)
    assert overdue_returns(where, "lait-quartile") == []


def test_where_nothing_was_ever_ingested_nothing_is_late(tmp_path: Path) -> None:
    assert overdue_returns(warehouse(tmp_path / "w"), "lait-quartile") == []
