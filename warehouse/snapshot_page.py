"""Snapshot page: the tables of a snapshot, column by column, for people.

Here: the text that docs/snapshots.md holds and `starledger snapshots schema` prints, from the one place where
    the columns are defined.
Not here: the columns themselves (snapshot_tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from warehouse.snapshot_columns import SnapshotTable
from warehouse.snapshot_tables import SCHEMA_CHANGES, SCHEMA_VERSION, TABLES


def page() -> str:
    """Every table and the list of schema versions, as Markdown; ends with a newline."""
    return "\n".join(line for part in (*map(_table, TABLES.values()), _versions()) for line in (*part, ""))


def content() -> dict[str, Any]:
    """The same as plain values, for programs."""
    return {
        "schema_version": SCHEMA_VERSION,
        "changes": {str(version): list(changes) for version, changes in SCHEMA_CHANGES.items()},
        "tables": {
            table.name: {
                "meaning": table.meaning,
                "key": list(table.key),
                "columns": [
                    {
                        "name": column.name,
                        "type": column.type,
                        "required": column.required,
                        "unit": column.unit or None,
                        "meaning": column.meaning,
                    }
                    for column in table.columns
                ],
            }
            for table in TABLES.values()
        },
    }


def _table(table: SnapshotTable) -> Iterator[str]:
    yield f"### {table.name}"
    yield ""
    yield f"{table.meaning[0].upper()}{table.meaning[1:]}."
    yield ""
    yield f"Key: {', '.join(f'`{column}`' for column in table.key)}."
    yield ""
    yield "| column | type | unit | null | meaning |"
    yield "|---|---|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {column.type} | {column.unit} | {column.null} | {column.meaning} |"


def _versions() -> Iterator[str]:
    yield "## Schema versions"
    yield ""
    yield "| version | what changed |"
    yield "|---|---|"
    for version, changes in sorted(SCHEMA_CHANGES.items(), reverse=True):
        yield f"| {version} | {'; '.join(changes)} |"
