"""As known: the rating that was known on two days, for a reader who stands on a page of another.

Here: every snapshot of the same rating, and which of them has the latest times that are not after the days.
Not here: figures as known on a day (days.py); a snapshot itself never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query

from audit.web.archive import Archive, NotWholeError, Opened
from audit.web.pages.about import About, SnapshotId, about, batch_at, moment
from audit.web.pages.days import Published, Recorded, ends

Of = Annotated[
    str,
    Query(
        pattern=r"^([A-Za-z0-9][^/\x00-\x1f\x7f]*(/[A-Za-z0-9][^/\x00-\x1f\x7f]*)*)?$",
        max_length=400,
        description="The page to go to: what follows the snapshot's id in its address",
    ),
]


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot of the rating.

    Attributes:
        snapshot: its id.
        label: for people.
        as_published: what the sources had put out by then.
        as_recorded: the last position of the log that counts.
        recorded_at: when that was recorded.
        state: draft, or the state it entered last.
        current: whether it is the one released now.
        known: whether neither of its times is after the days asked for.
    """

    snapshot: str
    label: str
    as_published: datetime
    as_recorded: int
    recorded_at: datetime
    state: str
    current: bool
    known: bool


@dataclass(frozen=True, slots=True)
class AsKnown:
    """The rating that was known on two days.

    Attributes:
        about: the snapshot that the reader came from.
        of: the page to go to, after the id of a snapshot.
        published: the day asked for on the one axis; null for no bound.
        recorded: the day asked for on the other; null for no bound.
        found: the rating that was known then; null where there was none.
        ratings: every snapshot of the same method, option and round that this reader may see, newest first.
    """

    about: About
    of: str
    published: date | None
    recorded: date | None
    found: Built | None
    ratings: tuple[Built, ...]


def as_known(
    archive: Archive,
    snapshot: SnapshotId,
    of: Of = "",
    published: Published = None,
    recorded: Recorded = None,
) -> AsKnown:
    """The rating that was known on two days: of the same snapshots, the one with the latest times by then."""
    found, said = about(archive, snapshot)
    at = ends(archive, found, published, recorded)
    same = [each for each in of_method(archive, found) if _rating(each) == _rating(found)]
    # Of those alike, the one that counts now, then the one that the reader came from.
    same.sort(
        key=lambda each: (
            each.as_published,
            each.as_recorded,
            each.entry.current,
            each.id == found.id,
            each.id,
        ),
        reverse=True,
    )
    ratings = [
        _built(archive, each, each.as_published <= at.until and each.as_recorded <= at.position)
        for each in same
    ]
    return AsKnown(
        about=said,
        of=of,
        published=published,
        recorded=recorded,
        found=next((each for each in ratings if each.known), None),
        ratings=tuple(ratings),
    )


def of_method(archive: Archive, found: Opened) -> Iterator[Opened]:
    """Every snapshot of the same method that this reader may see, in no order.

    One that does not verify is left out: what it says is not known to be what was built.
    """
    method, simulated = found.manifest["method"]["id"], found.manifest["simulated"]
    for entry in archive.entries():
        if not entry.id.startswith(f"{method}-"):
            continue
        try:
            other = archive.open(entry.id)
        except NotWholeError:
            continue
        if (other.manifest["method"]["id"], other.manifest["simulated"]) == (method, simulated):
            yield other


def _rating(found: Opened) -> tuple[Any, ...]:
    """What snapshots of one rating have in common, besides the method."""
    method = found.manifest["method"]
    return method["round"], method.get("option")


def _built(archive: Archive, found: Opened, known: bool) -> Built:
    return Built(
        snapshot=found.id,
        label=found.manifest["label"],
        as_published=moment(found.as_published),
        as_recorded=found.as_recorded,
        recorded_at=moment(batch_at(archive, found.as_recorded).recorded_at),
        state=found.entry.state,
        current=found.entry.current,
        known=known,
    )
