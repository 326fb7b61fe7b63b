"""Keys: the pair a log signs its checkpoints with, and every public key it ever signed with.

Here: making a pair on first use, reading it safely, a new pair in its place, what to do when one is lost; the
    public keys that a log has on record.
Not here: the form of keys and signatures (notes.py), when a checkpoint is signed (pipelines).

A directory of keys holds `0001.private` (mode 0600) and `0001.public`, then `0002.…` after a change of keys.
The highest number signs. Public keys are never taken away: checkpoints signed long ago must still verify. A
private key that is no longer the highest is not read again and may be destroyed.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from audit.notes import SignerKey, VerifierKey, check_name, parse_signer_key, parse_verifier_key
from ratings.errors import LedgerError, StarledgerError
from warehouse.event_log import Ledger

_Key = TypeVar("_Key", SignerKey, VerifierKey)
_FILE = re.compile(r"(\d{4,})\.(?:private|public)")
_SEED_BYTES = 32
_CHANGE = "starledger ledger key --new"
RECORD = "signing key "
"""Begins the identity of the batch that records a key; the key is the rest."""


@dataclass(frozen=True, slots=True)
class NumberedKey:
    """One public key of a log.

    Args:
        number: 1 for the first; the highest signs now.
        key: the key; `str(key)` is what an auditor is given.
        signs: whether its private half is here.
    """

    number: int
    key: VerifierKey
    signs: bool


def recorded_keys(ledger: Ledger) -> list[VerifierKey]:
    """The keys that the log says it signed with, the oldest first."""
    return [parse_verifier_key(each.removeprefix(RECORD)) for each in ledger.identities(RECORD)]


def signing_key(
    directory: Path,
    origin: str,
    *,
    first_use: bool = True,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> SignerKey:
    """The key that signs now; made where there has never been one.

    Args:
        directory: the keys of this log, `<warehouse>/keys`.
        origin: the log's own name, which is also the name of its keys.
        first_use: False where a checkpoint is known to have been signed before: keys that are gone are then
            an error, and not silently replaced by a key that nobody trusts.
        random_bytes: gives as many unpredictable bytes as it is asked for.

    Raises:
        LedgerError: the private key is lost, altered, readable by others, or of another log; or the directory
            cannot be read or written.
    """
    check_name(origin)
    number = max(_numbers(directory), default=0)
    if not number:
        if not first_use:
            raise LedgerError(
                f"{directory} holds no key, but checkpoints of this log have been signed",
                hint=f"put the directory back from a backup; if it is lost for good, run `{_CHANGE}` and "
                "tell everyone who checks this log",
            )
        return _make(directory, origin, 1, random_bytes)
    key = _read_private(directory, origin, number)
    if not _file(directory, number, "public").exists():
        # A crash between the two files; the public half follows from the private one.
        _write_public(directory, number, key.verifier)
    elif _read_public(directory, origin, number) != key.verifier:
        raise LedgerError(
            f"{_file(directory, number, 'public')} is not the public half of the private key beside it",
            hint="put both files back from a backup",
        )
    return key


def change_key(
    directory: Path, origin: str, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> NumberedKey:
    """Make a new pair, which signs from now on; also the way out when the private key is lost.

    The old public keys stay. Who checks the log must be told of the new one by a way they trust: the file
    itself proves nothing.

    Raises:
        LedgerError: the keys here are of another log, or the directory cannot be read or written.
    """
    check_name(origin)
    public_keys(directory, origin)
    number = max(_numbers(directory), default=0) + 1
    return NumberedKey(number, _make(directory, origin, number, random_bytes).verifier, signs=True)


def public_keys(directory: Path, origin: str) -> list[NumberedKey]:
    """Every public key the log has signed with, the oldest first; empty where none was made yet.

    Raises:
        LedgerError: a file is not a public key, or is one of another log.
    """
    with _access(directory):
        return [
            NumberedKey(
                number, _read_public(directory, origin, number), _file(directory, number, "private").exists()
            )
            for number in sorted(_numbers(directory))
            if _file(directory, number, "public").exists()
        ]


def _make(directory: Path, origin: str, number: int, random_bytes: Callable[[int], bytes]) -> SignerKey:
    key = SignerKey(origin, random_bytes(_SEED_BYTES))
    with _access(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_new(_file(directory, number, "private"), key.secret_text(), 0o600)
        except FileExistsError:
            # Another process was faster; its key is the key.
            key = _read_private(directory, origin, number)
    _write_public(directory, number, key.verifier)
    return key


def _write_public(directory: Path, number: int, key: VerifierKey) -> None:
    with _access(directory):
        try:
            _write_new(_file(directory, number, "public"), str(key), 0o644)
        except FileExistsError:
            return


def _write_new(path: Path, line: str, mode: int) -> None:
    """Let a file appear with this line, whole and with these rights from the start, or not at all.

    Raises:
        FileExistsError: there is such a file; it is left as it is.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(line + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # Unlike a rename, a link never takes the place of a key that is already there.
        os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_private(directory: Path, origin: str, number: int) -> SignerKey:
    path = _file(directory, number, "private")
    with _access(directory):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise LedgerError(
                f"the private key {path} is missing: its public half is here, but that signs nothing",
                hint=f"put it back from a backup; if it is lost for good, run `{_CHANGE}` (old checkpoints "
                "still verify) and tell everyone who checks this log",
            ) from None
        with os.fdopen(handle, encoding="utf-8", errors="replace") as stream:
            # Asked of the open file, not of its name, which could by then be another file's.
            rights = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(rights):
                raise LedgerError(f"the private key {path} is not a file", hint="put it back from a backup")
            if stat.S_IMODE(rights) & 0o077:
                raise LedgerError(
                    f"the private key {path} can be read or changed by others (mode "
                    f"{stat.S_IMODE(rights):04o}); it is not used",
                    hint=f"run `chmod 600 {path}`; if anyone else may have read it, run `{_CHANGE}` as well",
                )
            text = stream.read()
    return _of_this_log(path, origin, text, parse_signer_key)


def _read_public(directory: Path, origin: str, number: int) -> VerifierKey:
    path = _file(directory, number, "public")
    with _access(directory):
        text = path.read_text(encoding="utf-8", errors="replace")
    return _of_this_log(path, origin, text, parse_verifier_key)


def _of_this_log(path: Path, origin: str, text: str, parse: Callable[[str], _Key]) -> _Key:
    try:
        key = parse(text)
    except LedgerError as error:
        raise LedgerError(error.message, file=str(path), hint=error.hint) from None
    if key.name != origin:
        raise LedgerError(
            f"this is a key of the log {key.name}, and this log is {origin}",
            file=str(path),
            hint="give the warehouse directory that belongs to this database",
        )
    return key


def _numbers(directory: Path) -> set[int]:
    with _access(directory):
        if not directory.exists():
            return set()
        return {int(name[1]) for path in directory.iterdir() if (name := _FILE.fullmatch(path.name))}


def _file(directory: Path, number: int, half: str) -> Path:
    return directory / f"{number:04d}.{half}"


@contextmanager
def _access(directory: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a sentence."""
    try:
        yield
    except (StarledgerError, FileExistsError):
        raise
    except OSError as error:
        raise LedgerError(
            f"the keys cannot be read or written: {(error.strerror or str(error)).lower()}",
            file=str(error.filename or directory),
            hint="run as the user who owns the warehouse, on a disk that can be written to",
        ) from error
