"""Ledger: the log that every rating was built from, and what shows that it was not altered.

Here: its name, size and root, the checkpoints beside ratings held against it, its batches, and what its last
    verification found.
Not here: hashing the events again (warehouse/verification.py), one event (event.py).

The public is shown what the checkpoints of released ratings cover, and of its batches those that these
ratings rest on: what was recorded since, or for others, is not released.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import polars as pl

from audit.keys import recorded_keys
from audit.notes import VerifierKey, parse_note, verify
from audit.proofs import parse_checkpoint
from audit.web.archive import Archive, NotWholeError, Opened
from audit.web.pages.about import PageNumber, PageRows, Part, SnapshotId, about, maybe, moment, part
from ratings.errors import LedgerError, NotFoundError
from warehouse import merkle
from warehouse.batch_leaves import batch_leaves
from warehouse.batches import Batch
from warehouse.proof_rows import log_rows
from warehouse.verified import read_verified

_MOST_CHECKPOINTS = 50


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The checkpoint beside a rating, held against the log.

    Attributes:
        snapshot: id of the rating.
        label: for people.
        batches: how many the log had.
        position: its last event.
        root: RFC 6962 root over its batches, as hex.
        signed_by: the key that signed it, in text; null where none on record did.
        continued: whether the first batches of the log still give this root.
    """

    snapshot: str
    label: str
    batches: int
    position: int
    root: str
    signed_by: str | None
    continued: bool

    @property
    def holds(self) -> bool:
        """Whether it is signed, and the log still begins with what it covers."""
        return self.signed_by is not None and self.continued


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checkpoints are signed with.

    Attributes:
        key: in text, as it is handed out: name, id and key.
        fingerprint: SHA-256 of that text, as hex.
        signs: whether it is the one that signs now.
    """

    key: str
    fingerprint: str
    signs: bool


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of the log.

    Attributes:
        batch: its number.
        kind: vintage (a file), definition, snapshot, release, ...
        recorded_at: when it was recorded.
        first_position: its first event.
        last_position: its last.
        collection: of the file; null where there is none.
        file: name of the file.
        sha256: of its bytes.
        snapshot: the newest rating that rests on it; null where none does.
        published_at: when the source put it out.
        actor: who recorded it, as a pseudonymous id; null for the public.
        voided_by: the batch that took it back, where one did.
    """

    batch: int
    kind: str
    recorded_at: datetime
    first_position: int
    last_position: int
    collection: str | None
    file: str | None
    sha256: str | None
    snapshot: str | None
    published_at: datetime | None
    actor: str | None
    voided_by: int | None


@dataclass(frozen=True, slots=True)
class LastVerification:
    """The last time that everything was hashed again from the rows, as this warehouse has it on record.

    Attributes:
        at: when it ended.
        problems: how many things were wrong.
        position: the last event that it hashed; null for the public.
        covers: whether that is all that this page speaks of.
        continued: whether the log still begins with the batches that it found.
        against: whether it was held against a checkpoint that was kept elsewhere.
        key_given: whether the key of that checkpoint was given too, and not taken from the warehouse.
    """

    at: datetime
    problems: int
    position: int | None
    covers: bool
    continued: bool
    against: bool
    key_given: bool


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """The log.

    Attributes:
        origin: its own name.
        kind: production or demonstration.
        whole: whether the whole log is shown; otherwise what the newest checkpoint covers.
        batches: how many there are.
        position: the last event.
        root: RFC 6962 root over the batches, as hex; worked out anew for each answer.
        newest: the checkpoint beside a rating that covers most; null where there is none.
        checkpoints: of ratings, those that cover most first.
        keys: that signed, the oldest first.
        verified: the last verification on record; null where there is none.
        verified_problem: why its record cannot be read.
        found: batches, the newest first.
    """

    origin: str
    kind: str
    whole: bool
    batches: int
    position: int
    root: str
    newest: SignedCheckpoint | None
    checkpoints: tuple[SignedCheckpoint, ...]
    keys: tuple[PublicKey, ...]
    verified: LastVerification | None
    verified_problem: str | None
    found: Part[BatchRow]


def ledger(archive: Archive, page: PageNumber = 1, rows: PageRows = 50) -> LedgerPage:
    """The log: its root, checkpoints and keys, its batches, and the last verification on record."""
    leaves = batch_leaves(log_rows(archive.ledger))
    known = archive.batches()[: len(leaves)]  # of the last look: the log may have grown since
    recorded = recorded_keys(archive.ledger)
    opened = _opened(archive)
    checkpoints = sorted(
        (_held(found, note, leaves, recorded, archive.ledger.origin) for found, note in opened),
        key=lambda each: (-each.batches, each.snapshot),
    )
    newest = checkpoints[0] if checkpoints else None
    size = len(known) if not archive.public else newest.batches if newest else 0
    verified, problem = _verified(archive, leaves, size)
    signed = {each.signed_by for each in checkpoints}
    return LedgerPage(
        origin=archive.ledger.origin,
        kind=archive.ledger.kind,
        whole=not archive.public,
        batches=size,
        position=newest.position
        if archive.public and newest
        else known[size - 1].last_position
        if size
        else 0,
        root=merkle.root(leaves[:size]).hex(),
        newest=newest,
        checkpoints=tuple(checkpoints[:_MOST_CHECKPOINTS]),
        keys=tuple(
            PublicKey(str(key), sha256(str(key).encode()).hexdigest(), key == recorded[-1])
            for key in recorded
            if not archive.public or str(key) in signed
        ),
        verified=verified,
        verified_problem=problem,
        found=part(_batches(archive, known[:size], [found for found, _ in opened]), page, rows),
    )


def newest_checkpoint(archive: Archive) -> str:
    """The signed checkpoint beside a rating that covers most of the log, as a note.

    Raises:
        NotFoundError: no rating that this reader may see has one.
    """
    notes = [note for _, note in _opened(archive)]
    if not notes:
        raise NotFoundError("no rating here has a checkpoint", hint="see the ledger page")
    return max(notes, key=lambda note: parse_checkpoint(note).size)


def checkpoint_beside(archive: Archive, snapshot: SnapshotId) -> str:
    """The signed checkpoint beside a snapshot, as a note.

    Raises:
        NotFoundError: it was built before there were any.
    """
    note = about(archive, snapshot)[0].checkpoint
    if note is None:
        raise NotFoundError("this rating has no checkpoint", hint="see the ledger page")
    return note


def _opened(archive: Archive) -> list[tuple[Opened, str]]:
    """The ratings that this reader may see and that are whole, with their checkpoints."""
    opened = []
    for entry in archive.entries():
        try:
            found = archive.open(entry.id)
        except NotWholeError:
            continue  # named on the first page
        if (note := found.checkpoint) is not None:
            opened.append((found, note))
    return opened


def _held(
    found: Opened, note: str, leaves: Sequence[bytes], keys: Sequence[VerifierKey], origin: str
) -> SignedCheckpoint:
    """A checkpoint held against the batches that the log has."""
    said = parse_checkpoint(note)
    try:
        signed_by = str(verify(parse_note(note), keys)[0]) if said.origin == origin else None
    except LedgerError:
        signed_by = None
    return SignedCheckpoint(
        snapshot=found.id,
        label=found.manifest["label"],
        batches=said.size,
        position=said.position,
        root=said.root.hex(),
        signed_by=signed_by,
        continued=_begins_with(leaves, said.size, said.root),
    )


def _begins_with(leaves: Sequence[bytes], size: int, root: bytes) -> bool:
    return size <= len(leaves) and merkle.root(leaves[:size]) == root


def _verified(
    archive: Archive, leaves: Sequence[bytes], size: int
) -> tuple[LastVerification | None, str | None]:
    """What the warehouse has on record, or why that cannot be read."""
    try:
        said = read_verified(archive.verified) if archive.verified else None
    except LedgerError as error:
        return None, error.message
    if said is None or said.origin != archive.ledger.origin:
        return None, None
    return LastVerification(
        at=moment(said.at),
        problems=said.problems,
        position=None if archive.public else said.events,
        covers=said.batches >= size,
        continued=_begins_with(leaves, said.batches, bytes.fromhex(said.root)),
        against=said.against is not None,
        key_given=said.key_given,
    ), None


def _batches(archive: Archive, batches: Sequence[Batch], opened: Sequence[Opened]) -> list[BatchRow]:
    """The batches that this reader may see, the newest first."""
    rests: dict[int, str] = {}
    for found in sorted(opened, key=lambda each: (each.as_recorded, each.id)):
        numbers = found.table("lineage", to_kind="batch")["to_id"].unique().cast(pl.Int64)
        rests |= dict.fromkeys(numbers, found.id)
    return [
        BatchRow(
            batch=batch.id,
            kind=batch.kind,
            recorded_at=moment(batch.recorded_at),
            first_position=batch.first_position,
            last_position=batch.last_position,
            collection=batch.collection,
            file=batch.file_name,
            sha256=batch.file_sha256,
            snapshot=rests.get(batch.id),
            published_at=maybe(batch.published_at),
            actor=None if archive.public else batch.actor,
            voided_by=batch.voided_by,
        )
        for batch in reversed(batches)
        if not archive.public or batch.id in rests
    ]
