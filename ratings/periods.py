"""Periods: what stretch of time a figure is about.

Here: reading a period as printed in a source (`2014-15`, `2015-16 (OT)`, `2025 (Prov)`) under the
    rule of its indicator, the canonical text that names it everywhere else, and arithmetic on that text.
Not here: which period should be known by now (calendar.py); rounds of ratings such as `2002-05`, which
    are not periods.

A period rule is one of
    calendar_year              1 January to 31 December
    financial_year             1 April to 31 March; a single year in a label is the year it ENDS in
    academic_year              1 September to 31 August; likewise
    year_ending:MM-DD          twelve months up to and including that day; likewise
    census_day:MM-DD           one day a year
    census_month:MM            one month a year
    quarter                    three months of a calendar year, `2024 Q1` from January on
    financial_quarter          three months of a financial year, `2024-25 Q1` from April on
and the first four may be pooled over n years, as in `calendar_year/P3Y`. A label must name exactly one
period of its rule: `2013-15` is three pooled calendar years, and never one financial year.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from ratings.errors import DefinitionError, InputError

# What sources write after a label, without brackets, dots or capitals -> SDMX CL_OBS_STATUS.
# An outturn (OT) is what was really spent, as against planned: an ordinary, final figure.
LABEL_STATUSES = {
    "": "A",
    "p": "P",
    "prov": "P",
    "provisional": "P",
    "r": "A",
    "rev": "A",
    "revised": "A",
    "final": "A",
    "ot": "A",
    "outturn": "A",
}

_LABEL = re.compile(r"^(?P<body>[^()]*?)\s*(?:\(\s*(?P<suffix>[A-Za-z]+)\.?\s*\))?\Z")
_YEAR = re.compile(r"^[0-9]{4}\Z")
_SPAN = re.compile(r"^(?P<first>[0-9]{4})\s*(?P<mark>[-/\u2013])\s*(?P<last>[0-9]{2}|[0-9]{4})\Z")
_POOLED_SPANS = re.compile(
    r"^(?P<first>[0-9]{4})[-/](?P<first_end>[0-9]{2}|[0-9]{4})\s*(?:-|\u2013|to)\s*(?P<last>[0-9]{2}|[0-9]{4})[-/](?P<last_end>[0-9]{2})$"
)
_POOLED_YEARS = re.compile(r"^(?P<first>[0-9]{4}) to (?P<last>[0-9]{4})\Z")
_QUARTER = re.compile(r"^(?P<year>[^Q]+?)\s*Q(?P<quarter>[1-4])\Z")
_MONTHS = re.compile(r"^(?P<first>[0-9]{4}-[0-9]{2}) to (?P<last>[0-9]{4}-[0-9]{2})\Z")
_DAY = re.compile(r"^(?:year to )?(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})\Z")
_MONTH = re.compile(r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{2})\Z")
_CANONICAL = re.compile(r"^(?P<start>[0-9]{4}-[0-9]{2}-[0-9]{2})/P(?P<count>[1-9][0-9]*)(?P<unit>[YMD])\Z")
_RULE = re.compile(
    r"^(?:(?P<year>calendar_year|financial_year|academic_year|year_ending:(?P<ending>[0-9]{2}-[0-9]{2}))"
    r"(?:/P(?P<pool>[1-9][0-9]?)Y)?"
    r"|census_day:(?P<day>[0-9]{2}-[0-9]{2})|census_month:(?P<month>[0-9]{2})"
    r"|(?P<quarter>quarter|financial_quarter))$"
)
_NAMED_MONTH = re.compile(r"^(?P<name>[A-Za-z]{3,9})[ -](?P<year>[0-9]{4})\Z")
_MONTHS_NAMED = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_LAST_DAYS = {"calendar_year": (12, 31), "financial_year": (3, 31), "academic_year": (8, 31)}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time as a figure's label names it.

    Attributes:
        start: first day.
        end: last day, inclusive.
        duration: ISO 8601 duration (`P1Y`, `P3Y`, `P1M`, `P1D`).
        status: SDMX observation status that the label gives: `A` (normal) or `P` (provisional).
        canonical: SDMX time range, `start/duration`. Two labels of one period have the same canonical text.
    """

    start: date
    end: date
    duration: str
    status: str
    canonical: str


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """A period rule taken apart: when its periods end, and how long they are.

    Attributes:
        kind: `year`, `day`, `month` or `quarter`.
        month: month of the last day; of quarters that of the last quarter.
        day: day of the month of the last day (0: the last of the month).
        years: length in years (0 where the kind is not `year`).
        crosses: True where a year of the rule begins in one calendar year and ends in the next.
    """

    kind: str
    month: int
    day: int
    years: int
    crosses: bool

    def all_ending_in(self, year: int) -> tuple[Period, ...]:
        """The periods of this rule whose last day falls in `year`, oldest first: four quarters, else one."""
        if self.kind == "quarter":
            return tuple(_period(date(year, month, 1), 3, "M", "A") for month in (1, 4, 7, 10))
        return (self.ending_in(year),)

    def ending_in(self, year: int, status: str = "A", quarter: int = 4) -> Period:
        """The period of this rule whose last day falls in `year`.

        Of quarters it is that `quarter` of the rule's own year whose last quarter ends in `year`.
        """
        if self.kind == "quarter":
            months = year * 12 + self.month - 3 * (5 - quarter)
            return _period(date(months // 12, months % 12 + 1, 1), 3, "M", status)
        day = self.day or monthrange(year, self.month)[1]
        last = date(year, self.month, min(day, monthrange(year, self.month)[1]))
        if self.kind == "day":
            return _period(last, 1, "D", status)
        if self.kind == "month":
            return _period(last.replace(day=1), 1, "M", status)
        following = last + timedelta(days=1)
        return _period(following.replace(year=following.year - self.years), self.years, "Y", status)


@lru_cache(maxsize=256)
def parse_rule(rule: str) -> PeriodRule:
    """Take a period rule apart.

    Raises:
        DefinitionError: `rule` is not one of those in this module's charter.
    """
    found = _RULE.match(rule)
    try:
        if found is None:
            raise ValueError(rule)
        if found["month"]:
            date(2001, int(found["month"]), 1)
            return PeriodRule("month", int(found["month"]), 0, 0, False)
        if found["quarter"]:
            last = 12 if found["quarter"] == "quarter" else 3
            return PeriodRule("quarter", last, 0, 0, last != 12)
        if found["day"]:
            day = date.fromisoformat(f"2001-{found['day']}")
            return PeriodRule("day", day.month, day.day, 0, False)
        if found["ending"]:
            ending = date.fromisoformat(f"2001-{found['ending']}")
            month, day_of_month = ending.month, ending.day
            if (month, day_of_month) == (2, 28):
                day_of_month = 0  # the end of February, in leap years too
        else:
            month, day_of_month = _LAST_DAYS[found["year"]]
    except ValueError:
        raise DefinitionError(
            f"{rule!r} is not a period rule",
            hint="use calendar_year, financial_year, academic_year, year_ending:MM-DD, census_day:MM-DD,"
            " census_month:MM, quarter or financial_quarter, the year rules with /PnY where years are pooled",
        ) from None
    return PeriodRule("year", month, day_of_month, int(found["pool"] or 1), (month, day_of_month) != (12, 31))


@lru_cache(maxsize=8192)
def parse_period(label: str, rule: str) -> Period:
    """Read a period label under the rule of its indicator.

    Args:
        label: the label as printed. Canonical text, the text of `describe_period`, and the ISO date of a
            period's last day are understood too.
        rule: a period rule (see the charter of this module).

    Returns:
        The one period of `rule` that the label names.

    Raises:
        InputError: the label cannot be read, or names something that is not one period of the rule.
        DefinitionError: the rule cannot be read.
    """
    shape = parse_rule(rule)
    text = label.strip()
    if _CANONICAL.match(text):
        for period in shape.all_ending_in(period_bounds(text)[1].year):
            if period.canonical == text:
                return period
        raise _unreadable(label, rule)
    found = _LABEL.match(text)
    status = LABEL_STATUSES.get((found["suffix"] or "").lower()) if found else None
    if found is None or status is None:
        raise _unreadable(label, rule)
    try:
        body = found["body"].strip()
        if shape.kind == "quarter":
            if months := _MONTHS.match(body):
                period = parse_period(f"{months['first']}-01/P3M", rule)
                if f"{period.end:%Y-%m}" == months["last"]:
                    return replace(period, status=status)
            parts = _QUARTER.match(body)
            if parts is None:
                raise _unreadable(label, rule)
            body, quarter = parts["year"].strip(), int(parts["quarter"])
            if shape.crosses == bool(_YEAR.match(body)):  # `2024 Q1` of a financial year could be either's
                raise _unreadable(label, rule)
            whole = parse_rule("financial_year" if shape.crosses else "calendar_year")
            return shape.ending_in(_last_year(body, whole), status, quarter)
        last_year = _last_year(body, shape)
        return shape.ending_in(last_year, status)
    except (ValueError, OverflowError):
        raise _unreadable(label, rule) from None


def month_of(label: str) -> tuple[int, int]:
    """The year and month that a label names: `May 2023`, `may-2023`, `Sep 2023` or `2023-05`.

    Raises:
        ValueError: it names no month.
    """
    text = label.strip()
    if found := _MONTH.match(text):
        year, month = int(found["year"]), int(found["month"])
    elif found := _NAMED_MONTH.match(text):
        wanted = found["name"].lower()
        near = [n for n, name in enumerate(_MONTHS_NAMED, 1) if name == wanted or name[:3] == wanted]
        year, month = int(found["year"]), near[0] if near else 0
    else:
        raise ValueError(label)
    return date(year, month, 1).year, month


def period_of_month(label: str, rule: str, before: int = 0) -> Period:
    """The period of a rule in which a month lies: `May 2023` lies in the second quarter of 2023.

    Args:
        label: a month (see `month_of`).
        rule: a period rule (see the charter of this module).
        before: so many periods before that one is meant, where files are named after the month of release.

    Raises:
        InputError: the label names no month, or it lies in no period of the rule or in several.
        DefinitionError: the rule cannot be read.
    """
    shape = parse_rule(rule)
    try:
        year, month = month_of(label)
        first = date(year, month, 1)
        last = date(year, month, monthrange(year, month)[1])
        years = range(year - before - 1, year + shape.years + 2)
        near = [period for end in years for period in shape.all_ending_in(end)]
    except (ValueError, OverflowError):
        raise _unreadable(label, rule) from None
    around = [n for n, period in enumerate(near) if period.start <= first and last <= period.end]
    if len(around) != 1 or around[0] < before:
        raise _unreadable(label, rule)
    return near[around[0] - before]


def _last_year(body: str, shape: PeriodRule) -> int:
    """The year in which the period named by `body` ends.

    Raises:
        ValueError: `body` names no period of this shape.
    """
    if found := _DAY.match(body):
        day = date.fromisoformat(found["day"])
        if shape.ending_in(day.year).end != day:
            raise ValueError(body)
        return day.year
    if shape.kind == "month" and (found := _MONTH.match(body)):
        if int(found["month"]) != shape.month:
            raise ValueError(body)
        return int(found["year"])
    if _YEAR.match(body):
        # A lone year under a pooled rule would leave open which end of the window it stands for.
        if shape.years > 1 or int(body) < 1:
            raise ValueError(body)
        return int(body)
    if shape.kind != "year":
        raise ValueError(body)
    if found := _SPAN.match(body):
        first, last = int(found["first"]), _full_year(found["last"], int(found["first"]))
        years = last - first if shape.crosses else last - first + 1
    elif shape.crosses and (found := _POOLED_SPANS.match(body)):
        first = int(found["first"])
        first_end = _full_year(found["first_end"], first)
        last_start = _full_year(found["last"], first)
        last = _full_year(found["last_end"], last_start)
        if first_end != first + 1 or last != last_start + 1:
            raise ValueError(body)
        years = last - first
    elif not shape.crosses and (found := _POOLED_YEARS.match(body)):
        first, last = int(found["first"]), int(found["last"])
        years = last - first + 1
    else:
        raise ValueError(body)
    if years != shape.years:
        raise ValueError(body)
    return last


def _full_year(text: str, after: int) -> int:
    """The first year not before `after` that ends in the digits of `text`."""
    if len(text) == 4:
        return int(text)
    year = after - after % 100 + int(text)
    return year if year >= after else year + 100


def _period(start: date, count: int, unit: str, status: str) -> Period:
    """Put a period together from its start and length."""
    duration = f"P{count}{unit}"
    return Period(start, _last_day(start, count, unit), duration, status, f"{start.isoformat()}/{duration}")


def _last_day(start: date, count: int, unit: str) -> date:
    """The last day of `count` units from `start` on."""
    if unit == "D":
        return start + timedelta(days=count - 1)
    months = count * (12 if unit == "Y" else 1)
    carry, month = divmod(start.month - 1 + months, 12)
    year = start.year + carry
    following = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    return following - timedelta(days=1)


def _unreadable(label: str, rule: str) -> InputError:
    return InputError(
        f"period label {label!r} does not name one period of the rule {rule!r}",
        hint="correct the label at its source, or the period rule of the indicator",
    )


@lru_cache(maxsize=8192)
def period_bounds(canonical: str) -> tuple[date, date]:
    """First and last day (inclusive) of a canonical period.

    Raises:
        InputError: `canonical` is not a canonical period.
    """
    start, count, unit = _parts(canonical)
    try:
        return start, _last_day(start, count, unit)
    except (ValueError, OverflowError):
        raise _beyond(canonical) from None


@lru_cache(maxsize=8192)
def describe_period(canonical: str) -> str:
    """A canonical period as a person writes it.

    `2014-15` (financial), `2014/15` (academic), `2015` (calendar), `2013 to 2015` (pooled calendar years),
    `2012-13 to 2014-15` (pooled financial years), `year to 2024-09-30`, `2001-03-31` (a day), `2025-01`,
    `2024-04 to 2024-06` (a quarter).
    `parse_period` reads it back under the rule the period came from.
    """
    _, count, unit = _parts(canonical)
    start, end = period_bounds(canonical)
    if unit == "D" and count == 1:
        return start.isoformat()
    if unit == "M" and count == 1 and start.day == 1:
        return f"{start:%Y-%m}"
    if unit == "M" and count == 3 and start.day == 1 and start.month % 3 == 1:
        return f"{start:%Y-%m} to {end:%Y-%m}"  # `Q1` would leave open of which kind of year
    begins = (start.month, start.day)
    if unit == "Y" and begins == (1, 1):
        return str(start.year) if count == 1 else f"{start.year} to {end.year}"
    mark = {(4, 1): "-", (9, 1): "/"}.get(begins)
    if unit == "Y" and mark:
        first = f"{start.year}{mark}{(start.year + 1) % 100:02}"
        return first if count == 1 else f"{first} to {end.year - 1}{mark}{end.year % 100:02}"
    if unit == "Y" and count == 1:
        return f"year to {end.isoformat()}"
    return f"{start.isoformat()} to {end.isoformat()}"


def shift_period(canonical: str, years: int) -> str:
    """The period `years` later (earlier, if negative) in the same yearly series.

    A pooled window rolls on by one year, and a census day or month comes round again.
    """
    start, count, unit = _parts(canonical)
    year = start.year + years
    if not 1 <= year <= 9998:
        raise _beyond(canonical)
    moved = date(year, start.month, min(start.day, monthrange(year, start.month)[1]))
    return f"{moved.isoformat()}/P{count}{unit}"


def next_period(canonical: str) -> str:
    """The period that follows in the same series: the next quarter, else that of the next year."""
    start, count, unit = _parts(canonical)
    if (count, unit) != (3, "M"):
        return shift_period(canonical, 1)
    following = _last_day(start, 3, "M") + timedelta(days=1)
    return f"{following.isoformat()}/P3M"


def periods_between(earlier: str, later: str) -> int:
    """How many periods of one series `later` is after `earlier`; 0 where it is not after it."""
    first, count, unit = _parts(earlier)
    last = _parts(later)[0]
    if (count, unit) == (3, "M"):
        return max(0, ((last.year - first.year) * 12 + last.month - first.month) // 3)
    return max(0, last.year - first.year)


def _beyond(canonical: str) -> InputError:
    return InputError(f"period {canonical!r} reaches beyond the years 1 to 9998", hint="correct the year")


def _parts(canonical: str) -> tuple[date, int, str]:
    found = _CANONICAL.match(canonical)
    try:
        if found is None:
            raise ValueError(canonical)
        return date.fromisoformat(found["start"]), int(found["count"]), found["unit"]
    except ValueError:
        raise InputError(
            f"{canonical!r} is not a period", hint="write it as YYYY-MM-DD/P1Y (start and duration)"
        ) from None
