"""The landing store: the bytes of every file that arrived, kept under their SHA-256.

Here: putting bytes in so that a crash leaves all of them or none, and finding them again.
Not here: what the ledger says about them (event_log.py), how they are read (readers.py).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from ratings.errors import InputError, LedgerError, NotFoundError
from warehouse.canonical import sha256_of
from warehouse.whole_files import sync

_CHUNK = 1 << 20
_UNFINISHED = ".landing-"
_ABANDONED_S = 86_400


@dataclass(frozen=True, slots=True)
class LandedFile:
    """Bytes in the landing store: their hash, how many, the name they came under, where they lie."""

    sha256: str
    byte_size: int
    file_name: str
    path: Path

    @classmethod
    def of(cls, path: Path) -> LandedFile:
        """A file as it would be landed, left where it is.

        Raises:
            InputError: there is no such file, or it cannot be read.
        """
        with _opened(path) as stream:
            digest = hashlib.file_digest(stream, "sha256")
            return cls(digest.hexdigest(), stream.tell(), path.name, path)


class Landing:
    """The landing store of one warehouse.

    Args:
        directory: where the bytes lie; made on first use.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, sha256: str) -> Path:
        """Where the bytes of that hash lie.

        Raises:
            NotFoundError: they are not here.
        """
        path = self._place(sha256)
        if not path.exists():
            raise NotFoundError(
                f"the landing store has no bytes with SHA-256 {sha256}",
                hint=f"restore {path} from a backup",
            )
        return path

    def land(self, source: Path) -> LandedFile:
        """Copy a file in. The same bytes twice are kept once.

        Args:
            source: a readable file.

        Raises:
            InputError: there is no such file, or it cannot be read.
            LedgerError: the store cannot be written.
        """
        with _opened(source) as stream:
            try:
                return self._land(stream.fileno(), source.name)
            except OSError as error:
                raise LedgerError(
                    f"the landing store {self.directory} cannot take {source.name}: {error.strerror}",
                    hint="free some space or make the directory writable, then run the command again",
                ) from error

    def _land(self, descriptor: int, file_name: str) -> LandedFile:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        digest, size = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(dir=self.directory, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as copy:
                while chunk := os.read(descriptor, _CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                    size += len(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            place = self._place(digest.hexdigest())
            # What lies there is believed only after a look: a copy that was cut or changed is put right.
            if not place.exists() or sha256_of(place) != digest.hexdigest():
                place.parent.mkdir(exist_ok=True)
                Path(temporary).chmod(0o444)
                Path(temporary).rename(place)
            for directory in (place.parent, self.directory):
                sync(directory)
            return LandedFile(digest.hexdigest(), size, file_name, place)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()

    def _remove_abandoned(self) -> None:
        """Take away copies that a crash left unfinished more than a day ago."""
        for unfinished in self.directory.glob(f"{_UNFINISHED}*"):
            with suppress(FileNotFoundError):
                if time.time() - unfinished.stat().st_mtime > _ABANDONED_S:
                    unfinished.unlink()

    def _place(self, sha256: str) -> Path:
        return self.directory / sha256[:2] / sha256


def _opened(source: Path) -> BufferedReader:
    """A source file to read.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        return source.open("rb")
    except FileNotFoundError:
        raise InputError("there is no such file", file=str(source), hint="check the path") from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(source), hint="check its permissions"
        ) from None
