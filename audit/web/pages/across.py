"""Across: the figures of one indicator, organisation by organisation.

Here: the figure that a rating looked at, its band and freshness, how often it was revised, and what was known
    on days that a reader chose.
Not here: the indicator itself (indicator.py), its revisions one by one (triangle.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.web.archive import Archive, Opened
from audit.web.pages.about import words
from ratings.periods import period_bounds


@dataclass(frozen=True, slots=True)
class Known:
    """The newest figure known on the days asked for: its period in words, value, whether withheld."""

    period_words: str
    value: float | None
    withheld: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """An organisation's figure of an indicator.

    Attributes:
        organisation: its id.
        name: its name.
        period_words: the period of the figure that the rating looked at; null where there is none.
        value: in the unit; null where it is missing or withheld.
        withheld: whether it is confidential and not for this reader.
        band: as the method writes it; null for none.
        state: fresh, due, out_of_date, missing or discontinued, by its calendar.
        age_days: from the end of its period to the snapshot's time.
        revised: how often figures of it were revised, as known on the days asked for.
        known: the newest figure known on them; null where none was, or no day was asked for.
    """

    organisation: str
    name: str
    period_words: str | None
    value: float | None
    withheld: bool
    band: str | None
    state: str
    age_days: int | None
    revised: int
    known: Known | None


def across(
    archive: Archive, found: Opened, indicator: str, revised: Counter[str], known: dict[str, Known]
) -> list[Placed]:
    """The figures of an indicator, by name of the organisation.

    Args:
        archive: what may be shown.
        found: the snapshot.
        indicator: its code.
        revised: how often figures of each organisation were revised.
        known: of each organisation the newest figure known on the days asked for.
    """
    bands = {row["organisation"]: row for row in found.table("bands", indicator=indicator).to_dicts()}
    fresh = dict(found.table("freshness", indicator=indicator).select("organisation", "state").iter_rows())
    marks = dict(
        found.table("observations", indicator=indicator).select("position", "conf_status").iter_rows()
    )
    rows = []
    for organisation, name in found.table("organisations").select("organisation", "name").iter_rows():
        band = bands.get(organisation, {})
        rows.append(
            Placed(
                organisation=organisation,
                name=name,
                period_words=words(band.get("period")),
                value=band.get("value"),
                withheld=archive.withheld(marks.get(band.get("position"))),
                band=band.get("band_label"),
                state=fresh.get(organisation, "missing"),
                age_days=band.get("age_days"),
                revised=revised[organisation],
                known=known.get(organisation),
            )
        )
    return sorted(rows, key=lambda row: row.name.casefold())


def newest(archive: Archive, stood: Iterable[dict[str, Any]]) -> dict[str, Known]:
    """The newest figure of each organisation.

    Args:
        archive: what may be shown.
        stood: what was said of one indicator, in order of publication.
    """
    last = {(event["organisation"], event["period"]): event for event in stood}
    found: dict[str, dict[str, Any]] = {}
    for (organisation, period), event in last.items():
        if event["type"] == "observation" and _ends(period) >= _ends(
            found.get(organisation, event)["period"]
        ):
            found[organisation] = event
    return {organisation: _known(archive, event) for organisation, event in found.items()}


def _ends(period: str) -> tuple[date, str]:
    return period_bounds(period)[1], period


def _known(archive: Archive, event: dict[str, Any]) -> Known:
    hide = archive.withheld(event["conf_status"])
    return Known(words(event["period"]) or "", None if hide else event["value"], hide)
