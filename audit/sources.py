"""Sources: from an event to the cell that it was read from.

Here: batch, file, sheet, row and column of an event, and the text of the cell read back from the bytes that
    were landed, where they are still those that were recorded.
Not here: which events a star rests on (trace.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from ratings.collections import Collection, load_collection
from ratings.errors import LedgerError, StarledgerError
from warehouse.batches import Batch
from warehouse.canonical import sha256_of
from warehouse.event_log import Ledger
from warehouse.landing import Landing
from warehouse.purged import purged_event
from warehouse.readers import printed_names, read_table, rows_as_text
from warehouse.snapshot_manifest import iso

_KEPT_FILES = 4  # tables of landed files that are kept at once: the largest so far takes 17 MB
_Stamp = tuple[int, int, int]


class Sources:
    """Looks up where events come from; keeps the batches and the files it read last.

    Args:
        ledger: the log.
        landing: the landed bytes.
    """

    def __init__(self, ledger: Ledger, landing: Landing) -> None:
        self.ledger = ledger
        self.landing = landing
        self._batches: dict[int, Batch] = {b.id: b for b in ledger.batches()}
        self._purges = any(batch.kind == "purge" for batch in self._batches.values())
        self._files: dict[tuple[str, str], tuple[pa.Table, dict[str, str]]] = {}
        self._hashes: dict[tuple[str, _Stamp], str] = {}

    def batch(self, number: int) -> Batch:
        """A batch of the log."""
        return self._batches[number]

    def of(self, event: dict[str, Any], *, read: bool = True) -> dict[str, Any]:
        """Where an event comes from.

        Args:
            event: as the ledger gives it.
            read: whether to read the cells back from the landed bytes.

        Returns:
            `batch` (number, actor, both times and how they are known), `file` (name, SHA-256, publisher,
            licence), `sheet`, `row`, `cells` (what each column says: `column`, `means`, and its `text` where
            it was read), `problem` where the cells could not be read, and `purged`: on whose authority what
            the event said was removed (`authority`, `batch`; null where nothing was). Its cells are not read.
        """
        batch = self.batch(event["source_batch"] or event["batch"])
        collection = load_collection(batch.collection) if batch.collection else None
        cells: list[dict[str, Any]] = [
            {"column": column, "means": means, "text": None} for column, means in _columns(event, collection)
        ]
        source: dict[str, Any] = {
            "batch": batch_facts(batch),
            "file": None,
            "sheet": _sheet(batch, collection),
            "row": event["source_row"],
            "cells": cells,
            "problem": None,
            "purged": self._purged(event["position"]),
        }
        if batch.file_sha256:
            source["file"] = {
                "name": batch.file_name,
                "sha256": batch.file_sha256,
                "collection": batch.collection,
                "publisher": collection.publisher if collection else None,
                "licence": collection.licence if collection else None,
            }
        if read and collection and event["source_row"] is not None and not source["purged"]:
            try:
                printed, names = self._row(batch, collection, event["source_row"])
            except StarledgerError as error:
                source["problem"] = str(error)
            else:
                source["cells"] = [
                    cell | {"column": names[cell["column"]], "text": printed.get(cell["column"])}
                    for cell in cells
                    if cell["column"] in names
                ]
        return source

    def _purged(self, position: int) -> dict[str, Any] | None:
        found = purged_event(self.ledger, position) if self._purges else None
        return {"authority": found.authority, "batch": found.purged_by} if found else None

    def unlike_recorded(self, sha256: str, file_name: str | None) -> str | None:
        """What is wrong with the landed copy of a file, in a sentence; None where it is still as received."""
        try:
            self._landed(sha256, file_name)
        except StarledgerError as error:
            return str(error)
        return None

    def _row(
        self, batch: Batch, collection: Collection, row: int
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """A row of a landed file as printed, by the collection's name of each column, and the file's names.

        Raises:
            StarledgerError: the bytes are not here, are not those recorded, or do not hold this row.
        """
        key = (batch.file_sha256 or "", collection.id)
        landed = self._landed(key[0], batch.file_name)
        if (kept := self._files.get(key)) is None:
            names = printed_names(landed, collection, batch.file_name)
            kept = self._files[key] = read_table(landed, collection, batch.file_name), names
            for oldest in list(self._files)[:-_KEPT_FILES]:
                self._files.pop(oldest, None)
        table, names = kept
        found = rows_as_text(table, collection, batch.file_name or landed.name, only=row)
        if found.is_empty():
            raise StarledgerError(
                "the file has no such row",
                file=batch.file_name,
                row=row,
                hint="run `starledger ledger verify`: the event that names it may have been altered",
            )
        return dict(found.row(0, named=True)), names

    def _landed(self, recorded: str, file_name: str | None) -> Path:
        """Where the bytes of a file lie, once they were found to be those that were recorded.

        Raises:
            StarledgerError: they are not here, or are others now.
        """
        path = self.landing.path(recorded)
        try:
            status = path.stat()
            seen = (recorded, (status.st_ino, status.st_size, status.st_mtime_ns))
            if seen not in self._hashes:
                self._hashes[seen] = sha256_of(path)
        except OSError as error:
            raise LedgerError(
                f"the landed bytes cannot be read: {error.strerror}", file=str(path), hint="check permissions"
            ) from error
        if (actual := self._hashes[seen]) != recorded:
            raise LedgerError(
                "the landed bytes are not those that were recorded: "
                f"SHA-256 is {actual}, expected {recorded}",
                file=file_name,
                hint=f"restore {path} from a backup",
            )
        return path


def _columns(event: dict[str, Any], collection: Collection | None) -> list[tuple[str, str]]:
    """The columns of the source that an event was read from, and what each means."""
    if collection is None:
        return []
    columns = collection.columns
    if event["type"] == "judgement":
        said = [
            (judgement.column, "judgement")
            for judgement in collection.judgements
            if (judgement.service, judgement.aspect)
            == (event["payload"].get("service"), event["payload"].get("aspect"))
        ]
        named = [(columns.organisation, "organisation"), (columns.round, "round")]
    elif event["type"] == "evidence":
        said = [(column, column) for column in collection.payload]
        named = [(columns.indicator, "indicator"), (columns.organisation, "organisation")]
    else:
        said = []
        own = collection.measure(event["indicator"]) or columns
        named = [
            (own.value, "stars" if event["type"] == "published_rating" else "value"),
            (own.numerator, "numerator"),
            (own.denominator, "denominator"),
            (columns.status, "status"),
            (columns.group, "group"),
            (columns.indicator, "indicator"),
            (columns.organisation, "organisation"),
            *((column, "organisation") for column in collection.organisation_otherwise),
            (columns.period, "period"),
            (columns.round, "round"),
        ]
    return said + [(column, means) for column, means in named if column]


def _sheet(batch: Batch, collection: Collection | None) -> str | None:
    """The sheet that a workbook was read from, as far as its collection names it."""
    workbook = (batch.file_name or "").lower().endswith(".xlsx")
    return collection.file.sheet if workbook and collection else None


def batch_facts(batch: Batch) -> dict[str, Any]:
    """Who recorded a batch and when, and when its file was out, as plain values."""
    return {
        "id": batch.id,
        "recorded_at": iso(batch.recorded_at),
        "published_at": _time(batch.published_at),
        "published_basis": batch.published_basis,
        "received_at": _time(batch.received_at),
        "supplier": batch.supplier,
        "actor": batch.actor,
        "actor_kind": batch.actor_kind,
        "simulated": batch.simulated,
        "voided_by": batch.voided_by,
    }


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso(microseconds)
