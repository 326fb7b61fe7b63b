"""Outputs: files that a command was asked to write.

Here: a file that is replaced as a whole or not at all, and the error where it cannot be.
Not here: what stands in it, and the warehouse's own files (warehouse/whole_files.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ratings.errors import LedgerError


@contextmanager
def replaced(out: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of a file when everything is written, and leave no trace otherwise.

    Raises:
        LedgerError: the file cannot be written.
    """
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as sink:
            yield sink
        unfinished.replace(out)
    except OSError as error:
        raise LedgerError(
            f"cannot be written: {error.strerror}",
            file=str(out),
            hint="choose another file to write, or free some space",
        ) from error
    finally:
        if out.parent.is_dir():
            unfinished.unlink(missing_ok=True)
