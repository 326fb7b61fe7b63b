"""Snapshot verifier: whether a snapshot directory holds, offline, given at most a public key.

Here: the order of the checks - files, schema, rows, totals, receipt, checkpoint, inclusion of every
    observation - and a sentence for each thing that is wrong.
Not here: files against the manifest (warehouse/snapshots.py), the forms of receipt and proofs (receipts.py,
    inclusion.py), whether the log still gives the same (pipelines/replay.py).

Believed is only what is signed by a given key, and what hashes lead to it. Without a key everything but the
signatures is checked, which finds what was damaged and not what was forged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from audit.inclusion import Inclusion, verify_inclusion
from audit.notes import VerifierKey
from audit.proofs import Checkpoint, parse_checkpoint
from audit.receipts import outputs, read_receipt
from audit.verifier import verify_checkpoint
from ratings.errors import LedgerError, SnapshotError
from warehouse.canonical import sha256_hex
from warehouse.cross_foot import cross_foot
from warehouse.snapshot_files import CHECKPOINT, PROOFS, RECEIPT
from warehouse.snapshot_manifest import MANIFEST, read_manifest
from warehouse.snapshot_tables import SCHEMA_VERSION, TABLES
from warehouse.snapshots import verify as verify_files
from warehouse.table_digest import digest

SEALED_SINCE = 4
"""The schema version from which on every snapshot has a receipt, a checkpoint and proofs."""


@dataclass(frozen=True, slots=True)
class SnapshotVerification:
    """What was found.

    Attributes:
        problems: a sentence for each thing that is wrong; none where all is well.
        notes: what could not be checked, or is gone by lawful order.
        observations: how many were proved to be in the log.
        signed_by: the key that signed, where one was given and did.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    observations: int
    signed_by: str | None


def verify_snapshot(directory: Path, keys: Iterable[VerifierKey] | None = None) -> SnapshotVerification:
    """Check a snapshot directory, with no database.

    Args:
        directory: any copy of a snapshot.
        keys: the public keys that are trusted; None to check no signatures.

    Raises:
        SnapshotError: there is no manifest that could be checked against, or it is of a newer version.
    """
    manifest = read_manifest(directory)
    try:
        return _verified(directory, manifest, None if keys is None else list(keys))
    except (KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(
            f"the manifest or the receipt lacks what it has to say: {error!r}",
            file=str(directory / MANIFEST),
            hint="restore the snapshot from a copy",
        ) from error


def _verified(
    directory: Path, manifest: Mapping[str, Any], trusted: list[VerifierKey] | None
) -> SnapshotVerification:
    problems = verify_files(directory)
    tables = _tables(directory, manifest, problems)
    problems += _rows(manifest, tables)
    if manifest["schema_version"] < SEALED_SINCE:
        told = f"schema version {manifest['schema_version']} had no receipt and no proofs"
        if trusted is not None:  # else a forgery need only call itself old
            return SnapshotVerification((*problems, f"{told}: nothing in it is signed"), (), 0, None)
        return SnapshotVerification(tuple(problems), (f"{told}: its files alone were checked",), 0, None)
    try:
        _receipt(directory, manifest, trusted, {problem.split(" ", 1)[0] for problem in problems})
    except FileNotFoundError:
        problems.append(f"{RECEIPT} is missing")
    except LedgerError as error:
        problems.append(error.message)
    proved = Inclusion(0, ())
    try:
        checkpoint = _checkpoint(directory, manifest, trusted)
        if "observations" in tables:
            rows = _polars(tables["observations"])
            proved = verify_inclusion((directory / PROOFS).read_bytes(), rows, checkpoint)
    except FileNotFoundError:
        pass  # named among the files already
    except LedgerError as error:
        problems.append(error.message)
    notes = [] if trusted is not None else ["no public key was given: signatures were not checked"]
    if proved.purged:
        notes.append(
            f"{len(proved.purged):,} observations were purged from the log under authority: what they said "
            "can no longer be proved"
        )
    signed = manifest["checkpoint"]["origin"] if trusted is not None and not problems else None
    return SnapshotVerification(tuple(problems), tuple(notes), proved.proved, signed)


def _tables(directory: Path, manifest: Mapping[str, Any], problems: list[str]) -> dict[str, pa.Table]:
    """The tables that can be read; one that cannot is named, unless it was already."""
    tables = {}
    for name in manifest["tables"]:
        try:
            with pq.ParquetFile(directory / f"{name}.parquet") as opened:
                tables[name] = opened.read()
        except (OSError, pa.ArrowException) as error:
            if not any(each.startswith(f"{name}.parquet") for each in problems):
                problems.append(f"{name}.parquet cannot be read: {str(error).splitlines()[0]}")
    return tables


def _rows(manifest: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> list[str]:
    """What is wrong with schemas, rows and totals."""
    problems = []
    for name, table in tables.items():
        said = manifest["tables"][name]
        if manifest["schema_version"] == SCHEMA_VERSION:
            declared = TABLES[name].schema() if name in TABLES else None
            if declared is None or not table.schema.equals(declared):
                problems.append(
                    f"{name}.parquet does not have the columns of schema version {SCHEMA_VERSION}"
                )
                continue
        try:
            agrees = digest(table, tuple(said["key"])) == said["digest"] and table.num_rows == said["rows"]
        except (KeyError, pa.ArrowException):
            agrees = False
        if not agrees:
            problems.append(
                f"{name}.parquet does not have the rows that manifest.json says: digest or number"
            )
    whole = tables.keys() == manifest["tables"].keys() and not problems
    if "cross_foot" in manifest and whole:
        totals = cross_foot({name: _polars(table) for name, table in tables.items()})
        if totals != manifest["cross_foot"] or any(each["one"] != each["other"] for each in totals):
            problems.append("the totals in manifest.json are not those of the tables")
    return problems


def _receipt(
    directory: Path, manifest: Mapping[str, Any], keys: list[VerifierKey] | None, named: set[str]
) -> None:
    """Whether the receipt is signed, binds every file as it is here, and says what the manifest says.

    Files that were `named` as wrong already are passed over.
    """
    try:
        statement = read_receipt(_text(directory / RECEIPT), keys)
    except LedgerError as error:
        raise LedgerError(f"{RECEIPT}: {error.message}") from None
    bound = outputs(statement)
    files = {entry.name for entry in directory.iterdir()} - {RECEIPT}
    for name in sorted(bound.keys() - files - named):
        raise LedgerError(f"{name} is missing: {RECEIPT} binds it")
    for name in sorted(files - bound.keys() - named):
        raise LedgerError(f"{name} is extra: {RECEIPT} does not bind it")
    for name in sorted(bound.keys() - named):
        if sha256_hex((directory / name).read_bytes()) != bound[name]:
            raise LedgerError(f"{name} was altered, or {RECEIPT} was: its hash is another than the one bound")
    asked = statement["predicate"]["buildDefinition"]["externalParameters"]
    if (asked.get("method"), asked.get("as_published"), asked.get("as_recorded")) != (
        manifest["method"]["id"],
        manifest["as_published"],
        manifest["as_recorded"],
    ):
        raise LedgerError(f"{RECEIPT} is of another question than {MANIFEST}")


def _checkpoint(directory: Path, manifest: Mapping[str, Any], keys: list[VerifierKey] | None) -> Checkpoint:
    """The checkpoint, once it is signed and is the one that the manifest names."""
    note = _text(directory / CHECKPOINT)
    checkpoint = parse_checkpoint(note) if keys is None else verify_checkpoint(note, keys)
    said = manifest["checkpoint"]
    named = (said["origin"], said["size"], said["root"], said["position"])
    if named != (checkpoint.origin, checkpoint.size, checkpoint.root.hex(), checkpoint.position):
        raise LedgerError(f"{CHECKPOINT} is not the one that {MANIFEST} names")
    if checkpoint.origin != manifest["ledger"]["origin"]:
        raise LedgerError(f"{CHECKPOINT} is of the log {checkpoint.origin}, and the snapshot of another")
    if checkpoint.position < manifest["as_recorded"]:
        raise LedgerError(f"{CHECKPOINT} is older than the snapshot: it ends at {checkpoint.position}")
    return checkpoint


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", errors="replace")


def _polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
