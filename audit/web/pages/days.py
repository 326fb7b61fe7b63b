"""Days: what was known of figures on two days that a reader chose.

Here: the two days as bounds on the two times of a rating, and the versions of figures that stood within them.
Not here: the rating that was known on them (as_known.py), what a page makes of the versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

from audit.web.archive import Archive, Opened
from audit.web.pages.about import voided_by
from ratings.calendar import end_of
from warehouse.observations import order_of

_FIGURE_EVENTS = ("observation", "withdrawal")
_BlankIsNone = BeforeValidator(lambda day: day or None)  # a form sends a day that was left blank as one
Published = Annotated[
    date | None,
    _BlankIsNone,
    Query(description="As published by the end of this day; left out or blank: no bound"),
]
Recorded = Annotated[
    date | None,
    _BlankIsNone,
    Query(description="As recorded by the end of this day; left out or blank: no bound"),
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as known.

    Attributes:
        until: published by then, microseconds UTC.
        position: recorded up to this position of the log.
    """

    until: int
    position: int


def ends(archive: Archive, found: Opened, published: date | None, recorded: date | None) -> Bounds:
    """The ends of two days; one left out sets no bound, and without either the rating's own times hold."""
    if not published and not recorded:
        return Bounds(found.as_published, found.as_recorded)
    return Bounds(
        end_of(published) if published else archive.now(),
        archive.position_on(recorded) if recorded else archive.batches()[-1].last_position,
    )


def bounds(archive: Archive, found: Opened, published: date | None, recorded: date | None) -> Bounds:
    """The same for figures beside a rating: for the public no later than the rating's own times."""
    at = ends(archive, found, published, recorded)
    if archive.public:
        return Bounds(min(at.until, found.as_published), min(at.position, found.as_recorded))
    return at


def standing(archive: Archive, events: Iterable[dict[str, Any]], at: Bounds) -> list[dict[str, Any]]:
    """What was said of figures and stood within the bounds, in order of publication.

    What was taken back later stood until then.
    """
    batches = {b.id: b for b in archive.batches()}

    def stood(event: dict[str, Any]) -> bool:
        void = voided_by(batches, event)
        return void is None or batches[void].last_position > at.position

    fitting = [
        event
        for event in events
        if event["type"] in _FIGURE_EVENTS
        and event["published_at"] <= at.until
        and event["position"] <= at.position
        and stood(event)
    ]
    return sorted(fitting, key=order_of)
