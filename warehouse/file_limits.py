"""File limits: what is too large to be a return, seen before any of it is held in memory.

Here: gzip and zip bombs, files of more rows than a collection can have, tables that are small on disk alone.
Not here: reading (readers.py, workbooks.py).

The returns seen so far pack to between a quarter and a thirtieth; only a bomb comes near gzip's thousandth.
"""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ratings.collections import Collection
from ratings.errors import InputError

SMALL = 64 * 2**20  # unpacked bytes that do no harm, whatever they were packed into
MOST = 4 * 2**30  # unpacked bytes of the largest file that is read
MOST_IN_A_WORKBOOK = 2**29
RATIO = 200
MOST_COLUMNS = 16_384  # those of a sheet; each costs memory, however few are read
_BLOCK = 2**20


def prove_text(path: Path, collection: Collection, name: str, *, packed: bool) -> None:
    """Refuse a text file that is too large: it is gone through block by block, and only counted.

    Args:
        path: the bytes.
        collection: says how many rows there can be.
        name: the name the file came under.
        packed: whether it is a gzip.

    Raises:
        InputError: it has too many lines, or unpacks to more than a return can.
    """
    size, unpacked, lines, separators = path.stat().st_size, 0, 0, 0
    form = collection.file
    header = form.skip_rows + form.header_rows
    most_lines = form.most_rows + header
    with gzip.open(path) if packed else path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            unpacked += len(block)
            if lines < header:
                above = b"\n".join(block.split(b"\n", header - lines)[: header - lines])
                separators += above.count(form.delimiter.encode())
                prove_width(separators // header + 1, name)
            lines += block.count(b"\n")
            if packed:
                prove_unpacked(size, unpacked, name, "ingest the plain .csv")
            if lines > most_lines:
                raise too_many_rows(collection, name)


def prove_width(columns: int, name: str) -> None:
    """Refuse a table of more columns than a sheet can have.

    Raises:
        InputError: it has.
    """
    if columns > MOST_COLUMNS:
        raise InputError(
            f"the header has more than {MOST_COLUMNS:,} columns, as that of no return does",
            file=name,
            hint="look at its first line: the separator may be another one, or the line breaks may be lost",
        )


def prove_unpacked(packed: int, unpacked: int, name: str, instead: str, most: int = MOST) -> None:
    """Refuse what unpacks to more than a return can be.

    Args:
        packed: bytes as they came.
        unpacked: bytes that they unpack to, as far as counted.
        name: the name the file came under.
        instead: what to do if it is sound after all.
        most: unpacked bytes that are never exceeded.
    """
    if unpacked > most or (unpacked > SMALL and unpacked > RATIO * packed):
        raise InputError(
            f"{packed} bytes unpack to {unpacked // 2**20} MiB and more, as those of no return do",
            file=name,
            hint=f"unpack it with care and look inside; if it is sound, {instead}",
        )


def too_many_rows(collection: Collection, name: str) -> InputError:
    """The error of a file that has more rows than its collection says there can be."""
    return InputError(
        f"it has more rows than the {collection.file.most_rows:,} that a file of collection {collection.id}"
        " can have",
        file=name,
        hint="give it in parts, or if it is sound raise most_rows in the table [file] of"
        f" ratings/collections/{collection.id}.toml (a million rows take about 1 GiB of memory)",
    )


def prove_archive(path: Path, name: str) -> None:
    """Refuse a zip archive that unpacks to too much, or whose parts are not what its directory says.

    Raises:
        InputError: it does.
        OSError: it is no archive, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            instead = "save its sheet as .csv and ingest that"
            prove_unpacked(path.stat().st_size, unpacked, name, instead, MOST_IN_A_WORKBOOK)
            # Reads no further than the sizes just added up; a part that goes on has another checksum.
            damaged = archive.testzip()
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise OSError(f"not an archive that can be read: {error}") from error
    if damaged is not None:
        raise OSError(f"its part {damaged} is damaged")


def prove_parquet(file: pq.ParquetFile, collection: Collection, name: str) -> None:
    """Refuse a Parquet file that is too large, by what it says of itself.

    Raises:
        InputError: it is.
    """
    about = file.metadata
    if about.num_rows > collection.file.most_rows:
        raise too_many_rows(collection, name)
    prove_width(about.num_columns, name)
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    unpacked = sum(max(group.total_byte_size, 0) for group in groups)
    if unpacked > MOST:
        prove_unpacked(unpacked, unpacked, name, "give it in parts")


def prove_column(column: pa.ChunkedArray, name: str) -> None:
    """Refuse a column that a dictionary keeps small and that as plain text would fill the memory.

    Raises:
        InputError: it would.
    """
    if not pa.types.is_dictionary(column.type):
        return
    unpacked = 0
    for chunk in column.chunks:
        # A null has no length, and the sum leaves it out. (A plain number here would import pandas.)
        lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
        unpacked += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        if unpacked > MOST:
            prove_unpacked(chunk.dictionary.nbytes, unpacked, name, "give it in parts")
