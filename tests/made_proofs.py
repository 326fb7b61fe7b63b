"""A small made log with its proof files, put together without any of the code that is tested.

Canonical bytes are encoded here once more, trees are pymerkle's, notes are put together by hand.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymerkle import InmemoryTree

ORIGIN = "starledger-made-for-tests"
SEED = bytes(range(32))
SIZES = (1, 3, 300, 7, 2, 1)  # events in each batch

EVENT_COLUMNS = (
    "type", "schema_version", "collection", "indicator", "definition", "organisation", "organisation_code",
    "period", "period_label", "value", "numerator", "denominator", "obs_status", "conf_status",
    "published_at", "stated_by", "source_batch", "source_row", "reason", "payload",
)  # fmt: skip
BATCH_COLUMNS = (
    "id", "kind", "first_position", "last_position", "recorded_at", "identity", "voids", "collection",
    "published_at", "published_basis", "received_at", "supplier", "scope", "file_name", "file_sha256",
    "definitions_sha256", "rows_read", "counts", "actor", "actor_kind", "on_behalf_of", "reason", "run_id",
    "code_version", "simulated", "events_root", "quarantine_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class MadeBatch:
    """One batch of the made log."""

    row: dict[str, Any]
    events: list[dict[str, Any]]
    salts: list[bytes]
    tree: InmemoryTree


def encode(row: dict[str, Any], columns: tuple[str, ...]) -> bytes:
    """Canonical bytes, from the specification."""
    out = [b"\x01"]
    for name in columns:
        value = row[name]
        if value is None:
            out.append(b"\x00")
            continue
        if isinstance(value, str):
            content = value.encode("utf-8")
        elif isinstance(value, bytes):
            content = value
        elif isinstance(value, int):
            content = value.to_bytes(8, "big", signed=True)
        else:
            content = struct.pack(">d", 0.0 if value == 0 else value)
        out.append(b"\x01" + len(content).to_bytes(4, "big") + content)
    return b"".join(out)


def event(position: int) -> dict[str, Any]:
    """An event with something in every kind of column, and nulls elsewhere."""
    return {
        "position": position,
        "type": "withdrawal" if position % 11 == 0 else "observation",
        "schema_version": 1,
        "collection": "made",
        "indicator": f"Made:{position % 5}",
        "definition": "1",
        "organisation": "st-helens – ‘Sant Helens’",
        "organisation_code": None,
        "period": "2014-04-01/P1Y",
        "period_label": "2014-15",
        "value": (None, -0.0, 0.1, 7.0, 1e300, -12.5, 5e-324)[position % 7],
        "numerator": float(position),
        "denominator": None,
        "obs_status": "A",
        "conf_status": None,
        "published_at": -62_135_596_800_000_000 + position,
        "stated_by": None,
        "source_batch": None,
        "source_row": 2**53 + position,
        "reason": "",
        "payload": '{"note":"é"}' if position % 3 else None,
    }


@cache
def batches() -> list[MadeBatch]:
    """The made log."""
    made: list[MadeBatch] = []
    position = 0
    for number, size in enumerate(SIZES, 1):
        events = [event(position + n) for n in range(1, size + 1)]
        salts = [hashlib.sha256(b"salt %d" % each["position"]).digest()[:16] for each in events]
        tree = InmemoryTree(algorithm="sha256")
        for each, salt in zip(events, salts, strict=True):
            tree.append_entry(salt + encode(each, EVENT_COLUMNS))
        row: dict[str, Any] = dict.fromkeys(BATCH_COLUMNS)
        row |= {
            "id": number,
            "kind": "vintage",
            "first_position": position + 1,
            "last_position": position + size,
            "recorded_at": 1_700_000_000_000_000 + number,
            "identity": f"identity {number}",
            "scope": '{"kind":"full"}',
            "rows_read": size,
            "counts": "{}",
            "actor": "u1",
            "actor_kind": "person",
            "code_version": "0.1.0",
            "simulated": 0,
            "events_root": tree.get_root(),
            "quarantine_sha256": None if number % 2 else hashlib.sha256(b"refused").hexdigest(),
        }
        made.append(MadeBatch(row, events, salts, tree))
        position += size
    return made


@cache
def log() -> InmemoryTree:
    """The tree over the batches."""
    tree = InmemoryTree(algorithm="sha256")
    for each in batches():
        tree.append_entry(encode(each.row, BATCH_COLUMNS))
    return tree


def verifier_key(seed: bytes = SEED, name: str = ORIGIN) -> str:
    """A public key in text."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(bytes([1]) + public).decode()}"


def checkpoint(size: int = len(SIZES), seed: bytes = SEED, origin: str = ORIGIN) -> str:
    """The checkpoint the log had when it had so many batches."""
    root = base64.b64encode(log().get_root(size)).decode()
    return signed(f"{origin}\n{size}\n{root}\nposition {sum(SIZES[:size])}\n", seed, origin)


def signed(text: str, seed: bytes = SEED, name: str = ORIGIN) -> str:
    """A text as a signed note."""
    key_id = bytes.fromhex(verifier_key(seed, name).split("+")[1])
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(key_id + signature).decode()}\n"


def event_proof(position: int, size: int = len(SIZES)) -> dict[str, Any]:
    """The content of the proof file of one event, against the checkpoint of that size."""
    batch = next(each for each in batches() if position <= each.row["last_position"])
    index, number = position - batch.row["first_position"], batch.row["id"]
    salt = batch.salts[index]
    in_batch = batch.tree.prove_inclusion(index + 1, len(batch.events)).path[1:]
    in_log = log().prove_inclusion(number, size).path[1:]
    return {
        "format": "starledger event proof 1",
        "position": position,
        "event": {name: batch.events[index][name] for name in EVENT_COLUMNS},
        "salt": salt.hex(),
        "event_leaf": batch.tree.get_leaf(index + 1).hex(),
        "in_batch": {"index": index, "size": len(batch.events), "path": [each.hex() for each in in_batch]},
        "batch": batch.row | {"events_root": batch.row["events_root"].hex()},
        "batch_leaf": log().get_leaf(number).hex(),
        "in_log": {"index": number - 1, "size": size, "path": [each.hex() for each in in_log]},
        "checkpoint": checkpoint(size),
    }
