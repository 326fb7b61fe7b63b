"""Past: the stars that an organisation has in other snapshots of the same method.

Here: the list, and the same as a picture.
Not here: which snapshots those are (as_known.py), the drawing (charts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.charts import history_chart
from audit.web.archive import Archive, Opened
from audit.web.pages.about import OrganisationId, SnapshotId, about, moment, one_organisation
from audit.web.pages.as_known import of_method
from audit.web.pages.ratings import stars_in_words
from ratings.errors import NotFoundError

_HISTORY = 24
_FEWEST_DRAWN = 2


@dataclass(frozen=True, slots=True)
class Past:
    """The star that another snapshot of the same method gives."""

    snapshot: str
    label: str
    as_published: datetime
    state: str
    star: int | None
    status: str


def history(archive: Archive, found: Opened, organisation: str) -> tuple[Past, ...]:
    """The stars of an organisation in the newest snapshots of the same method, the oldest first."""
    past = [
        Past(
            snapshot=other.id,
            label=other.manifest["label"],
            as_published=moment(other.as_published),
            state=other.entry.state,
            star=row["star"],
            status=row["rating_status"],
        )
        for other in of_method(archive, found)
        for row in other.table("stars", organisation=organisation).to_dicts()
    ]
    return tuple(sorted(past, key=lambda p: (p.as_published, p.snapshot))[-_HISTORY:])


def drawn(archive: Archive, snapshot: SnapshotId, organisation: OrganisationId) -> str:
    """The stars of an organisation in snapshots of the same method, as a picture (SVG).

    Raises:
        NotFoundError: the rating holds no such organisation, or there are no two stars to draw.
    """
    found, _ = about(archive, snapshot)
    body = one_organisation(archive, found, organisation)
    past = history(archive, found, organisation)
    if len(past) < _FEWEST_DRAWN:
        raise NotFoundError("there is no history of stars to draw", hint="see the organisation's page")
    bars = [
        (
            f"{p.as_published:%d %B %Y} ({p.snapshot[-12:]})".lstrip("0"),
            p.star,
            stars_in_words(p.status if p.star is None else str(p.star)),
        )
        for p in past
    ]
    return history_chart(bars, body["name"])
