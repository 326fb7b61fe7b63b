"""Inclusion: that every observation of a snapshot is an event of the log its checkpoint speaks of.

Here: the file `proofs.bin`, how it is written and read, and the check, offline.
Not here: multiproofs (warehouse/multiproof.py), where the rows come from (warehouse/proof_rows.py),
    signatures (verifier.py).

The file is

1. the line `starledger inclusion proofs 1`;
2. a line of RFC 8785 JSON: `size`, batches of the log; `nodes`, of the multiproof from the batches below to
   its root; `batches`, each with the columns that are hashed of it (`batch`, bytes in hex), how many
   `observations` of it are proved and how many `nodes` that takes; `purged`, positions of observations whose
   content was purged; `unsaid`, the length of the last part in bytes;
3. the nodes to the root of the log, 32 bytes each;
4. for each batch the salts of its observations by position, 16 bytes each, then its nodes;
5. a Parquet file with a row an observation by position: `position` and what its event says besides its row in
   `observations.parquet`.

A salt opens one leaf. Leaves of neighbours are there as hashes only, each with a salt of its own that is not
given: nobody can guess what they say.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from audit.proofs import Checkpoint
from ratings.errors import LedgerError
from warehouse.batch_leaves import batch_leaves
from warehouse.canonical import canonical_json
from warehouse.canonical_events import BATCH_FIELDS, EVENT_FIELDS, SALT_BYTES, batch_bytes, event_leaves
from warehouse.merkle import HASH_BYTES, leaf_hash
from warehouse.multiproof import multiproof, root_of
from warehouse.proof_rows import UNSAID, ManyRows

FORMAT = b"starledger inclusion proofs 1\n"
_NEXT = "get the snapshot again from where it was published; if it is the same there, do not believe it"


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What was proved: how many observations, and the positions of those purged, which cannot be."""

    proved: int
    purged: tuple[int, ...]


def make_inclusion(rows: ManyRows) -> bytes:
    """The file that proves these events to be in the log as it is now."""
    numbers = np.asarray([part.batch["id"] - 1 for part in rows.parts], dtype=np.int64)
    to_log = multiproof(batch_leaves(rows.batches), numbers) if rows.parts else b""
    unsaid = io.BytesIO()
    pq.write_table(
        rows.unsaid.cast({pl.Categorical: pl.String}).to_arrow(compat_level=pl.CompatLevel.oldest()),
        unsaid,
        compression="zstd",
    )
    head = {
        "size": len(rows.batches),
        "nodes": len(to_log) // HASH_BYTES,
        "batches": [
            {
                "batch": {name: _text(part.batch[name]) for name in BATCH_FIELDS},
                "observations": part.positions.size,
                "nodes": len(part.nodes) // HASH_BYTES,
            }
            for part in rows.parts
        ],
        "purged": rows.purged,
        "unsaid": unsaid.tell(),
    }
    parts = [each for part in rows.parts for each in (part.salts, part.nodes)]
    return b"".join([FORMAT, canonical_json(head).encode(), b"\n", to_log, *parts, unsaid.getvalue()])


def verify_inclusion(content: bytes, observations: pl.DataFrame, checkpoint: Checkpoint) -> Inclusion:
    """Check that every observation is an event of the log of a checkpoint.

    Args:
        content: the file.
        observations: the table of a snapshot.
        checkpoint: its signature is for `verifier.verify_checkpoint` to check.

    Raises:
        LedgerError: it does not hold; the message says which part.
    """
    try:
        return _verified(content, observations, checkpoint)
    except (ValueError, KeyError, TypeError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise LedgerError(f"the proofs are malformed: {error!r}", hint=_NEXT) from None


def _verified(content: bytes, observations: pl.DataFrame, checkpoint: Checkpoint) -> Inclusion:
    head, read = _opened(content)
    _check(head["size"] == checkpoint.size, "the proofs are of a log of another size than the checkpoint")
    batches = [_batch(each["batch"]) for each in head["batches"]]
    to_log = read(HASH_BYTES * head["nodes"])
    salted = [
        (read(SALT_BYTES * each["observations"]), read(HASH_BYTES * each["nodes"]))
        for each in head["batches"]
    ]
    unsaid = pl.read_parquet(io.BytesIO(read(head["unsaid"])))
    _check(not read(-1), "the proofs go on after their end")
    proved = _events(observations, unsaid, head["purged"])
    if batches:
        reached = root_of(
            checkpoint.size,
            np.asarray([b["id"] - 1 for b in batches], dtype=np.int64),
            [leaf_hash(batch_bytes(b)) for b in batches],
            to_log,
        )
        _check(reached == checkpoint.root, "a batch is not in the log of the checkpoint, or was altered")
    at = 0
    for b, said, (salts, nodes) in zip(batches, head["batches"], salted, strict=True):
        events = proved[at : at + said["observations"]]
        at += said["observations"]
        positions = events["position"].to_numpy() - b["first_position"]
        whole = events.height == said["observations"] and (np.diff(positions) > 0).all()
        size = b["last_position"] - b["first_position"] + 1
        _check(
            whole and root_of(size, positions, event_leaves(events, salts), nodes) == b["events_root"],
            f"an observation of batch {b['id']} is not what the log says, or its proof was altered",
        )
        origin = events["source_batch"].fill_null(b["id"])
        _check((origin == events["table_batch"]).all(), f"a source_batch of batch {b['id']} is another")
    _check(at == proved.height, f"{proved.height - at:,} observations have no proof")
    return Inclusion(proved.height, tuple(head["purged"]))


def _events(observations: pl.DataFrame, unsaid: pl.DataFrame, purged: Sequence[int]) -> pl.DataFrame:
    """The events of the observations that are to be proved, by position."""
    _check(
        set(purged) <= set(observations["position"]),
        "a position that is said to be purged is no observation of this snapshot",
    )
    shown = observations.filter(~pl.col("position").is_in(list(purged))).sort("position")
    _check(
        shown["position"].equals(unsaid["position"].cast(pl.Int64)),
        "the observations are not those that are proved: one is missing, added or stands at another position",
    )
    rest = unsaid.select(pl.col(name) for name in UNSAID)
    told = shown.with_columns(
        pl.lit("observation").alias("type"),
        pl.col("published_at").cast(pl.Int64),
        table_batch="source_batch",
    ).drop("source_batch")
    return pl.concat([told, rest], how="horizontal").select("position", "table_batch", *EVENT_FIELDS)


def _opened(content: bytes) -> tuple[dict[str, Any], Callable[[int], bytes]]:
    """The head of the file, and what reads on: so many bytes, -1 for the rest."""
    stream = io.BytesIO(content)
    _check(stream.readline() == FORMAT, "this is not a file of inclusion proofs of a known format")
    head = json.loads(stream.readline())

    def read(length: int) -> bytes:
        part = stream.read(length)
        _check(length < 0 or len(part) == length, "the proofs were cut short")
        return part

    return head, read


def _batch(said: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes.fromhex(said[name]) if name == "events_root" else said[name] for name in BATCH_FIELDS}


def _text(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _check(holds: object, sentence: str) -> None:
    if not holds:
        raise LedgerError(f"the proofs do not hold: {sentence}", hint=_NEXT)
