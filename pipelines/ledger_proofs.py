"""Ledger proofs: checkpoints, verification and proof files of one warehouse.

Here: plain functions that join the log, its keys and the forms of proofs.
Not here: arguments and output (cli/ledger.py), the forms (audit/proofs.py), hashing again
    (warehouse/verification.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from audit.event_proofs import checked
from audit.notes import SignerKey, VerifierKey, parse_verifier_key
from audit.proofs import (
    Checkpoint,
    ConsistencyProof,
    EventProof,
    make_consistency_proof,
    sign_checkpoint,
)
from audit.verifier import verify_checkpoint, verify_consistency_proof
from pipelines.settings import Settings
from pipelines.signing import known_keys, new_signer, recorded_signer, signer
from ratings.errors import LedgerError, NotFoundError
from warehouse import merkle, verification
from warehouse.batch_leaves import batch_leaves
from warehouse.event_log import Ledger, now
from warehouse.proof_rows import event_rows, log_rows
from warehouse.verified import Verified, keep_verified


def public_key(settings: Settings) -> VerifierKey:
    """The key that signs now, its public half; made on first use."""
    return signer(settings, settings.ledger()).verifier


def new_key(settings: Settings) -> VerifierKey:
    """A new key that signs from now on; the old public keys are kept, so that old checkpoints verify."""
    return new_signer(settings, settings.ledger())


def make_checkpoint(settings: Settings) -> str:
    """A signed checkpoint of the log as it is now."""
    ledger = settings.ledger()
    key = signer(settings, ledger)
    return checkpoint_of(key, log_rows(ledger))[1]


def verify(
    settings: Settings,
    checkpoint: str | None = None,
    key: str | None = None,
    processes: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> verification.Verification:
    """Hash everything again; against a checkpoint kept elsewhere, where one is given. What was found is kept.

    Args:
        settings: where the ledger is.
        checkpoint: the text of a checkpoint.
        key: the public key it is signed with, as it was handed out. By default the keys of the warehouse are
            believed, which whoever owns the warehouse could have replaced.
        processes: how many hash at once.
        progress: told a sentence now and then.

    Raises:
        LedgerError: the checkpoint is not one of this log, or its signature does not hold.
    """
    ledger = settings.ledger()
    covered = None
    if checkpoint is not None:
        keys = _known_keys(settings, ledger) if key is None else [parse_verifier_key(key)]
        said = verify_checkpoint(checkpoint, keys, origin=ledger.origin)
        covered = verification.Covered(said.size, said.root, said.position)
    found = verification.verify(ledger, settings.landing, covered, processes=processes, tell=progress)
    kept = Verified(
        at=now(),
        origin=ledger.origin,
        batches=found.batches,
        events=found.events,
        root=found.root.hex(),
        problems=len(found.problems),
        against=None if covered is None else covered.position,
        key_given=key is not None,
    )
    try:
        keep_verified(settings.verified, kept)
    except OSError as error:  # a copy that may only be read
        note = f"that it was verified could not be kept in {settings.verified}: {error.strerror}"
        return replace(found, notes=(*found.notes, note))
    return found


def prove(settings: Settings, position: int, reading: Ledger | None = None) -> EventProof:
    """The proof that one event is in the log as it is now.

    Args:
        settings: where the ledger and its keys are.
        position: of the event.
        reading: the ledger opened for reading only; then no key is made or recorded.

    Raises:
        NotFoundError: there is no such position, or the event was purged.
        LedgerError: what is kept was altered, so that nothing can be proved.
    """
    ledger = reading or settings.ledger()
    key = recorded_signer(settings, reading) if reading else signer(settings, ledger)
    rows = event_rows(ledger, position)
    _, note = checkpoint_of(key, rows.batches)
    return checked(rows, batch_leaves(rows.batches), note, [key.verifier], ledger.origin)


def prove_many(
    settings: Settings, positions: Iterable[int]
) -> tuple[dict[int, str], dict[int, str], str, VerifierKey]:
    """Proof files of many events, all against one checkpoint.

    Returns:
        The proof file by position, why there is none by position (what was purged), the checkpoint, and the
        key it is signed with.

    Raises:
        LedgerError: what is kept was altered, so that nothing can be proved.
    """
    ledger = settings.ledger()
    key = signer(settings, ledger)
    batches = log_rows(ledger)
    note, leaves = checkpoint_of(key, batches)[1], batch_leaves(batches)
    proofs, unproved = {}, {}
    for position in positions:
        try:
            rows = event_rows(ledger, position)
        except NotFoundError as error:
            unproved[position] = error.message
            continue
        proofs[position] = checked(rows, leaves, note, [key.verifier], ledger.origin).to_json()
    return proofs, unproved, note, key.verifier


def consistency(settings: Settings, old: str, new: str) -> ConsistencyProof:
    """The proof that one checkpoint continues another.

    Raises:
        LedgerError: a checkpoint does not hold, or the log does not lead from one to the other.
    """
    ledger = settings.ledger()
    keys = _known_keys(settings, ledger)
    for each in (old, new):
        verify_checkpoint(each, keys, origin=ledger.origin)
    proof = make_consistency_proof(old, new, batch_leaves(log_rows(ledger)))
    verify_consistency_proof(proof, keys)
    return proof


def checkpoint_of(key: SignerKey, rows: list[dict[str, Any]]) -> tuple[Checkpoint, str]:
    """The checkpoint of these batches, all that the log has, and the signed note that says it."""
    root = merkle.root(batch_leaves(rows))
    said = Checkpoint(key.name, len(rows), root, rows[-1]["last_position"] if rows else 0)
    return said, sign_checkpoint(said, [key])


def _known_keys(settings: Settings, ledger: Ledger) -> list[VerifierKey]:
    """The keys of the log, for a checkpoint that was signed with one of them."""
    keys = known_keys(settings, ledger)
    if not keys:
        raise LedgerError(
            "this log has never signed a checkpoint, and one of it can be checked only with its key",
            hint="give the --warehouse of the log that the checkpoint is of; `ledger verify` also takes the "
            "key that was handed out, with --key",
        )
    return keys
