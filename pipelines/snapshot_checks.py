"""Snapshot checks: a snapshot of a warehouse, or any copy of one, held against the keys that are trusted.

Here: which directory and which keys are meant, and refusing a snapshot that does not hold.
Not here: the checks (audit/snapshot_verifier.py), building it again (replay.py).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from audit.notes import VerifierKey, parse_verifier_key
from audit.snapshot_verifier import SEALED_SINCE, SnapshotVerification, verify_snapshot
from pipelines.settings import Settings
from pipelines.signing import known_keys
from ratings.errors import InputError, LedgerError, SnapshotError
from warehouse.object_store import fetch_snapshot, open_store, store_and_id
from warehouse.snapshot_manifest import MANIFEST, SNAPSHOT_ID
from warehouse.snapshots import SnapshotRef, snapshot


def check(settings: Settings, named: str, public_key: str | None = None) -> tuple[Path, SnapshotVerification]:
    """Check a snapshot.

    Args:
        settings: the warehouse that an id is looked up in; not asked where a directory is named.
        named: the id of a snapshot of this warehouse, or its directory anywhere, a URL included.
        public_key: the key it has to be signed with, or a file that holds it. By default the keys of the
            warehouse are believed for its own snapshots, and of a directory no signature is checked.

    Returns:
        The directory, and what was found.

    Raises:
        InputError: the key is neither a key nor a file with one.
        NotFoundError: there is no such snapshot.
        SnapshotError: there is no manifest to check against, or it is of a newer version.
    """
    keys = None if public_key is None else [read_public_key(public_key)]
    if "://" in named:
        place, identifier = store_and_id(named)
        with TemporaryDirectory(prefix="starledger-") as scratch:
            fetched = fetch_snapshot(open_store(place), identifier, Path(scratch))
            return Path(identifier), verify_snapshot(fetched, keys)
    directory = Path(named)
    if (directory / MANIFEST).is_file() or (directory.is_dir() and not SNAPSHOT_ID.fullmatch(named)):
        return directory, verify_snapshot(directory, keys)
    found = snapshot(settings.snapshots, named)
    return found.path, verify_snapshot(found.path, own_keys(settings, found) if keys is None else keys)


def require_sound(settings: Settings, found: SnapshotRef) -> None:
    """Refuse a snapshot that does not hold, against the keys of its own log.

    Raises:
        SnapshotError: naming everything that is wrong.
    """
    if problems := verify_snapshot(found.path, own_keys(settings, found)).problems:
        raise SnapshotError(
            "; ".join(problems),
            file=str(found.path),
            hint="restore it from a copy, or remove it and build it again",
        )


def own_keys(settings: Settings, found: SnapshotRef) -> list[VerifierKey] | None:
    """The keys of the log; None where there is no log to ask, or the snapshot is from before receipts."""
    if found.manifest["schema_version"] < SEALED_SINCE or not settings.has_ledger():
        return None
    return known_keys(settings, settings.ledger())


def read_public_key(given: str) -> VerifierKey:
    """A public key as it is handed out, or the file that holds it.

    Raises:
        InputError: it is neither.
    """
    try:
        text = Path(given).read_text(encoding="utf-8") if Path(given).is_file() else given
        return parse_verifier_key(text)
    except (LedgerError, OSError, UnicodeDecodeError) as error:
        why = error.message if isinstance(error, LedgerError) else "the file cannot be read"
        raise InputError(
            f"--public-key: {why}",
            hint="give what `starledger ledger key` prints, or a file that holds it",
        ) from None
