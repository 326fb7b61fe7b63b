"""Data docs: the site of Great Expectations for files, or for an ingested batch.

Here: reading the files again and having the site built; where that of a batch lies.
Not here: building it (validations/data_docs.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.collections import Collection, load_collection
from ratings.errors import InputError, LedgerError
from ratings.reading import read_facts, read_figures
from validations.data_docs import pages, write_data_docs
from warehouse.readers import read_rows


def docs_of_files(paths: Sequence[tuple[Path, str]], collection: str, directory: Path) -> list[Path]:
    """Build the site for files of a collection.

    Args:
        paths: where each lies, and what it is called.
        collection: what kind of file they are.
        directory: where to build.

    Returns:
        The page of each file.

    Raises:
        InputError: a file cannot be read, or the site cannot be written.
    """
    kind = load_collection(collection)
    try:
        return write_data_docs(_read(paths, kind), kind.event, kind.id, directory)
    except OSError as error:
        raise InputError(
            f"the site cannot be written: {error.strerror}",
            file=str(directory),
            hint="name a directory that can be written with --docs",
        ) from error


def docs_of_batch(settings: Settings, batch: int) -> Path:
    """Build the site for the file of a batch, where Dagster looks for it.

    Raises:
        LedgerError: the batch is of no file.
        NotFoundError: there is no such batch.
    """
    known = settings.ledger().batch(batch)
    if known.file_sha256 is None or known.collection is None:
        raise LedgerError(
            f"batch {batch} is a {known.kind}, and no file came with it",
            hint="choose a vintage or a rejected file: starledger ledger batches",
        )
    file = (settings.landing.path(known.file_sha256), known.file_name or "")
    return docs_of_files([file], known.collection, _directory(settings, batch))[-1]


def built_docs(settings: Settings, batch: int) -> Path | None:
    """The page of a batch's file, None where it was not built."""
    found = pages(_directory(settings, batch))
    return found[-1] if found else None


def _directory(settings: Settings, batch: int) -> Path:
    return settings.warehouse / "data_docs" / f"batch-{batch}"


def _read(paths: Sequence[tuple[Path, str]], kind: Collection) -> Iterator[tuple[str, pl.DataFrame]]:
    catalogue = load_catalogue()
    for path, name in paths:
        rows = read_rows(path, kind, name)
        yield (
            name,
            read_figures(rows, kind, catalogue, name)
            if kind.event == "observation"
            else read_facts(rows, kind, catalogue),
        )
