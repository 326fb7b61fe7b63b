"""Calendar: which period of an indicator should be known by a given day.

Here: when the figures of a period are due, from the indicator's period rule and its usual publication lag, or
    from the date its publisher announced; working days, where a deadline needs them; the day of a time.
Not here: comparing that with what is known (freshness.py), who owes a return (roster.py), reading labels
    (periods.py).

A day here is a day in UTC, and nothing asks what day it is now: a clock that jumps, or daylight saving where
the reader sits, moves no deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from ratings.catalogue import Indicator
from ratings.periods import next_period, parse_rule, period_bounds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Where nobody says how long an indicator takes to come out: by the time the next yearly period has ended.
ASSUMED_LAG_DAYS = 365

NOTHING_ANNOUNCED: Mapping[str, date] = MappingProxyType({})
"""What `Catalogue.announced` gives for an indicator of which nothing was announced."""


def day_of(at_us: int) -> date:
    """The day, in UTC, of a time in microseconds."""
    return (_EPOCH + timedelta(microseconds=at_us)).date()


def end_of(day: date) -> int:
    """The last microsecond of a day in UTC, as a time in microseconds."""
    return (day - _EPOCH.date() + timedelta(days=1)) // timedelta(microseconds=1) - 1


def due_date(indicator: Indicator, period: str, announced: Mapping[str, date] = NOTHING_ANNOUNCED) -> date:
    """The day by which the figures of a canonical period should be out. Grace comes on top.

    Args:
        indicator: its usual publication lag counts, `ASSUMED_LAG_DAYS` where nobody knows it.
        period: the canonical period.
        announced: period -> release date that the publisher announced; it takes the place of the lag.
    """
    if period in announced:
        return announced[period]
    lag = ASSUMED_LAG_DAYS if indicator.publication_lag_days is None else indicator.publication_lag_days
    return period_bounds(period)[1] + timedelta(days=lag)


def expected_period(
    indicator: Indicator, at: date, announced: Mapping[str, date] = NOTHING_ANNOUNCED
) -> str | None:
    """The newest period of an indicator that should be known on the day `at`.

    Args:
        indicator: its period rule and publication lag count; a series that stopped expects nothing newer
            than its last period.
        at: the day on which the question is asked.
        announced: release dates that were announced by that day, by period.

    Returns:
        A canonical period, or None where nothing was due yet since the beginning of years.
    """
    rule = parse_rule(indicator.period_rule)
    for year in range(at.year + 1, max(at.year - 10, 0), -1):
        for period in reversed(rule.all_ending_in(year)):
            if due_date(indicator, period.canonical, announced) <= at:
                newest = period.canonical
                return newest if indicator.last_period is None else min(newest, indicator.last_period)
    return None


def overdue_since(
    indicator: Indicator, latest: str, at: date, announced: Mapping[str, date] = NOTHING_ANNOUNCED
) -> date | None:
    """The day since which a newer period than `latest` has been due; None while there is none."""
    due = due_date(indicator, next_period(latest), announced)
    return due if due <= at else None


def ended_since(indicator: Indicator, period: str, at: date) -> list[str]:
    """The periods of an indicator from `period` on that had ended by the day `at`, oldest first.

    A series that stopped has none after its last.
    """
    found = []
    while period_bounds(period)[1] <= at and (
        indicator.last_period is None or period <= indicator.last_period
    ):
        found.append(period)
        period = next_period(period)
    return found


def working_day_from(day: date) -> date:
    """That day, or the first after it on which offices in England work: no weekend, no bank holiday."""
    # Imported here, because only deadlines need it. `years` keeps it from reckoning more than is asked.
    from holidays import country_holidays

    free = country_holidays("GB", subdiv="ENG", years=(day.year, day.year + 1))
    while day.weekday() >= 5 or day in free:
        day += timedelta(days=1)
    return day
