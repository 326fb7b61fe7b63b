"""Workbooks: sheets, headers, merged cells, formulas, and workbooks that no supplier should send."""

from __future__ import annotations

import resource
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ratings.collections import Collection, load_collection
from ratings.errors import InputError
from warehouse.file_limits import SMALL
from warehouse.readers import read_rows
from warehouse.workbooks import cell_name

LAIT = load_collection("lait")
NAMES = ["Short Desc", "Years", "LA and Regions", "Values", "LA Number"]
GOOD = ["InfMort", "2022", "Camden", 3.5, 202]


def workbook(path: Path, *rows: list[Any], change: Callable[[Any], None] | None = None) -> Path:
    """A workbook of one sheet with these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book.active)
    book.save(path)
    return path


def written(**changes: Any) -> Collection:
    """The LAIT collection, as if its files were written in another way."""
    return replace(LAIT, file=replace(LAIT.file, **changes))


def test_numbers_dates_and_texts_are_read_as_the_workbook_keeps_them(tmp_path: Path) -> None:
    rows = [
        ["A", y, "x", v, n]
        for y, v, n in ((2022, 3.5, 202), (date(2024, 3, 31), 1e20, "007"), (True, 0.1, 1))
    ]
    read = read_rows(workbook(tmp_path / "lait.xlsx", NAMES, *rows), LAIT)
    assert read["Years"].to_list() == ["2022", "2024-03-31", "TRUE"]
    assert read["Values"].to_list() == ["3.5", "1e+20", "0.1"]
    assert read["LA Number"].to_list() == ["202", "007", "1"]
    assert read["row"].to_list() == [2, 3, 4]


def test_a_cell_without_a_value_of_its_own_is_marked_and_never_blank(tmp_path: Path) -> None:
    rows = [["A", "2022", "x", value, 202] for value in ("=1+1", "#REF!", None)]
    read = read_rows(workbook(tmp_path / "lait.xlsx", NAMES, *rows), LAIT)
    assert read["Values"].to_list() == ["(formula without a value)", "(error #REF!)", None]


def test_a_formula_is_read_by_the_value_last_computed_for_it(tmp_path: Path) -> None:
    file = workbook(tmp_path / "plain.xlsx", NAMES, ["A", "2022", "x", "=7/2", 202])
    computed = tmp_path / "lait.xlsx"
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(computed, "w") as after:
        for part in before.namelist():
            text = before.read(part)
            after.writestr(part, text.replace(b"<f>7/2</f><v />", b"<f>7/2</f><v>3.5</v>"))
    assert read_rows(computed, LAIT)["Values"].to_list() == ["3.5"]


def test_a_header_of_several_rows_has_one_name_a_column_and_headings_are_spread(tmp_path: Path) -> None:
    def heading(sheet: Any) -> None:
        sheet.merge_cells("A2:B2")

    file = workbook(
        tmp_path / "lait.xlsx",
        ["Local Authority Interactive Tool"],
        ["What", None, "Where", None, None],
        ["Short Desc", "Years", "LA and Regions", "Values", "LA Number"],
        GOOD,
        change=heading,
    )
    named = replace(
        written(skip_rows=1, header_rows=2),
        columns=replace(
            LAIT.columns, indicator="What Short Desc", period="What Years", name="Where LA and Regions"
        ),
    )
    read = read_rows(file, named)
    assert read.row(0, named=True) == {
        "What Short Desc": "InfMort", "What Years": "2022", "Where LA and Regions": "Camden",
        "Values": "3.5", "LA Number": "202", "row": 4,
    }  # fmt: skip


def test_merged_labels_hold_for_all_their_rows_and_a_merged_number_for_none_of_them(tmp_path: Path) -> None:
    def merge(sheet: Any) -> None:
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("D2:D3")

    file = workbook(tmp_path / "lait.xlsx", NAMES, GOOD, [None, "2023", "Camden", None, 202], change=merge)
    read = read_rows(file, LAIT)
    assert read["Short Desc"].to_list() == ["InfMort", "InfMort"]
    assert read["Values"].to_list() == ["3.5", "(merged with D2)"]


def test_the_only_sheet_shown_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    for row in (NAMES, GOOD):
        book.create_sheet("Data") if "Data" not in book.sheetnames else None
        book["Data"].append(row)
    book.save(tmp_path / "lait.xlsx")
    with pytest.raises(InputError, match="2 sheets and none is named; its sheets are 'Cover', 'Data'"):
        read_rows(tmp_path / "lait.xlsx", LAIT)
    assert read_rows(tmp_path / "lait.xlsx", written(sheet="Data")).height == 1
    with pytest.raises(InputError, match="no sheet 'Table 1'; its sheets are 'Cover', 'Data'"):
        read_rows(tmp_path / "lait.xlsx", written(sheet="Table 1"))
    book["Cover"].sheet_state = "hidden"
    book.active = book["Data"]
    book.save(tmp_path / "lait.xlsx")
    assert read_rows(tmp_path / "lait.xlsx", LAIT).height == 1


def test_a_table_that_begins_to_the_right_and_below_is_found_and_counted(tmp_path: Path) -> None:
    rows = [[], [], [None, None, *NAMES], [None, None, *GOOD]]
    read = read_rows(workbook(tmp_path / "lait.xlsx", *rows), written(skip_rows=2))
    assert (read["LA Number"].to_list(), read["row"].to_list()) == (["202"], [4])


@pytest.mark.parametrize("place", ["XFD1048576", "A1048576", "XFD2"])
def test_one_cell_far_out_is_refused_before_a_grid_is_held(tmp_path: Path, place: str) -> None:
    def far(sheet: Any) -> None:
        sheet[place] = "x"

    file = workbook(tmp_path / "lait.xlsx", NAMES, GOOD, change=far)
    if place == "A1048576":  # five columns more than a million times
        with pytest.raises(InputError, match=r"grid of 5,242,880 cells, where 5,000,000 are held") as refused:
            read_rows(file, LAIT)
        assert refused.value.row is not None
        return
    if place == "XFD2":  # wide and two rows high does no harm
        assert read_rows(file, LAIT).height == 1
        return
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="cell XFD1048576 makes"):
        read_rows(file, LAIT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def repacked(file: Path, part: str, content: bytes, **how: Any) -> Path:
    """The workbook with one part of its archive exchanged."""
    other = file.with_name("lait.xlsx")
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, content if name == part else before.read(name))
    return other


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = workbook(tmp_path / "plain.xlsx", NAMES, GOOD)
    bomb = repacked(file, "xl/styles.xml", b" " * (SMALL + 1))
    with pytest.raises(InputError, match="unpack to 64 MiB and more") as refused:
        read_rows(bomb, LAIT)
    assert "save its sheet as .csv" in str(refused.value)


def test_an_archive_that_lies_about_its_sizes_is_damaged(tmp_path: Path) -> None:
    file = workbook(tmp_path / "plain.xlsx", NAMES, GOOD)
    bomb = repacked(file, "xl/styles.xml", b" " * (SMALL + 1))
    said = (SMALL + 1).to_bytes(4, "little")
    bomb.write_bytes(bomb.read_bytes().replace(said, (1000).to_bytes(4, "little")))
    with pytest.raises(InputError, match="cannot be read as xlsx"):
        read_rows(bomb, LAIT)


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><worksheet><sheetData/></worksheet>'


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:2000]), "not an archive"),
        (lambda file: file.write_text("Short Desc,Years\n"), "not an archive"),
        (lambda file: repacked(file, "xl/worksheets/sheet1.xml", ENTITIES), "declares a document type"),
        (
            lambda file: repacked(file, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData>"),
            "cannot be read",
        ),
        (lambda file: repacked(file, "xl/workbook.xml", b"<workbook/>"), "0 sheets"),
        (lambda file: repacked(file, "xl/worksheets/sheet1.xml", b"<worksheet/>"), "no column"),
    ],
)
def test_what_is_no_workbook_is_refused_with_its_cause(
    tmp_path: Path, spoil: Callable[[Path], Any], said: str
) -> None:
    file = workbook(tmp_path / "plain.xlsx", NAMES, GOOD)
    spoil(file)
    there = tmp_path / "lait.xlsx"
    with pytest.raises(InputError, match=said) as refused:
        read_rows(there if there.exists() else file, LAIT)
    assert refused.value.file in ("lait.xlsx", "plain.xlsx")


def test_cells_are_named_as_people_name_them() -> None:
    assert [cell_name(*at) for at in ((0, 0), (4, 2), (9, 25), (9, 26), (1_048_575, 16_383))] == [
        "A1", "C5", "Z10", "AA10", "XFD1048576",
    ]  # fmt: skip


def test_the_real_code_list_is_read(shared_data: Path) -> None:
    codes = replace(
        LAIT,
        columns=replace(
            LAIT.columns,
            indicator="Type",
            period="Region",
            name="LA Name",
            value="Region",
            organisation="LA Number",
        ),
    )
    read = read_rows(shared_data / "lait" / "la_code_list.xlsx", codes)
    assert read.height == 171
    assert read["LA Number"][0] == "301"
