"""Bad input through the real pipeline: each file ends in a clear refusal or in quarantined rows.

Here: files made by hand and by hypothesis that no supplier should send, and what becomes of every row.
Not here: the reader alone (tests/warehouse/test_readers.py), the checks alone (tests/validations).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.cli import main
from pipelines.ingest import ingest
from pipelines.ingest_report import INGESTED, REFUSED, IngestReport
from pipelines.settings import settings
from pipelines.source_files import find_source_files, parse_time
from ratings.collections import load_collection

HEADER = b"Short Desc,Years,LA and Regions,Values,LA Number\n"
GOOD = b"InfMort,2022,Camden,3.5,202\n"
MAY = parse_time("2025-05-01")


def received(directory: Path, content: bytes, name: str = "lait.csv") -> tuple[IngestReport, list[str]]:
    """The report on a file with these bytes, and the messages of its quarantined rows."""
    file = directory / name
    file.write_bytes(content)
    here = settings(directory / "warehouse")
    (report,) = ingest(here, [file], "lait", published_at=MAY)
    held = here.ledger().quarantine(report.batch or 0)
    assert len(held) == report.quarantined
    if report.status != REFUSED:
        went = report.observations + report.unchanged + report.quarantined + report.out_of_scope
        assert went == report.read
    return report, [reason["message"] for row in held for reason in row["reasons"]]


@pytest.mark.parametrize(
    "cell", ["1e309", "NaN", "inf", '"1,234"', "3.5\0", "=1+1", "44927-01", "3..5", "0x10", "½"]
)
def test_a_cell_that_is_no_number_quarantines_its_row_alone(tmp_path: Path, cell: str) -> None:
    line = f"InfMort,2022,Greenwich,{cell},203\n".encode()
    report, messages = received(tmp_path, HEADER + GOOD + line)
    assert (report.status, report.read, report.observations, report.quarantined) == (INGESTED, 2, 1, 1)
    assert any("neither a number nor a known marker" in message for message in messages)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER + b"InfMort,2022,C\xf4te,3.5,202\n", "cannot be read as csv"),
        ((HEADER + GOOD).decode().encode("utf-16"), "lait.csv"),
        (HEADER + GOOD + b"InfMort,2022,Gree", "cannot be read as csv"),
        (b"Code,Measure,Quarter\n1,2,3\n", "not a file of collection lait"),
        (HEADER.replace(b"Values", b"Value") + GOOD, "'Values' may now be called 'Value'"),
        (b",".join(b"c%d" % n for n in range(16_000)) + b"\n" + b"," * 15_999 + b"\n", "not a file of"),
        (HEADER[:-1] + b"," * 999_995 + b"\n" + GOOD[:-1] + b"," * 999_995 + b"\n", "than 16,384 columns"),
        (HEADER + b"a,2,c,1,2\n" * 10_000_000, "more rows than the 5,000,000 that a file of collection lait"),
        (HEADER + b'"' + b"a" * 50_000_000 + b'",2022,C,1,202\n', "cannot be read as csv"),
        (b"\0" * 4096, "lait.csv"),
    ],
    ids=[
        "wrong encoding", "utf-16", "cut", "another's", "renamed", "wide", "a million columns", "10 M rows",
        "one vast cell", "NUL",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_its_name_and_cause(
    tmp_path: Path, content: bytes, said: str
) -> None:
    report, _ = received(tmp_path, content)
    assert report.status == REFUSED
    assert said in report.message
    assert report.message.startswith("lait.csv")
    assert len(report.message) < 1000


def test_cells_of_a_workbook_that_are_no_numbers_quarantine_their_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["Short Desc", "Years", "LA and Regions", "Values", "LA Number"],
        ["InfMort", 2022, "Camden", 3.5, 202],
        ["InfMort", 2022, "Greenwich", "=3+0.5", 203],
        ["InfMort", 2022, "Hackney", "#DIV/0!", 204],
        ["InfMort", 2022, "Islington", date(2022, 3, 31), 206],
        ["InfMort", datetime(2022, 12, 31), "Lambeth", 2, "208"],
        ["InfMort", 44926, "Lewisham", 2, 209],
        ["InfMort", 2022, "Southwark", 4, 210],
        ["InfMort", 2022, "Tower Hamlets", None, 211],
        *(["InfMort", year, "Camden", 3.5, 202] for year in range(2010, 2014)),
    ):
        book.active.append(row)
    book.active.merge_cells("D8:D9")
    content = BytesIO()
    book.save(content)
    report, messages = received(tmp_path, content.getvalue(), "lait.xlsx")
    # A date in the period column is the last day of the year; one kept as a bare number is no year.
    assert (report.status, report.read, report.observations, report.quarantined) == (INGESTED, 12, 7, 5)
    assert messages == [
        "(formula without a value) is neither a number nor a known marker",
        "(error #DIV/0!) is neither a number nor a known marker",
        "2022-03-31 is neither a number nor a known marker",
        "period label 44926 cannot be read by its indicator's rule",
        "(merged with D8) is neither a number nor a known marker",
    ]


def test_a_workbook_of_another_collection_is_named_as_what_it_is(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    collection = load_collection("evidence")
    book.active.append(list(collection.required_columns()))
    book.active.append(["x"] * len(collection.required_columns()))
    content = BytesIO()
    book.save(content)
    report, _ = received(tmp_path, content.getvalue(), "lait.xlsx")
    assert report.status == REFUSED
    assert "these columns fit --collection evidence" in report.message


def test_an_open_quote_never_swallows_rows_in_silence(tmp_path: Path) -> None:
    report, _ = received(tmp_path, HEADER + b'InfMort,2022,"Camden,3.5,202\n' + GOOD * 3)
    assert report.status == REFUSED


def test_a_name_full_of_tricks_writes_nothing_outside_the_warehouse(tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    name = "..%2f..\\..\\$(touch x); lait\u202e.csv"
    report, _ = received(tmp_path, HEADER + GOOD, name)
    assert (report.status, report.file) == (INGESTED, name)
    assert {path.name for path in tmp_path.iterdir()} - before == {name, "warehouse"}
    landed = [path.name for path in (tmp_path / "warehouse" / "landing").rglob("*") if path.is_file()]
    assert all(set(name) <= set("0123456789abcdef.json") for name in landed)


def test_what_a_file_says_never_moves_the_cursor_of_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lait\u202ecsv.csv"
    file.write_bytes(HEADER + GOOD + "InfMort,2022,Greenwich,\x1b[2J\u202e1,203\n".encode())
    with pytest.raises(SystemExit):
        run(["validate", str(file), "--collection", "lait", "--published-at", "2025-05-01"])
    with pytest.raises(SystemExit):
        run(["validate", str(file), "--collection", "ascof"])
    said = "".join(capsys.readouterr())
    assert "lait\\u202ecsv.csv" in said
    assert "\\x1b[2J\\u202e1 is neither a number" in said
    assert not {"\x1b", "\u202e"} & set(said)


def run(words: list[str]) -> None:
    """The command line, as the program runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["starledger", *words])
        main()


def test_a_directory_is_searched_for_every_format_and_not_for_locks(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.csv", "c.csv.gz", "d.parquet", "~$a.xlsx", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    found = find_source_files([tmp_path], dated=True)
    assert [release.path.name for release in found] == ["a.xlsx", "b.csv", "c.csv.gz", "d.parquet"]


cells = st.one_of(
    st.sampled_from(["3.5", "-", "", "NaN", "1e309", "1,234", '"', "\0", "=A1", "2022", "202", "InfMort"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=8))
def test_whatever_stands_in_the_cells_every_row_goes_somewhere(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    content = HEADER + "".join(f"{line}\n" for line in quoted).encode()
    report, messages = received(tmp_path_factory.mktemp("cells"), content)
    assert report.status == INGESTED or report.message
    assert json.dumps(messages)
