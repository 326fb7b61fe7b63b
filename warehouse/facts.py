"""Facts: judgements, published ratings and the like, as known at a point on both time axes.

Here: which facts stand when a file of them has come out again.
Not here: figures, which have periods and revisions (observations.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warehouse.batches import Batch
from warehouse.event_log import Ledger


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
    batches = ledger.batches(kind="vintage", as_recorded=as_recorded)
    events = ledger.events(kind, as_published=as_published, as_recorded=as_recorded)
    return standing(events, replacing(batches), as_published)


def replacing(batches: Iterable[Batch]) -> list[Batch]:
    """Of batches, the files that take the place of every earlier one of their collection, and stand."""
    return [b for b in batches if b.kind == "vintage" and b.voided_by is None and b.scope["kind"] == "full"]


def standing(
    events: Iterable[dict[str, Any]], files: Iterable[Batch], as_published: int | None
) -> list[dict[str, Any]]:
    """Of events of one type, those that stand when every file counts that was published by then.

    Args:
        events: those published by then.
        files: as `replacing` gives them: all that the events stand in.
        as_published: microseconds UTC; None for every time.
    """
    by_collection: dict[str | None, list[Batch]] = {}
    for file in files:
        by_collection.setdefault(file.collection, []).append(file)
    current = {name: _current(those, as_published).id for name, those in by_collection.items()}
    return [e for e in events if current.get(e["collection"], e["batch"]) == e["batch"]]


def _current(batches: list[Batch], as_published: int | None) -> Batch:
    """The file that counts: the last one published by then, else the first there was.

    Files of facts are put together after the event: what the first of them says of an earlier day is the best
    that is known of that day.
    """
    ordered = sorted(batches, key=lambda b: (b.published_at or 0, b.id))
    out = [b for b in ordered if as_published is None or (b.published_at or 0) <= as_published]
    return out[-1] if out else ordered[0]
