"""An export can be verified and replayed by someone who has only the written specification.

What follows reads Parquet and hashes by docs/ledger-format.md alone: none of our code is used to verify.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from ratings.errors import LedgerError
from warehouse import export as export_module
from warehouse.batches import NewBatch
from warehouse.database import Database
from warehouse.event_log import EVENT_SCHEMA, QUARANTINE_SCHEMA, Ledger, event_frame
from warehouse.export import export
from warehouse.landing import Landing
from warehouse.purge import Order, purge

EVENT = (
    "type", "schema_version", "collection", "indicator", "definition", "organisation", "organisation_code",
    "period", "period_label", "value", "numerator", "denominator", "obs_status", "conf_status",
    "published_at", "stated_by", "source_batch", "source_row", "reason", "payload",
)  # fmt: skip
BATCH = (
    "id", "kind", "first_position", "last_position", "recorded_at", "identity", "voids", "collection",
    "published_at", "published_basis", "received_at", "supplier", "scope", "file_name", "file_sha256",
    "definitions_sha256", "rows_read", "counts", "actor", "actor_kind", "on_behalf_of", "reason", "run_id",
    "code_version", "simulated", "events_root", "quarantine_sha256",
)  # fmt: skip


def encoded(row: dict[str, Any], fields: tuple[str, ...]) -> bytes:
    out = b"\x01"
    for name in fields:
        value = row[name]
        if value is None:
            out += b"\x00"
            continue
        if isinstance(value, str):
            content = value.encode()
        elif isinstance(value, int):
            content = struct.pack(">q", value)
        elif isinstance(value, float):
            content = struct.pack(">d", value + 0.0)
        else:
            content = value
        out += b"\x01" + struct.pack(">I", len(content)) + content
    return out


def tree(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + tree(hashes[:k]) + tree(hashes[k:])).digest()


def read(directory: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    manifest = json.loads((directory / "manifest.json").read_text())
    tables: dict[str, list[dict[str, Any]]] = {}
    for file in manifest["files"]:
        content = (directory / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["bytes"]
        rows = pq.read_table(directory / file["name"]).to_pylist()
        assert len(rows) == file["rows"]
        tables.setdefault(file["table"], []).extend(rows)
    return manifest, tables


def verify(directory: Path) -> None:
    manifest, tables = read(directory)
    events = {row["position"]: row for row in tables["event"]}
    salts = {row["batch"]: row["salts"] for row in tables["salt"]}
    purged = {row["position"]: row["leaf"] for row in tables["purged"]}
    trees = {row["batch"]: row for row in tables["batch_tree"]}
    log, position = [], 0
    for number, batch in enumerate(tables["batch"], start=1):
        assert (batch["id"], batch["first_position"]) == (number, position + 1)
        leaves = []
        for place in range(batch["last_position"] - position):
            position += 1
            salt = salts[number][16 * place : 16 * place + 16]
            leaf = hashlib.sha256(b"\x00" + salt + encoded(events.pop(position), EVENT)).digest()
            leaves.append(purged.get(position, leaf))
        assert tree(leaves) == trees[number]["events_root"]
        refused = [row for row in tables["quarantine"] if row["batch"] == number]
        lines = [
            json.dumps({k: v for k, v in row.items() if k != "batch"}, sort_keys=True, separators=(",", ":"))
            for row in refused
        ]
        hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest() if refused else None
        assert hashed == trees[number]["quarantine_sha256"]
        log.append(hashlib.sha256(b"\x00" + encoded(batch | trees[number], BATCH)).digest())
    assert not events
    assert (len(log), position) == (manifest["batches"], manifest["last_position"])
    assert tree(log).hex() == manifest["root"]


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    """Three batches, one with refused rows, one event purged."""
    ledger = Ledger.found(database)
    ledger.record_landing("ab" * 32, 3, "a.csv")
    row = {
        "type": "observation", "schema_version": 1, "collection": "c", "indicator": "i", "value": 0.1,
        "organisation": "é 東", "period": "2020-01-01/P1Y", "published_at": 5, "payload": {"n": 1},
    }  # fmt: skip
    refused = pl.DataFrame(
        [{"source_row": n, "reasons": "[]", "raw": '{"a":"1"}'} for n in (9, 4)], schema=QUARANTINE_SCHEMA
    ).drop("batch")
    new = NewBatch("vintage", "ann", "0", collection="c", published_at=5, file_sha256="ab" * 32)
    ledger.append(new, event_frame([row | {"value": n / 3} for n in range(300)]), refused)
    ledger.append(NewBatch("vintage", "ann", "0"), event_frame([row, row | {"value": None, "reason": ""}]))
    by = NewBatch("", "ann", "0")
    purge(ledger, Landing(tmp_path / "landing"), Order("Court 3", "erasure", positions=(7,)), by)
    return ledger


def test_an_export_verifies_by_its_specification_alone(ledger: Ledger, tmp_path: Path) -> None:
    done = export(ledger, tmp_path / "out")
    verify(done.path)
    manifest, tables = read(done.path)
    assert manifest["origin"] == ledger.origin
    assert [row["sha256"] for row in tables["landed_file"]] == ["ab" * 32]
    assert tables["event"][6]["payload"] is None


def test_an_export_in_many_files_says_the_same(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = read(export(ledger, tmp_path / "whole").path)
    monkeypatch.setattr(export_module, "_EVENTS_A_READ", 64)
    parts = export(ledger, tmp_path / "parts", events_a_file=2).path
    verify(parts)
    manifest, _ = read(parts)
    assert manifest["root"] == whole["root"]
    names = {file["name"] for file in manifest["files"]}
    assert "event-00000001-00000001.parquet" in names
    assert "event-00000003-00000003.parquet" in names


def test_an_export_can_be_replayed_into_a_new_log(
    ledger: Ledger, tmp_path: Path, new_database: Callable[[], Database]
) -> None:
    _, tables = read(export(ledger, tmp_path / "out").path)
    again = Ledger.found(new_database())
    columns = [name for name in EVENT_SCHEMA if name not in ("position", "batch")]
    for batch in tables["batch"]:
        rows = [row for row in tables["event"] if row["batch"] == batch["id"]]
        events = pl.DataFrame(rows, schema=EVENT_SCHEMA).select(columns)
        again.append(NewBatch(batch["kind"], batch["actor"], batch["code_version"]), events)
    assert (
        again.read().cast({pl.Categorical: pl.String}).equals(ledger.read().cast({pl.Categorical: pl.String}))
    )


def test_salts_can_be_left_out(ledger: Ledger, tmp_path: Path) -> None:
    manifest, tables = read(export(ledger, tmp_path / "out", with_salts=False).path)
    assert "salt" not in tables
    assert manifest["salts"] is False


def test_a_directory_that_is_there_is_left_as_it_is(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(LedgerError, match="is there already"):
        export(ledger, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_leaves_nothing(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_text", fail)
    with pytest.raises(LedgerError, match="No space left on device"):
        export(ledger, tmp_path / "to" / "out")
    assert not list((tmp_path / "to").iterdir())


def test_an_empty_log_can_be_exported(database: Database, tmp_path: Path) -> None:
    manifest, tables = read(export(Ledger.found(database), tmp_path / "out").path)
    assert (manifest["batches"], manifest["last_position"]) == (0, 0)
    assert manifest["root"] == hashlib.sha256(b"").hexdigest()
    assert tables == {"landed_file": []}
