"""Void: taking back a vintage that was our own mistake.

Here: the void event and the repairs that later files then need, in one batch.
Not here: which repairs (warehouse/vintages.py); a supplier's own withdrawal, a vintage like any other.
"""

from __future__ import annotations

import polars as pl

from pipelines.definitions import blank_event, signed
from pipelines.settings import Settings
from ratings.errors import LedgerError
from warehouse.batches import Batch
from warehouse.event_log import ConflictError, event_frame
from warehouse.observations import timeline
from warehouse.vintages import void_events

RETRIES = 20
"""How often to compare again when another writer was faster."""


def void(settings: Settings, batch: int, reason: str) -> Batch:
    """Take a vintage back: our own mistake, not the supplier's.

    Nothing is deleted: reads at an `as_recorded` before the void still see the batch.

    Args:
        settings: where, and who does it.
        batch: the batch to take back.
        reason: what was wrong.

    Raises:
        NotFoundError: there is no such batch.
        LedgerError: it is not a vintage, was taken back before, or rows of it were released.
    """
    if not reason.strip():
        raise LedgerError("a void needs a reason", hint="say what was wrong: --reason TEXT")
    ledger = settings.ledger()
    taken = ledger.batch(batch)
    if taken.kind != "vintage" or taken.collection is None:
        raise LedgerError(
            f"batch {batch} is of kind {taken.kind}, and only a vintage can be voided",
            hint="choose a vintage: starledger ledger batches",
        )
    taken.require_standing()
    for _ in range(RETRIES):
        released = [
            str(b.id)
            for b in ledger.batches(taken.collection, "vintage")
            if b.voided_by is None and b.scope.get("released_from") == batch
        ]
        if released:
            raise LedgerError(
                f"rows of batch {batch} were released in batch {', '.join(released)}",
                hint=f"void that first: starledger void {released[-1]} --reason TEXT",
            )
        head = ledger.head()
        note = blank_event("batch_voided", {"batch": batch}, collection=taken.collection, reason=reason)
        vintages = [b for b in ledger.batches(taken.collection, "vintage") if b.voided_by is None]
        repairs = void_events(taken, timeline(ledger, [taken.collection]), vintages)
        new = signed(
            settings, "void", "", reason, collection=taken.collection, voids=batch, simulated=taken.simulated
        )
        try:
            return ledger.append(
                new, pl.concat([event_frame([note]), repairs]), expected_position=head.position
            )
        except ConflictError:
            continue
    raise LedgerError("other writers kept coming in between", hint="run the command again")
