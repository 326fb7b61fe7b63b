"""Delimited: a CSV, plain or gzip, as a table of text, and where it goes wrong if it cannot be read.

Here: encodings, headers of several rows, lines below the table; the row of a fault.
Not here: which columns are asked for (readers.py), what is too large (file_limits.py).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ratings.collections import Collection
from ratings.errors import InputError
from warehouse.workbooks import join_names

BLANK = "(blank line)"
_LINE = 2**20


def read_csv(path: Path, collection: Collection, name: str, columns: list[str], *, packed: bool) -> pa.Table:
    """Read some columns of a CSV as text.

    Args:
        path: the bytes.
        collection: says how they are written.
        name: the name the file came under.
        columns: names of the columns, as the file has them.
        packed: whether it is a gzip.

    Returns:
        The columns, and `BLANK`: whether the line is blank in all columns of the file.

    Raises:
        InputError: a line is not written in the declared encoding, or not as wide as the header.
        pyarrow.ArrowInvalid: it cannot be read for another reason.
    """
    says = collection.file
    header = csv_header(path, collection, name, packed=packed)
    read, parse = _options(collection)
    if says.header_rows > 1:
        read.column_names = header
        read.skip_rows += says.header_rows
    # Everything is text: whether it is a number is for the checks to say, row by row.
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        include_columns=columns,
        strings_can_be_null=True,
        null_values=[""],
    )
    alone: list[pa_csv.InvalidRow] = []
    if says.notes:
        # A line with fewer cells than the header has: kept where it is one, and for the number of its line.
        read.use_threads = False
        parse.invalid_row_handler = lambda row: _keep(alone, row)
    with (
        _placed(path, collection, name, packed=packed),
        pa.input_stream(path, compression="gzip" if packed else None) as stream,
    ):
        table = pa_csv.read_csv(stream, read, parse, convert)
    blank = _says_nothing(table)
    if pc.any(blank).as_py():  # so rare that the other columns are read for it alone
        alone.clear()
        convert.include_columns = []
        with pa.input_stream(path, compression="gzip" if packed else None) as stream:
            blank = _says_nothing(pa_csv.read_csv(stream, read, parse, convert))
    table = table.append_column(BLANK, blank)
    first = 1 + says.skip_rows + says.header_rows
    for row in alone:
        cells = {c: pa.array([None if n else row.text], pa.string()) for n, c in enumerate(columns)}
        said = pa.table(cells | {BLANK: pa.array([False])})
        place = row.number - first
        table = pa.concat_tables([table.slice(0, place), said, table.slice(place)])
    return table


def _says_nothing(table: pa.Table) -> pa.ChunkedArray:
    """Of each row whether every cell is empty."""
    empty = pa.chunked_array([pa.repeat(True, table.num_rows)])
    for column in table.columns:
        empty = pc.and_(empty, pc.is_null(column))
    return empty


def csv_header(path: Path, collection: Collection, name: str, *, packed: bool) -> list[str]:
    """The names of the columns; where the header has several rows, one name from all of them.

    A heading over several columns stands in the first of them: it holds for the blank cells to its right, as
    far as the next one, in every row of the header but the last.
    """
    says = collection.file
    if says.header_rows == 1:
        read, parse = _options(collection)
        if says.notes:
            parse.invalid_row_handler = lambda _: "skip"  # the names alone are asked for here
        with (
            _placed(path, collection, name, packed=packed),
            pa.input_stream(path, compression="gzip" if packed else None) as stream,
        ):
            return list(pa_csv.open_csv(stream, read, parse).schema.names)
    with gzip.open(path) if packed else path.open("rb") as stream:
        lines = csv.reader(io.TextIOWrapper(stream, says.encoding, newline=""), delimiter=says.delimiter)
        rows = list(islice(lines, says.skip_rows, says.skip_rows + says.header_rows))
    width = max(map(len, rows), default=0)
    header: list[list[str | None]] = [[*row, *[""] * (width - len(row))] for row in rows]
    for row in header[:-1]:
        for column in range(1, width):
            row[column] = row[column] or row[column - 1]
    return join_names(header)


def _options(collection: Collection) -> tuple[pa_csv.ReadOptions, pa_csv.ParseOptions]:
    says = collection.file
    # pyarrow takes a byte order mark off by itself.
    encoding = codecs.lookup(says.encoding).name.replace("utf-8-sig", "utf-8")
    return (
        pa_csv.ReadOptions(skip_rows=says.skip_rows, encoding=encoding),
        pa_csv.ParseOptions(delimiter=says.delimiter, newlines_in_values=True, ignore_empty_lines=False),
    )


def _keep(alone: list[pa_csv.InvalidRow], row: pa_csv.InvalidRow) -> str:
    """Keep a line of one cell; refuse any other that is not as wide as the header."""
    if row.actual_columns > 1:
        return "error"
    alone.append(row)
    return "skip"


@contextmanager
def _placed(path: Path, collection: Collection, name: str, *, packed: bool) -> Iterator[None]:
    """Say in which row a CSV goes wrong, where that can be found."""
    try:
        yield
    except pa.ArrowInvalid as error:
        where = _undecodable(path, collection, name, packed=packed)
        raise where or _uneven(path, collection, name, packed=packed) or error from error


def _undecodable(path: Path, collection: Collection, name: str, *, packed: bool) -> InputError | None:
    """The first line of a CSV that is not written in the encoding it should be; None where every one is."""
    encoding = collection.file.encoding.removesuffix("-sig")
    decoder, row = codecs.getincrementaldecoder(encoding)(), 1
    with gzip.open(path) if packed else path.open("rb") as stream:
        while True:
            line = stream.readline(_LINE)
            try:
                decoder.decode(line, final=not line)
            except UnicodeDecodeError as error:
                return InputError(
                    f"cannot be read as csv: byte 0x{error.object[error.start]:02x} is not {encoding}",
                    file=name,
                    row=row,
                    hint="ask the supplier how the file is written, and say so as encoding in the table"
                    f" [file] of ratings/collections/{collection.id}.toml (often cp1252)",
                )
            if not line:
                return None
            row += line.endswith(b"\n")


def _uneven(path: Path, collection: Collection, name: str, *, packed: bool) -> InputError | None:
    """The first row of a CSV that is not as wide as its header; None where every one is."""
    found: list[pa_csv.InvalidRow] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        found.append(row)
        return "error"

    read, parse = _options(collection)
    read.use_threads = False  # only then are rows numbered
    parse.invalid_row_handler = refuse
    with suppress(pa.ArrowInvalid), pa.input_stream(path, compression="gzip" if packed else None) as stream:
        pa_csv.read_csv(stream, read, parse)
    if not found:
        return None
    row = found[0]
    cells = f"{row.actual_columns} cell{'s' * (row.actual_columns > 1)}"
    return InputError(
        f"cannot be read as csv: the row has {cells} where the header has {row.expected_columns}:"
        f" {row.text[:60]!r}",
        file=name,
        row=row.number,
        hint="a quote not closed, a separator inside a cell, or a file cut short: ask the supplier to send it"
        " again",
    )
