"""Warm processes: children that need not import anything first, to be killed at any moment.

A server imports everything once and does nothing else, so that no thread of it runs, and forks itself for
each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

_forks = get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "adbc_driver_postgresql.dbapi", "adbc_driver_sqlite.dbapi", "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg", "tests.faults.acts",
    ]
)  # fmt: skip


class WarmProcess:
    """A child that is told things and says things.

    Args:
        act: a function of a module, called in the child with the child's end of a pipe and `arguments`.
    """

    def __init__(self, act: Callable[..., None], *arguments: Any) -> None:
        self.pipe, theirs = _forks.Pipe()
        self._process = _forks.Process(target=_run, args=(act, theirs, arguments), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    def hears(self) -> Any:
        return self.pipe.recv()

    def kill(self) -> list[Any]:
        """Kill it; what it had said before that nobody had heard yet."""
        self._process.kill()
        self._process.join()
        heard = []
        try:
            while True:
                heard.append(self.pipe.recv())
        except (EOFError, ConnectionResetError):
            self.pipe.close()
        return heard

    def end(self) -> int:
        """Wait until it ends; its exit code, that of a signal negative. What it died of is on stderr."""
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code


def _run(act: Callable[..., None], pipe: Connection, arguments: tuple[Any, ...]) -> None:
    act(pipe, *arguments)
