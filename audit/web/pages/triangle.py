"""Triangle: how the figures of one organisation were revised, publication by publication.

Here: reference periods down, publications across, the value that was known after each.
Not here: telling revisions apart (ratings/revisions.py), which versions stood (days.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit.web.archive import Archive
from audit.web.pages.about import moment, words
from audit.web.pages.days import Bounds
from ratings.periods import period_bounds
from ratings.revisions import changes
from warehouse.event_log import EVENT_SCHEMA

_MOST_PERIODS, _MOST_PUBLICATIONS = 12, 12
_READ = (
    "indicator", "organisation", "period", "type", "published_at", "stated_by", "position", "value",
    "numerator", "denominator", "obs_status", "conf_status", "definition", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """What was known of a period's figure after a publication.

    Attributes:
        event: the event that says so; null where the figure was gone.
        value: in the unit; null where it is missing, gone or withheld.
        withheld: whether it is confidential and not for this reader.
        change: what the publication did: new, restored, revised, redefined, status, withdrawn, rolled_off or
            quarantined; null where it left the figure as it was.
    """

    event: int | None
    value: float | None
    withheld: bool
    change: str | None


@dataclass(frozen=True, slots=True)
class Period:
    """A reference period, and a cell for each publication; null before it was first known."""

    period: str
    words: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Triangle:
    """The revisions of one organisation's figures.

    Attributes:
        organisation: its id.
        name: its name.
        publications: when the source put out a file, in order; the newest twelve.
        earlier: how many publications came before those.
        periods: the newest first, twelve of them.
        older: how many periods are older than those.
        revised: how often its figures were revised, in all of them.
    """

    organisation: str
    name: str
    publications: tuple[datetime, ...]
    earlier: int
    periods: tuple[Period, ...]
    older: int
    revised: int


def changed(stood: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Every time a publication changed a figure, as `ratings.revisions.changes` tells it."""
    rows = [
        {name: event[name] for name in _READ} | {"stated_by": event["stated_by"] or event["batch"]}
        for event in stood
    ]
    return changes(pl.DataFrame(rows, schema={name: EVENT_SCHEMA[name] for name in _READ}))


def publications(archive: Archive, stood: Sequence[dict[str, Any]], at: Bounds) -> list[int]:
    """When the sources of some figures put out a file, as known within bounds: microseconds UTC, in order."""
    collections = {event["collection"] for event in stood}
    ends = {b.id: b.last_position for b in archive.batches()}
    files = {
        b.published_at
        for b in archive.batches()
        if b.kind == "vintage"
        and b.collection in collections
        and b.published_at is not None
        and b.published_at <= at.until
        and b.last_position <= at.position
        and (b.voided_by is None or ends[b.voided_by] > at.position)
    }
    return sorted(files | {event["published_at"] for event in stood})


def triangle(
    archive: Archive,
    body: Mapping[str, Any],
    stood: Sequence[dict[str, Any]],
    did: pl.DataFrame,
    times: Sequence[int],
) -> Triangle:
    """The revision triangle of one organisation.

    Args:
        archive: what may be shown.
        body: the organisation's row.
        stood: what was said of its figures of one indicator, in order of publication.
        did: `changed` of these.
        times: from `publications`.
    """
    kinds = {(row["period"], row["published_at"]): row["kind"] for row in did.to_dicts()}
    said: dict[str, dict[int, dict[str, Any]]] = {}
    for event in stood:
        said.setdefault(event["period"], {})[event["published_at"]] = event
    newest = sorted(said, key=lambda period: (period_bounds(period)[1], period), reverse=True)
    shown = list(times)[-_MOST_PUBLICATIONS:]

    def cells(period: str) -> tuple[Cell | None, ...]:
        return _cells(archive, said[period], [(time, kinds.get((period, time))) for time in times])

    return Triangle(
        organisation=body["organisation"],
        name=body["name"],
        publications=tuple(moment(time) for time in shown),
        earlier=len(times) - len(shown),
        periods=tuple(
            Period(period, words(period) or "", cells(period)[-len(shown) :])
            for period in newest[:_MOST_PERIODS]
        ),
        older=max(0, len(newest) - _MOST_PERIODS),
        revised=sum(1 for kind in kinds.values() if kind == "revised"),
    )


def _cells(
    archive: Archive, said: Mapping[int, dict[str, Any]], publications: Iterable[tuple[int, str | None]]
) -> tuple[Cell | None, ...]:
    """What was known after each publication, of which is said what it did."""
    cells: list[Cell | None] = []
    last: dict[str, Any] | None = None
    for time, change in publications:
        last = said.get(time, last)
        if last is None:
            cells.append(None)
        elif last["type"] == "withdrawal":
            cells.append(Cell(None, None, False, change))
        else:
            hide = archive.withheld(last["conf_status"])
            cells.append(Cell(last["position"], None if hide else last["value"], hide, change))
    return tuple(cells)
