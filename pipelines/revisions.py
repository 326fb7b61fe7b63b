"""Revisions for people and tools: what every publication of a collection did to the figures known before it.

Here: reading the log, and the answers of `starledger revisions` - as values, as Parquet and as a chart.
Not here: telling revisions apart and measuring them (ratings/revisions.py), drawing (audit/charts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from pipelines.observations import releases
from pipelines.outputs import replaced
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.errors import NotFoundError
from ratings.periods import describe_period, period_bounds
from ratings.revisions import KINDS, MEASURES, by_indicator, by_publication, changes, triangle
from warehouse.batches import Batch
from warehouse.observations import timeline, with_reasons
from warehouse.snapshot_manifest import iso


@dataclass(frozen=True, slots=True)
class Revisions:
    """What the publications of a collection did.

    Attributes:
        collection: its id.
        indicator: code of the one looked at; None for all.
        unit: of that indicator; blank for all.
        as_recorded: position of the log up to which it was read.
        publications: `ratings.revisions.by_publication`, with `relabelled` (rows that differ in their period
            label alone, as counted when the file was ingested; null for a single indicator), `batches` and
            `files`.
        indicators: `ratings.revisions.by_indicator`.
        cells: `ratings.revisions.triangle`; with measures for a single indicator only, since the units of
            several do not add up.
    """

    collection: str
    indicator: str | None
    unit: str
    as_recorded: int
    publications: pl.DataFrame
    indicators: pl.DataFrame
    cells: pl.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """The attributes, for JSON; times as ISO 8601."""
        return {
            "collection": self.collection,
            "indicator": self.indicator,
            "unit": self.unit or None,
            "as_recorded": self.as_recorded,
            "publications": [_timed(row) for row in self.publications.to_dicts()],
            "indicators": self.indicators.to_dicts(),
            "triangle": [_timed(row) for row in self.cells.to_dicts()],
        }


def revisions(
    settings: Settings, collection: str, indicator: str | None = None, *, as_recorded: int | None = None
) -> Revisions:
    """Tell apart what every publication of a collection did.

    Args:
        settings: where the ledger is.
        collection: id of a collection.
        indicator: its code, or what follows the colon; None for all.
        as_recorded: a position, rounded down to the end of a batch; None for everything recorded.

    Raises:
        NotFoundError: there is no such collection or indicator, or nothing is known of it.
        LedgerError: there is no ledger.
    """
    ledger, catalogue = settings.ledger(), load_catalogue()
    batches = releases(ledger, collection, as_recorded)
    standing = [b for b in batches if b.voided_by is None]
    if not standing:
        raise NotFoundError(
            f"every file of collection {collection} was voided",
            hint="`starledger ledger batches` lists them; an earlier --as-recorded shows what they did",
        )
    measure = catalogue.resolve_indicator(indicator) if indicator else None
    events = timeline(ledger, [collection], as_recorded)
    if measure:
        events = events.filter(pl.col("indicator").cast(pl.String) == measure.code)
        if not events.height:
            raise NotFoundError(
                f"{collection} holds no figure of {measure.code}",
                hint=f"its figures are rated from {measure.collection or 'no collection'}",
            )
    times = sorted({b.published_at or 0 for b in standing})
    changed = changes(with_reasons(ledger, events))
    cells = triangle(changed, times)
    return Revisions(
        collection=collection,
        indicator=measure.code if measure else None,
        unit=measure.unit if measure else "",
        as_recorded=max(b.last_position for b in ledger.batches(as_recorded=as_recorded)),
        publications=_with_files(by_publication(changed, times), standing, labels=measure is None),
        indicators=by_indicator(changed),
        cells=cells if measure else cells.drop(name for name in MEASURES if name != "revised"),
    )


def _with_files(publications: pl.DataFrame, standing: Sequence[Batch], *, labels: bool) -> pl.DataFrame:
    rows = [
        (b.published_at or 0, b.id, b.file_name or "", b.counts.get("relabelled", 0) if labels else None)
        for b in standing
    ]
    schema = {"published_at": pl.Int64, "batches": pl.Int64, "files": pl.String, "relabelled": pl.Int64}
    files = (
        pl.DataFrame(rows, schema=schema, orient="row")
        .group_by("published_at", maintain_order=True)
        .agg("batches", "files", relabelled=pl.col("relabelled").sum() if labels else pl.lit(None, pl.Int64))
    )
    counts = ["new", "revised", "relabelled", *(kind for kind in KINDS if kind not in ("new", "revised"))]
    return (
        publications.join(files, on="published_at")
        .select("published_at", *counts, "finalised", "known", "batches", "files")
        .sort("published_at")
    )


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"published_at": iso(row["published_at"])}


def write_triangle(found: Revisions, out: Path) -> int:
    """Write the revision triangle to a Parquet file.

    Columns: collection, indicator (null for all), period, period_label, period_start, period_end (dates,
    inclusive), published_at (timestamp, UTC), and the columns of `ratings.revisions.triangle`.

    Returns:
        How many rows.

    Raises:
        LedgerError: the file cannot be written.
    """
    periods = found.cells["period"].unique().to_list()
    bounds = [period_bounds(period) for period in periods]
    known = pl.DataFrame(
        {
            "period": periods,
            "period_label": [describe_period(period) for period in periods],
            "period_start": [start for start, _ in bounds],
            "period_end": [end for _, end in bounds],
        },
        schema={
            "period": pl.String,
            "period_label": pl.String,
            "period_start": pl.Date,
            "period_end": pl.Date,
        },
    )
    table = found.cells.join(known, on="period", how="left", maintain_order="left").select(
        pl.lit(found.collection).alias("collection"),
        pl.lit(found.indicator, pl.String).alias("indicator"),
        *known.columns,
        pl.from_epoch("published_at", time_unit="us").dt.replace_time_zone("UTC"),
        pl.exclude(*known.columns, "published_at"),
    )
    with replaced(out) as sink:
        pq.write_table(table.to_arrow(compat_level=pl.CompatLevel.oldest()), sink, compression="zstd")
    return table.height


def write_chart(found: Revisions, out: Path) -> None:
    """Draw the revision triangle as an SVG file.

    Raises:
        LedgerError: the file cannot be written.
    """
    from audit.charts import revision_triangle

    what = f"{found.indicator}, {found.unit}" if found.indicator else f"all indicators of {found.collection}"
    svg = revision_triangle(found.cells, what)
    with replaced(out) as sink:
        sink.write(svg.encode())
