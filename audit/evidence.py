"""Evidence: what is known of an organisation beside its figures.

Here: inspections, reviews, meetings, surveys, complaints and outcome statements as the log holds them.
Not here: how they came there (pipelines/ingest.py), what they make us ask (questions.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warehouse.event_log import Ledger
from warehouse.facts import facts
from warehouse.snapshot_manifest import iso


def evidence_of(
    ledger: Ledger, organisation: str, indicator: str | None = None, *, as_published: int | None = None
) -> list[dict[str, Any]]:
    """The evidence about an organisation, the oldest first.

    Evidence is no input of a rating, so a snapshot does not bind which of it was recorded.

    Args:
        ledger: the log.
        organisation: its id.
        indicator: only what is about this indicator, or about none.
        as_published: only what was published by then, microseconds UTC.

    Returns:
        Of each: `event` (its position), `indicator` (null where it is about none), `published_at`, and `says`
        with `kind` and `says`, perhaps `service`, `finding` (good, mixed or poor) and `source`.
    """
    return as_evidence(
        event
        for event in facts(ledger, "evidence", as_published=as_published)
        if event["organisation"] == organisation
        and (indicator is None or event["indicator"] in (None, indicator))
    )


def as_evidence(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of evidence as `evidence_of` gives them, the oldest first."""
    return [
        {
            "event": event["position"],
            "indicator": event["indicator"],
            "published_at": iso(event["published_at"]),
            "says": event["payload"],
        }
        for event in sorted(events, key=lambda e: (e["published_at"], e["position"]))
    ]
