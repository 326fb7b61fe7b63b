"""Verifier: whether checkpoints and proof files hold, offline, given only public keys.

Here: the order of the checks, and for each the sentence that says which part does not hold.
Not here: the form of the files (proof_file.py), whether the database still agrees with a checkpoint
    (`starledger ledger verify` reads and hashes it again).

Believed is only what is signed by a given key, and what hashes lead to it. `standalone_verifier.py` does the
same without this package.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.notes import VerifierKey, parse_note, verify
from audit.proofs import Checkpoint, ConsistencyProof, EventProof, Place, parse_checkpoint
from ratings.errors import LedgerError
from warehouse import merkle
from warehouse.canonical_events import batch_bytes, event_leaf

_NEXT = "get the proof again from where it was made; if it is the same there, do not believe it"


def verify_checkpoint(
    note: str, keys: Iterable[VerifierKey], *, origin: str | None = None, file: str | None = None
) -> Checkpoint:
    """Check the signature of a checkpoint.

    Args:
        note: the checkpoint, a signed note.
        keys: the public keys that are trusted; after a change of keys, several.
        origin: the log it has to be of, where that is known.
        file: its name, for messages.

    Returns:
        What it says.

    Raises:
        LedgerError: it is not a checkpoint, is of another log, or is not signed by one of the keys.
    """
    trusted = list(keys)
    try:
        checkpoint = parse_checkpoint(note)
        if origin is not None and checkpoint.origin != origin:
            raise LedgerError(
                f"this checkpoint is of the log {checkpoint.origin}, and this log is {origin}",
                hint="give a checkpoint of this log, or the database the checkpoint was made from",
            )
        named = [key for key in trusted if key.name == checkpoint.origin]
        if not named:
            names = ", ".join(sorted({key.name for key in trusted})) or "no log"
            raise LedgerError(
                f"this checkpoint is of the log {checkpoint.origin}, and the key given is of {names}",
                hint="give the public key of the log the checkpoint is of",
            )
        verify(parse_note(note), named)
    except LedgerError as error:
        raise LedgerError(
            f"the checkpoint does not hold: {error.message}", file=file, hint=error.hint
        ) from None
    return checkpoint


def verify_event_proof(
    proof: EventProof, keys: Iterable[VerifierKey], *, origin: str | None = None, file: str | None = None
) -> Checkpoint:
    """Check that an event is in the log its checkpoint speaks of.

    Returns:
        The checkpoint.

    Raises:
        LedgerError: it does not hold; the message says which part was altered.
    """
    checkpoint = verify_checkpoint(proof.checkpoint, keys, origin=origin, file=file)
    batch, in_batch, in_log = proof.batch, proof.in_batch, proof.in_log
    whole = all(isinstance(batch[name], int) for name in ("id", "first_position", "last_position"))
    checks = [
        (whole, "the batch does not say its number or its positions"),
        (
            in_log.size == checkpoint.size,
            f"in_log.size is {in_log.size}, and the checkpoint covers {checkpoint.size} batches",
        ),
        (
            batch["id"] == in_log.index + 1,
            f"batch.id is {batch['id']}, and in_log.index says that it is number {in_log.index + 1}",
        ),
        (
            merkle.leaf_hash(batch_bytes(batch)) == proof.batch_leaf,
            "a column of `batch`, or batch_leaf, was altered: they do not belong together",
        ),
        (
            _leads(proof.batch_leaf, in_log, checkpoint.root),
            "the batch is not in the log of the checkpoint: in_log, or `batch` with batch_leaf, was altered",
        ),
    ]
    _check(checks, file)
    first, last, position = batch["first_position"], batch["last_position"], proof.position
    _check(
        [
            (
                in_batch.size == last - first + 1,
                f"in_batch.size is {in_batch.size}, and the batch holds the positions {first} to {last}",
            ),
            (
                last <= checkpoint.position
                and (in_log.index + 1 < in_log.size or last == checkpoint.position),
                f"the batch ends at position {last}, and the checkpoint at {checkpoint.position}",
            ),
            (
                position == first + in_batch.index,
                f"position is {position}, and in_batch.index says that it is {first + in_batch.index}",
            ),
            (
                event_leaf(proof.event, proof.salt) == proof.event_leaf,
                "a column of `event`, the salt, or event_leaf was altered: they do not belong together",
            ),
            (
                _leads(proof.event_leaf, in_batch, batch["events_root"]),
                "the event is not in the batch: in_batch, or `event` with salt and event_leaf, was altered",
            ),
        ],
        file,
    )
    return checkpoint


def verify_consistency_proof(
    proof: ConsistencyProof, keys: Iterable[VerifierKey], *, file: str | None = None
) -> tuple[Checkpoint, Checkpoint]:
    """Check that the log of one checkpoint begins with the whole log of another.

    Returns:
        The older and the younger checkpoint.

    Raises:
        LedgerError: a signature or the path does not hold.
    """
    trusted = list(keys)
    old = verify_checkpoint(proof.old, trusted, file=file)
    new = verify_checkpoint(proof.new, trusted, origin=old.origin, file=file)
    continued = merkle.verify_consistency(old.size, new.size, old.root, new.root, proof.path)
    _check(
        [
            (old.size <= new.size, f"the old checkpoint covers {old.size} batches, the new one {new.size}"),
            (
                continued,
                "the new checkpoint does not continue the old one: the path was altered, or what the old "
                "checkpoint covers was changed in the log",
            ),
            (
                old.position <= new.position and (old.size < new.size or old.position == new.position),
                f"the old checkpoint ends at position {old.position}, the new one at {new.position}",
            ),
        ],
        file,
    )
    return old, new


def _leads(leaf: bytes, place: Place, root: bytes | None) -> bool:
    return root is not None and merkle.verify_inclusion(leaf, place.index, place.size, place.path, root)


def _check(checks: Iterable[tuple[bool, str]], file: str | None) -> None:
    for holds, sentence in checks:
        if not holds:
            raise LedgerError(f"the proof does not hold: {sentence}", file=file, hint=_NEXT)
