"""Facts: judgements, published ratings and the like, as known at a point on both time axes.

Here: which facts stand when a file of them has come out again.
Not here: figures, which have periods and revisions (observations.py).
"""

from __future__ import annotations

from typing import Any

from warehouse.event_log import Batch, Ledger


def facts(
    ledger: Ledger, kind: str, *, as_published: int | None = None, as_recorded: int | None = None
) -> list[dict[str, Any]]:
    """Events of one type that stand.

    A file of facts carries a date per row, so a row is known from its own date on; and a file that replaces
    its whole collection takes the place of every earlier one of it.

    Args:
        ledger: where to read.
        kind: the event type, such as `judgement`.
        as_published: only those published by then, microseconds UTC.
        as_recorded: only those recorded up to this position, rounded down to a batch end.

    Returns:
        One dictionary an event, in order of position: the columns of the `event` table, `payload` parsed.
    """
    newest: dict[str, Batch] = {}
    for batch in ledger.batches(kind="vintage", as_recorded=as_recorded):
        if batch.collection and batch.voided_by is None and batch.scope["kind"] == "full":
            held = newest.get(batch.collection)
            if held is None or (batch.published_at or 0) >= (held.published_at or 0):
                newest[batch.collection] = batch
    return [
        event
        for event in ledger.events(kind, as_published=as_published, as_recorded=as_recorded)
        if event["collection"] not in newest or event["batch"] == newest[event["collection"]].id
    ]
