"""Freshness: what is out of date in a rating, the worst first.

Here: figures counted by source return, organisation or indicator, and the same as a picture.
Not here: when a figure is out of date (ratings/freshness.py), the drawing (charts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import polars as pl
from fastapi import Query

from audit.charts import freshness_chart
from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    PageNumber,
    PageRows,
    Part,
    Search,
    SnapshotId,
    about,
    part,
    return_words,
    title,
)
from ratings.errors import NotFoundError
from ratings.freshness import STATES, counted_by

By = Annotated[
    Literal["return", "organisation", "indicator"], Query(description="What the figures are counted by")
]
OfReturn = Annotated[str, Query(max_length=200, description="Only figures that this source return feeds")]
OfIndicator = Annotated[str, Query(max_length=80, description="Only figures of this indicator, by code")]

_COLUMNS = {"return": "source_return", "organisation": "organisation", "indicator": "indicator"}
_MOST_DRAWN = 30  # bars that can still be read


@dataclass(frozen=True, slots=True)
class Group:
    """Figures counted together.

    Attributes:
        id: id of the organisation, code of the indicator, or the source return as the snapshot names it.
        name: for people.
        owners: the bodies that answer for the figures, as the catalogue of this release says.
        figures: how many there are.
        states: how many of them are fresh, due, out_of_date, discontinued and missing.
        days_late: since the one furthest behind was due.
        oldest_days: age of the oldest, from the end of its period; null where none is known.
    """

    id: str
    name: str
    owners: tuple[str, ...]
    figures: int
    states: dict[str, int]
    days_late: int
    oldest_days: int | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """The freshness of a rating, and what was asked for.

    Attributes:
        about: the snapshot.
        figures: how many figures fit.
        states: how many of them are in each state.
        found: the groups, the worst first: most out of date, then most missing.
        returns: the source returns that can be asked for, and what each is called.
        by: what the figures are counted by.
        q: part of a name or code.
        source_return: only figures that it feeds.
        indicator: only figures of it.
        indicator_title: what it is called.
        drawn: how many of the worst are drawn; 0 where a picture would say nothing.
    """

    about: About
    figures: int
    states: dict[str, int]
    found: Part[Group]
    returns: dict[str, str]
    by: str
    q: str
    source_return: str
    indicator: str
    indicator_title: str
    drawn: int


def freshness(
    archive: Archive,
    snapshot: SnapshotId,
    by: By = "return",
    q: Search = "",
    source_return: OfReturn = "",
    indicator: OfIndicator = "",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> Freshness:
    """What is out of date by the calendars of the figures, the worst first."""
    found, said = about(archive, snapshot)
    groups = _groups(archive, found, by, q, source_return, indicator)
    fed = found.table("freshness")["source_return"]
    return Freshness(
        about=said,
        figures=sum(group.figures for group in groups),
        states={state: sum(group.states[state] for group in groups) for state in STATES},
        found=part(groups, page, rows),
        returns={name: return_words(name) for name in fed.drop_nulls().unique().sort()},
        by=by,
        q=q,
        source_return=source_return,
        indicator=indicator,
        indicator_title=title(archive, indicator),
        drawn=0 if indicator or page > 1 or len(groups) < 2 else min(_MOST_DRAWN, len(groups)),
    )


def picture(
    archive: Archive,
    snapshot: SnapshotId,
    by: By = "return",
    q: Search = "",
    source_return: OfReturn = "",
) -> str:
    """The worst groups as bars of what is not up to date (SVG).

    Raises:
        NotFoundError: nothing fits.
    """
    found, _ = about(archive, snapshot)
    shown = _groups(archive, found, by, q, source_return, "")[:_MOST_DRAWN]
    if not shown:
        raise NotFoundError("there is nothing to draw", hint="see the freshness page")
    return freshness_chart([(group.name, group.figures, group.states) for group in shown], by)


def _groups(
    archive: Archive, found: Opened, by: str, q: str, source_return: str, indicator: str
) -> list[Group]:
    """The groups that fit, the worst first."""
    rows = found.table("freshness").with_columns(pl.col("source_return").fill_null(""))
    for column, only in (("source_return", source_return), ("indicator", indicator)):
        if only:
            rows = rows.filter(pl.col(column) == only)
    column = _COLUMNS[by]
    counted = counted_by(rows, [column]).to_dicts()
    names = _names(archive, found, by, [row[column] for row in counted])
    owners = {} if by == "organisation" else _owners(archive, rows, column)
    wanted = q.casefold().strip()
    return [
        Group(
            id=row[column],
            name=names[row[column]],
            owners=owners.get(row[column], ()),
            figures=row["figures"],
            states={state: row[state] for state in STATES},
            days_late=row["days_late"],
            oldest_days=row["age_days"],
        )
        for row in counted
        if wanted in names[row[column]].casefold() or wanted in row[column].casefold()
    ]


def _names(archive: Archive, found: Opened, by: str, ids: list[str]) -> dict[str, str]:
    """What each group is called."""
    if by == "organisation":
        return dict(found.table("organisations").select("organisation", "name").iter_rows())
    if by == "indicator":
        return {code: title(archive, code) for code in ids}
    return {name: return_words(name) for name in ids}


def _owners(archive: Archive, rows: pl.DataFrame, column: str) -> dict[str, tuple[str, ...]]:
    """Who answers for the figures of each group."""
    known, owners = archive.catalogue.indicators, dict[str, set[str]]()
    for name, code in rows.select(column, code="indicator").unique().iter_rows():
        if code in known:
            owners.setdefault(name, set()).add(known[code].owner)
    return {name: tuple(sorted(each)) for name, each in owners.items()}
