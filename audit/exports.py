"""Exports: figures in the formats that statistical tools of others read.

Here: SDMX-CSV 2.0.
Not here: lineage events (lineage_events.py), reading figures (warehouse/observations.py), the ledger's own
    export (warehouse/export.py).
"""

from __future__ import annotations

import io

import polars as pl

from ratings.catalogue import Catalogue

DATAFLOW = "STARLEDGER:OBSERVATIONS(1.0)"
SDMX_COLUMNS = (
    "STRUCTURE", "STRUCTURE_ID", "ACTION",
    "FREQ", "REF_AREA", "INDICATOR", "TIME_PERIOD",
    "OBS_VALUE", "NUMERATOR", "DENOMINATOR",
    "OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "DEFINITION", "COLLECTION", "PERIOD_LABEL", "LAST_UPDATE",
    "POSITION",
)  # fmt: skip
"""Structure and action; dimensions; measures; attributes."""

_QUARTER = "/P3M"


def sdmx_csv(figures: pl.DataFrame, catalogue: Catalogue) -> str:
    """Observations as an SDMX-CSV 2.0 data message.

    Args:
        figures: one row per figure; the columns `collection`, `indicator`, `definition`, `organisation`,
            `period`, `period_label`, `value`, `numerator`, `denominator`, `obs_status`, `conf_status`,
            `published_at` (microseconds UTC, or a timestamp) and `position`.
        catalogue: gives each indicator its unit; one that it does not have has none.

    Returns:
        The message: columns SDMX_COLUMNS, one observation a line, by indicator, organisation and period. A
        figure without a value has an empty OBS_VALUE and says why in OBS_STATUS. TIME_PERIOD is a time range,
        first day and duration; FREQ is how often the series comes, Q or A. LAST_UPDATE is when the source
        published the figure, and POSITION where the log holds it.

    Source: SDMX-CSV field guide 2.0, RFC 4180. Concepts are those of the SDMX content-oriented guidelines
    where they have one.
    """
    units = {code: indicator.unit for code, indicator in catalogue.indicators.items()}
    published = pl.col("published_at").cast(pl.Datetime("us"))
    table = figures.select(
        pl.lit("dataflow").alias("STRUCTURE"),
        pl.lit(DATAFLOW).alias("STRUCTURE_ID"),
        pl.lit("I").alias("ACTION"),
        pl.when(pl.col("period").str.ends_with(_QUARTER))
        .then(pl.lit("Q"))
        .otherwise(pl.lit("A"))
        .alias("FREQ"),
        pl.col("organisation").alias("REF_AREA"),
        pl.col("indicator").alias("INDICATOR"),
        pl.col("period").alias("TIME_PERIOD"),
        pl.col("value").alias("OBS_VALUE"),
        pl.col("numerator").alias("NUMERATOR"),
        pl.col("denominator").alias("DENOMINATOR"),
        pl.col("obs_status").alias("OBS_STATUS"),
        pl.col("conf_status").alias("CONF_STATUS"),
        pl.col("indicator").replace_strict(units, default=None, return_dtype=pl.String).alias("UNIT_MEASURE"),
        pl.col("definition").alias("DEFINITION"),
        pl.col("collection").alias("COLLECTION"),
        pl.col("period_label").alias("PERIOD_LABEL"),
        published.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").alias("LAST_UPDATE"),
        pl.col("position").alias("POSITION"),
    )
    out = io.StringIO()
    table.select(SDMX_COLUMNS).sort("INDICATOR", "REF_AREA", "TIME_PERIOD", "COLLECTION").write_csv(
        out, line_terminator="\r\n"
    )
    return out.getvalue()
