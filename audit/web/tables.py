"""Tables: a snapshot's table in memory, found by organisation, and without what is not for everybody.

Here: where in a table the rows of each organisation stand, and what confidential figures say taken out of it.
Not here: reading a table and keeping it (archive.py), what it means (warehouse/snapshot_tables.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

FREE = "F"
"""SDMX CL_CONF_STATUS of figures that anybody may see, as are those not said to be anything else."""
SAYING_FIGURES = ("observations", "bands", "judgements", "counterfactuals")
"""Tables that say figures as they are."""
_ORGANISATION = "organisation"
_WITHHELD = "withheld: it rests on a confidential figure"


@dataclass(frozen=True, slots=True)
class Table:
    """A table in memory.

    Attributes:
        rows: all of it, the rows of an organisation one after the other.
        places: of each organisation its first row and how many it has; null where the table knows none.
    """

    rows: pl.DataFrame
    places: Mapping[str, tuple[int, int]] | None

    def where(self, **equal: str) -> pl.DataFrame:
        """The rows in which these columns have these values; those of an organisation are not looked for."""
        rows = self.rows
        if self.places is not None and _ORGANISATION in equal:
            rows = rows.slice(*self.places.get(equal.pop(_ORGANISATION), (0, 0)))
        return rows.filter(pl.col(column) == value for column, value in equal.items()) if equal else rows


def by_organisation(rows: pl.DataFrame) -> Table:
    """A table whose rows are found by organisation; within one they stay in order."""
    if _ORGANISATION not in rows.columns:
        return Table(rows, None)
    if not rows[_ORGANISATION].is_sorted():
        rows = rows.sort(_ORGANISATION, maintain_order=True)
    runs = rows[_ORGANISATION].rle().struct
    names, counts = runs.field("value").to_list(), runs.field("len").to_list()
    places, first = {}, 0
    for name, count in zip(names, counts, strict=True):
        places[name] = (first, count)
        first += count
    return Table(rows, places)


def confidential(observations: pl.DataFrame) -> pl.DataFrame:
    """The figures that are not for everybody: `position`, `organisation`, `indicator`."""
    secret = observations.filter(pl.col("conf_status").fill_null(FREE) != FREE)
    return secret.select("position", "organisation", "indicator")


def without(rows: pl.DataFrame, secret: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows of a table with what confidential figures say taken out.

    Args:
        rows: of the table.
        secret: as `confidential` gives it.
        name: of the table, one of SAYING_FIGURES.
    """
    if secret.is_empty():
        return rows
    if name == "observations":
        hide = pl.col("position").is_in(secret["position"].implode())
        columns = ("value", "numerator", "denominator")
        return rows.with_columns(pl.when(~hide).then(pl.col(c)).alias(c) for c in columns)
    if name == "bands":
        hide = pl.col("position").is_in(secret["position"].implode())
        return rows.with_columns(
            pl.when(~hide).then("value").alias("value"),
            pl.when(hide).then(pl.lit(_WITHHELD)).otherwise("band_reason").alias("band_reason"),
        )
    if name == "counterfactuals":  # each says the figure as it is
        those = secret.select("organisation", input="indicator").unique()
        return rows.join(those, on=["organisation", "input"], how="anti", maintain_order="left")
    those = secret.select("organisation", capped_by="indicator", secret=pl.lit(True)).unique()
    hide = pl.col("secret").fill_null(False)
    return (
        rows.join(those, on=["organisation", "capped_by"], how="left", maintain_order="left")
        .with_columns(
            pl.when(~hide).then("cap_value").alias("cap_value"),
            pl.when(hide).then(pl.lit(_WITHHELD)).otherwise("rule").alias("rule"),
        )
        .drop("secret")
    )
