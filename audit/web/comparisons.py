"""Comparisons: why the outcomes of two ratings differ, worked out once and kept.

Here: one comparison at a time, for which nobody waits, and none whose inputs are too large for a server.
Not here: the comparison itself (audit/diff.py), reading its inputs (pipelines/compare.py), the page
    (pages/compare.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from audit.web.memory import Memory
from ratings.errors import SnapshotError, StarledgerError
from warehouse.snapshots import SnapshotRef

Compare = Callable[[str, str], Mapping[str, Any]]
MOST_FIGURES = 600_000
"""Figures of both ratings together: two of LAIT hold 470,000, and take ten seconds and 650 MiB."""
_KEPT_BYTES = 24 * 2**20
_CHANGE_BYTES = 1_500


class BusyError(StarledgerError):
    """Another comparison is being worked out."""


class Comparisons:
    """Compares, and remembers.

    Args:
        compare: from the ids of two snapshots to what `pipelines.compare.compare` gives; None for none.
    """

    def __init__(self, compare: Compare | None) -> None:
        self._compare = compare
        self._kept: Memory[Mapping[str, Any]] = Memory(
            _KEPT_BYTES, lambda found: _CHANGE_BYTES * (1 + len(found["changes"]))
        )
        self._one = threading.Lock()

    def of(self, before: SnapshotRef, after: SnapshotRef) -> Mapping[str, Any]:
        """What `pipelines.compare.compare` says of two snapshots.

        Raises:
            BusyError: another is being worked out; who waited for it would keep others from their pages.
            MethodError: the method that one was built with is neither installed nor in the log.
            SnapshotError: they are too large to be compared here.
        """
        key = (before.id, after.id)
        if (found := self._kept.get(key)) is not None:
            return found
        figures = sum(each.manifest["tables"]["observations"]["rows"] for each in (before, after))
        if self._compare is None or figures > MOST_FIGURES:
            raise SnapshotError(
                f"they hold {figures:,} figures, more than are compared while a reader waits",
                hint=f"run `starledger snapshots diff {before.id} {after.id}`",
            )
        if not self._one.acquire(blocking=False):
            raise BusyError("another comparison is being worked out", hint="try again in a minute")
        try:
            return self._kept.put(key, self._compare(*key))
        finally:
            self._one.release()
