"""Reading bytes as text: what a person counts as a row, and what makes a file unreadable."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratings.collections import Collection, load_collection
from ratings.errors import InputError
from warehouse.readers import read_rows, read_table, rows_as_text

LAIT = load_collection("lait")
HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"


def lait_csv(directory: Path, body: str, name: str = "lait.csv") -> Path:
    file = directory / name
    file.write_text(HEADER + body, encoding="utf-8")
    return file


def test_rows_are_counted_as_a_person_does_and_every_cell_is_text(tmp_path: Path) -> None:
    rows = read_rows(lait_csv(tmp_path, "InfMort,2015,Camden,007,202\nInfMort,2016,Camden,,202\n"), LAIT)
    assert rows["row"].to_list() == [2, 3]
    assert rows["Values"].to_list() == ["007", None]


def test_the_same_table_reads_the_same_from_parquet_csv_and_gzip(tmp_path: Path) -> None:
    plain = lait_csv(tmp_path, "InfMort,2015,Camden,3.5,202\n")
    zipped = tmp_path / "lait.csv.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    parquet = tmp_path / "lait.parquet"
    columns = {
        "Short Desc": ["InfMort"],
        "Years": ["2015"],
        "LA and Regions": ["Camden"],
        "Values": ["3.5"],
        "LA Number": [202.0],
    }
    pq.write_table(pa.table(columns), parquet)
    expected = read_rows(plain, LAIT).sort("row")
    for other in (zipped, parquet):
        assert read_rows(other, LAIT).select(expected.columns).equals(expected)


@pytest.mark.parametrize(
    "collection", [LAIT, replace(LAIT, file=replace(LAIT.file, notes=True, skip_rows=1))]
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_row_by_itself_is_the_row_among_all(tmp_path: Path, form: str, collection: Collection) -> None:
    file = tmp_path / f"lait.{form}"
    if form == "csv":
        above = "a title\n" * collection.file.skip_rows
        lines = [
            "InfMort,2015,Camden,007,202",
            "",
            "InfMort,2016,Camden,,202",
            "InfMort,2017,Bath,3,800",
        ]
        lines += ["a note"] * collection.file.notes
        file.write_text(above + HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    else:
        columns = {
            "Short Desc": ["InfMort"] * 3,
            "Years": ["2015", "2016", "2017"],
            "LA and Regions": ["Bath"] * 3,
        }
        numbers = {"Values": [1.0, None, 2.5], "LA Number": [800.0, 801.0, None]}
        pq.write_table(pa.table(columns | numbers), file)
    table, every = read_table(file, collection), read_rows(file, collection)
    for row in range(-1, 9):
        alone = rows_as_text(table, collection, file.name, only=row)
        assert alone.equals(every.filter(pl.col("row") == row))
    assert every.height > 2


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv"
    file.write_text(HEADER + "InfMort,2015,Camden,1,202\n", encoding="utf-8-sig")
    assert read_rows(file, LAIT).height == 1


def test_a_quoted_line_break_stays_inside_its_cell(tmp_path: Path) -> None:
    rows = read_rows(lait_csv(tmp_path, 'InfMort,2015,"Cam\nden",1,202\nInfMort,2016,Camden,2,202\n'), LAIT)
    assert rows["LA and Regions"][0] == "Cam\nden"
    assert rows.height == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("lait.csv", b"", r"lait\.csv: the file is empty"),
        ("lait.csv", HEADER.encode(), "there is a header but no row"),
        ("lait.parquet", b"PAR1 and then nothing", r"cannot be read as parquet"),
        ("lait.csv", b"\xff\xfe\x00broken", r"lait\.csv"),
        ("lait.csv.gz", b"not gzip at all", r"cannot be read as csv\.gz"),
        ("lait.docx", b"PK", "collection lait comes as parquet, csv, csv.gz"),
        (
            "lait.csv",
            HEADER.encode() + b"InfMort,2015,Camden\n",
            "row 2: cannot be read as csv: the row has 3 cells where the header has 5",
        ),
        (
            "lait.csv",
            HEADER.encode() + b"InfMort,2015,Camden,1,202\nInf\xffMort,2015,Camden,1,202\n",
            "row 3: cannot be read as csv: byte 0xff is not utf-8",
        ),
    ],
)  # fmt: skip
def test_an_unreadable_file_is_named_with_its_cause(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_rows(file, LAIT)


def test_a_file_cut_in_half_is_not_read(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"Short Desc": ["a"] * 5000}), whole)
    half = tmp_path / "lait.parquet"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="cut short"):
        read_rows(half, LAIT)


def test_a_file_of_another_collection_names_the_one_it_fits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no column 'Code'.*these columns fit --collection lait"):
        read_rows(lait_csv(tmp_path, "InfMort,2015,Camden,1,202\n"), load_collection("oflog"))


def test_a_blank_line_is_no_row_and_counts_all_the_same(tmp_path: Path) -> None:
    rows = read_rows(lait_csv(tmp_path, "InfMort,2015,Camden,1,202\n\n\nInfMort,2016,Camden,2,202\n"), LAIT)
    assert rows["row"].to_list() == [2, 5]


@pytest.mark.parametrize("values", [[["a"]], [{"a": 1}], [b"\xff\xfe"]])
def test_cells_that_are_no_text_are_an_error_and_not_a_crash(tmp_path: Path, values: list) -> None:
    file = tmp_path / "lait.parquet"
    columns = {"Short Desc": ["InfMort"], "Years": ["2015"], "LA and Regions": ["x"], "LA Number": [202.0]}
    pq.write_table(pa.table(columns | {"Values": values}), file)
    with pytest.raises(InputError, match=r"lait\.parquet: cannot be read as parquet"):
        read_rows(file, LAIT)


def test_numbers_beyond_exactness_stay_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "lait.parquet"
    columns = {
        "Short Desc": ["InfMort"] * 2,
        "Years": ["2015"] * 2,
        "LA and Regions": ["x"] * 2,
        "LA Number": [202.0] * 2,
    }
    pq.write_table(pa.table(columns | {"Values": [1e300, float("inf")]}), file)
    assert read_rows(file, LAIT)["Values"].to_list() == ["1e+300", "inf"]


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv"
    file.write_text(HEADER.strip() + ",Values\nInfMort,2015,Camden,1,202,2\n")
    with pytest.raises(InputError, match="column 'Values' stands there twice"):
        read_rows(file, LAIT)


def test_a_renamed_column_is_named_with_the_closest_one_found(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv"
    file.write_text(HEADER.replace("LA Number", "LA Numbers") + "InfMort,2015,Camden,1,202\n")
    with pytest.raises(
        InputError, match=r"no column 'LA Number' .*'LA Number' may now be called 'LA Numbers'"
    ):
        read_rows(file, LAIT)


def test_columns_in_another_order_are_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv"
    file.write_text("LA Number,Values,LA and Regions,Years,Short Desc\n202,1.5,Camden,2015,InfMort\n")
    same = read_rows(lait_csv(tmp_path, "InfMort,2015,Camden,1.5,202\n", "straight.csv"), LAIT)
    assert read_rows(file, LAIT).select(same.columns).equals(same)


def test_a_gzip_bomb_is_refused_and_never_held_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv.gz"
    with gzip.open(file, "wb", compresslevel=9) as stream:
        stream.write(HEADER.encode())
        for _ in range(96):
            stream.write(b"0" * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"lait\.csv\.gz: \d+ bytes unpack to 6\d MiB and more"):
            read_rows(file, LAIT)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_gzip_cut_in_half_is_not_read(tmp_path: Path) -> None:
    body = "".join(f"InfMort,{year},Camden,{year / 7},202\n" for year in range(1900, 2100))
    whole = gzip.compress((HEADER + body).encode())
    file = tmp_path / "lait.csv.gz"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot be read as csv\.gz.*cut short"):
        read_rows(file, LAIT)


def test_a_broken_block_inside_a_gzip_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress((HEADER + "InfMort,2015,Camden,1,202\n" * 50).encode()))
    whole[10] ^= 0xFF
    file = tmp_path / "lait.csv.gz"
    file.write_bytes(bytes(whole))
    with pytest.raises(InputError, match=r"cannot be read as csv\.gz"):
        read_rows(file, LAIT)
