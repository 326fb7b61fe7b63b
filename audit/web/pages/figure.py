"""Figure: one figure with every version of it, down to the cells of the files.

Here: what counted in a snapshot, every version with both its times, and what was known on other days.
Not here: an event by itself (event.py), the list of figures (figures.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    IndicatorCode,
    OrganisationId,
    PeriodId,
    SnapshotId,
    Source,
    about,
    moment,
    one_organisation,
    source,
    title,
    voided_by,
    words,
)
from audit.web.pages.days import Published, Recorded, bounds, standing
from audit.web.pages.figures import Figure, figures_of
from ratings.errors import NotFoundError
from warehouse.observations import order_of


@dataclass(frozen=True, slots=True)
class Version:
    """What one event says of the figure.

    Attributes:
        event: its position in the log.
        type: observation or withdrawal.
        used: whether the snapshot rests on it.
        later: whether the snapshot could not know it: published or recorded after its times.
        known: whether it is what was known on the days asked for.
        value: null where missing or withheld.
        numerator: as reported.
        denominator: as reported.
        obs_status: SDMX CL_OBS_STATUS.
        reason: of a withdrawal.
        published_at: when the source put it out.
        recorded_at: when we recorded it.
        voided_by: the batch that took it back.
        source: where it comes from.
    """

    event: int
    type: str
    used: bool
    later: bool
    known: bool
    value: float | None
    numerator: float | None
    denominator: float | None
    obs_status: str | None
    reason: str | None
    published_at: datetime
    recorded_at: datetime
    voided_by: int | None
    source: Source


@dataclass(frozen=True, slots=True)
class Other:
    """The figure of another period: canonical period, in words, value."""

    period: str
    words: str
    value: float | None


@dataclass(frozen=True, slots=True)
class FigurePage:
    """One figure, and every version of it.

    Attributes:
        about: the snapshot.
        organisation: its id.
        name: its name.
        indicator: code of the indicator.
        title: what it is called.
        unit: of the values.
        period: the period shown; null where there is no figure.
        period_words: the same in words.
        counted: the figure as the rating looked at it; null where another period counted.
        versions: in order of publication.
        others: the figures of all periods that the snapshot knows, the newest first.
        published: the day asked for on the one axis.
        recorded: the day asked for on the other.
    """

    about: About
    organisation: str
    name: str
    indicator: str
    title: str
    unit: str
    period: str | None
    period_words: str | None
    counted: Figure | None
    versions: tuple[Version, ...]
    others: tuple[Other, ...]
    published: date | None
    recorded: date | None


def figure(
    archive: Archive,
    snapshot: SnapshotId,
    organisation: OrganisationId,
    indicator: IndicatorCode,
    published: Published = None,
    recorded: Recorded = None,
) -> FigurePage:
    """The figure that a rating looked at, and every version of it."""
    return _page(archive, snapshot, organisation, indicator, None, published, recorded)


def figure_of_period(
    archive: Archive,
    snapshot: SnapshotId,
    organisation: OrganisationId,
    indicator: IndicatorCode,
    period: PeriodId,
    published: Published = None,
    recorded: Recorded = None,
) -> FigurePage:
    """The figure of one period, and every version of it."""
    return _page(archive, snapshot, organisation, indicator, period, published, recorded)


def _page(
    archive: Archive,
    snapshot: str,
    organisation: str,
    indicator: str,
    period: str | None,
    published: date | None,
    recorded: date | None,
) -> FigurePage:
    found, said = about(archive, snapshot)
    body = one_organisation(archive, found, organisation)
    counted = next((f for f in figures_of(archive, found, organisation) if f.indicator == indicator), None)
    if counted is None:
        raise NotFoundError("this rating has no such figure", hint="choose one from the list of figures")
    known = found.table("observations", organisation=organisation, indicator=indicator)
    known = known.sort("period", descending=True)
    wanted = period.replace("--", "/") if period else counted.period or _first(known)
    if period and wanted not in known["period"].to_list():
        raise NotFoundError("this rating knows no such period", hint="choose one from the figure's page")
    return FigurePage(
        about=said,
        organisation=organisation,
        name=body["name"],
        indicator=indicator,
        title=title(archive, indicator),
        unit=counted.unit,
        period=wanted,
        period_words=words(wanted),
        counted=counted if wanted == counted.period else None,
        versions=_versions(archive, found, organisation, indicator, wanted, published, recorded),
        others=tuple(
            Other(row["period"], words(row["period"]) or "", row["value"]) for row in known.to_dicts()
        ),
        published=published,
        recorded=recorded,
    )


def _first(known: pl.DataFrame) -> str | None:
    return None if known.is_empty() else str(known["period"][0])


def _versions(
    archive: Archive,
    found: Opened,
    organisation: str,
    indicator: str,
    period: str | None,
    published: date | None,
    recorded: date | None,
) -> tuple[Version, ...]:
    if period is None:
        return ()
    events = [
        event
        for event in archive.ledger.history(indicator, organisation, period)
        if event["type"] in ("observation", "withdrawal")
        and (not archive.public or archive.covers(found, event))
    ]
    events.sort(key=order_of)
    used = set(found.table("observations", organisation=organisation, indicator=indicator)["position"])
    known = None
    if published or recorded:
        stood = standing(archive, events, bounds(archive, found, published, recorded))
        known = stood[-1]["position"] if stood else None
    return tuple(_version(archive, found, event, used, known) for event in events)


def _version(
    archive: Archive, found: Opened, event: dict[str, Any], used: set[int], known: int | None
) -> Version:
    sources = archive.sources()
    batches = {b.id: b for b in archive.batches()}
    hide = archive.withheld(event["conf_status"])
    return Version(
        event=event["position"],
        type=event["type"],
        used=event["position"] in used,
        later=event["position"] > found.as_recorded or event["published_at"] > found.as_published,
        known=event["position"] == known,
        value=None if hide else event["value"],
        numerator=None if hide else event["numerator"],
        denominator=None if hide else event["denominator"],
        obs_status=event["obs_status"],
        reason=event["reason"],
        published_at=moment(event["published_at"]),
        recorded_at=moment(batches[event["batch"]].recorded_at),
        voided_by=voided_by(batches, event),
        source=source(archive, sources, event, read=event["type"] == "observation"),
    )
