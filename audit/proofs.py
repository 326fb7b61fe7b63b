"""Proofs: checkpoints of the log, and the files that show what a checkpoint covers.

Here: a checkpoint and its text (C2SP tlog-checkpoint), the proof that one event is in the log, the proof that
    one checkpoint continues another, how each is made and written.
Not here: reading a proof file (proof_file.py), checking it (verifier.py), trees (warehouse/merkle.py), what a
    leaf says (warehouse/canonical_events.py).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.notes import SignerKey, parse_note, sign
from ratings.errors import LedgerError
from warehouse import merkle
from warehouse.canonical_events import BATCH_FIELDS, EVENT_FIELDS, batch_bytes, event_leaf

EVENT_PROOF, CONSISTENCY_PROOF = "starledger event proof 1", "starledger consistency proof 1"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_POSITION = "position "
_NEXT = "give the file as it was written, unchanged"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log was at one moment.

    Args:
        origin: the log's own name.
        size: batches in it.
        root: RFC 6962 root over their leaves.
        position: its last event; 0 where there is none.
        others: further extension lines, as they stand.
    """

    origin: str
    size: int
    root: bytes
    position: int
    others: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed."""
        root = base64.b64encode(self.root).decode()
        lines = (self.origin, str(self.size), root, f"{_POSITION}{self.position}", *self.others)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands in a tree.

    Args:
        index: which leaf, from 0.
        size: leaves of the tree.
        path: hashes from the leaf to the root.
    """

    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EventProof:
    """That one event is in the log a checkpoint speaks of.

    Args:
        position: of the event.
        event: the columns of `EVENT_FIELDS`.
        salt: 16 bytes.
        event_leaf: RFC 6962 leaf hash of salt and event; says which part was altered, proves nothing.
        in_batch: the event among the events of its batch.
        batch: the columns of `BATCH_FIELDS`.
        batch_leaf: RFC 6962 leaf hash of the batch; says which part was altered, proves nothing.
        in_log: the batch among the batches of the log.
        checkpoint: a signed note.
    """

    position: int
    event: Mapping[str, Any]
    salt: bytes
    event_leaf: bytes
    in_batch: Place
    batch: Mapping[str, Any]
    batch_leaf: bytes
    in_log: Place
    checkpoint: str

    def to_json(self) -> str:
        """The proof file."""
        return _json(
            {
                "format": EVENT_PROOF,
                "position": self.position,
                "event": dict(self.event),
                "salt": self.salt.hex(),
                "event_leaf": self.event_leaf.hex(),
                "in_batch": _place_json(self.in_batch),
                "batch": {k: v.hex() if isinstance(v, bytes) else v for k, v in self.batch.items()},
                "batch_leaf": self.batch_leaf.hex(),
                "in_log": _place_json(self.in_log),
                "checkpoint": self.checkpoint,
            }
        )


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of one checkpoint begins with the whole log of an older one.

    Args:
        old: the older checkpoint, a signed note.
        new: the younger one.
        path: hashes between their roots.
    """

    old: str
    new: str
    path: tuple[bytes, ...]

    def to_json(self) -> str:
        """The proof file."""
        path = [each.hex() for each in self.path]
        return _json({"format": CONSISTENCY_PROOF, "old": self.old, "new": self.new, "path": path})


def parse_checkpoint(note: str) -> Checkpoint:
    """What a signed note says as a checkpoint. Not to be believed before its signature is checked.

    Raises:
        LedgerError: it is not a signed note, or its text is not that of a checkpoint of such a log.
    """
    lines = parse_note(note).text.removesuffix("\n").split("\n")
    if len(lines) < 4 or not all(lines):
        raise _no_checkpoint("it has not four lines or more, none empty: origin, size, root, position")
    origin, size, root, *others = lines
    positions = [line.removeprefix(_POSITION) for line in others if line.startswith(_POSITION)]
    if not _SIZE.fullmatch(size):
        raise _no_checkpoint(f"its size is {size!r}, not a whole number")
    try:
        content = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != merkle.HASH_BYTES or base64.b64encode(content).decode() != root:
        raise _no_checkpoint("its root is not 32 bytes in base64")
    if len(positions) != 1 or not _SIZE.fullmatch(positions[0]):
        raise _no_checkpoint("it has not exactly one line `position <whole number>`")
    extensions = tuple(line for line in others if not line.startswith(_POSITION))
    return Checkpoint(origin, int(size), content, int(positions[0]), extensions)


def sign_checkpoint(checkpoint: Checkpoint, keys: Sequence[SignerKey]) -> str:
    """The checkpoint as a signed note, ready to be written to a file.

    Raises:
        LedgerError: a key is of another log than the checkpoint.
    """
    for key in keys:
        if key.name != checkpoint.origin:
            raise LedgerError(
                f"the key of the log {key.name} cannot sign a checkpoint of the log {checkpoint.origin}",
                hint="give the warehouse directory that belongs to this database",
            )
    note = str(sign(checkpoint.text(), keys))
    parse_checkpoint(note)
    return note


def make_event_proof(
    event: Mapping[str, Any],
    salt: bytes,
    path: Sequence[bytes],
    batch: Mapping[str, Any],
    batch_leaves: Sequence[bytes],
    checkpoint: str,
) -> EventProof:
    """Put together the proof that one event is in the log. It proves nothing if what is kept was altered.

    Args:
        event: `position` and the columns of `EVENT_FIELDS`, `payload` as text.
        salt: the salt of the event.
        path: from the event to the root of its batch.
        batch: the columns of `BATCH_FIELDS` of its batch.
        batch_leaves: leaf hashes of the log's batches, at least as many as the checkpoint has.
        checkpoint: a signed note.

    Raises:
        LedgerError: the checkpoint is older than the event.
    """
    size, number = parse_checkpoint(checkpoint).size, batch["id"]
    if number > size:
        raise LedgerError(
            f"position {event['position']} is in batch {number}, and the checkpoint covers {size}",
            hint="make a checkpoint now with `starledger ledger checkpoint`, and prove against it",
        )
    return EventProof(
        position=event["position"],
        event={name: event[name] for name in EVENT_FIELDS},
        salt=salt,
        event_leaf=event_leaf(event, salt),
        in_batch=Place(
            index=event["position"] - batch["first_position"],
            size=batch["last_position"] - batch["first_position"] + 1,
            path=tuple(path),
        ),
        batch={name: batch[name] for name in BATCH_FIELDS},
        batch_leaf=merkle.leaf_hash(batch_bytes(batch)),
        in_log=Place(number - 1, size, tuple(merkle.inclusion_path(_first(batch_leaves, size), number - 1))),
        checkpoint=checkpoint,
    )


def make_consistency_proof(old: str, new: str, batch_leaves: Sequence[bytes]) -> ConsistencyProof:
    """Put together the proof that one checkpoint continues another.

    Args:
        old: the older checkpoint, a signed note.
        new: the younger one.
        batch_leaves: leaf hashes of the log's batches, at least as many as the younger has.

    Raises:
        LedgerError: they are of two logs, or the older one is the larger.
    """
    first, last = parse_checkpoint(old), parse_checkpoint(new)
    if first.origin != last.origin:
        raise LedgerError(
            f"one checkpoint is of the log {first.origin}, the other of {last.origin}",
            hint="give two checkpoints of one log",
        )
    if first.size > last.size:
        raise LedgerError(
            f"the old checkpoint has {first.size} batches, the new one {last.size}",
            hint="give the older one first; if it is first, the log was cut: keep both files",
        )
    return ConsistencyProof(
        old, new, tuple(merkle.consistency_path(_first(batch_leaves, last.size), first.size))
    )


def _place_json(place: Place) -> dict[str, Any]:
    return {"index": place.index, "size": place.size, "path": [each.hex() for each in place.path]}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _first(batch_leaves: Sequence[bytes], size: int) -> Sequence[bytes]:
    if len(batch_leaves) < size:
        raise LedgerError(
            f"the checkpoint covers {size} batches, but the log has only {len(batch_leaves)}: it was cut, or "
            "is another or an older copy",
            hint="run `starledger ledger verify --checkpoint` with this checkpoint",
        )
    return batch_leaves[:size]


def _no_checkpoint(what: str) -> LedgerError:
    return LedgerError(f"this is not a checkpoint: {what}", hint=_NEXT)
