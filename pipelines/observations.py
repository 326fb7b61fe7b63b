"""Observations for people and tools: figures as known, written out, and how old they are.

Here: the Parquet file of `starledger observations`, the list of `starledger freshness`.
Not here: what was known when (warehouse/observations.py), what counts as out of date (ratings/freshness.py).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from pipelines.inputs import SIMULATED
from pipelines.outputs import replaced
from pipelines.settings import Settings
from ratings.calendar import day_of
from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
from ratings.errors import NotFoundError
from ratings.freshness import freshness, with_returns
from ratings.periods import period_bounds
from warehouse.batches import Batch
from warehouse.event_log import Ledger, now
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
        as_published: microseconds UTC; None for now, so that what is under an embargo stays there.
        as_recorded: a position; None for everything recorded.

    Returns:
        How many figures.

    Raises:
        NotFoundError: there is no such collection.
        LedgerError: there is no ledger, or the file cannot be written.
    """
    ledger = settings.ledger()
    releases(ledger, collection)
    at = now() if as_published is None else as_published
    known = observations(ledger, [collection], as_published=at, as_recorded=as_recorded)
    table = observations_table(known).to_arrow(compat_level=pl.CompatLevel.oldest())
    with replaced(out) as sink:
        pq.write_table(table, sink, compression="zstd")
    return table.num_rows


def freshness_list(
    settings: Settings,
    *,
    as_published: int | None = None,
    simulated: bool = False,
    source_return: str | None = None,
    owner: str | None = None,
) -> pl.DataFrame:
    """Every rated indicator and existing organisation against the indicator's calendar, worst first.

    An indicator of the core whose collection was ever ingested is looked for at every organisation: one that
    never reported is `missing`.

    Args:
        settings: where the ledger is.
        as_published: microseconds UTC; None for now.
        simulated: of the invented councils, and nothing else.
        source_return: only this return, whatever its capitals.
        owner: only figures that this body answers for, whatever its capitals.

    Returns:
        Columns of `ratings.freshness.freshness`, `source_return` and `owner`.

    Raises:
        NotFoundError: no figures are known, or there is no such return or owner.
    """
    ledger, at = settings.ledger(), now() if as_published is None else as_published
    catalogue = with_named(load_catalogue(), ledger)
    figures = observations(ledger, [SIMULATED] if simulated else None, as_published=at)
    if not simulated:
        rated = catalogue.frame().select(pl.col("code").alias("indicator"), "collection")
        figures = figures.join(rated, on=["indicator", "collection"], how="semi")
    bodies = catalogue.existing([SIMULATED if simulated else "council"], day_of(at)).select(organisation="id")
    taken = set(figures["collection"])
    core = [i.code for i in catalogue.core() if simulated or i.collection in taken]
    figures = figures.join(bodies, on="organisation", how="semi")
    if not figures.height:
        raise NotFoundError(
            "no figures are known", hint="ingest some, or say --simulated for those of a demonstration"
        )
    asked = pl.DataFrame({"indicator": core}, schema={"indicator": pl.String}).join(bodies, how="cross")
    rows = with_returns(freshness(figures, catalogue, at, asked), catalogue)
    for column, wanted in (("source_return", source_return), ("owner", owner)):
        if wanted is not None:
            rows = _only(rows, column, wanted)
    rank = pl.col("state").replace_strict(_WORST_FIRST, range(len(_WORST_FIRST)), return_dtype=pl.Int64)
    return rows.sort(rank, -pl.col("days_late").fill_null(0), "source_return", "indicator", "organisation")


def _only(rows: pl.DataFrame, column: str, wanted: str) -> pl.DataFrame:
    names = sorted(rows[column].unique())
    named = [name for name in names if name.casefold() == wanted.strip().casefold()]
    if not named:
        raise NotFoundError(
            f"no {column.replace('_', ' ')} is called {wanted!r}", hint=f"choose one of {', '.join(names)}"
        )
    return rows.filter(pl.col(column).is_in(named))
