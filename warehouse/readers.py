"""Readers: the bytes of a source file as a table of text, row by row as a person counts them.

Here: Parquet, CSV (plain or gzip) and workbooks by the format that a collection declares; what makes a file
    unreadable.
Not here: what the text means (ratings/reading.py), whether it is accepted (validations), what is too large
    (file_limits.py), the lines of a CSV (delimited.py), the cells of a workbook (workbooks.py).
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ratings.collections import COUNTED, NOTE, Collection, list_collections
from ratings.errors import InputError
from warehouse.delimited import BLANK, csv_header, read_csv
from warehouse.file_limits import prove_column, prove_parquet, prove_text, too_many_rows
from warehouse.workbooks import Sheet, join_names, read_sheet

ROW = COUNTED
# Below it a floating-point number holds every whole number. Not a number of Python: pyarrow makes a scalar of
# one only after it has imported pandas, which takes longer than reading a file.
_EXACT = pl.Series([2.0**53]).to_arrow()[0]


def read_rows(path: Path, collection: Collection, file_name: str | None = None) -> pl.DataFrame:
    """Read a file as its collection says it is written.

    Args:
        path: where the bytes lie.
        collection: how they are to be read.
        file_name: the name the file came under (the landing store's is a hash); default that of `path`.

    Returns:
        The columns the collection names, under the names it uses, as text (null where the cell is empty), and
        `row`: the row as a person counts it, the header being row 1 where nothing is above it. A collection
        with notes also has `NOTE`: whether the row is one.

    Raises:
        InputError: the file is empty, cut short, of another format, larger than a return can be, or lacks
            columns.
    """
    name = file_name or path.name
    return rows_as_text(read_table(path, collection, name), collection, name)


def read_table(path: Path, collection: Collection, file_name: str | None = None) -> pa.Table:
    """Read a file as its collection says it is written, its cells as the file keeps them.

    For who needs few of its rows (`rows_as_text`): all of them as text take several times the memory.

    Raises:
        InputError: as for `read_rows`.
    """
    name = file_name or path.name
    form = _format(path, collection, name)
    with _readable(form, name):
        if form == "parquet":
            table = _parquet(path, collection, name)
        elif form == "xlsx":
            table = _workbook(path, collection, name)
        else:
            table = _delimited(path, collection, name, packed=form.endswith(".gz"))
    if not table.num_rows:
        raise InputError("there is a header but no row", file=name, hint="ask the supplier to send it again")
    return table


def rows_as_text(table: pa.Table, collection: Collection, name: str, only: int | None = None) -> pl.DataFrame:
    """The rows of a file as `read_rows` gives them.

    Args:
        table: as `read_table` gives it.
        collection: how the file was read.
        name: of the file.
        only: the row that is wanted, none being given where there is no such row; None for all.
    """
    first = 1 + collection.file.skip_rows + collection.file.header_rows
    # Which rows are notes is seen from the others; else a row is what it is by itself.
    alone = only is not None and not collection.file.notes
    at, count = (only - first, 1) if only is not None and alone else (0, table.num_rows)
    if at < 0:
        at, count = 0, 0
    with _readable(_ending(collection, name), name):
        names = [column for column in table.column_names if column != BLANK]
        text = pl.DataFrame(pa.table({column: _text(table.column(column), at, count) for column in names}))
    numbers = pl.int_range(first + at, first + at + text.height, dtype=pl.Int64)
    rows = text.with_columns(numbers.alias(ROW))
    if BLANK in table.column_names:  # a blank line is no row, and yet counts where rows are numbered
        rows = rows.filter(~pl.Series(table.column(BLANK).slice(at, count)))
    if collection.file.notes:
        rows = _with_notes(rows, text.columns)
    return rows if only is None else rows.filter(pl.col(ROW) == only)


@contextmanager
def _readable(form: str, name: str) -> Iterator[None]:
    """Say of a file that cannot be read which one it is, and what to do."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, KeyError, UnicodeError, csv.Error, zlib.error) as error:
        cause = (str(error).strip() or type(error).__name__).splitlines()[0].removesuffix(".")
        raise InputError(
            f"cannot be read as {form}: {cause}",
            file=name,
            hint="the file may be cut short or of another format; ask the supplier to send it again",
        ) from error


def _with_notes(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Mark the rows below the last one that fills more than one cell."""
    filled = pl.sum_horizontal(pl.col(column).is_not_null() for column in columns)
    return rows.with_columns((pl.col(ROW) > pl.col(ROW).filter(filled > 1).max().fill_null(0)).alias(NOTE))


def printed_names(path: Path, collection: Collection, file_name: str | None = None) -> dict[str, str]:
    """The name that each column has in a file, by the name that its collection uses.

    Raises:
        InputError: as for `read_rows`.
    """
    if not collection.aliases:
        return {column: column for column in collection.required_columns()}
    name = file_name or path.name
    form = _format(path, collection, name)
    if form == "parquet":
        return _require(pq.read_schema(path).names, collection, name)
    if form == "xlsx":
        return _require(_sheet(path, collection, name)[1], collection, name)
    return _require(csv_header(path, collection, name, packed=form.endswith(".gz")), collection, name)


def _format(path: Path, collection: Collection, name: str) -> str:
    """How a file is written.

    Raises:
        InputError: it is empty, or its name does not say a form that the collection comes in.
    """
    if path.stat().st_size == 0:
        raise InputError("the file is empty", file=name, hint="ask the supplier to send it again")
    return _ending(collection, name)


def _ending(collection: Collection, name: str) -> str:
    """The ending that says how a file is written."""
    form = next((f for f in collection.file.formats if name.lower().endswith("." + f)), None)
    if form is None:
        raise InputError(
            f"collection {collection.id} comes as {', '.join(collection.file.formats)}",
            file=name,
            hint="give the file with its ending, or another --collection",
        )
    return form


def _parquet(path: Path, collection: Collection, name: str) -> pa.Table:
    with pq.ParquetFile(path) as file:
        prove_parquet(file, collection, name)
        printed = _require(file.schema_arrow.names, collection, name)
    # Text stays in its dictionary until it is known how long it is when written out.
    with pq.ParquetFile(path, read_dictionary=list(printed.values())) as file:
        table = file.read(columns=list(printed.values()))
    for column in table.columns:
        prove_column(column, name)
    return _renamed(table, printed)


def _delimited(path: Path, collection: Collection, name: str, *, packed: bool) -> pa.Table:
    prove_text(path, collection, name, packed=packed)
    printed = _require(csv_header(path, collection, name, packed=packed), collection, name)
    table = read_csv(path, collection, name, list(printed.values()), packed=packed)
    return _renamed(table, printed | {BLANK: BLANK})


def _workbook(path: Path, collection: Collection, name: str) -> pa.Table:
    sheet, header = _sheet(path, collection, name)
    end = collection.file.skip_rows + collection.file.header_rows
    printed = _require(header, collection, name)
    numbers = {header.index(printed[column]) for column in collection.number_columns()}
    places = {column: header.index(found) for column, found in printed.items()}
    width = max(places.values()) - min(places.values()) + 1 if collection.file.notes else None
    sheet.spread(range(end, len(sheet.rows)), numbers, notes_from=width)
    body = sheet.rows[end:]
    cells = {c: pa.array([row[at] for row in body], pa.string()) for c, at in places.items()}
    return pa.table(cells | {BLANK: pa.array([not any(row) for row in body], pa.bool_())})


def _sheet(path: Path, collection: Collection, name: str) -> tuple[Sheet, list[str]]:
    """The sheet of a workbook that a collection reads, and the names of its columns."""
    says = collection.file
    sheet = read_sheet(path, says.sheet, name)
    end = says.skip_rows + says.header_rows
    if len(sheet.rows) - end > says.most_rows:
        raise too_many_rows(collection, name)
    sheet.spread(range(end))
    return sheet, join_names(sheet.rows[says.skip_rows : end])


def _renamed(table: pa.Table, printed: dict[str, str]) -> pa.Table:
    """The table under the names that its collection uses."""
    return pa.table({column: table.column(found) for column, found in printed.items()})


def _require(found: Sequence[str], collection: Collection, name: str) -> dict[str, str]:
    """The name that each column has in this file, by the name that the collection uses.

    Raises:
        InputError: a column is not there, or twice.
    """
    printed = collection.printed_as(found)
    header = collection.file.skip_rows + collection.file.header_rows
    if twice := sorted(column for column in printed.values() if list(found).count(column) > 1):
        raise InputError(
            f"column {twice[0]!r} stands there twice",
            file=name,
            row=header,
            column=twice[0],
            hint="ask the supplier which one counts",
        )
    missing = [column for column in collection.required_columns() if column not in printed]
    if not missing:
        return printed
    fitting = [c.id for c in list_collections() if set(c.required_columns()) == set(c.printed_as(found))]
    near = [(column, get_close_matches(column, found, n=1, cutoff=0.7)) for column in missing]
    renamed = "; ".join(f"{column!r} may now be called {close[0]!r}" for column, close in near if close)
    if fitting:
        hint = f"these columns fit --collection {' or '.join(fitting)}"
    else:
        compare = f"compare its header with ratings/collections/{collection.id}.toml"
        hint = f"{renamed}; {compare}" if renamed else compare
    raise InputError(
        f"not a file of collection {collection.id}: it has no column {', '.join(map(repr, missing))}"
        f" (its columns: {', '.join(found[:12])}{', ...' if len(found) > 12 else ''})",
        file=name,
        row=header,
        hint=hint,
    )


def _text(column: pa.ChunkedArray, at: int, count: int) -> pa.ChunkedArray:
    """Cells of a column as text; where all are whole numbers kept as floating point, without the `.0`."""
    part = column.slice(at, count)
    if pa.types.is_floating(column.type):
        exact = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
        whole = pc.all(exact, skip_nulls=True).as_py()
        part = part.cast(pa.int64()) if whole else part
    return part.cast(pa.string())
