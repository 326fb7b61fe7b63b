"""Simulator: a full-width cycle of returns of invented councils, for demonstrations and trials.

Here: figures of every core indicator for invented councils, put out in four releases in the layout of the
    collection `simulated`, with what real returns have: late councils, provisional and revised figures,
    withdrawals, suppressed, missing and impossible values, series that stopped.
Not here: reading them (they are ingested like any other file); anything about real councils.

The same seed gives the same figures everywhere: each indicator draws from a generator of its own, and figures
are computed with the four operations only, which every machine rounds alike (unlike logarithms and roots).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from ratings.calendar import due_date
from ratings.catalogue import SIMULATED_SCHEME, Catalogue, Indicator, load_catalogue
from ratings.errors import InputError
from ratings.periods import describe_period, parse_rule

COLUMNS = ("indicator", "organisation", "period", "value", "numerator", "denominator", "status")
RELEASES = (
    datetime(2024, 10, 31, 9, 30, tzinfo=UTC),
    datetime(2025, 1, 31, 9, 30, tzinfo=UTC),
    datetime(2025, 5, 30, 9, 30, tzinfo=UTC),
    datetime(2025, 6, 30, 9, 30, tzinfo=UTC),
)
"""A year's cycle. Each holds all that is known by then; the first goes one period back."""

# Shares of all cells, unless another whole is named.
LATE_COUNCILS = 0.08  # of councils: one service comes one or two releases late
SILENT_COUNCILS = 0.02  # of councils: one service does not come at all in this cycle
PROVISIONAL = 0.4  # of indicators: a new period is first put out as provisional
REVISED = 0.05
WITHDRAWN = 0.002
MISSING = 0.01
IMPOSSIBLE = 0.0015  # of the rows of each release
STOPPED = 6  # indicators whose newest period never comes
DUBIOUS = 6  # indicators that are revised, suppressed and impossible far more often than the others
DUBIOUS_REVISED = 0.45
DUBIOUS_SUPPRESSED = 0.25
DUBIOUS_IMPOSSIBLE = 0.03
SUPPRESSED = "c"
SMALL = 5  # a numerator of 1 to 5 people is suppressed

# How much of a figure is the council's quality, its own lasting peculiarity, and the year's chance.
QUALITY, PECULIARITY, CHANCE = 0.25, 0.85, 0.3
TREND = 0.5  # a year's change, in deviations of quality
WEAK, WEAKNESS = (
    0.03,
    3.0,
)  # share of councils that an indicator is a weak spot of, and how far, in deviations

Row = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """A file of simulated returns.

    Attributes:
        path: where it lies.
        published_at: when it is said to be published, microseconds UTC.
    """

    path: Path
    published_at: int


@dataclass(frozen=True, slots=True)
class _Council:
    """An invented council: how large and how good it is, how it changes, how late it returns each service."""

    code: str
    size: int
    quality: dict[str, float]
    trend: dict[str, float]
    delay: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Series:
    """How one indicator behaves: its usual level, how far councils lie apart, how many people it counts."""

    indicator: Indicator
    service: str
    level: float
    spread: float
    people: float
    decimals: int
    provisional: bool
    stopped: bool
    dubious: bool


def simulate(
    directory: Path, *, seed: int = 2002, councils: int = 150, catalogue: Catalogue | None = None
) -> list[SimulatedFile]:
    """Write a cycle of simulated releases.

    Args:
        directory: where the files go, in `vintages/`, with their publish times in `releases.csv`; made if it
            is not there. Files of an earlier cycle are overwritten.
        seed: the same seed gives the same bytes (with the same catalogue and version of pyarrow).
        councils: how many of the register's invented councils take part.
        catalogue: gives indicators and councils; the bundled one by default.

    Returns:
        The files in the order of their publication. The seed stands in each file's metadata.

    Raises:
        InputError: the register does not hold that many invented councils.
    """
    catalogue = catalogue or load_catalogue()
    codes = catalogue.code_frame(SIMULATED_SCHEME)["code"].sort().to_list()
    if not 0 < councils <= len(codes):
        raise InputError(f"{councils} councils are asked for", hint=f"ask for 1 to {len(codes)}")
    bodies = _councils(codes[:councils], seed)
    releases: list[list[Row]] = [[] for _ in RELEASES]
    dubious = set()
    for series in _all_series(catalogue.core(), seed):
        if series.dubious:
            dubious.add(series.indicator.code)
        for release, rows in zip(releases, _figures(series, bodies, seed), strict=True):
            release.extend(rows)
    vintages = directory / "vintages"
    vintages.mkdir(parents=True, exist_ok=True)
    files = []
    for at, rows in zip(RELEASES, releases, strict=True):
        faulty = _with_faults(rows, catalogue, Random(f"{seed}/faults/{at:%Y-%m-%d}"), dubious)
        files.append(_write(vintages, at, faulty, seed))
    times = [f"{file.path.name},{at:%Y-%m-%dT%H:%M:%SZ}\n" for file, at in zip(files, RELEASES, strict=True)]
    (directory / "releases.csv").write_text("file,published_at\n" + "".join(times), encoding="utf-8")
    return files


def _councils(codes: Sequence[str], seed: int) -> list[_Council]:
    chance = Random(f"{seed}/councils")
    tardy = chance.sample(codes, round(len(codes) * (LATE_COUNCILS + SILENT_COUNCILS)))
    silent = set(tardy[: round(len(codes) * SILENT_COUNCILS)])
    bodies = []
    for code in codes:
        drawn, shift = _bell(chance), _bell(chance)
        common = drawn + 0.2 * (drawn * drawn - 1)  # the best are further from the middle than the worst
        quality = {service: 0.9 * common + 0.45 * _bell(chance) for service in ("children", "adults")}
        trend = {service: TREND * (0.8 * shift + 0.6 * _bell(chance)) for service in ("children", "adults")}
        delays = {"children": 0, "adults": 0}
        service, delay = chance.choice(("children", "adults")), chance.choice((1, 1, 2))
        if code in tardy:
            delays[service] = len(RELEASES) if code in silent else delay
        bodies.append(_Council(code, chance.randint(120, 1500), quality, trend, delays))
    return bodies


def _all_series(indicators: Sequence[Indicator], seed: int) -> Iterator[_Series]:
    # Only indicators that a rating looks at: out-of-date or dubious figures must be able to reach a star.
    rated = sorted(i.code for i in indicators if i.banded and i.polarity != "none")
    marked = Random(f"{seed}/series").sample(rated, min(len(rated), STOPPED + DUBIOUS))
    stopped, dubious = set(marked[:STOPPED]), set(marked[STOPPED:])
    for indicator in indicators:
        chance = Random(f"{seed}/level/{indicator.code}")
        level, spread = _level(indicator, chance)
        yield _Series(
            indicator,
            "adults" if indicator.service == "adults" else "children",
            level,
            spread,
            people=chance.choice((0.25, 0.5, 1.0, 2.0)),
            decimals=0 if indicator.unit == "count" else 2 if indicator.unit == "ratio" else 1,
            provisional=chance.random() < PROVISIONAL,
            stopped=indicator.code in stopped,
            dubious=indicator.code in dubious,
        )


def _level(indicator: Indicator, chance: Random) -> tuple[float, float]:
    """A usual level and spread, in the indicator's unit: good figures are usual where an end is good."""
    share = chance.random()
    if indicator.unit == "percent":
        if indicator.polarity == "higher":
            return 79 + 8 * share, 5.5 - 1.5 * share
        return (8 + 4 * share, 2.5) if indicator.polarity == "lower" else (25 + 50 * share, 7.0)
    if indicator.unit.startswith("rate per"):
        return 40 + 200 * share, 8 + 40 * share
    if indicator.unit == "ratio":
        return 1.0, 0.1
    if indicator.unit == "count":
        return 0.2 + 0.6 * share, 0.08
    return 15 + 600 * share, 2 + 80 * share


def _figures(series: _Series, councils: Sequence[_Council], seed: int) -> list[list[Row]]:
    """The rows of one indicator in each release."""
    chance = Random(f"{seed}/figures/{series.indicator.code}")
    sense = {"higher": 1.0, "lower": -1.0, "none": 0.0}[series.indicator.polarity]
    periods = _periods(series)
    releases: list[list[Row]] = [[] for _ in RELEASES]
    for council in councils:
        lasting = PECULIARITY * _bell(chance)
        if chance.random() < WEAK:
            lasting -= sense * WEAKNESS
        for age, (label, due) in enumerate(periods, start=1 - len(periods)):
            quality = council.quality[series.service] + age * council.trend[series.service]
            final = sense * QUALITY * quality + lasting + CHANCE * _bell(chance)
            arrives = max(due, 0) + (council.delay[series.service] if age == 0 else 0)
            _tell(series, council, label, final, due, arrives, releases, chance)
    return releases


def _tell(
    series: _Series,
    council: _Council,
    label: str,
    final: float,
    due: int,
    arrives: int,
    releases: list[list[Row]],
    chance: Random,
) -> None:
    """Put one figure into every release that holds it: at first perhaps provisional or wrong."""
    people = max(10, int(council.size * series.people))
    draw = chance.random()
    if draw < MISSING:
        last = (chance.choice(("-", "-", "", "x")), "", "")
    elif series.dubious and draw < MISSING + DUBIOUS_SUPPRESSED:
        last = (SUPPRESSED, "", "")
    else:
        last = _printed(series, final, people)
    versions = {0: last, 1: last}
    if chance.random() < (DUBIOUS_REVISED if series.dubious else REVISED) and last[0][-1:].isdigit():
        versions[0] = _printed(series, final + 0.8 * _bell(chance), people)
        if series.dubious:
            versions[1] = _printed(series, final + 0.4 * _bell(chance), people)
    gone_from = chance.randrange(2, len(releases)) if chance.random() < WITHDRAWN else len(releases)
    for release in range(arrives, gone_from):
        cells = versions.get(release - arrives, last)
        provisional = series.provisional and due >= 0 and release == arrives and cells[0][-1:].isdigit()
        key = (series.indicator.code, council.code, label)
        releases[release].append((*key, *cells, "P" if provisional else ""))


def _printed(series: _Series, z: float, people: int) -> tuple[str, str, str]:
    """Value, numerator and denominator as a return prints them; `c` where too few people are counted."""
    unit, figure = series.indicator.unit, series.level + series.spread * z
    if unit == "percent" or unit.startswith("rate per"):
        base = 100 if unit == "percent" else int(unit.removeprefix("rate per ").replace(",", ""))
        # A rate counts people among all inhabitants, a percentage among those a service knows.
        whole = people if unit == "percent" else people * 400
        counted = min(max(int(figure * whole / base + 0.5), 0), whole)
        if 0 < counted <= SMALL:
            return SUPPRESSED, "", ""
        return f"{base * counted / whole:.{series.decimals}f}", str(counted), str(whole)
    if unit == "count":
        counted = max(int(figure * people + 0.5), 0)
        return (SUPPRESSED if 0 < counted <= SMALL else str(counted)), "", ""
    return f"{max(figure, 0.01):.{series.decimals}f}", "", ""


def _periods(series: _Series) -> list[tuple[str, int]]:
    """Labels of the periods that are told, oldest first, each with the release it is new in (-1: in none)."""
    indicator = series.indicator
    rule = parse_rule(indicator.period_rule)
    days = [at.date() for at in RELEASES]
    periods = [rule.ending_in(year).canonical for year in range(days[0].year - 6, days[-1].year + 2)]
    due = [(period, due_date(indicator, period)) for period in periods]
    told = [(period, day) for period, day in due if day <= days[-1]]
    if series.stopped:
        told.pop()
    settled = max(0, sum(day <= days[0] for _, day in told) - 1)
    return [
        (describe_period(period), -1 if number < settled else sum(at < day for at in days))
        for number, (period, day) in enumerate(told)
        if number >= settled - 1
    ]


def _with_faults(rows: list[Row], catalogue: Catalogue, chance: Random, dubious: set[str]) -> list[Row]:
    """Put impossible values, unknown names and contradictions among the rows of a release."""
    said_twice = chance.randrange(len(rows))
    contradicted = chance.choice(
        [number for number, row in enumerate(rows) if row[4] and number != said_twice]
    )
    more = [rows[said_twice], (*rows[contradicted][:3], "0.1", *rows[contradicted][4:])]
    for number, row in enumerate(rows):
        share = DUBIOUS_IMPOSSIBLE if row[0] in dubious else IMPOSSIBLE
        if chance.random() < share and number not in (said_twice, contradicted):
            rows[number] = _faulty(row, catalogue.indicators[row[0]], chance)
    return rows + more


def _faulty(row: Row, indicator: Indicator, chance: Random) -> Row:
    code, organisation, period, value, numerator, denominator, status = row
    kind = chance.choice(("value", "value", "value", "organisation", "period", "indicator"))
    if kind == "value":
        if indicator.valid_max is not None:
            value = f"{indicator.valid_max + chance.randint(1, 400):.1f}"
        elif indicator.valid_min is not None:
            value = f"{indicator.valid_min - chance.randint(1, 400):.1f}"
        else:
            value = "n/k"
        return code, organisation, period, value, "", "", status
    if kind == "organisation":
        organisation = str(chance.randint(901, 999))
    elif kind == "period":
        period = chance.choice(("20XX-25", "last year", "2203/04/05"))
    else:
        code = f"{code}_OLD"
    return code, organisation, period, value, numerator, denominator, status


def _write(directory: Path, at: datetime, rows: list[Row], seed: int) -> SimulatedFile:
    path = directory / f"simulated_{at:%Y-%m-%d}.parquet"
    cells = list(zip(*rows, strict=True))
    schema = pa.schema(
        [(name, pa.string()) for name in COLUMNS],
        metadata={"simulated": f"figures of invented councils, seed {seed}; they say nothing about anybody"},
    )
    pq.write_table(pa.table([pa.array(column, pa.string()) for column in cells], schema=schema), path)
    return SimulatedFile(path, int(at.timestamp()) * 1_000_000)


def _bell(chance: Random) -> float:
    """A draw with mean 0 and deviation 1, never beyond 3: three even draws added up."""
    return 2 * (chance.random() + chance.random() + chance.random()) - 3
