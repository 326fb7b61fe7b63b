"""Inbox: files dropped into a folder of the warehouse are ingested, each once.

Here: `inbox/<collection>/` - which of its files are complete, and taking them: ingest, then move to `done/`,
    or to `refused/` with the error beside.
Not here: ingesting (ingest.py), when to look (assets/sensors.py).

A file's publish time is that of its line in `inbox/<collection>/releases.csv` (columns `file` and
`published_at`), else what its rows say where the collection dates them, else when the file was last written,
recorded as `observed`. It never depends on who looks, or when: the same file taken twice is one batch.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.ingest import ingest
from pipelines.ingest_report import REFUSED
from pipelines.settings import Settings
from pipelines.source_files import read_publish_times
from ratings.collections import load_collection
from ratings.errors import InputError
from warehouse.whole_files import replace_text, sync

RELEASES = "releases.csv"
DONE, ASIDE = "done", "refused"
AT_ONCE = 200
"""How many files one run takes; the others follow with the next look."""

_LOCK = ".lock"
_UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".tmp", "~")
_CHANGED, _GONE = "changed while it was read", "taken by another"

Mark = tuple[int, int]
"""Size in bytes and time of last change in nanoseconds: another mark is another file."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Files of one collection that are complete and were not asked for before.

    Attributes:
        collection: name of their folder.
        files: their names.
        key: the same for the same files, whoever looks.
    """

    collection: str
    files: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into the inbox found.

    Attributes:
        arrivals: what can be taken.
        waiting: a sentence for each file that is not complete yet.
        cursor: what to give to the next look.
    """

    arrivals: tuple[Arrival, ...]
    waiting: tuple[str, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file.

    Attributes:
        file: its name.
        status: as of its ingest report, or why it was left.
        batch: the batch that speaks of it, if any.
        message: what there is to say.
        moved_to: where it lies now; None where it was left.
        read: rows in it.
    """

    file: str
    status: str
    batch: int | None = None
    message: str = ""
    moved_to: Path | None = None
    read: int = 0

    @property
    def refused(self) -> bool:
        """Whether it was refused as a whole."""
        return self.status == REFUSED


@dataclass(slots=True)
class _Seen:
    """A file as the last look saw it: since when it is unchanged, and whether it was asked for."""

    mark: Mark
    since: float
    asked: bool = False


def inbox(settings: Settings) -> Path:
    """The folder that files are dropped into, one folder for each collection inside."""
    return settings.warehouse / "inbox"


def look(folder: Path, cursor: str | None, *, now: float, still_seconds: float) -> Look:
    """Look which files are complete: unchanged for some time, over two looks at least.

    Names that begin with a dot or end as unfinished copies do (`.part`, `.tmp`, ...) are never looked at.

    Args:
        folder: the inbox.
        cursor: what the last look gave; None at first.
        now: seconds since 1970. It may jump: a file that was first seen later than now is timed anew.
        still_seconds: how long size and time of change must have stayed the same.

    Returns:
        What can be taken; each file once, until it or the list of releases changes.
    """
    before = _parsed(cursor)
    seen: dict[str, dict[str, _Seen]] = {}
    waiting: list[str] = []
    arrivals = []
    for collection, marks in _marks(folder).items():
        known = before.get(collection, {})
        files = seen[collection] = {name: _again(known.get(name), mark, now) for name, mark in marks.items()}
        listed, listed_before = files.get(RELEASES), known.get(RELEASES)
        if (listed.mark if listed else None) != (listed_before.mark if listed_before else None):
            # Its times are others now: what it stopped, or left to be observed, is asked for again.
            for file in files.values():
                file.asked = False
        if listed and not _still(listed, now, still_seconds):
            waiting.append(f"{collection}: {RELEASES} is being written")
            continue
        ready: list[str] = []
        for name, file in files.items():
            if name == RELEASES or file.asked:
                continue
            if file.mark[1] / 1e9 > now:
                waiting.append(f"{collection}/{name} was last written in the future; `touch` it")
            elif not _still(file, now, still_seconds):
                waiting.append(f"{collection}/{name} is being written")
            elif len(ready) < AT_ONCE:
                ready.append(name)
                file.asked = True
        if ready:
            arrivals.append(Arrival(collection, tuple(ready), _key(collection, ready, files)))
    return Look(tuple(arrivals), tuple(waiting), _printed(seen))


def take(
    settings: Settings,
    collection: str,
    files: Sequence[str] = (),
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Taken]:
    """Ingest files of the inbox, oldest publication first, and move each away.

    Whoever comes second waits, and finds nothing left to do. A crash between the append and the move leaves
    the file where it is; taking it again recognises the batch.

    Args:
        settings: where, and who does it.
        collection: name of the folder.
        files: names; by default every complete-looking file there is.
        tell: told a sentence for each file.

    Returns:
        What became of each file.

    Raises:
        InputError: the list of releases is faulty; no file was touched.
        LedgerError: the ledger refuses or cannot be reached; what is not done stays where it is.
        NotFoundError: there is no such collection.
    """
    load_collection(collection)
    folder = inbox(settings) / collection
    if not folder.is_dir():
        raise InputError("there is no such folder", file=str(folder), hint="make it and drop files into it")
    with _alone(folder):
        times = read_publish_times(folder / RELEASES) if (folder / RELEASES).exists() else {}
        present = _names(folder)
        names = [name for name in (files or sorted(present)) if name != RELEASES]
        taken = [Taken(name, _GONE) for name in names if name not in present]
        there = [name for name in names if name in present]
        for name in sorted(there, key=lambda name: (times.get(name, present[name][1] // 1000), name)):
            done = _take(settings, collection, folder / name, present[name], times.get(name))
            tell(f"{done.file}: {done.status}{f', batch {done.batch}' if done.batch else ''}")
            taken.append(done)
    return taken


def _take(settings: Settings, collection: str, path: Path, mark: Mark, published_at: int | None) -> Taken:
    reason = "dropped into the inbox"
    try:
        [report] = ingest(
            settings,
            [path],
            collection,
            published_at=published_at,
            observed_at=mark[1] // 1000,
            reason=reason,
        )
    except InputError as error:
        if not path.exists():
            return Taken(path.name, _GONE)
        return _aside(path, mark, Taken(path.name, REFUSED, message=str(error)))
    done = Taken(path.name, report.status, report.batch, report.message, read=report.read)
    if report.status == REFUSED:
        return _aside(path, mark, done)
    return _moved(path, mark, _free(path.parent / DONE, path.name), done)


def _aside(path: Path, mark: Mark, taken: Taken) -> Taken:
    """Move a refused file away; its error is there before it is."""
    target = _free(path.parent / ASIDE, path.name)
    recorded = f"Recorded as batch {taken.batch}.\n" if taken.batch else ""
    again = f"To try again: mend it, then move it back to {path.parent}.\n"
    replace_text(target.with_name(f"{target.name}.error.txt"), f"{taken.message}\n{recorded}{again}")
    return _moved(path, mark, target, taken)


def _moved(path: Path, mark: Mark, target: Path, taken: Taken) -> Taken:
    """Move a file; where somebody wrote to it meanwhile, it is another file and goes back."""
    path.rename(target)
    if _mark(target.stat()) != mark:
        target.rename(_free(path.parent, path.name))
        target.with_name(f"{target.name}.error.txt").unlink(missing_ok=True)
        return replace(taken, status=_CHANGED, moved_to=None)
    for folder in (target.parent, path.parent):
        sync(folder)
    return replace(taken, moved_to=target)


def _free(folder: Path, name: str) -> Path:
    """A name in a folder that nothing has yet: the name itself, else with a number before it."""
    folder.mkdir(exist_ok=True)
    number, path = 1, folder / name
    while path.exists():
        number += 1
        path = folder / f"{number}-{name}"
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the kernel lets go of it when the process dies, however it dies."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _marks(folder: Path) -> dict[str, dict[str, Mark]]:
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    return {name: _names(folder / name) for name in names}


def _names(folder: Path) -> dict[str, Mark]:
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED) or not entry.is_file():
                continue
            try:
                found[entry.name] = _mark(entry.stat())
            except FileNotFoundError:  # taken between the two calls
                continue
    return dict(sorted(found.items()))


def _mark(status: os.stat_result) -> Mark:
    return status.st_size, status.st_mtime_ns


def _again(known: _Seen | None, mark: Mark, now: float) -> _Seen:
    if known is None or known.mark != mark or known.since > now:
        return _Seen(mark, now, asked=known is not None and known.mark == mark and known.asked)
    return known


def _still(file: _Seen, now: float, still_seconds: float) -> bool:
    # Zero seconds still takes two looks: the first one only notes what it saw.
    return file.since < now and now - file.since >= still_seconds


def _key(collection: str, names: Sequence[str], files: dict[str, _Seen]) -> str:
    listed = files[RELEASES].mark if RELEASES in files else None
    content = json.dumps([collection, listed, [[name, *files[name].mark] for name in names]])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _parsed(cursor: str | None) -> dict[str, dict[str, _Seen]]:
    if not cursor:
        return {}
    return {
        collection: {
            name: _Seen((size, at), since, asked) for name, (size, at, since, asked) in files.items()
        }
        for collection, files in json.loads(cursor).items()
    }


def _printed(seen: dict[str, dict[str, _Seen]]) -> str:
    files = {
        collection: {name: [*file.mark, file.since, file.asked] for name, file in files.items()}
        for collection, files in seen.items()
    }
    return json.dumps(files, separators=(",", ":"))
