"""Watch: which snapshots exist for a reader, and when the log and the files are looked at again.

Here: a look, which is good for a moment, and what it found: what the log says, the state of every snapshot,
    and what changes whenever a file of one does.
Not here: what the log says (known.py), whether the files are those that were built (archive.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from audit.web.known import Known
from ratings.errors import LedgerError
from warehouse.event_log import Ledger
from warehouse.landing import Landing
from warehouse.release_history import DRAFT, RELEASED, current, states
from warehouse.snapshots import snapshot_ids

_PUBLIC_STATES = (RELEASED, "superseded")


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot that a reader may know of.

    Attributes:
        id: its id.
        state: draft, or the state it entered last.
        since: when that took effect, microseconds UTC; None for a draft.
        reason: why it is in that state.
        current: whether it is the one released now.
    """

    id: str
    state: str
    since: int | None
    reason: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What was found when the log and the directories were looked at.

    Attributes:
        known: what the log says.
        entries: the snapshots that exist for the reader, by id.
        hidden: how many more there are.
        stamps: of each of the entries, what changes whenever a file of it does.
        version: higher than that of the look before, if anything was another.
        at: when that was, seconds of the monotonic clock.
    """

    known: Known
    entries: Mapping[str, Entry]
    hidden: int
    stamps: Mapping[str, Hashable]
    version: int
    at: float


class Watch:
    """Looks at the log and at the directories of snapshots, for one audience.

    Args:
        ledger: the log.
        landing: the landed bytes.
        snapshots: the directory of all snapshots.
        public: whether only what was released exists.
        now: the present, microseconds UTC.
        every: how long a look is good for, seconds.
        only: a snapshot beside which no other exists; None for all.
    """

    def __init__(
        self,
        ledger: Ledger,
        landing: Landing,
        snapshots: Path,
        *,
        public: bool,
        now: Callable[[], int],
        every: float,
        only: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._landing = landing
        self._snapshots = snapshots
        self._public = public
        self._now = now
        self._every = every
        self._only = only
        self._held: Look | None = None
        self._failed: tuple[float, LedgerError] | None = None
        self._looking = threading.Lock()

    def look(self) -> Look:
        """A look that is no older than it may be; who asks while another looks waits for what that one finds.

        Raises:
            LedgerError: the ledger cannot be read now, or is another than it was.
        """
        asked = monotonic()
        with self._looking:
            if self._held is not None and asked - self._held.at < self._every:
                return self._held
            if self._failed is not None and self._failed[0] > asked:
                raise self._failed[1]
            try:
                self._held = self._look(self._held)
            except LedgerError as error:
                self._failed = (monotonic(), error)
                raise
            return self._held

    def last(self) -> Look:
        """The last look, however old it is."""
        return self._held or self.look()

    def _look(self, before: Look | None) -> Look:
        at = monotonic()
        known = self._known(before.known if before else None)
        entries, hidden = self._entries(known)
        stamps = {identifier: stamp(self._snapshots / identifier) for identifier in entries}
        same = before and (known, entries, stamps) == (before.known, before.entries, before.stamps)
        version = 0 if before is None else before.version if same else before.version + 1
        return Look(known, entries, hidden, stamps, version, at)

    def _known(self, before: Known | None) -> Known:
        """What the log says; read again once it has grown."""
        head = self._ledger.head().position
        if before is None or head > before.position:
            return Known(self._ledger, self._landing, head)
        if head < before.position:
            raise LedgerError(
                f"the log ends at position {head}, and ended at {before.position} before: "
                "it was cut or replaced",
                hint="run `starledger ledger verify` with a checkpoint kept elsewhere",
            )
        return before

    def _entries(self, known: Known) -> tuple[dict[str, Entry], int]:
        """The snapshots that exist for the reader, and how many do not."""
        at = self._now()
        hold, released = states(known.steps, at), current(known.steps, at)
        ids = {*known.built, *snapshot_ids(self._snapshots)}
        if self._only is not None:
            ids &= {self._only}
        found = {}
        for identifier in ids:
            step = hold.get(identifier)
            state = step.state if step else DRAFT
            if not self._public or state in _PUBLIC_STATES:
                found[identifier] = Entry(
                    identifier,
                    state,
                    step.at if step else None,
                    step.reason if step else None,
                    current=released is not None and released.snapshot == identifier,
                )
        return found, len(ids) - len(found)


def stamp(directory: Path) -> Hashable:
    """What changes whenever a file of a snapshot does."""
    try:
        status = [(file.name, file.stat()) for file in sorted(directory.iterdir())]
    except OSError:
        return (directory.name, None)
    return (directory.name, *((n, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for n, s in status))
