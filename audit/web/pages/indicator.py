"""Indicator: one measure across every organisation that a rating looked at.

Here: its definition, its calendar, its quality grade with the reasons, and how its figures are spread.
Not here: the figure of one organisation (figure.py), the drawing (charts.py).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from audit.charts import distribution_chart
from audit.web.archive import Archive
from audit.web.pages.about import About, IndicatorCode, SnapshotId, about, title, unit, words
from ratings.errors import NotFoundError

_MOST_BINS = 10
_NO_BAND = "No band"


@dataclass(frozen=True, slots=True)
class Definition:
    """What the catalogue says of an indicator today, by the names of `ratings.catalogue.Indicator`."""

    version: str
    topic: str
    service: str
    polarity: str
    polarity_basis: str
    source_return: str
    owner: str
    source: str
    publication_lag_days: int | None
    lag_basis: str
    grace_days: int
    last_period: str | None


@dataclass(frozen=True, slots=True)
class Bin:
    """A stretch of values in the indicator's unit, from `start` to below `end`, and how many lie in it.

    Where all figures are the same, `start` and `end` are that figure.
    """

    start: float
    end: float
    organisations: int


@dataclass(frozen=True, slots=True)
class IndicatorPage:
    """One indicator in a snapshot.

    Attributes:
        about: the snapshot.
        indicator: its code.
        title: what it is called.
        unit: of its figures.
        definition: what it measures, and when it is due; null where the catalogue does not know it.
        expected: the period that should be known by the snapshot's time, in words; null where none is due.
        states: how many organisations are in each state by the calendar.
        grade: green, amber or red.
        reasons: of the grade, a sentence each.
        bins: the figures that the rating looked at, by size.
        periods: how many of these figures are of each period, in words.
        bands: how many organisations are in each band, the worst first, then those in none.
        without: organisations without a figure to show: missing, or withheld.
    """

    about: About
    indicator: str
    title: str
    unit: str
    definition: Definition | None
    expected: str | None
    states: dict[str, int]
    grade: str
    reasons: tuple[str, ...]
    bins: tuple[Bin, ...]
    periods: dict[str, int]
    bands: dict[str, int]
    without: int


def indicator(archive: Archive, snapshot: SnapshotId, indicator: IndicatorCode) -> IndicatorPage:
    """An indicator: its definition, calendar and quality, and its figures across organisations."""
    found, said = about(archive, snapshot)
    quality = found.table("quality", indicator=indicator).to_dicts()
    if not quality:
        raise NotFoundError("this rating has no such indicator", hint="choose one from a list of figures")
    fresh = found.table("freshness", indicator=indicator)
    placed = found.table("bands", indicator=indicator).sort("band", "organisation", nulls_last=True)
    rated = found.table("organisations").height
    shown = placed.drop_nulls("value").sort("period", descending=True)
    banded = placed["band_label"].drop_nulls().to_list()
    return IndicatorPage(
        about=said,
        indicator=indicator,
        title=title(archive, indicator),
        unit=unit(archive, indicator),
        definition=_definition(archive, indicator),
        expected=words(fresh.select(pl.col("expected_period").max()).item()),
        states=dict(Counter(fresh["state"].sort())),
        grade=quality[0]["grade"],
        reasons=tuple(quality[0]["reasons"].splitlines()),
        bins=bins(shown["value"].to_list()),
        periods=dict(Counter(words(period) or "" for period in shown["period"])),
        bands=dict(Counter(banded) + Counter({_NO_BAND: rated - len(banded)})),
        without=rated - shown.height,
    )


def distribution(archive: Archive, snapshot: SnapshotId, indicator: IndicatorCode) -> str:
    """The figures of an indicator across organisations, as a picture (SVG).

    Raises:
        NotFoundError: the rating has no such indicator, or no figure of it to show.
    """
    found, _ = about(archive, snapshot)
    values = found.table("bands", indicator=indicator)["value"].drop_nulls().to_list()
    if not values:
        raise NotFoundError("this rating has no figure of it to draw", hint="see the indicator's page")
    drawn = [(b.start, b.end, b.organisations) for b in bins(values)]
    return distribution_chart(drawn, title(archive, indicator), unit(archive, indicator))


def bins(values: Sequence[float]) -> tuple[Bin, ...]:
    """Values counted in stretches of one width (1, 2 or 5 times a power of ten), about ten of them."""
    if not values:
        return ()
    low, high = min(values), max(values)
    if low == high:
        return (Bin(low, high, len(values)),)
    least = (high - low) / _MOST_BINS
    power = math.floor(math.log10(least))
    step = next(width for width in (times * 10.0**power for times in (1, 2, 5, 10, 20)) if width >= least)
    # Edges are rounded before anything is compared with them: 3 * 0.1 is not 0.3 in binary.
    first, last = math.floor(low / step) - 1, math.floor(high / step) + 2
    edges = [round(number * step, -power) for number in range(first, last + 1)]
    counts = Counter(bisect_right(edges, value) - 1 for value in values)
    return tuple(
        Bin(edges[place], edges[place + 1], counts[place]) for place in range(min(counts), max(counts) + 1)
    )


def _definition(archive: Archive, indicator: str) -> Definition | None:
    known = archive.catalogue.indicators.get(indicator)
    if known is None:
        return None
    return Definition(
        version=known.definition,
        topic=known.topic,
        service=known.service,
        polarity=known.polarity,
        polarity_basis=known.polarity_basis,
        source_return=known.source_return,
        owner=known.owner,
        source=known.source,
        publication_lag_days=known.publication_lag_days,
        lag_basis=known.lag_basis,
        grace_days=known.grace_days,
        last_period=words(known.last_period),
    )
