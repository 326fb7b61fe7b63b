"""Rounds: every rating that a reader may see, and the one that counts now.

Here: the first page.
Not here: the ratings themselves (ratings.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.web.archive import NOT_AS_BUILT, Archive, NotWholeError
from audit.web.pages.about import About, about, maybe
from audit.web.watch import Entry


@dataclass(frozen=True, slots=True)
class Rated:
    """A snapshot in the list.

    Attributes:
        about: the snapshot.
        organisations: how many it rates.
        stars: how many have each number of stars, or which status.
        released: whether it is the rating that counts now.
    """

    about: About
    organisations: int
    stars: dict[str, int]
    released: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """A snapshot that is not what was built: its id, its state, what is wrong."""

    id: str
    state: str
    since: datetime | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rounds:
    """The first page.

    Attributes:
        audience: public or internal.
        ledger_kind: production or demonstration.
        snapshots: the newest first.
        broken: those that do not verify.
    """

    audience: str
    ledger_kind: str
    snapshots: tuple[Rated, ...]
    broken: tuple[Broken, ...]


def rounds(archive: Archive) -> Rounds:
    """Every rating that this reader may see."""
    rated, broken = [], []
    for entry in archive.entries():
        try:
            rated.append(_rated(archive, entry))
        except NotWholeError as error:
            problems = (NOT_AS_BUILT,) if archive.public else error.problems
            broken.append(Broken(entry.id, entry.state, maybe(entry.since), problems))
    return Rounds(
        audience=archive.audience,
        ledger_kind=archive.ledger.kind,
        snapshots=tuple(sorted(rated, key=lambda r: (r.about.as_published, r.about.id), reverse=True)),
        broken=tuple(sorted(broken, key=lambda b: b.id)),
    )


def _rated(archive: Archive, entry: Entry) -> Rated:
    found, said = about(archive, entry.id)
    return Rated(
        about=said,
        organisations=found.manifest["tables"]["organisations"]["rows"],
        stars=dict(found.manifest["stars"]),
        released=entry.current,
    )
