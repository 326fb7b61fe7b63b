"""Whole files: files and directories that are there completely or not at all, whatever crashes.

Here: flushing to the disk, a directory to write in that is renamed when it is complete, and taking away
    what a crash left of one.
Not here: what is written (snapshots.py, landing.py).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_UNFINISHED = ".unfinished-"


def write_text(path: Path, text: str) -> None:
    """Write a file and flush it to the disk. Its directory has still to be flushed."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is not to be changed again, and flush it. Its directory has still to be flushed."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    path.chmod(0o444)


def replace_text(path: Path, text: str) -> None:
    """Let a file have this text, in one step: readers see the old text or the new, never a part."""
    for left in path.parent.glob(f".{path.name}-*"):
        left.unlink(missing_ok=True)  # of a crash: whoever replaces a file holds the lock of its directory
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        os.close(handle)
        write_text(Path(temporary), text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_directory(path: Path) -> None:
    """Take a directory away; its name goes first, so that nobody reads a half of it."""
    doomed = Path(tempfile.mkdtemp(dir=path.parent, prefix=_UNFINISHED))
    path.rename(doomed / path.name)
    shutil.rmtree(doomed)


def remove_unfinished(root: Path) -> None:
    """Take away what a crash left behind. A directory whose writer still lives is locked by it, and stays."""
    for left in root.glob(f"{_UNFINISHED}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)


@contextmanager
def unfinished(root: Path) -> Iterator[Path]:
    """A directory to write in, locked while this process lives, gone afterwards unless it was renamed."""
    with ExitStack() as held:
        while True:
            directory = Path(tempfile.mkdtemp(dir=root, prefix=_UNFINISHED))
            # Before it is locked, another process may take it for what a crash left behind.
            with suppress(BlockingIOError, FileNotFoundError):
                held.enter_context(_locked(directory))
                if directory.is_dir():
                    break
        directory.chmod(0o755)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory; the kernel lets go of it when the process dies, however it dies.

    Raises:
        BlockingIOError: somebody else holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
