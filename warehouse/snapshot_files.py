"""Snapshot files: every byte of a snapshot, before any of them is written.

Here: the Parquet files, the manifest and the data package put together in memory, with what is to stand
    beside.
Not here: writing them so that they are all there or none (snapshots.py), what proves them (audit).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.canonical import sha256_hex
from warehouse.data_package import data_package
from warehouse.snapshot_manifest import MANIFEST
from warehouse.snapshot_tables import TABLES

CHANGES, CHECKPOINT, PACKAGE, PROOFS, RECEIPT = (
    "changes.json", "checkpoint", "datapackage.json", "proofs.bin", "receipt.json",
)  # fmt: skip
# One organisation is read without most of the others, and dictionaries still pay.
_ROW_GROUP = 16_384
_LEVEL = 3  # a tenth smaller than at level 1, in the same time


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the tables, so that they can be checked.

    Attributes:
        files: content by name, such as `checkpoint` and `proofs.bin`.
        checkpoint: `origin`, `size`, `root` in hex and `position` of the checkpoint.
        receipt: gives the receipt, from the SHA-256 of every other file by name.
    """

    files: Mapping[str, bytes]
    checkpoint: Mapping[str, Any]
    receipt: Callable[[Mapping[str, str]], str]


def files_of(
    manifest: dict[str, Any], arrow: Mapping[str, pa.Table], beside: Beside | None
) -> dict[str, bytes]:
    """Every file of a snapshot, the manifest last but for the receipt, which binds it.

    Args:
        manifest: without bytes and hashes of files, which are added to it here.
        arrow: every table, its rows in order.
        beside: what stands beside the tables, where they are to be checked against a log.
    """
    files = {f"{name}.parquet": table_bytes(table) for name, table in arrow.items()}
    for name in arrow:
        manifest["tables"][name] |= _bytes_and_hash(files[f"{name}.parquet"])
    others = {PACKAGE: json_text(data_package(manifest, TABLES)).encode()}
    if beside is not None:
        others |= beside.files
        manifest["checkpoint"] = dict(beside.checkpoint)
    manifest["files"] = {name: _bytes_and_hash(content) for name, content in sorted(others.items())}
    files |= others | {MANIFEST: json_text(manifest).encode()}
    if beside is not None:
        hashes = {name: sha256_hex(content) for name, content in files.items()}
        files[RECEIPT] = beside.receipt(hashes).encode()
    return files


def table_bytes(table: pa.Table) -> bytes:
    """A table as Parquet: the same bytes for the same rows and the same pyarrow."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=_LEVEL,
        row_group_size=_ROW_GROUP,
        write_page_index=True,
    )
    return bytes(sink.getvalue())


def json_text(content: Mapping[str, Any]) -> str:
    """JSON for people and programs: keys sorted, a newline at the end."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _bytes_and_hash(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": sha256_hex(content)}
