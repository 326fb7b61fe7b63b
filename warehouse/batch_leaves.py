"""Batch leaves: the rows of batches exactly as they are stored, and what they hash to.

Here: raw batch rows with their roots, and the leaves of the log over them.
Not here: batches as the rest of the code sees them (batches.py), whether they are true (verification.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from warehouse import schema
from warehouse.canonical_events import batch_bytes
from warehouse.merkle import leaf_hash


def raw_batches(connection: Connection) -> list[dict[str, Any]]:
    """Batch rows by id: the columns of `BATCH_FIELDS`, and `subtrees`; null where a tree is missing."""
    tree = schema.batch_tree
    query = (
        select(schema.batch, tree.c.events_root, tree.c.quarantine_sha256, tree.c.subtrees)
        .outerjoin(tree, tree.c.batch == schema.batch.c.id)
        .order_by(schema.batch.c.id)
    )
    return [row._asdict() for row in connection.execute(query)]


def batch_leaves(batches: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Leaf hashes of the log over raw batch rows."""
    return [leaf_hash(batch_bytes(batch)) for batch in batches]
