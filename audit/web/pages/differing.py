"""Differing: the figures that two ratings know otherwise.

Here: which figures were revised, redefined, newly known, withdrawn, or went out of date in between.
Not here: what they did to the stars (compare.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import Query

from audit.diff import figures_by_cause
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
    title,
    unit,
    words,
)

KINDS = ("revision", "definition", "fresh_data", "withdrawal", "went_stale")
_BESIDES = ("obs_status", "numerator", "denominator")
_KEY = ["organisation", "indicator", "period"]
_PAIR = ["organisation", "indicator"]

Kind = Annotated[
    Literal["", "revision", "definition", "fresh_data", "withdrawal", "went_stale"],
    Query(description="Only figures that differ in this way"),
]
Whose = Annotated[str, Query(max_length=80, description="Only figures of this organisation, by id")]


@dataclass(frozen=True, slots=True)
class DifferingFigure:
    """A figure that the later rating knows otherwise.

    Attributes:
        organisation: its id.
        name: its name.
        indicator: code.
        title: what the indicator is called.
        unit: of its values.
        period: canonical period; null where nothing is known.
        period_words: the same in words.
        kind: revision, definition, fresh_data, withdrawal or went_stale.
        before: value in the earlier rating, null where there was none or it is withheld.
        after: value in the later rating.
        besides: what else is another: its status, numerator or denominator, a sentence each.
        in_later: whether the later rating knows the figure.
    """

    organisation: str
    name: str
    indicator: str
    title: str
    unit: str
    period: str | None
    period_words: str | None
    kind: str
    before: float | None
    after: float | None
    besides: tuple[str, ...]
    in_later: bool


@dataclass(frozen=True, slots=True)
class DifferingFigures:
    """The figures that differ, and what was asked for.

    Attributes:
        about: the rating that was asked from.
        earlier: of the two the one of the earlier time.
        later: the other.
        counts: how many figures of the organisation asked for differ in each way.
        found: those that fit.
        name: of the organisation asked for; null where none was.
        organisation: its id.
        kind: only figures that differ in this way.
        q: part of a name or code.
    """

    about: About
    earlier: About
    later: About
    counts: dict[str, int]
    found: Part[DifferingFigure]
    name: str | None
    organisation: str
    kind: str
    q: str


def differing_figures(
    archive: Archive,
    snapshot: SnapshotId,
    other: SnapshotId,
    organisation: Whose = "",
    kind: Kind = "",
    q: Search = "",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> DifferingFigures:
    """The figures that the later of two ratings knows otherwise than the earlier."""
    found, said = about(archive, snapshot)
    beside, said_of_it = about(archive, other)
    first, second = in_order(found, beside)
    names = {
        str(name): str(called)
        for each in (first, second)
        for name, called in each.table("organisations").select("organisation", "name").iter_rows()
    }
    every = differing(first, second)
    if organisation:
        every = every.filter(pl.col("organisation") == organisation)
    counts = dict(every.group_by("kind").len().iter_rows())
    fitting = every.filter(pl.col("kind") == kind) if kind else every
    if wanted := q.casefold().strip():
        bodies = [name for name, called in names.items() if wanted in called.casefold()]
        codes = [
            code
            for code in fitting["indicator"].unique()
            if wanted in code.casefold() or wanted in title(archive, code).casefold()
        ]
        fitting = fitting.filter(pl.col("organisation").is_in(bodies) | pl.col("indicator").is_in(codes))
    spot = part(range(fitting.height), page, rows)
    shown = fitting.sort(*_KEY, "kind").slice(spot.rows[0] if spot.rows else 0, len(spot.rows))
    return DifferingFigures(
        about=said,
        earlier=said if first is found else said_of_it,
        later=said_of_it if first is found else said,
        counts={each: counts.get(each, 0) for each in KINDS},
        found=Part(
            tuple(
                DifferingFigure(
                    organisation=row["organisation"],
                    name=names[row["organisation"]],
                    indicator=row["indicator"],
                    title=title(archive, row["indicator"]),
                    unit=unit(archive, row["indicator"]),
                    period=row["period"],
                    period_words=words(row["period"]),
                    kind=row["kind"],
                    before=row["before"],
                    after=row["after"],
                    besides=_besides(row),
                    in_later=row["kind"] != "withdrawal",
                )
                for row in shown.to_dicts()
            ),
            spot.total,
            spot.page,
            spot.pages,
        ),
        name=names.get(organisation),
        organisation=organisation,
        kind=kind,
        q=q,
    )


def differing(before: Opened, after: Opened) -> pl.DataFrame:
    """The figures that two ratings know otherwise, as this reader may see them.

    A figure that is withheld from the reader says nothing in either rating, and so cannot be seen to differ.

    Returns:
        `organisation`, `indicator`, `period`, `kind`, the values `before` and `after`, and `obs_status`,
        `numerator` and `denominator` with the same endings.
    """
    old, new = (each.table("observations") for each in (before, after))
    changed = figures_by_cause(old, new).select(*_KEY, kind="cause")
    was, became = (each.table("freshness") for each in (before, after))
    stale = (
        became.filter(pl.col("state") == "out_of_date")
        .join(was.filter(pl.col("state").is_in(["fresh", "due"])), on=_PAIR, how="semi")
        .select(*_PAIR, period="latest_period", kind=pl.lit("went_stale"))
    )
    return (
        pl.concat([changed.select(stale.columns), stale])
        .join(_said(old, "before"), on=_KEY, how="left")
        .join(_said(new, "after"), on=_KEY, how="left")
    )


def _said(figures: pl.DataFrame, when: str) -> pl.DataFrame:
    """What figures say, under names of a rating."""
    return figures.select(
        *_KEY, pl.col("value").alias(when), *(pl.col(n).alias(f"{n}_{when}") for n in _BESIDES)
    )


def _besides(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What else is another in a figure that both ratings know."""
    if row["kind"] not in ("revision", "definition"):
        return ()
    both = {name: (row[f"{name}_before"], row[f"{name}_after"]) for name in _BESIDES}
    return tuple(
        f"{name.removeprefix('obs_')} {_shown(was)}, then {_shown(became)}"
        for name, (was, became) in both.items()
        if was != became
    )


def _shown(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.12g}"


def in_order(one: Opened, other: Opened) -> tuple[Opened, Opened]:
    """Two ratings, that of the earlier time first."""
    first, second = sorted((one, other), key=lambda each: (each.as_published, each.as_recorded, each.id))
    return first, second
