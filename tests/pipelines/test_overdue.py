"""Overdue returns: grouped by the return that feeds them, told once for what they miss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pipelines.overdue import LateIndicator, LateReturn, overdue_alert, returns_due
from ratings.calendar import due_date, expected_period
from ratings.catalogue import load_catalogue

LATE = LateReturn(
    "SSDA903",
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


def test_every_indicator_with_a_period_due_in_a_year_is_due_on_exactly_that_day() -> None:
    due = {
        indicator.code: due_date(indicator, period)
        for indicator in load_catalogue().core()
        if (period := expected_period(indicator, date(2025, 12, 31)))
        and due_date(indicator, period).year == 2025
    }
    days = sorted(set(due.values()))
    assert days
    counted = 0
    for day in days:
        found = returns_due(day)
        assert found
        counted += sum(found.values())
    assert counted >= len(due)
    quiet = next(day for n in range(365) if (day := date(2025, 1, 1) + timedelta(n)) not in days)
    assert returns_due(quiet) == {}
