"""Workbooks: a sheet of an .xlsx file as rows of text.

Here: which sheet, how far it reaches, what a cell says as text, merged cells, formulas.
Not here: which rows are the header and what its names mean (readers.py).

Values are read as the workbook keeps them: a formula by the value that was last computed for it, a number by
its digits and not by its format (`55.3 %` is 0.553), a date as YYYY-MM-DD. What is there and cannot be
relied on is written in brackets, so that no reading takes it for a number or for an empty cell: `(formula
without a value)`, `(error #N/A)` and, in a column of numbers, `(merged with C5)`.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.parsers import expat

import python_calamine as calamine

from ratings.errors import InputError
from warehouse.file_limits import prove_archive

# A sheet is held as a whole grid: one cell far out makes it as large as if all were filled.
MOST_CELLS = 5_000_000
_UNREADABLE = (calamine.CalamineError, calamine.ZipError, calamine.XmlError, calamine.PasswordError)
_EXACT = 2.0**53  # below it a floating-point number holds every whole number
_BLOCK = 2**16
_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"

Place = tuple[int, int]
Row = list[str | None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as text.

    Attributes:
        rows: every row from the first on, all equally long; None where a cell is empty.
        merged: the ranges of merged cells, as first and last (row, column), both counted from 0.
    """

    rows: list[Row]
    merged: list[tuple[Place, Place]]

    def spread(self, rows: range, numbers: Container[int] = (), *, notes_from: int | None = None) -> None:
        """Let every cell of a merged range say what the range says; in columns of numbers, that it is merged.

        A number over several rows is the number of none of them: how it is shared is not said.

        Args:
            rows: only in these.
            numbers: the columns that hold numbers.
            notes_from: how many columns a range of one row goes over at least to be a note, which fills its
                first cell alone; None where there are no notes.
        """
        for (top, left), (bottom, right) in self.merged:
            if notes_from is not None and top == bottom and right - left + 1 >= notes_from:
                continue
            for row in range(max(top, rows.start), min(bottom + 1, rows.stop, len(self.rows))):
                for column in range(left, min(right + 1, len(self.rows[row]))):
                    if (row, column) != (top, left):
                        marked = column in numbers
                        said = f"(merged with {cell_name(top, left)})" if marked else self.rows[top][left]
                        self.rows[row][column] = said


@dataclass(slots=True)
class _Extent:
    """How far a sheet reaches, and the cells whose value is no value, from the sheet's own text."""

    rows: int = 0
    columns: int = 0
    odd: dict[Place, str] = field(default_factory=dict)


def read_sheet(path: Path, sheet: str | None, name: str) -> Sheet:
    """Read a sheet of a workbook.

    Args:
        path: where the bytes lie.
        sheet: which sheet; None for the only one that is shown.
        name: the name the file came under.

    Raises:
        InputError: the workbook is a bomb, has no such sheet, or several and none is named.
        OSError: it cannot be read.
    """
    prove_archive(path, name)
    try:
        with zipfile.ZipFile(path) as archive:
            extents = {title: _extent(archive, part, name) for title, part in _parts(archive).items()}
        with calamine.CalamineWorkbook.from_path(str(path)) as workbook:
            chosen = _choose(workbook, sheet, name)
            found = workbook.get_sheet_by_name(chosen)
            left = found.start[1] if found.start else 0
            rows: list[Row] = []
            for row in found.iter_rows():
                rows.append([*([None] * left), *map(_said, row)])
            merged = list(found.merged_cell_ranges or [])
    except (*_UNREADABLE, expat.ExpatError, KeyError, ValueError) as error:
        cause = str(error) or type(error).__name__
        raise OSError(f"not a workbook that can be read: {cause}") from error
    _mark(rows, extents.get(chosen, _Extent()).odd)
    return Sheet(rows, merged)


def cell_name(row: int, column: int) -> str:
    """The name of a cell counted from 0, such as `C5`."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def _choose(workbook: Any, sheet: str | None, name: str) -> str:
    visible = calamine.SheetVisibleEnum.Visible
    shown: list[str] = [about.name for about in workbook.sheets_metadata if about.visible == visible]
    if sheet in workbook.sheet_names:
        return str(sheet)
    if sheet is None and len(shown) == 1:
        return shown[0]
    there = f"its sheets are {', '.join(map(repr, shown))}"
    if sheet is not None:
        raise InputError(
            f"the workbook has no sheet {sheet!r}; {there}",
            file=name,
            hint="compare the key sheet in the table [file] of the collection",
        )
    raise InputError(
        f"the workbook has {len(shown)} sheets and none is named; {there}",
        file=name,
        hint="name one as sheet in the table [file] of the collection, or save it as .csv",
    )


def _said(cell: Any) -> str | None:
    """What a cell says, as text; None where it is empty."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell) if cell != "" else None


def _mark(rows: list[Row], odd: dict[Place, str]) -> None:
    """Write into the cells whose value is no value what they are; the grid may end before them."""
    for (row, column), said in odd.items():
        rows.extend([] for _ in range(len(rows), row + 1))
        rows[row].extend([None] * (column + 1 - len(rows[row])))
        rows[row][column] = said
    width = max(map(len, rows), default=0)
    for line in rows:
        line.extend([None] * (width - len(line)))


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Of each sheet by its title the part of the archive that holds it."""
    sheets: list[tuple[str, str]] = []
    targets: dict[str, str] = {}

    def sheet(tag: str, said: dict[str, str]) -> None:
        if tag == "sheet":
            reference = next((v for k, v in said.items() if k.rpartition(":")[2] == "id"), "")
            sheets.append((said.get("name", ""), reference))

    def relation(tag: str, said: dict[str, str]) -> None:
        if tag == "Relationship":
            targets[said.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", said.get("Target", "")))

    _parse(archive, _WORKBOOK, sheet)
    _parse(archive, _RELATIONS, relation)
    return {title: targets[reference].lstrip("/") for title, reference in sheets}


def _extent(archive: zipfile.ZipFile, part: str, name: str) -> _Extent:
    """How far a sheet reaches.

    Raises:
        InputError: further than any return's.
    """
    found = _Extent()
    here: dict[str, Any] = {"row": 0, "column": 0, "kind": "", "formula": False, "value": ""}
    inside: list[str] = []

    def start(tag: str, said: dict[str, str]) -> None:
        inside.append(tag)
        if tag == "row":
            here.update(row=int(said.get("r") or here["row"] + 1), column=0)
        elif tag == "c":
            row, column = _place(said["r"]) if said.get("r") else (here["row"], here["column"] + 1)
            here.update(row=row, column=column, kind=said.get("t", ""), formula=False, value="")
            found.rows, found.columns = max(found.rows, row), max(found.columns, column)
            if found.rows * found.columns > MOST_CELLS:
                raise InputError(
                    f"cell {cell_name(row - 1, column - 1)} makes {part} a grid of"
                    f" {found.rows * found.columns:,} cells, where {MOST_CELLS:,} are held at most",
                    file=name,
                    row=row,
                    hint="delete what stands far below or right of the table, or save the sheet as .csv",
                )
        elif tag == "f":
            here["formula"] = True

    def end(tag: str) -> None:
        inside.pop()
        if tag == "c" and here["kind"] == "e":
            found.odd[here["row"] - 1, here["column"] - 1] = f"(error {here['value'].strip()})"
        elif tag == "c" and here["formula"] and not here["value"].strip() and here["kind"] != "str":
            found.odd[here["row"] - 1, here["column"] - 1] = "(formula without a value)"

    def text(said: str) -> None:
        if inside and inside[-1] == "v":
            here["value"] += said[:40]

    _parse(archive, part, start, end, text)
    return found


def _place(reference: str) -> Place:
    """Row and column of a cell such as `C5`, counted from 1."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]), column


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Go through a part of the archive, block by block, element by element; names without their prefix."""

    def refused(*_: object) -> None:
        raise OSError(f"{part} declares a document type, as no workbook does")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refused
    parser.StartElementHandler = lambda tag, said: start(tag.rpartition(":")[2], said)
    if end:
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    if text:
        parser.CharacterDataHandler = text
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK):
            parser.Parse(block, False)
        parser.Parse(b"", True)


def join_names(header: Iterable[Row]) -> list[str]:
    """One name a column from the rows of a header: what stands in them, top to bottom, joined by spaces."""
    return [" ".join(said.strip() for said in column if said) for column in zip(*header, strict=True)]
