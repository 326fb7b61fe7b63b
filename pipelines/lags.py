"""Lags: how long releases really take, learned from the log, and the catalogue as it would be with them.

Here: the releases that lags are learned from, and writing the proposal: whole catalogue files to compare and
    to copy.
Not here: what a lag is (ratings/lags.py); adopting a proposal, which a person does by copying the files.
"""

from __future__ import annotations

import csv
import io
from importlib.resources import files
from pathlib import Path

import polars as pl

from pipelines.outputs import replaced
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue, measure_files
from ratings.collections import load_collection
from ratings.errors import InputError, NotFoundError
from ratings.lags import learned_lags
from warehouse.observations import timeline


def learn_lags(settings: Settings, collection: str) -> pl.DataFrame:
    """The publication lags that the releases of a collection show, beside those of the calendar.

    Args:
        settings: where the ledger is.
        collection: id of a collection.

    Returns:
        Columns `ratings.lags.LAGS`.

    Raises:
        NotFoundError: no such collection, or fewer than two releases of it were accepted.
    """
    load_collection(collection)
    ledger = settings.ledger()
    releases = [b.published_at for b in ledger.batches(collection, "vintage") if b.voided_by is None]
    if len(set(releases)) < 2:
        raise NotFoundError(
            f"a lag shows between two releases, and of {collection} {len(set(releases))} are known",
            hint="ingest its earlier releases, each with the time it was published",
        )
    said = timeline(ledger, [collection]).filter(
        (pl.col("type") == "observation") & pl.col("value").is_not_null()
    )
    first = (
        said.group_by("indicator", "period")
        .agg(pl.col("published_at").min())
        .cast({pl.Categorical: pl.String})
    )
    return learned_lags(first, pl.Series(releases, dtype=pl.Int64), load_catalogue())


def proposed_files(lags: pl.DataFrame) -> dict[str, str]:
    """The catalogue's files with the proposed lags in place of those they hold.

    Args:
        lags: what `learn_lags` gives.

    Returns:
        Text by file name, of the files in which a lag differs; every other cell is as it was.
    """
    differing = lags.filter(pl.col("proposed").ne_missing(pl.col("in_calendar")))
    proposed = {row["indicator"]: row for row in differing.iter_rows(named=True)}
    found = {}
    for file in (files("ratings") / "catalogue" / "indicators.csv", *measure_files()):
        lines = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
        rows = list(lines)
        if not any(row["code"] in proposed for row in rows):
            continue
        for row in rows:
            if lag := proposed.get(row["code"]):
                row |= {"publication_lag_days": lag["proposed"], "lag_basis": lag["basis"]}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, lines.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        found[file.name] = text.getvalue()
    return found


def write_proposal(lags: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the proposed catalogue files into a folder; the catalogue itself is never touched.

    Args:
        lags: what `learn_lags` gives.
        folder: made where it is not there.

    Returns:
        The files written; none where no lag differs.

    Raises:
        InputError: the folder is the catalogue's own.
        LedgerError: a file cannot be written.
    """
    own = Path(str(files("ratings"))).resolve()
    if folder.resolve().is_relative_to(own):
        raise InputError(
            "a proposal is not written over the catalogue",
            file=str(folder),
            hint="write it elsewhere, compare the files, and copy what you adopt",
        )
    written = []
    for name, text in proposed_files(lags).items():
        with replaced(folder / name) as sink:
            sink.write(text.encode())
        written.append(folder / name)
    return written
