"""Event proofs: the proof that an event is in the log of a checkpoint that was signed already.

Here: the rows of the log and a signed note put together and checked; nothing is signed, so no private key is
    needed.
Not here: signing a checkpoint of the log as it is now (pipelines/ledger_proofs.py), the form (proofs.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit.keys import recorded_keys
from audit.notes import VerifierKey
from audit.proofs import EventProof, make_event_proof
from audit.verifier import verify_event_proof
from warehouse.batch_leaves import batch_leaves
from warehouse.event_log import Ledger
from warehouse.proof_rows import EventRows, event_rows


def proof_against(ledger: Ledger, position: int, checkpoint: str) -> EventProof:
    """The proof of an event against a checkpoint of this log.

    Args:
        ledger: the log.
        position: of the event.
        checkpoint: a signed note; signed with a key that the log has on record.

    Raises:
        NotFoundError: there is no such position, or the event was purged.
        LedgerError: the checkpoint is older than the event or does not hold, or what is kept was altered.
    """
    rows = event_rows(ledger, position)
    return checked(rows, batch_leaves(rows.batches), checkpoint, recorded_keys(ledger), ledger.origin)


def checked(
    rows: EventRows, leaves: Sequence[bytes], checkpoint: str, keys: Iterable[VerifierKey], origin: str
) -> EventProof:
    """The proof of an event from its rows, once it was found to hold.

    Args:
        rows: what the log gives for it.
        leaves: leaf hashes of the log's batches, at least as many as the checkpoint has.
        checkpoint: a signed note.
        keys: the public keys that it may be signed with.
        origin: the log it has to be of.

    Raises:
        LedgerError: the checkpoint is older than the event or does not hold, or what is kept was altered.
    """
    proof = make_event_proof(rows.event, rows.salt, rows.path, rows.batch, leaves, checkpoint)
    verify_event_proof(proof, keys, origin=origin)
    return proof
