"""Damaged files: whatever happened to the bytes, they are read or refused with a cause, and nothing crashes.

Here: sound files of every format, spoiled by hypothesis; encodings and sizes that are declared or not.
Not here: what becomes of the rows (tests/pipelines/test_bad_input.py).
"""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.collections import NOTE, Collection, load_collection
from ratings.errors import InputError
from ratings.reading import read_figures
from warehouse.readers import read_rows

LAIT = load_collection("lait")
NAMES = ["Short Desc", "Years", "LA and Regions", "Values", "LA Number"]
ROWS = [["InfMort", str(2000 + n), "Côte", f"{n}.5", "202"] for n in range(20)]
TEXT = "\n".join(",".join(row) for row in [NAMES, *ROWS]) + "\n"


@cache
def sound() -> dict[str, bytes]:
    """A sound file of each format, with the same rows."""
    book, workbook, parquet = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in [NAMES, *ROWS]:
        book.active.append(row)
    book.save(workbook)
    pl.DataFrame(ROWS, schema=NAMES, orient="row").write_parquet(parquet)
    plain = TEXT.encode()
    return {
        "csv": plain,
        "csv.gz": gzip.compress(plain),
        "xlsx": workbook.getvalue(),
        "parquet": parquet.getvalue(),
    }


def written(**changes: Any) -> Collection:
    """The LAIT collection, as if its files were written in another way."""
    return replace(LAIT, file=replace(LAIT.file, **changes))


def read(directory: Path, content: bytes, form: str, collection: Collection = LAIT) -> pl.DataFrame:
    file = directory / f"lait.{form}"
    file.write_bytes(content)
    return read_rows(file, collection)


def test_the_same_rows_are_read_from_every_format(tmp_path: Path) -> None:
    frames = [
        read(tmp_path, content, form).select(*sorted(NAMES), "row") for form, content in sound().items()
    ]
    assert all(frame.equals(frames[0]) for frame in frames)


spoiling = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "end"]),
        st.integers(0, 10_000),
        st.binary(min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=6,
)


def spoiled(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for how, place, by in changes:
        at = place % max(len(content), 1)
        kept = {"set": len(by), "cut": len(by), "insert": 0, "end": len(content)}[how]
        put = b"" if how in ("cut", "end") else by
        content = content[:at] + put + content[at + kept :]
    return content


def read_or_refused(directory: Path, content: bytes, form: str) -> None:
    found: pl.DataFrame | InputError
    try:
        found = read(directory, content, form)
    except InputError as error:
        found = error
    if isinstance(found, pl.DataFrame):
        assert set(NAMES) < set(found.columns)
    else:
        assert found.file == f"lait.{form}"
        assert found.message.strip()
        assert found.hint


@pytest.mark.parametrize("form", ["csv", "csv.gz", "xlsx", "parquet"])
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(changes=spoiling)
def test_a_file_with_spoiled_bytes_is_read_or_refused(
    form: str, changes: list[tuple[str, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    read_or_refused(tmp_path_factory.getbasetemp(), spoiled(sound()[form], changes), form)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    part=st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"]), changes=spoiling
)
def test_a_workbook_with_a_spoiled_part_is_read_or_refused(
    part: str, changes: list[tuple[str, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound()["xlsx"])) as before, zipfile.ZipFile(whole, "w") as after:
        for name in before.namelist():
            text = before.read(name)
            after.writestr(name, spoiled(text, changes) if name == part else text)
    read_or_refused(tmp_path_factory.getbasetemp(), whole.getvalue(), "xlsx")


@pytest.mark.parametrize("form", ["csv.gz", "xlsx", "parquet"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_packed_file_cut_anywhere_is_refused(tmp_path: Path, form: str, share: float) -> None:
    content = sound()[form]
    with pytest.raises(InputError, match=rf"cannot be read as {form}: .*[^.]\. Next: "):
        read(tmp_path, content[: int(len(content) * share)], form)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_a_declared_encoding_is_read_and_another_never_in_silence(tmp_path: Path, encoding: str) -> None:
    content = TEXT.encode(encoding)
    rows = read(tmp_path, content, "csv", written(encoding=encoding))
    assert rows["LA and Regions"].unique().to_list() == ["Côte"]
    assert rows.columns[0] in NAMES
    if not encoding.startswith("utf-8"):
        with pytest.raises(InputError):
            read(tmp_path, content, "csv")


def test_a_header_of_several_rows_is_read_from_a_csv_too(tmp_path: Path) -> None:
    text = "Title,,,,\n,,Place,,\nShort Desc,Years,LA and Regions,LA Number,Values\n" + "\n".join(
        ",".join([*row[:3], row[4], row[3]]) for row in ROWS
    )
    collection = replace(
        written(skip_rows=1, header_rows=2),
        columns=replace(
            LAIT.columns,
            name="Place LA and Regions",
            organisation="Place LA Number",
            value="Place Values",  # the heading holds as far as the next one
        ),
    )
    rows = read(tmp_path, text.encode(), "csv", collection)
    assert rows.row(0, named=True) == {
        "Short Desc": "InfMort", "Place LA Number": "202", "Place LA and Regions": "Côte", "Years": "2000",
        "Place Values": "0.5", "row": 4,
    }  # fmt: skip
    assert read(tmp_path, gzip.compress(text.encode()), "csv.gz", collection).equals(rows)


def constant(text: str, rows: int) -> bytes:
    """A Parquet file that says one text again and again, in the bytes of a few."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), [text])
    out = io.BytesIO()
    pq.write_table(pa.table(dict.fromkeys(NAMES, column)), out)
    return out.getvalue()


def test_a_parquet_file_of_ten_million_rows_is_refused_by_what_it_says_of_itself(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more rows than the 5,000,000"):
        read(tmp_path, constant("x", 10_000_000), "parquet")
    assert read(tmp_path, constant("x", 1000), "parquet", written(most_rows=1000)).height == 1000
    with pytest.raises(InputError, match="more rows than the 999 that a file of collection lait can have"):
        read(tmp_path, constant("x", 1000), "parquet", written(most_rows=999))


def test_a_parquet_file_that_unpacks_to_more_than_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unpack to 4768 MiB and more"):
        read(tmp_path, constant("y" * 1_000_000, 5000), "parquet")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "xlsx"])
def test_the_rows_that_a_file_can_have_are_counted_in_every_format(tmp_path: Path, form: str) -> None:
    content = sound()[form]
    assert read(tmp_path, content, form, written(most_rows=len(ROWS))).height == len(ROWS)
    with pytest.raises(InputError, match="raise most_rows in the table"):
        read(tmp_path, content, form, written(most_rows=len(ROWS) - 1))


NOTED = written(notes=True)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "xlsx"])
def test_notes_below_a_table_are_told_from_its_rows(tmp_path: Path, form: str) -> None:
    below = [["Source: the Department"], [], ["1. Rounded to the nearest ten."]]
    if form == "xlsx":
        book, out = openpyxl.Workbook(), io.BytesIO()
        for row in [NAMES, *ROWS[:2], *below]:
            book.active.append(row)
        book.active.merge_cells("A4:E4")
        book.save(out)
        content = out.getvalue()
    else:
        text = "\n".join(",".join(row) for row in [NAMES, ["alone"], *ROWS[:2], *below]) + "\n"
        content = gzip.compress(text.encode()) if form == "csv.gz" else text.encode()
    rows = read(tmp_path, content, form, NOTED)
    kept = rows.filter(~pl.col(NOTE))
    # One cell alone in a line above the last row is a row like any other, for the checks to refuse.
    assert kept["row"].to_list() == ([2, 3] if form == "xlsx" else [2, 3, 4])
    first_note = kept["row"].max() + 1
    assert rows.filter(NOTE)["row"].to_list() == [first_note, first_note + 2]
    assert rows.filter(NOTE)["Short Desc"].to_list() == [below[0][0], below[2][0]]
    figures = read_figures(rows, NOTED, load_catalogue(), f"lait.{form}").cast({"out_of_scope": pl.String})
    assert figures["out_of_scope"].drop_nulls().to_list() == ["a note below the table"] * 2
    if form != "xlsx":
        with pytest.raises(InputError, match="cannot be read as csv"):
            read(tmp_path, content, form)


def test_a_line_of_another_width_is_no_note(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="row 22: cannot be read as csv: the row has 2 cells where the header has 5"
    ):
        read(tmp_path, f"{TEXT}Source,the Department\n".encode(), "csv", NOTED)


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_a_row_that_is_blank_where_we_look_is_a_row_all_the_same(tmp_path: Path, form: str) -> None:
    names = [*NAMES, "Remark"]
    rows = [[*ROWS[0], ""], [""] * 5 + ["see page 3"], [""] * 6, [*ROWS[1], ""]]
    out = io.BytesIO()
    if form == "csv":
        out.write("\n".join(",".join(row) for row in [names, *rows]).encode())
    elif form == "xlsx":
        book = openpyxl.Workbook()
        for row in [names, *([cell or None for cell in row] for row in rows)]:
            book.active.append(row)
        book.save(out)
    else:
        cells = [[cell or None for cell in row] for row in rows]
        pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(out)
    found = read(tmp_path, out.getvalue(), form)
    # A line that is blank in every column is none, but a table has no blank lines.
    assert found["row"].to_list() == ([2, 3, 4, 5] if form == "parquet" else [2, 3, 5])
