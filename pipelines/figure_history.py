"""Figure history: what happened to the figures of each indicator up to a point on both time axes.

Here: counting it from the events that stand, and from the rows that were refused.
Not here: which figures are known then (warehouse/observations.py), what the counts mean (ratings/quality.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from pipelines.flagged import flagged
from ratings.revisions import changes, measures
from warehouse import schema
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.observations import KEY, ORDER, with_reasons


def files_read(batches: Iterable[Batch], collections: Collection[str], as_published: int) -> list[int]:
    """The batches of the standing files of some collections that were published by then."""
    return [
        b.id
        for b in batches
        if b.kind == "vintage"
        and b.voided_by is None
        and b.collection in collections
        and (b.published_at or 0) <= as_published
    ]


def figure_history(
    ledger: Ledger,
    events: pl.DataFrame,
    scope: pl.DataFrame,
    read: Sequence[int],
    as_recorded: int | None = None,
) -> pl.DataFrame:
    """Per indicator: figures revised and taken back, rows refused, versions of the definition.

    Args:
        ledger: where the reasons of withdrawals and the refused rows are kept.
        events: observations and withdrawals of the population, published by then.
        scope: `indicator` and its `collection`, text as Categorical.
        read: the batches whose files were read.
        as_recorded: queries as the log held them up to this position; None for everything recorded.

    Returns:
        One row per indicator of `scope`: `indicator`; `revised`, figures whose value was once another;
        `withdrawn`, figures taken back by their source; `quarantined`, rows refused and not released;
        `flagged` and `answered`, figures that a warning stands about or whose answer was accepted; null for
        none.
        `definitions`, versions of the definition among all that was said, and `revision_size`, the relative
        mean absolute revision in percent; null where nothing is known or revised.
    """
    events = with_reasons(ledger, events)
    observed = events.filter(pl.col("type") == "observation")
    said = observed.group_by(KEY).agg(pl.col("value").n_unique())
    gone = events.filter(pl.col("type") == "withdrawal").select(KEY).unique()
    last = events.join(gone, on=KEY, how="semi").sort(ORDER).unique(KEY, keep="last")
    refused = _refused(ledger, as_recorded)
    counts = scope.select(pl.col("indicator").cast(pl.String))
    for name, rows in (
        ("revised", said.filter(pl.col("value") > 1)),
        ("withdrawn", last.filter((pl.col("type") == "withdrawal") & (pl.col("reason") == "withdrawn"))),
        (
            "quarantined",
            refused.filter(pl.col("batch").is_in(read)).join(scope, on="indicator", how="semi"),
        ),
    ):
        counted = rows.group_by(pl.col("indicator").cast(pl.String)).agg(pl.len().alias(name))
        counts = counts.join(counted, on="indicator", how="left")
    # Most figures were said once and cannot have been revised.
    again = events.join(events.group_by(KEY).len().filter(pl.col("len") > 1), on=KEY, how="semi")
    sizes = measures(changes(again), ["indicator"]).select(
        pl.col("indicator").cast(pl.String), revision_size="relative_absolute_revision"
    )
    definitions = observed.group_by(pl.col("indicator").cast(pl.String)).agg(
        definitions=pl.col("definition").n_unique()
    )
    for more in (definitions, sizes, flagged(ledger, events, read, as_recorded)):
        counts = counts.join(more, on="indicator", how="left")
    return counts


def _refused(ledger: Ledger, as_recorded: int | None) -> pl.DataFrame:
    """The `batch` and `indicator` of every refused row that nobody released."""
    released = [
        (b.scope["released_from"], row)
        for b in ledger.batches(kind="vintage", as_recorded=as_recorded)
        if b.voided_by is None and "released_from" in b.scope
        for row in b.scope["rows"]
    ]
    let_in = pl.DataFrame(released, schema={"batch": pl.Int64, "source_row": pl.Int64}, orient="row")
    rows = ledger.database.frame(schema.quarantine, ["batch", "source_row", "indicator"])
    return rows.join(let_in, on=["batch", "source_row"], how="anti")
