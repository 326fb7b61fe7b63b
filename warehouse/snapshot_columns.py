"""Snapshot columns: what a column and a table of a snapshot are, and rows brought into that form.

Here: the types of columns, the Arrow schema with type, unit, nullability and meaning as field metadata, and
    the rows of a table sorted by its key.
Not here: which tables there are (snapshot_tables.py), their digest (table_digest.py), files (snapshots.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from ratings.errors import SnapshotError

_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a snapshot table.

    Attributes:
        name: its name.
        type: `string`, `int64`, `double`, `bool`, `date`, or `time` (microseconds UTC).
        meaning: one line for people.
        unit: of its numbers; blank where it has none.
        required: True where it is never null.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    required: bool = False

    @property
    def null(self) -> str:
        """Whether it may be null, in words."""
        return "never" if self.required else "may be"

    def field(self) -> Any:
        """The column as an Arrow field; type, unit, nullability and meaning are its metadata."""
        notes = {"meaning": self.meaning, "type": self.type, "null": self.null}
        notes |= {"unit": self.unit} if self.unit else {}
        return pa.field(self.name, _TYPES[self.type], nullable=not self.required, metadata=notes)


@dataclass(frozen=True, slots=True)
class SnapshotTable:
    """A table of a snapshot: its name, what a row is, the columns that name a row, all columns in order."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def schema(self) -> pa.Schema:
        """The Arrow schema, meanings and units in the metadata."""
        notes: Any = {"table": self.name, "meaning": self.meaning, "key": ",".join(self.key)}
        return pa.schema([c.field() for c in self.columns], metadata=notes)

    def arrow(self, frame: pl.DataFrame) -> pa.Table:
        """Rows as this table has them: its columns and types, sorted by the key.

        Args:
            frame: at least the columns of this table, in any order; others are left out. Times may be int64
                microseconds.

        Raises:
            SnapshotError: a column is missing or of another type, a key is null or occurs twice, or a number
                is not finite.
        """
        names = [c.name for c in self.columns]
        if absent := [name for name in names if name not in frame.columns]:
            raise SnapshotError(f"table {self.name} lacks the columns {', '.join(absent)}")
        rows = frame.select(names).sort(self.key)
        same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in self.key)
        if rows.select(same.any()).item():
            raise SnapshotError(f"table {self.name} has two rows of one key ({', '.join(self.key)})")
        for column in self.columns:
            if column.required and rows[column.name].null_count():
                raise SnapshotError(f"table {self.name}: {column.name} is null in some rows")
            if (
                column.type == "double"
                and not rows[column.name].cast(pl.Float64).drop_nulls().is_finite().all()
            ):
                raise SnapshotError(f"table {self.name}: {column.name} holds a number that is not finite")
        try:
            table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
            columns = [table[c.name].cast(c.field().type) for c in self.columns]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SnapshotError(f"table {self.name} cannot be written: {error}") from error
        return pa.Table.from_arrays(columns, schema=self.schema())
