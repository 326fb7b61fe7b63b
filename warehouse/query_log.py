"""Query log: the queries that the log holds, as of a position.

Here: reading their events back, with who entered each and when.
Not here: what a query is and what its events come to (ratings/queries.py), entering one
    (pipelines/queries.py).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ratings.queries import Query, fold
from warehouse.event_log import Ledger
from warehouse.snapshot_manifest import iso


def recorded_queries(ledger: Ledger, *, as_recorded: int | None = None) -> tuple[Query, ...]:
    """Every query, as the log held it.

    A query has one time only, the one at which it was recorded: no source publishes it.

    Args:
        ledger: where to read.
        as_recorded: a position, rounded down to the end of a batch; None for everything recorded.

    Returns:
        By number.
    """
    batches = {b.id: b for b in ledger.batches(kind="query", as_recorded=as_recorded)}
    return fold(
        event | {"actor": batches[event["batch"]].actor, "recorded_at": batches[event["batch"]].recorded_at}
        for event in ledger.events("query", as_recorded=as_recorded)
        if event["batch"] in batches
    )


def query_row(query: Query) -> dict[str, Any]:
    """A query as plain values, ready for JSON: `number` as `query`, times as text."""
    row = asdict(query)
    times = {
        name: None if row[name] is None else iso(row[name])
        for name in ("raised_at", "answered_at", "accepted_at")
    }
    return {"query": row.pop("number")} | row | times
