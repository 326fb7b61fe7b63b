"""Exports: a snapshot as CSV, as an accessible spreadsheet, and in SQL."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.rate import build
from pipelines.settings import Settings
from pipelines.snapshot_export import SYMBOLS, export, sheets
from ratings.errors import InputError, LedgerError, NotFoundError
from tests.made_ledgers import MEASURE, OUT, append, figure, judgements, some_figures, warehouse
from warehouse.snapshots import SnapshotRef


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("exported") / "w")
    some_figures(made)
    rows = [
        figure("camden", None, obs_status="Q", conf_status="C"),
        figure("hackney", None),
        figure("islington", None, obs_status="M"),
        figure("southwark", 7.0, obs_status="P"),
    ]
    append(made, rows, at=OUT + 1)
    append(made, judgements("walsall", "no poor no poor"), collection="judgements")
    return made


@pytest.fixture(scope="module")
def bands(here: Settings) -> SnapshotRef:
    return build(here, "lait-quartile", as_published=OUT + 2)


@pytest.fixture(scope="module")
def stars(here: Settings) -> SnapshotRef:
    return build(here, "ssi-2002", as_published=OUT + 2, label="=1+1")


def test_csv_has_every_row_and_column_of_every_table(stars: SnapshotRef, tmp_path: Path) -> None:
    written = export(stars, "csv", tmp_path / "csv")
    assert {file.stem for file in written} == set(stars.manifest["tables"])
    for file in written:
        table = stars.table(file.stem)
        back = pl.read_csv(file, schema=table.schema)
        assert back.equals(table), file.name
    with pytest.raises(InputError, match="exists already"):
        export(stars, "csv", tmp_path / "csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["csv"]


def test_the_spreadsheet_has_cover_contents_notes_sources_and_no_blank_cell(
    stars: SnapshotRef, tmp_path: Path
) -> None:
    [file] = export(stars, "xlsx", tmp_path / "stars.xlsx")
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["Cover", "Contents", "Notes", "Stars", "Judgements", "Quality"]
    for sheet in book.worksheets[3:]:
        above = [row[0] for row in sheet.iter_rows(max_row=9, values_only=True)]
        assert "[c] confidential: suppressed by its source" in above
        assert any("Licence" in str(text) or "facts restated" in str(text) for text in above)
        head = next(n for n, text in enumerate(above, 1) if "[note 1]" in str(text))
        rows = list(sheet.iter_rows(min_row=head, values_only=True))
        assert all(cell not in (None, "") for row in rows for cell in row)
        assert len(rows) == 1 + stars.manifest["tables"][sheet.title.lower()]["rows"]
        assert len(sheet.tables) == 1
    notes = [row[1] for row in book["Notes"].iter_rows(min_row=4, values_only=True)]
    assert any("reconstructed" in note for note in notes)
    assert all(symbol in " ".join(notes) for symbol in SYMBOLS)


def test_what_looks_like_a_formula_is_text(stars: SnapshotRef, tmp_path: Path) -> None:
    [file] = export(stars, "xlsx", tmp_path / "stars.xlsx")
    assert openpyxl.load_workbook(file)["Cover"]["A1"].value == "=1+1"
    assert openpyxl.load_workbook(file)["Cover"]["A1"].data_type != "f"


def test_a_figure_that_is_not_there_has_the_symbol_of_its_reason(bands: SnapshotRef) -> None:
    [figures] = [rows for label, _, rows in sheets(bands) if label == "Figures"]
    shown = {row[0]: (row[4], row[5]) for row in figures.rows() if row[2] == MEASURE}
    assert shown["camden"] == ("[c]", "[z]")
    assert shown["hackney"] == ("[x]", "[z]")
    assert shown["islington"] == ("[z]", "[z]")
    assert shown["lambeth"] == (4, "final")
    assert shown["southwark"] == (7, "[p]")


def test_an_unknown_form_and_a_place_that_cannot_be_written_are_errors(
    stars: SnapshotRef, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="choose one of csv, xlsx"):
        export(stars, "pdf", tmp_path / "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        export(stars, "xlsx", tmp_path / "file" / "x.xlsx")
    with pytest.raises(InputError, match="cannot be written"):
        export(stars, "csv", tmp_path / "file" / "x")


def test_sql_knows_every_table_by_its_name(here: Settings, stars: SnapshotRef) -> None:
    place = ["--warehouse", str(here.warehouse)]
    command = ["snapshots", "sql", stars.id]
    query = "SELECT name, star FROM stars JOIN judgements USING (organisation) WHERE star = 0 GROUP BY ALL"
    said = json.loads(CliRunner().invoke(app, [*command, query, "--json", *place]).output)
    assert said == [{"name": "Walsall", "star": 0}]
    piped = CliRunner().invoke(app, [*command, *place], input="SELECT count(*) AS n FROM lineage")
    assert str(stars.manifest["tables"]["lineage"]["rows"]) in piped.output
    names = json.loads(CliRunner().invoke(app, [*command, "SHOW TABLES", "--json", *place]).output)
    assert {each["name"] for each in names} == set(stars.manifest["tables"])
    refused = CliRunner().invoke(app, [*command, "SELECT nothing", *place])
    assert isinstance(refused.exception, InputError)
    assert "SHOW TABLES" in str(refused.exception)
    changed = CliRunner().invoke(app, [*command, "DELETE FROM stars", *place])
    assert isinstance(changed.exception, InputError)
    unknown = CliRunner().invoke(app, ["snapshots", "sql", "nothing", "SELECT 1", *place])
    assert isinstance(unknown.exception, NotFoundError)
