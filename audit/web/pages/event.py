"""Event: one fact of the log beside a rating, and the cell it was read from.

Here: what it says, both its times, its source, the stars that rest on it, and its inclusion proof.
Not here: a figure with all its versions (figure.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.event_proofs import proof_against
from audit.proofs import parse_checkpoint
from audit.trace_back import resting
from audit.web.archive import Archive
from audit.web.pages.about import About, Position, SnapshotId, Source, about, maybe, source
from audit.web.pages.file import Resting, stars_of
from ratings.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class EventPage:
    """One event.

    Attributes:
        about: the snapshot it is looked at from.
        event: its position in the log.
        type: judgement, published_rating, evidence, observation, withdrawal, ...
        published_at: when the source put it out.
        organisation: whom it is about; null where nobody the snapshot rates.
        name: what the organisation is called.
        indicator: what it is about, null where about none.
        says: what it says, by name.
        source: where it comes from.
        stars: the stars of the snapshot that rest on it.
    """

    about: About
    event: int
    type: str
    published_at: datetime | None
    organisation: str | None
    name: str | None
    indicator: str | None
    says: dict[str, Any]
    source: Source
    stars: tuple[Resting, ...]


_FIGURE = ("period_label", "value", "numerator", "denominator", "obs_status", "reason")


def event(archive: Archive, snapshot: SnapshotId, position: Position) -> EventPage:
    """An event of the log, and the cell it was read from."""
    found, said = about(archive, snapshot)
    row = archive.event(found, position)
    bodies = found.table("organisations", organisation=row["organisation"] or "").to_dicts()
    if archive.withheld(row["conf_status"]):
        says = {}
    elif row["type"] in ("observation", "withdrawal"):
        says = {name: row[name] for name in _FIGURE if row[name] is not None}
    else:
        says = dict(row["payload"])
    return EventPage(
        about=said,
        event=position,
        type=row["type"],
        published_at=maybe(row["published_at"]),
        organisation=bodies[0]["organisation"] if bodies else None,
        name=bodies[0]["name"] if bodies else None,
        indicator=row["indicator"],
        says=says,
        source=source(archive, archive.sources(), row),
        stars=tuple(stars_of(resting(found, "event", str(position)))),
    )


def proof(archive: Archive, snapshot: SnapshotId, position: Position) -> str:
    """The inclusion proof of an event, as a file that verifies offline.

    It ends at the checkpoint beside the snapshot: it is the same whenever it is asked for, and needs no
    private key. Only an event that was recorded later needs one, and is for those who work here.

    Raises:
        NotFoundError: there is no such event for this reader, it is confidential (its proof would say it), or
            what it said was purged.
    """
    found, _ = about(archive, snapshot)
    row = archive.event(found, position)
    if archive.withheld(row["conf_status"]):
        raise NotFoundError("there is no such event")
    note = found.checkpoint
    if note is not None and position <= parse_checkpoint(note).position:
        return proof_against(archive.ledger, position, note).to_json()
    return archive.prove(position)
