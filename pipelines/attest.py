"""Attest: what stands beside the tables of a snapshot, so that anybody can check it with a public key.

Here: the checkpoint of the log, the inclusion of every observation, what changed, and the signed receipt;
    which sources were read, with their licences.
Not here: the forms of these files (audit/inclusion.py, audit/receipts.py), writing them
    (warehouse/snapshots.py).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import polars as pl

from audit.inclusion import make_inclusion
from audit.receipts import Made, receipt
from pipelines.changes import changes
from pipelines.figure_history import files_read
from pipelines.ingest_report import WENT
from pipelines.inputs import Inputs, input_collections
from pipelines.ledger_proofs import checkpoint_of
from pipelines.settings import Settings
from pipelines.signing import signer
from ratings.collections import load_collection
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.proof_rows import many_rows
from warehouse.snapshot_files import CHANGES, CHECKPOINT, PROOFS, Beside, json_text
from warehouse.snapshot_manifest import iso

_LIBRARIES = ("polars", "pyarrow", "narwhals", "numpy")


def attest(
    settings: Settings,
    ledger: Ledger,
    inputs: Inputs,
    tables: Mapping[str, pl.DataFrame],
    manifest: Mapping[str, Any],
) -> Beside:
    """What stands beside the tables of a snapshot that is about to be written.

    Args:
        settings: where the keys and the other snapshots are.
        ledger: the log.
        inputs: what the snapshot was made from.
        tables: its tables.
        manifest: what it says of itself, without bytes and hashes of its files.

    Raises:
        LedgerError: the log is not what was recorded, or there is no key to sign with.
    """
    key = signer(settings, ledger)
    rows = many_rows(ledger, inputs.figures["position"])
    checkpoint, note = checkpoint_of(key, rows.batches)
    files = {
        CHANGES: json_text(changes(settings.snapshots, manifest, tables)).encode(),
        CHECKPOINT: note.encode(),
        PROOFS: make_inclusion(rows),
    }
    said = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "position": checkpoint.position,
    }
    made = Made(
        asked={
            "method": manifest["method"]["id"],
            "option": manifest["method"]["option"],
            "round": manifest["method"]["round"],
            "as_published": manifest["as_published"],
            "as_recorded": manifest["as_recorded"],
            "simulated": manifest["simulated"],
        },
        environment=environment(),
        inputs=_dependencies(manifest, said),
        code_version=manifest["code_version"].removeprefix("starledger "),
    )
    return Beside(files, said, lambda outputs: receipt(made, outputs, key))


def sources(ledger: Ledger, inputs: Inputs) -> list[dict[str, Any]]:
    """Every collection that was read, with licence and citation and the files read of it, by id."""
    batches = ledger.batches(as_recorded=inputs.as_recorded)
    collections = input_collections(inputs.method, inputs.catalogue, simulated=inputs.simulated)
    read = set(files_read(batches, collections, inputs.as_published))
    of: dict[str, list[Batch]] = {}
    for batch in batches:
        if batch.id in read and batch.collection:
            of.setdefault(batch.collection, []).append(batch)
    return [_source(name, files) for name, files in sorted(of.items())]


def environment() -> dict[str, str]:
    """What a snapshot is computed with: versions of Python and of the libraries that could matter."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    } | {name: version(name) for name in _LIBRARIES}


def _source(name: str, files: list[Batch]) -> dict[str, Any]:
    collection = load_collection(name)
    parts = (f"{collection.publisher}: {collection.title}", collection.source, collection.licence)
    return {
        "collection": name,
        "title": collection.title,
        "publisher": collection.publisher,
        "licence": collection.licence,
        "source": collection.source,
        "citation": ". ".join(part for part in parts if part),
        "files": [
            {
                "name": batch.file_name,
                "sha256": batch.file_sha256,
                "published_at": iso(batch.published_at or 0),
                "batch": batch.id,
                "released_from": batch.scope.get("released_from"),
                "rows": {"read": batch.rows_read} | {name: batch.counts.get(name, 0) for name in WENT},
            }
            for batch in files
        ],
    }


def _dependencies(manifest: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a snapshot rests on, each by its hash."""
    method = manifest["method"]
    found = [
        _dependency(f"method {method['id']}", method["sha256"], version=method["version"]),
        _dependency("catalogue", manifest["catalogue_sha256"]),
        _dependency("quality", manifest["quality_sha256"]),
        _dependency(
            f"log {checkpoint['origin']}",
            checkpoint["root"],
            size=checkpoint["size"],
            position=checkpoint["position"],
        ),
    ]
    return found + [
        _dependency(
            str(file["name"]),
            file["sha256"],
            collection=source["collection"],
            published_at=file["published_at"],
            batch=file["batch"],
        )
        for source in manifest["sources"]
        for file in source["files"]
        if file["sha256"]
    ]


def _dependency(name: str, sha256: str, **annotations: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"name": name, "digest": {"sha256": sha256}}
    return said | ({"annotations": annotations} if annotations else {})
