"""File calls: every call to the file system that Python code makes under a directory, counted, one broken.

`os` and `io.open` are wrapped. No C library writes there by itself: Parquet files are put together in memory.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KINDS = ("EIO", "ENOSPC", "short", "torn", "kill")
_BY_NAME = (
    "open", "read", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir", "chmod",
    "stat", "scandir", "listdir",
)  # fmt: skip


class Calls:
    """Counts the calls of one act, and breaks one of them.

    Args:
        at: which one, counted from 1; 0 for none.
        kind: `EIO`, `ENOSPC`: the call fails. `short`: a write takes half and says so. `torn`: a write takes
            half and fails. `kill`: the process is killed, in the middle of a write where it is one.
    """

    def __init__(self, at: int = 0, kind: str = "EIO") -> None:
        self.at, self.kind = at, kind
        self.names: list[str] = []

    def call(self, name: str, real: Callable[..., Any], *args: Any, **more: Any) -> Any:
        self.names.append(name)
        if len(self.names) != self.at:
            return real(*args, **more)
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "short":
            return real(*args, **more)
        if name == "close":  # the descriptor is gone even where close fails
            real(*args, **more)
        number = errno.EIO if self.kind == "EIO" else errno.ENOSPC
        raise OSError(number, os.strerror(number))

    def write(self, real: Callable[[Any], int], content: Any) -> int:
        self.names.append("write")
        if len(self.names) != self.at:
            return real(content)
        taken = 0
        if self.kind in ("short", "torn", "kill"):
            taken = real(memoryview(content).cast("B")[: max(1, len(memoryview(content).cast("B")) // 2)])
        if self.kind == "short":
            return taken
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = errno.EIO if self.kind == "EIO" else errno.ENOSPC
        raise OSError(number, os.strerror(number))


@contextmanager
def broken(root: Path, calls: Calls) -> Iterator[Calls]:
    """Count, and break, the file calls under a directory while this is open."""
    prefix = str(root)
    real_open = io.open

    def counted(argument: Any, more: dict[str, Any]) -> bool:
        if isinstance(argument, int):
            return True
        return more.get("dir_fd") is not None or str(os.fspath(argument)).startswith(prefix)

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **more: Any) -> Any:
            if not args or not counted(args[0], more):
                return real(*args, **more)
            if name == "write":
                return calls.write(lambda content: real(args[0], content), args[1])
            return calls.call(name, real, *args, **more)

        return function

    class File(io.FileIO):
        def write(self, content: Any) -> int:
            return calls.write(super().write, content)

        def readinto(self, buffer: Any) -> int:
            return calls.call("read", super().readinto, buffer)

    def opened(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        if not counted(file, {}):
            return real_open(file, mode, *args, **more)
        raw_mode = mode.replace("b", "").replace("t", "")
        raw = (
            File(file, raw_mode)
            if isinstance(file, int)
            else calls.call("open", File, os.fspath(file), raw_mode)
        )
        buffered: Any = io.BufferedReader(raw) if raw_mode == "r" else io.BufferedWriter(raw)
        return (
            buffered
            if "b" in mode
            else io.TextIOWrapper(buffered, encoding="utf-8", newline=more.get("newline"))
        )

    with pytest.MonkeyPatch.context() as patch:
        for name in _BY_NAME:
            patch.setattr(os, name, wrapped(name, getattr(os, name)))
        patch.setattr(io, "open", opened)
        yield calls
