"""Readers: the bytes of a source file as a table of text, row by row as a person counts them.

Here: Parquet and CSV (plain or gzip) by the format that a collection declares; what makes a file unreadable.
Not here: what the text means (ratings/reading.py), whether it is accepted (validations).
"""

from __future__ import annotations

import gzip
import zlib
from difflib import get_close_matches
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ratings.collections import Collection, list_collections
from ratings.errors import InputError

ROW = "row"
_EXACT = 2.0**53  # below it a floating-point number holds every whole number
# The returns seen so far pack to between a quarter and a thirtieth; only a bomb comes near gzip's thousandth.
_SMALL = 64 * 2**20  # unpacked bytes that do no harm, whatever they were packed into
_MOST = 4 * 2**30  # unpacked bytes of the largest file that is read
_RATIO = 200
_BLOCK = 2**20


def read_rows(path: Path, collection: Collection, file_name: str | None = None) -> pl.DataFrame:
    """Read a file as its collection says it is written.

    Args:
        path: where the bytes lie.
        collection: how they are to be read.
        file_name: the name the file came under (the landing store's is a hash); default that of `path`.

    Returns:
        The columns the collection names, as text (null where the cell is empty), and `row`: the row as a
        person counts it, the header being row 1 where nothing is above it.

    Raises:
        InputError: the file is empty, cut short, of another format, unpacks to more than a return can be,
            or lacks columns.
    """
    name = file_name or path.name
    if path.stat().st_size == 0:
        raise InputError("the file is empty", file=name, hint="ask the supplier to send it again")
    form = next((f for f in collection.file.formats if name.lower().endswith("." + f)), None)
    if form is None:
        raise InputError(
            f"collection {collection.id} comes as {', '.join(collection.file.formats)}",
            file=name,
            hint="give the file with its ending, or another --collection",
        )
    try:
        table = _parquet(path, collection, name) if form == "parquet" else _csv(path, collection, name, form)
        text = pl.DataFrame(pa.table({column: _text(table.column(column)) for column in table.column_names}))
    except (pa.ArrowException, OSError, EOFError, KeyError, zlib.error) as error:
        cause = str(error).strip().splitlines()[0]
        raise InputError(
            f"cannot be read as {form}: {cause}",
            file=name,
            hint="the file may be cut short or of another format; ask the supplier to send it again",
        ) from error
    if not table.num_rows:
        raise InputError("there is a header but no row", file=name, hint="ask the supplier to send it again")
    first = 2 + collection.file.skip_rows
    numbered = text.with_columns(pl.int_range(first, first + text.height, dtype=pl.Int64).alias(ROW))
    # A blank line is no row, and yet counts where rows are numbered.
    return numbered.filter(~pl.all_horizontal(pl.col(text.columns).is_null()))


def _parquet(path: Path, collection: Collection, name: str) -> pa.Table:
    with pq.ParquetFile(path) as file:
        _require(file.schema_arrow.names, collection, name)
        return file.read(columns=list(collection.required_columns()))


def _csv(path: Path, collection: Collection, name: str, form: str) -> pa.Table:
    read = pa_csv.ReadOptions(
        skip_rows=collection.file.skip_rows, encoding=collection.file.encoding.replace("utf-8-sig", "utf8")
    )
    parse = pa_csv.ParseOptions(
        delimiter=collection.file.delimiter, newlines_in_values=True, ignore_empty_lines=False
    )
    compression = "gzip" if form.endswith(".gz") else None
    if compression:
        _prove_bounded(path, name)
    with pa.input_stream(path, compression=compression) as stream:
        header = pa_csv.open_csv(stream, read, parse).schema.names
    _require(header, collection, name)
    # Everything is text: whether it is a number is for the checks to say, row by row.
    convert = pa_csv.ConvertOptions(
        column_types={column: pa.string() for column in header},
        include_columns=list(collection.required_columns()),
        strings_can_be_null=True,
        null_values=[""],
    )
    with pa.input_stream(path, compression=compression) as stream:
        return pa_csv.read_csv(stream, read, parse, convert)


def _prove_bounded(path: Path, name: str) -> None:
    """Refuse a gzip bomb before any of it is kept: it is unpacked block by block, and only counted."""
    packed, unpacked = path.stat().st_size, 0
    with gzip.open(path) as stream:
        while block := stream.read(_BLOCK):
            unpacked += len(block)
            if unpacked > _MOST or (unpacked > _SMALL and unpacked > _RATIO * packed):
                raise InputError(
                    f"{packed} bytes unpack to {unpacked // 2**20} MiB and more, as those of no return do",
                    file=name,
                    hint="unpack it with care and look inside; if it is sound, ingest the plain .csv",
                )


def _require(found: list[str], collection: Collection, name: str) -> None:
    twice = sorted({column for column in collection.required_columns() if found.count(column) > 1})
    if twice:
        raise InputError(
            f"column {twice[0]!r} stands there twice",
            file=name,
            row=1 + collection.file.skip_rows,
            column=twice[0],
            hint="ask the supplier which one counts",
        )
    missing = [column for column in collection.required_columns() if column not in found]
    if not missing:
        return
    fitting = [c.id for c in list_collections() if set(c.required_columns()) <= set(found)]
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
        row=1 + collection.file.skip_rows,
        hint=hint,
    )


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text; a column of whole numbers kept as floating point loses the `.0` nobody printed."""
    if pa.types.is_floating(column.type):
        exact = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
        whole = pc.all(exact, skip_nulls=True).as_py()
        column = column.cast(pa.int64()) if whole else column
    return column.cast(pa.string())
