"""Observations: which figures were known, as the sources had published them and as we had recorded them.

Here: the as-of law - the state on two time axes is, per key, the last event in order of publication.
Not here: how a vintage is turned into events so that this holds (vintages.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from warehouse import schema
from warehouse.batches import Batch
from warehouse.event_log import Ledger

KEY = ["indicator", "organisation", "period"]
ORDER = ["published_at", "stated_by", "position"]
"""Order of publication: of one time, files as they were recorded; of one file, what was said of it last."""
SAID = ["value", "numerator", "denominator", "obs_status", "conf_status", "definition"]
FIGURE = [
    "collection",
    "indicator",
    "definition",
    "organisation",
    "period",
    "period_label",
    "value",
    "numerator",
    "denominator",
    "obs_status",
    "conf_status",
    "published_at",
    "position",
    "stated_by",
    "source_batch",
    "source_row",
]
_READ = [*FIGURE, "batch", "type", "organisation_code"]
_TYPES = schema.frame_schema(schema.event)
_SPANS = 200  # an engine's limit on the depth of a condition is about a thousand
NO_EVENTS = pl.DataFrame(
    schema={name: pl.Categorical() if _TYPES[name] == pl.String() else _TYPES[name] for name in _READ}
)


def timeline(
    ledger: Ledger,
    collections: Sequence[str] | None = None,
    as_recorded: int | None = None,
    *,
    as_published: int | None = None,
) -> pl.DataFrame:
    """Every observation and withdrawal that stands.

    Args:
        ledger: where to read.
        collections: of which collections; None for all.
        as_recorded: up to which position, rounded down to a batch end; None for all. Batches voided by then
            are left out, with what other batches said in their name.
        as_published: only what was published by then, microseconds UTC; None for everything.

    Returns:
        Columns of `FIGURE` plus batch, type and organisation_code, text as Categorical; one row an event, in
        no order.
    """
    batches = [b for b in ledger.batches(as_recorded=as_recorded) if b.kind in ("vintage", "void")]
    mine = [b for b in batches if collections is None or b.collection in collections]
    standing = [b for b in mine if b.voided_by is None]
    if not standing:
        return NO_EVENTS
    spans = _ranges(standing)
    if len(spans) > _SPANS:
        spans = [(standing[0].first_position, standing[-1].last_position)]
    ranges = " OR ".join(f"position BETWEEN {first} AND {last}" for first, last in spans)
    published = "TRUE" if as_published is None else f"published_at <= {int(as_published)}"
    events = ledger.database.frame(
        schema.event, _READ, f"({ranges}) AND type IN ('observation', 'withdrawal') AND {published}"
    ).with_columns(pl.col("stated_by", "source_batch").fill_null(pl.col("batch")))
    events = events.filter(pl.col("batch").is_in([b.id for b in standing]))
    voided = [b.id for b in batches if b.voided_by is not None]
    return events.filter(~pl.col("stated_by").is_in(voided)) if voided else events


def with_reasons(ledger: Ledger, events: pl.DataFrame) -> pl.DataFrame:
    """A timeline with the `reason` of each withdrawal (withdrawn, rolled_off or quarantined), else null."""
    reasons = ledger.database.frame(schema.event, ["position", "reason"], "type = 'withdrawal'")
    return events.join(reasons, on="position", how="left")


def order_of(event: Mapping[str, Any]) -> tuple[int, int, int]:
    """The place of one event of the ledger in order of publication (ORDER)."""
    return event["published_at"], event["stated_by"] or event["batch"], event["position"]


def _ranges(batches: list[Batch]) -> list[tuple[int, int]]:
    """Positions of batches, neighbours joined: fewer ranges, one scan each."""
    joined: list[tuple[int, int]] = []
    for b in batches:
        if joined and joined[-1][1] + 1 == b.first_position:
            joined[-1] = (joined[-1][0], b.last_position)
        else:
            joined.append((b.first_position, b.last_position))
    return joined


def state(events: pl.DataFrame, as_published: int | None = None) -> pl.DataFrame:
    """What is known at a time: per key the last event in order of publication, withdrawals left out.

    Args:
        events: a timeline.
        as_published: microseconds UTC; None for everything published.

    Returns:
        The timeline's columns, one row per (collection, indicator, organisation, period).
    """
    seen = events if as_published is None else events.filter(pl.col("published_at") <= as_published)
    order = seen.select("collection", *KEY, *ORDER).with_row_index("row")
    last = order.sort(ORDER).unique(["collection", *KEY], keep="last")["row"]
    return seen[last.sort()].filter(pl.col("type") == "observation")


def observations(
    ledger: Ledger,
    collections: Sequence[str] | None = None,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
) -> pl.DataFrame:
    """The figures known at a point on both time axes.

    Args:
        ledger: where to read.
        collections: of which collections; None for all.
        as_published: published by then, microseconds UTC; None for everything published.
        as_recorded: recorded up to this position, rounded down to a batch end; None for all.

    Returns:
        Columns of `FIGURE`; `value` in the indicator's unit, null where `obs_status` says it is missing;
        sorted by collection, indicator, organisation and period.
    """
    known = state(timeline(ledger, collections, as_recorded, as_published=as_published))
    return known.select(FIGURE).cast({pl.Categorical: pl.String}).sort("collection", *KEY)
