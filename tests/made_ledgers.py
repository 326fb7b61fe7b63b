"""Ledgers made by hand: a few figures and judgements, appended as a source file's would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.settings import Settings
from warehouse.batches import FULL, Batch, NewBatch
from warehouse.canonical import canonical_json
from warehouse.database import Database
from warehouse.event_log import DEMONSTRATION, PRODUCTION, QUARANTINE_SCHEMA, Ledger, event_frame
from warehouse.snapshot_manifest import microseconds

MEASURE = "LAIT:FirstYJS"  # first-time entrants to youth justice: low is good, calendar years
COUNCILS = ("camden", "hackney", "islington", "lambeth", "southwark")
PERIOD, EARLIER = "2022-01-01/P1Y", "2021-01-01/P1Y"
OUT = microseconds("2024-01-10T09:30:00")


def warehouse(directory: Path, *, kind: str = PRODUCTION) -> Settings:
    """An empty warehouse with a ledger."""
    made = Settings(directory, f"sqlite:///{directory / 'ledger.db'}", "tester")
    directory.mkdir(parents=True, exist_ok=True)
    Ledger.found(Database(made.database_url), kind)
    return made


def simulated_warehouse(directory: Path) -> Settings:
    """A warehouse that accepts invented figures."""
    return warehouse(directory, kind=DEMONSTRATION)


def figure(
    organisation: str, value: float | None, *, indicator: str = MEASURE, period: str = PERIOD, **more: Any
) -> dict[str, Any]:
    """One observation as an event."""
    return {
        "type": "observation",
        "schema_version": 1,
        "indicator": indicator,
        "definition": "1",
        "organisation": organisation,
        "period": period,
        "period_label": period[:4],
        "value": value,
        "obs_status": "O" if value is None else "A",
        **more,
    }


def withdrawal(
    organisation: str, reason: str, *, indicator: str = MEASURE, period: str = PERIOD
) -> dict[str, Any]:
    """A figure that is no longer there, as an event."""
    return {
        "type": "withdrawal",
        "schema_version": 1,
        "indicator": indicator,
        "organisation": organisation,
        "period": period,
        "reason": reason,
    }


def judgements(
    organisation: str, words: str, *, round: str = "2002-05", at: str = "2002-05-30"
) -> list[dict[str, Any]]:
    """Four recorded judgements as events: children serving, prospects, adults serving, prospects."""
    parts = [(service, aspect) for service in ("children", "adults") for aspect in ("serving", "prospects")]
    return [
        {
            "type": "judgement",
            "schema_version": 1,
            "organisation": organisation,
            "published_at": microseconds(at),
            "source_row": 2,
            "payload": {"round": round, "service": service, "aspect": aspect, "judgement": word},
        }
        for (service, aspect), word in zip(parts, words.split(), strict=True)
    ]


def append(
    settings: Settings,
    events: Sequence[dict[str, Any]],
    *,
    collection: str = "lait",
    at: int = OUT,
    simulated: bool = False,
    refused: Sequence[str] = (),
    **more: Any,
) -> Batch:
    """Append a vintage: events that say no time or row get the vintage's and their place in the file."""
    full = [
        {"collection": collection, "published_at": at, "source_row": n} | event
        for n, event in enumerate(events, start=2)
    ]
    quarantine = pl.DataFrame(
        [
            {
                "source_row": 1000 + n,
                "indicator": code,
                "reasons": canonical_json([]),
                "raw": canonical_json({}),
            }
            for n, code in enumerate(refused)
        ],
        schema=QUARANTINE_SCHEMA,
    ).drop("batch")
    new = NewBatch(
        kind="vintage",
        actor="tester",
        code_version="test",
        collection=collection,
        published_at=at,
        published_basis="stated",
        received_at=at,
        scope=FULL,
        file_name="file.csv",
        simulated=simulated,
        **more,
    )
    return settings.ledger().append(new, event_frame(full), quarantine)


def some_figures(settings: Settings, **more: Any) -> Batch:
    """Figures 1 to 5 of five councils, 1 the best."""
    return append(settings, [figure(name, float(n)) for n, name in enumerate(COUNCILS, start=1)], **more)


def overwrite(file: Path, content: str | bytes) -> None:
    """Write over a file of a snapshot, as nobody should."""
    file.chmod(0o644)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
