"""Matching: a method held against the ratings that were really published.

Here: the published ratings, judgements and figures of the log, brought to the method.
Not here: computing stars and comparing (ratings/matching.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.settings import Settings
from ratings.calendar import end_of
from ratings.catalogue import load_catalogue
from ratings.errors import NotFoundError
from ratings.matching import Match, match_published
from ratings.methods import load_method
from warehouse.facts import facts
from warehouse.named_in_log import with_named
from warehouse.observations import state, timeline


def match(settings: Settings, method_id: str | Path, *, option: str | None = None) -> Match:
    """Compute the star of every published rating in the log for which the method has every part, and compare.

    Args:
        settings: where the ledger is.
        method_id: id of a shipped method, or path of a method file.
        option: star table to use; by default the method's own choice.

    Raises:
        MethodError: the method has no stars, or no such option.
        NotFoundError: the log holds no published rating.
    """
    ledger = settings.ledger()
    catalogue = with_named(load_catalogue(), ledger)
    published = [event for event in facts(ledger, "published_rating") if "stars" in event["payload"]]
    if not published:
        raise NotFoundError(
            "the log holds no published rating",
            hint="ingest some: starledger ingest FILE --collection published_ratings (and judgements)",
        )
    events = timeline(ledger)
    return match_published(
        load_method(method_id),
        fact_frame(published, "round", "stars"),
        fact_frame(facts(ledger, "judgement"), "round", "service", "aspect", "judgement"),
        lambda day: state(events, end_of(day)).cast({pl.Categorical: pl.String}),
        catalogue.organisation_frame().select("id", "name", "kind"),
        catalogue,
        option=option,
    )


def fact_frame(events: Iterable[dict[str, Any]], *said: str) -> pl.DataFrame:
    """Facts as rows.

    Args:
        events: from warehouse.facts.
        said: the names of their payload that become columns.

    Returns:
        organisation, the columns asked for (text), published_at (microseconds UTC), position, batch,
        source_row.
    """
    placed = ("published_at", "position", "batch", "source_row")
    rows = [
        {name: event[name] for name in ("organisation", *placed)}
        | {name: event["payload"].get(name) for name in said}
        for event in events
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("organisation", *said), pl.String) | dict.fromkeys(placed, pl.Int64)
    )
