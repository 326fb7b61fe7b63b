"""Figures: every figure of one organisation that a rating looked at.

Here: the list, and what a line of it says.
Not here: one figure with its versions and cells (figure.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import Query

from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    OrganisationId,
    PageNumber,
    PageRows,
    Part,
    Search,
    SnapshotId,
    about,
    one_organisation,
    part,
    return_words,
    title,
    unit,
    words,
)
from audit.web.tables import Table, by_organisation

State = Annotated[
    Literal["", "fresh", "due", "out_of_date", "missing", "discontinued"],
    Query(description="Only figures in this state by their calendar"),
]
Order = Annotated[Literal["indicator", "band", "-age"], Query(description="Order; - is falling")]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in a list.

    Attributes:
        indicator: its code.
        title: what the indicator is called.
        period: canonical period, null where there is no figure.
        period_words: the same in words.
        value: in the unit, null where it is missing or withheld.
        unit: of the value.
        band: the band, 1 worst.
        band_label: as the method writes it.
        reason: why this band, or why none.
        key: whether it is a key indicator with a threshold.
        counts_for: the judgements that it counts for, by part.
        age_days: from the end of its period to the snapshot's time.
        state: fresh, due, out_of_date, missing or discontinued, by its own calendar.
        days_late: since the expected figure should have been out.
        expected_words: the period that should be known.
        source_return: the return that feeds it.
        grade: quality of the indicator: green, amber or red.
        other_stars: values of this figure that alone would give another star, and which.
    """

    indicator: str
    title: str
    period: str | None
    period_words: str | None
    value: float | None
    unit: str
    band: int | None
    band_label: str | None
    reason: str | None
    key: bool
    counts_for: tuple[str, ...]
    age_days: int | None
    state: str
    days_late: int | None
    expected_words: str | None
    source_return: str | None
    grade: str | None
    other_stars: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an organisation, and what was asked for."""

    about: About
    organisation: str
    name: str
    found: Part[Figure]
    q: str
    state: str
    sort: str


_ORDERS: dict[str, tuple[Callable[[Figure], Any], bool]] = {
    "indicator": (lambda f: 0, False),
    "band": (lambda f: 99 if f.band is None else f.band, False),
    "-age": (lambda f: f.age_days or -1, True),
}


def figures(
    archive: Archive,
    snapshot: SnapshotId,
    organisation: OrganisationId,
    q: Search = "",
    state: State = "",
    sort: Order = "indicator",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> Figures:
    """The figures of one organisation that fit what was asked."""
    found, said = about(archive, snapshot)
    body = one_organisation(archive, found, organisation)
    wanted = q.casefold().strip()
    fitting = [
        figure
        for figure in figures_of(archive, found, organisation)
        if (not wanted or wanted in figure.title.casefold() or wanted in figure.indicator.casefold())
        and (not state or figure.state == state)
    ]
    order, falling = _ORDERS[sort]
    fitting.sort(key=order, reverse=falling)
    return Figures(said, organisation, body["name"], part(fitting, page, rows), q, state, sort)


def figures_of(archive: Archive, found: Opened, organisation: str) -> list[Figure]:
    """Every figure of an organisation, known or not, by code of its indicator."""
    bands = {row["indicator"]: row for row in found.table("bands", organisation=organisation).to_dicts()}
    quality = found.table("quality")
    grades = dict(zip(quality["indicator"].to_list(), quality["grade"].to_list(), strict=True))
    rests: dict[str, set[str]] = {}
    steps = found.derived("judgements rest on", _judgements_rest_on).where(organisation=organisation)
    for _, judgement, indicator in steps.iter_rows():
        rests.setdefault(indicator, set()).add(judgement)
    fresh = found.table("freshness", organisation=organisation).to_dicts()
    return [
        _figure(
            archive,
            row,
            bands.get(row["indicator"], {}),
            tuple(sorted(rests.get(row["indicator"], ()))),
            grades.get(row["indicator"]),
        )
        for row in fresh
    ]


def _judgements_rest_on(found: Opened) -> Table:
    """By organisation, its judgements (`from_id`) and the indicators whose bands or values they rest on."""
    steps = found.table("lineage").filter(
        (pl.col("from_kind") == "judgement") & pl.col("to_kind").is_in(["band", "cap"])
    )
    return by_organisation(steps.select("organisation", "from_id", "to_id"))


def _figure(
    archive: Archive,
    fresh: dict[str, Any],
    band: dict[str, Any],
    counts_for: tuple[str, ...],
    grade: str | None,
) -> Figure:
    code = fresh["indicator"]
    return Figure(
        indicator=code,
        title=title(archive, code),
        period=band.get("period"),
        period_words=words(band.get("period")),
        value=band.get("value"),
        unit=band.get("unit") or unit(archive, code),
        band=band.get("band"),
        band_label=band.get("band_label"),
        reason=band.get("band_reason"),
        key=bool(band.get("key")),
        counts_for=counts_for,
        age_days=band.get("age_days"),
        state=fresh["state"],
        days_late=fresh["days_late"],
        expected_words=words(fresh["expected_period"]),
        source_return=return_words(fresh["source_return"]) if fresh["source_return"] else None,
        grade=grade,
        other_stars=fresh.get("other_stars"),
    )
