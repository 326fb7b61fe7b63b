"""Calendar: which period of an indicator should be known by a given day.

Here: when the figures of a period are due, from the indicator's period rule and its usual publication lag.
Not here: comparing that with what is known (freshness.py), reading labels (periods.py).
"""

from __future__ import annotations

from datetime import date, timedelta

from ratings.catalogue import Indicator
from ratings.periods import next_period, parse_rule, period_bounds

# Where nobody says how long an indicator takes to come out: by the time the next yearly period has ended.
ASSUMED_LAG_DAYS = 365


def due_date(indicator: Indicator, period: str) -> date:
    """The day by which the figures of a canonical period are usually out. Grace comes on top."""
    lag = ASSUMED_LAG_DAYS if indicator.publication_lag_days is None else indicator.publication_lag_days
    return period_bounds(period)[1] + timedelta(days=lag)


def expected_period(indicator: Indicator, at: date) -> str | None:
    """The newest period of an indicator that should be known on the day `at`.

    Args:
        indicator: its period rule and publication lag count; a series that stopped expects nothing newer
            than its last period.
        at: the day on which the question is asked.

    Returns:
        A canonical period, or None where nothing was due yet since the beginning of years.
    """
    rule = parse_rule(indicator.period_rule)
    for year in range(at.year + 1, max(at.year - 10, 0), -1):
        period = rule.ending_in(year).canonical
        if due_date(indicator, period) <= at:
            return period if indicator.last_period is None else min(period, indicator.last_period)
    return None


def overdue_since(indicator: Indicator, latest: str, at: date) -> date | None:
    """The day since which a newer period than `latest` has been due; None while there is none."""
    due = due_date(indicator, next_period(latest))
    return due if due <= at else None
