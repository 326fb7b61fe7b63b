"""Observations for people and tools: figures as known, written out, and how old they are.

Here: the Parquet file of `starledger observations`, the list of `starledger freshness`.
Not here: what was known when (warehouse/observations.py), what counts as out of date (ratings/freshness.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from pipelines.inputs import SIMULATED
from pipelines.outputs import replaced
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
from ratings.errors import NotFoundError
from ratings.freshness import freshness
from ratings.periods import period_bounds
from warehouse.event_log import Batch, Ledger, now
from warehouse.named_in_log import with_named
from warehouse.observations import observations

_WORST_FIRST = ["out_of_date", "missing", "due", "fresh", "discontinued"]


def observations_table(figures: pl.DataFrame) -> pl.DataFrame:
    """Figures in the columns and types that downstream tools read.

    Args:
        figures: from warehouse.observations.

    Returns:
        indicator, organisation, period, period_label, period_start, period_end (dates, inclusive), value,
        numerator, denominator, status (SDMX CL_OBS_STATUS), published_at (timestamp, UTC), position.
    """
    periods = figures["period"].unique()
    bounds = [period_bounds(period) for period in periods]
    known = pl.DataFrame(
        {"period": periods, "period_start": [b[0] for b in bounds], "period_end": [b[1] for b in bounds]},
        schema={"period": pl.String, "period_start": pl.Date, "period_end": pl.Date},
    )
    return figures.join(known, on="period", how="left", maintain_order="left").select(
        "indicator",
        "organisation",
        "period",
        "period_label",
        "period_start",
        "period_end",
        "value",
        "numerator",
        "denominator",
        pl.col("obs_status").alias("status"),
        pl.from_epoch("published_at", time_unit="us").dt.replace_time_zone("UTC"),
        "position",
    )


def releases(ledger: Ledger, collection: str, as_recorded: int | None = None) -> list[Batch]:
    """The accepted files of a collection, voided ones too, in the order they were recorded.

    Raises:
        NotFoundError: there is no such collection, or no file of it was accepted.
    """
    load_collection(collection)
    found = ledger.batches(collection, "vintage", as_recorded=as_recorded)
    if not found:
        until = "" if as_recorded is None else f" up to position {as_recorded}"
        raise NotFoundError(
            f"no file of collection {collection} was ever accepted here{until}",
            hint=f"run `starledger ingest FILE --collection {collection}` first, or name another --warehouse",
        )
    return found


def write_observations(
    settings: Settings,
    collection: str,
    out: Path,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
) -> int:
    """Write the figures of a collection known at a point on both time axes to a Parquet file.

    Args:
        settings: where the ledger is.
        collection: id of a collection.
        out: the file; replaced as a whole or not at all.
        as_published: microseconds UTC; None for everything published.
        as_recorded: a position; None for everything recorded.

    Returns:
        How many figures.

    Raises:
        NotFoundError: there is no such collection.
        LedgerError: there is no ledger, or the file cannot be written.
    """
    ledger = settings.ledger()
    releases(ledger, collection)
    known = observations(ledger, [collection], as_published=as_published, as_recorded=as_recorded)
    table = observations_table(known).to_arrow(compat_level=pl.CompatLevel.oldest())
    with replaced(out) as sink:
        pq.write_table(table, sink, compression="zstd")
    return table.num_rows


def freshness_list(
    settings: Settings, *, as_published: int | None = None, simulated: bool = False
) -> list[dict[str, Any]]:
    """The newest figure of every rated indicator and organisation against its own calendar, worst first.

    Args:
        settings: where the ledger is.
        as_published: microseconds UTC; None for now.
        simulated: of the invented councils, and nothing else.

    Raises:
        NotFoundError: no figures are known.
    """
    ledger, at = settings.ledger(), now() if as_published is None else as_published
    catalogue = with_named(load_catalogue(), ledger)
    figures = observations(ledger, [SIMULATED] if simulated else None, as_published=at)
    if not simulated:
        rated = catalogue.frame().select(pl.col("code").alias("indicator"), "collection")
        figures = figures.join(rated, on=["indicator", "collection"], how="semi")
    if not figures.height:
        raise NotFoundError(
            "no figures are known", hint="ingest some, or say --simulated for those of a demonstration"
        )
    kinds = catalogue.organisation_frame().select(pl.col("id").alias("organisation"), "kind")
    figures = figures.join(kinds.filter(pl.col("kind") != "aggregate"), on="organisation", how="semi")
    rows = freshness(figures, catalogue, at)
    rank = pl.col("state").replace_strict(_WORST_FIRST, range(len(_WORST_FIRST)), return_dtype=pl.Int64)
    return (
        pl.DataFrame(rows)
        .sort(rank, -pl.col("days_late").fill_null(0), "indicator", "organisation")
        .to_dicts()
    )
