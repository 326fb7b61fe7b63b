"""Figures: what is known of a figure, with every version of it and where each comes from.

Here: the figure that a snapshot counts, or the one that the log knows last; what was said before and after.
Not here: what rests on it (trace.py), from an event to its cell (sources.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.sources import Sources
from ratings.catalogue import Catalogue, Indicator, Organisation
from ratings.periods import describe_period, period_bounds
from warehouse.event_log import now
from warehouse.observations import order_of
from warehouse.snapshot_manifest import iso

_FIGURE_EVENTS = ("observation", "withdrawal")

Said = dict[tuple[str, str], list[dict[str, Any]]]
"""Every version of the figures of an organisation, by indicator and period."""


def said_of(sources: Sources, indicators: Iterable[str], organisation: str, *, until: int) -> Said:
    """What was said of figures and is out by a time: no embargo is broken here."""
    said: Said = {}
    for event in sources.ledger.histories(list(indicators), organisation):
        if event["type"] in _FIGURE_EVENTS and event["published_at"] <= until:
            said.setdefault((event["indicator"], event["period"]), []).append(event)
    return said


def figure(
    sources: Sources,
    catalogue: Catalogue,
    row: dict[str, Any],
    decides: list[str],
    said: Said,
    *,
    whole: bool,
) -> dict[str, Any]:
    """A figure that a snapshot holds: band, event, source; with `whole`, every version read back.

    One that was inherited is an event of the predecessor, whose own trace has its versions.
    """
    code, period, position = row["indicator"], row["period"], row["position"]
    versions = said.get((code, period), [])
    event = next((e for e in versions if e["position"] == position), None)
    if event is None and position is not None:
        event = sources.ledger.event(position)
    told = whole or row["key"]
    reported_by = event["organisation"] if event else row["organisation"]
    return {
        **_about(catalogue, code),
        "key": row["key"],
        "decides": decides,
        "period": period,
        "period_words": describe_period(period) if period else None,
        "period_end": period_bounds(period)[1].isoformat() if period else None,
        "value": row["value"],
        "band": row["band"],
        "band_label": row["band_label"],
        "band_reason": row["band_reason"],
        "previous_period": row["previous_period"],
        "previous_band": row["previous_band"],
        "movement": row["movement"],
        "age_days": row["age_days"],
        "freshness": row["freshness"],
        "inherited_from": reported_by if reported_by != row["organisation"] else None,
        "event": position,
        "source": sources.of(event, read=told) if event else None,
        "revisions": _revisions(sources, versions, event),
        "history": _history(sources, versions, position, read=whole) if told and period else None,
    }


def _revisions(
    sources: Sources, versions: list[dict[str, Any]], used: dict[str, Any] | None
) -> dict[str, int]:
    """How many versions of a figure that still stand came before the one that is used, and after it."""
    order = [order_of(e) for e in versions if _voided_by(sources, e) is None]
    if used is None:
        return {"before": 0, "after": len(order)}
    at = order_of(used)
    return {"before": sum(1 for each in order if each < at), "after": sum(1 for each in order if each > at)}


def figures_of_log(
    sources: Sources, catalogue: Catalogue, body: Organisation, measure: Indicator | None
) -> list[dict[str, Any]]:
    """What the log knows now, without a rating: per indicator the figure of its latest period.

    Of one indicator asked for: the figure of every period, the latest first.
    """
    figures = []
    codes = [measure.code] if measure else list(catalogue.indicators)
    said = said_of(sources, codes, body.id, until=now())
    for code in codes:
        periods = sorted((period for about, period in said if about == code), reverse=True)
        for number, period in enumerate(periods if measure else periods[:1]):
            events = said[code, period]
            versions = _standing(sources, events)
            last = versions[-1] if versions and versions[-1]["type"] == "observation" else None
            used = last["position"] if last else None
            figures.append(
                {
                    **_about(catalogue, code),
                    "key": False,
                    "decides": [],
                    "period": period,
                    "period_words": describe_period(period),
                    "period_end": period_bounds(period)[1].isoformat(),
                    "value": last["value"] if last else None,
                    "event": used,
                    "source": sources.of(last, read=bool(measure)) if last else None,
                    "revisions": _revisions(sources, events, last),
                    "history": _history(sources, events, used, read=not number) if measure else None,
                    "quality": None,
                }
            )
    return figures


def _history(
    sources: Sources, events: list[dict[str, Any]], used: int | None, *, read: bool
) -> list[dict[str, Any]]:
    """Every version of a figure, in order of publication: what was said, when it was out, when it was known.

    A withdrawal has no cell to read back.
    """
    return [
        {
            "event": event["position"],
            "type": event["type"],
            "used": event["position"] == used,
            "value": event["value"],
            "numerator": event["numerator"],
            "denominator": event["denominator"],
            "obs_status": event["obs_status"],
            "conf_status": event["conf_status"],
            "period_label": event["period_label"],
            "reason": event["reason"],
            "published_at": iso(event["published_at"]),
            "recorded_at": iso(sources.batch(event["batch"]).recorded_at),
            "stated_by": event["stated_by"] or event["batch"],
            "voided_by": _voided_by(sources, event),
            "source": sources.of(event, read=read and event["type"] == "observation"),
        }
        for event in sorted(events, key=order_of)
    ]


def _standing(sources: Sources, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in sorted(events, key=order_of) if _voided_by(sources, event) is None]


def _voided_by(sources: Sources, event: dict[str, Any]) -> int | None:
    """The batch that took back the vintage this event speaks for, or the batch it stands in."""
    return (
        sources.batch(event["stated_by"] or event["batch"]).voided_by
        or sources.batch(event["batch"]).voided_by
    )


def _about(catalogue: Catalogue, code: str) -> dict[str, Any]:
    found = catalogue.indicator(code)
    return {"indicator": code, "title": found.title, "service": found.service, "unit": found.unit}
