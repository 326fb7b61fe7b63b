"""Columns: what the columns of a snapshot's tables are, and which columns they come from.

Here: the tables' own descriptions in the form that Dagster shows.
Not here: what the columns mean (warehouse/snapshot_tables.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from ratings.collections import Collection
from warehouse.snapshot_tables import TABLES


def column_schema(table: str) -> dg.TableSchema:
    """The columns of a table, with type, unit and meaning."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                f"{column.meaning}, in {column.unit}" if column.unit else column.meaning,
                dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in TABLES[table].columns
        ]
    )


def figure_lineage(source: dg.AssetKey, collection: Collection, code: str) -> dg.TableColumnLineage:
    """Each column of an indicator comes from columns of the files of its collection."""
    return dg.TableColumnLineage(
        {
            field: [dg.TableColumnDep(asset_key=source, column_name=column) for column in columns]
            for field, columns in collection.read_from(code).items()
        }
    )


def band_lineage(indicators: Iterable[dg.AssetKey]) -> dg.TableColumnLineage:
    """A band comes from the value, numerator and denominator of its indicator."""
    deps = [dg.TableColumnDep(asset_key=key, column_name="value") for key in indicators]
    return dg.TableColumnLineage({"value": deps, "band": deps})


def lineage(of: str, asset: dg.AssetKey, column: str) -> dg.TableColumnLineage:
    """One column comes from one column of another asset."""
    return dg.TableColumnLineage({of: [dg.TableColumnDep(asset_key=asset, column_name=column)]})
