"""Indicator: one measure across every organisation that a rating looked at.

Here: its definition, its calendar, its quality grade with the reasons, how its figures are spread, and what
    each organisation has of it.
Not here: the figure of one organisation (figure.py), the rows of the list (across.py), the revisions of one
    organisation (triangle.py), the drawing (charts.py).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import polars as pl
from fastapi import Query

from audit.charts import distribution_chart
from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    IndicatorCode,
    PageNumber,
    PageRows,
    Part,
    Search,
    SnapshotId,
    about,
    one_organisation,
    part,
    title,
    unit,
    words,
)
from audit.web.pages.across import Placed, across, newest
from audit.web.pages.days import Published, Recorded, bounds, standing
from audit.web.pages.triangle import Triangle, changed, publications, triangle
from ratings.errors import NotFoundError

Chosen = Annotated[
    str,
    Query(
        pattern=r"^([a-z0-9][a-z0-9-]*)?$",
        max_length=80,
        description="Whose revisions to show, by id; blank: the one most revised",
    ),
]
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
        found: the organisations that fit, by name.
        names: every organisation with a figure of it, by id, to choose from.
        triangle: the revisions of one organisation; null where nothing is known of any.
        q: part of a name.
        chosen: the organisation asked for; blank for the one most revised.
        published: the day asked for on the one axis.
        recorded: the day asked for on the other.
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
    found: Part[Placed]
    names: dict[str, str]
    triangle: Triangle | None
    q: str
    chosen: str
    published: date | None
    recorded: date | None


def indicator(
    archive: Archive,
    snapshot: SnapshotId,
    indicator: IndicatorCode,
    q: Search = "",
    organisation: Chosen = "",
    published: Published = None,
    recorded: Recorded = None,
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> IndicatorPage:
    """An indicator: its definition, calendar and quality, its figures across organisations, its revisions."""
    found, said = about(archive, snapshot)
    quality = found.table("quality", indicator=indicator).to_dicts()
    if not quality:
        raise NotFoundError("this rating has no such indicator", hint="choose one from a list of figures")
    fresh = found.table("freshness", indicator=indicator)
    placed = found.table("bands", indicator=indicator).sort("band", "organisation", nulls_last=True)
    rated = found.table("organisations").height
    shown = placed.drop_nulls("value").sort("period", descending=True)
    banded = placed["band_label"].drop_nulls().to_list()
    at = bounds(archive, found, published, recorded)
    stood = standing(archive, _said(archive, found, indicator), at)
    did = changed(stood)
    revised = Counter[str](did.filter(pl.col("kind") == "revised")["organisation"].to_list())
    known = newest(archive, stood) if published or recorded else {}
    every = across(archive, found, indicator, revised, known)
    bodies = {event["organisation"] for event in stood}
    names = {row.organisation: row.name for row in every if row.organisation in bodies}
    whose = organisation or max(names, key=lambda each: revised[each], default="")
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
        found=part([row for row in every if q.casefold().strip() in row.name.casefold()], page, rows),
        names=names,
        triangle=_revisions(archive, found, whose, stood, did, publications(archive, stood, at)),
        q=q,
        chosen=organisation,
        published=published,
        recorded=recorded,
    )


def _said(archive: Archive, found: Opened, indicator: str) -> list[dict[str, Any]]:
    """What the log says of an indicator's figures, from the collection that the rating took them from."""
    collections = set(found.table("observations", indicator=indicator)["collection"])
    rated = set(found.table("organisations")["organisation"])
    return [
        event
        for event in archive.ledger.histories([indicator])
        if event["collection"] in collections and event["organisation"] in rated
    ]


def _revisions(
    archive: Archive,
    found: Opened,
    organisation: str,
    stood: list[dict[str, Any]],
    did: pl.DataFrame,
    times: list[int],
) -> Triangle | None:
    """The revisions of one organisation; None where no figure of it is known.

    Raises:
        NotFoundError: the rating holds no such organisation.
    """
    if not organisation:
        return None
    body = one_organisation(archive, found, organisation)
    mine = [event for event in stood if event["organisation"] == organisation]
    return triangle(archive, body, mine, did.filter(organisation=organisation), times) if mine else None


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
