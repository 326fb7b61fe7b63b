"""Evidence: what is known of an organisation beside its figures.

Here: inspections, reviews, meetings, surveys, complaints and outcome statements as the log holds them.
Not here: how they came there (pipelines/ingest.py), what they make us ask (questions.py).
"""

from __future__ import annotations

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
    found = [
        event
        for event in facts(ledger, "evidence", as_published=as_published)
        if event["organisation"] == organisation
        and (indicator is None or event["indicator"] in (None, indicator))
    ]
    return [
        {
            "event": event["position"],
            "indicator": event["indicator"],
            "published_at": iso(event["published_at"]),
            "says": event["payload"],
        }
        for event in sorted(found, key=lambda e: (e["published_at"], e["position"]))
    ]
