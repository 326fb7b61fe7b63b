"""Snapshot SQL: DuckDB opened on the tables of a snapshot.

Here: a connection in which every table of a snapshot is a view of its name, and what a query gives.
Not here: the snapshot (warehouse/snapshots.py), the prompt (pipelines/cli).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ratings.errors import InputError
from warehouse.snapshots import SnapshotRef


class Tables:
    """An open DuckDB that knows the tables of one snapshot.

    Args:
        connection: of DuckDB.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def ask(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """The columns and rows that a query gives; none of either for a statement without a result.

        Raises:
            InputError: DuckDB does not accept it; the message is DuckDB's.
        """
        import duckdb

        try:
            found = self._connection.execute(query)
            names = [column[0] for column in found.description or ()]
            return names, found.fetchall() if names else []
        except duckdb.Error as error:
            raise InputError(
                f"DuckDB does not accept this: {error}", hint="ask `SHOW TABLES` or `DESCRIBE stars`"
            ) from None


@contextmanager
def opened(found: SnapshotRef) -> Iterator[Tables]:
    """DuckDB in memory, with a view for every table of a snapshot: nothing is copied or can be changed."""
    import duckdb

    with duckdb.connect() as connection:
        for name in found.manifest["tables"]:
            file = str(found.path / f"{name}.parquet").replace("'", "''")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")
        yield Tables(connection)
