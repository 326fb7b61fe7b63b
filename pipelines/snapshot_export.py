"""Snapshot export: the tables of a snapshot for people and tools that do not read Parquet.

Here: CSV with every row and column, and a spreadsheet laid out as the UK Government Analysis Function asks
    for.
Not here: the snapshot (warehouse/snapshots.py), files that are replaced as a whole (outputs.py).

Source: Analysis Function, Releasing statistics in spreadsheets (2021, revised): one table a sheet from the
first column, a cover, a contents sheet, notes on a sheet of their own, symbols in square brackets, no blank
cell.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.outputs import replaced
from ratings.errors import InputError
from warehouse.snapshot_tables import TABLES
from warehouse.snapshots import SnapshotRef

FORMATS = ("csv", "xlsx")
SYMBOLS: Mapping[str, str] = {
    "[c]": "confidential: suppressed by its source",
    "[x]": "not available: the figure is missing, or there is none to show",
    "[z]": "not applicable",
    "[p]": "provisional: stands in a column of its own beside the figure",
}
_NOT_APPLICABLE, _SUPPRESSED, _PROVISIONAL = "M", "Q", "P"
_ONLY_SOME_HAVE = ("decision", "cap", "round", "stood", "previous", "movement", "closed")
"""Beginnings of the columns whose blank means that there is nothing of this kind."""
_MOST_ROWS = 1_000_000  # what a sheet holds, with room for what stands above the table


def export(found: SnapshotRef, form: str, out: Path) -> list[Path]:
    """Write a snapshot in another form.

    Args:
        found: the snapshot.
        form: one of FORMATS.
        out: for `csv` a directory that does not exist yet, for `xlsx` a file.

    Returns:
        The files written.

    Raises:
        InputError: there is no such form, or the directory exists.
        LedgerError: the file cannot be written.
        SnapshotError: a table cannot be read.
    """
    if form == "csv":
        return _csv(found, out)
    if form == "xlsx":
        return [_spreadsheet(found, out)]
    raise InputError(f"{form!r} is not a form of export", hint=f"choose one of {', '.join(FORMATS)}")


def _csv(found: SnapshotRef, out: Path) -> list[Path]:
    """Every table as CSV, UTF-8, nulls left blank; the directory appears whole."""
    if out.exists():
        raise InputError("exists already", file=str(out), hint="name a directory that does not exist yet")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
        try:
            for name in found.manifest["tables"]:
                found.table(name).write_csv(
                    unfinished / f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ"
                )
            unfinished.chmod(0o755)
            unfinished.rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            file=str(out),
            hint="choose another place, or free some space",
        ) from error
    return sorted(out.iterdir())


def _spreadsheet(found: SnapshotRef, out: Path) -> Path:
    """Cover, contents, notes and a sheet for each table that a person would look into."""
    # Imported here, because it brings pandas and takes a second.
    import gptables

    manifest, notes = found.manifest, _notes(found.manifest)
    sources = "; ".join(each["citation"] for each in manifest.get("sources", [])) or "see the collections"
    tables = {
        label: gptables.GPTable(
            table=rows.to_pandas(),
            table_name=label.lower(),
            title=f"{label}: {manifest['label']}",
            subtitles=[meaning],
            instructions="This worksheet contains one table. Notes and symbols are on the notes worksheet.",
            source=sources,
            legend=[f"{symbol} {meaning}" for symbol, meaning in SYMBOLS.items()],
            table_notes=dict(enumerate(f"$${name}$$" for name, _ in notes)),
            index_columns={},
        )
        for label, meaning, rows in sheets(found)
    }
    cover = gptables.Cover(
        title=manifest["label"],
        intro=["About this spreadsheet", *(text for _, text in notes)],
        about=["Snapshot", found.id, "Sources", sources, "Licences", "; ".join(manifest.get("licences", []))],
    )
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what gptables asks of pandas is going out of use
        file = Path(directory) / "made.xlsx"
        gptables.write_workbook(
            filename=os.fspath(file),
            sheets=tables,
            cover=cover,
            notes_table=pl.DataFrame(notes, schema=["Note reference", "Note text"], orient="row").to_pandas(),
            contentsheet_options={"additional_elements": ["subtitles"]},
            workbook_options={"strings_to_formulas": False, "strings_to_urls": False},
        )
        with replaced(out) as sink:
            sink.write(file.read_bytes())
    return out


def sheets(found: SnapshotRef) -> list[tuple[str, str, pl.DataFrame]]:
    """Label, meaning and rows of each sheet, no cell blank."""
    names = found.table("organisations").select("organisation", organisation_name="name")
    laid_out = []
    for table in ("stars", "judgements", "bands", "quality"):
        rows = found.table(table)
        if not rows.height:
            continue
        if rows.height > _MOST_ROWS:
            raise InputError(
                f"{table} has {rows.height:,} rows, and a spreadsheet holds about {_MOST_ROWS:,}",
                hint="export it as csv",
            )
        if table == "bands":
            rows = _figures(rows, found.table("observations"))
        if "organisation" in TABLES[table].key and "name" not in rows.columns:
            rows = names.join(rows, on="organisation", how="right").select(
                "organisation", "organisation_name", pl.exclude("organisation", "organisation_name")
            )
        label = "Figures" if table == "bands" else table.capitalize()
        meaning = TABLES[table].meaning
        laid_out.append((label, f"{meaning[0].upper()}{meaning[1:]}", _filled(table, rows)))
    return laid_out


def _figures(bands: pl.DataFrame, observations: pl.DataFrame) -> pl.DataFrame:
    """Bands with the figure as a person reads it: a number, or the symbol that says why not."""
    status = observations.select("position", "obs_status", "conf_status")
    symbol = (
        pl.when((pl.col("obs_status") == _SUPPRESSED) | pl.col("conf_status").is_in(["C", "D"]))
        .then(pl.lit("[c]"))
        .when(pl.col("obs_status") == _NOT_APPLICABLE)
        .then(pl.lit("[z]"))
        .otherwise(pl.lit("[x]"))
    )
    provisional = (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("[z]"))
        .when(pl.col("obs_status") == _PROVISIONAL)
        .then(pl.lit("[p]"))
        .otherwise(pl.lit("final"))
    )
    return (
        bands.join(status, on="position", how="left")
        .with_columns(why=symbol, provisional=provisional)
        .select(
            "organisation", "indicator", "period", "value", "why", "provisional", "unit", "band",
            "band_label", "band_reason", "freshness", "age_days",
        )
    )  # fmt: skip


def _filled(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Headings in words with their unit, and a symbol in every cell that would be blank."""
    units = {column.name: column.unit for column in TABLES[table].columns if column.name != "value"}
    filled = {}
    for name in rows.columns:
        if name == "why":
            continue
        column = rows[name]
        unit = units.get(name, "")
        heading = name.replace("_", " ").capitalize() + (f" ({unit})" if unit and unit not in name else "")
        if isinstance(column.dtype, pl.Datetime | pl.Date):
            column = column.dt.to_string("iso")
        absent = rows["why"] if name == "value" and "why" in rows.columns else None
        mark = "[z]" if name.startswith(_ONLY_SOME_HAVE) else "[x]"
        values = [
            (mark if absent is None else absent[n]) if value is None or value == "" else value
            for n, value in enumerate(column.to_list())
        ]
        filled[heading] = pl.Series(heading, values, dtype=pl.Object)
    return pl.DataFrame(filled)


def _notes(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    method = manifest["method"]
    notes = [
        (
            "method",
            f"The ratings are by {method['title']}, version {method['version']}, whose status is "
            f"{method['status']}; as published by {manifest['as_published']}.",
        ),
        ("blanks", "No cell is blank: " + "; ".join(f"{s} {m}" for s, m in SYMBOLS.items()) + "."),
    ]
    if manifest["simulated"]:
        notes.append(("simulated", "Organisations and figures are invented."))
    return notes
