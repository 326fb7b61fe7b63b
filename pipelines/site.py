"""Site: the public pages of a released snapshot, as a folder for a web archive.

Here: which snapshots may go there, how deep the folder goes, and writing it whole or not at all.
Not here: the pages and the links between them (audit/web).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audit.web.app import create_app
from audit.web.archive import PUBLIC, Archive
from audit.web.site import site
from pipelines.ledger_proofs import prove
from pipelines.settings import Settings
from ratings.errors import InputError, LedgerError
from warehouse.event_log import now
from warehouse.snapshots import snapshot
from warehouse.whole_files import unfinished

FIGURES, EVENTS = "figures", "events"
DEPTHS = (FIGURES, EVENTS)
SUMS = "SHA256SUMS"
_MANY = 10_000
_SECONDS = 60.0
_OFTEN = 100
_DEEP = re.compile(r"(/api)?/snapshots/[^/]+/(events|organisations/[^/]+/figures/[^/]+)/.+")
_COPY = "This is a copy of the pages of one rating, kept as files: nothing in it searches, filters or sorts. "
_SHORT = (
    "Pages of single events, their inclusion proofs, and figures of periods that did not count are left out "
    "of it; the ledger that it was written from has them."
)


@dataclass(frozen=True, slots=True)
class Written:
    """A site that was written.

    Attributes:
        directory: where it is.
        depth: how deep it goes: figures, or events too.
        files: how many, the list of their hashes included.
        bytes: of all files.
        sha256: of the list of hashes, which binds all others.
    """

    directory: Path
    depth: str
    files: int
    bytes: int
    sha256: str


def write_site(
    settings: Settings, identifier: str, out: Path, depth: str | None, tell: Callable[[str], None]
) -> Written:
    """Write the public pages of a snapshot into a directory that is not there yet, or empty.

    Args:
        settings: where the warehouse is.
        identifier: the snapshot, released or superseded.
        out: the directory.
        depth: one of DEPTHS; None for events too, unless the snapshot holds many figures.
        tell: told a sentence now and then.

    Raises:
        InputError: the snapshot was not released, or the directory holds something.
        NotWholeError: the snapshot is not what was built.
        LedgerError: a page cannot be made, or a file cannot be written.
    """
    found = snapshot(settings.snapshots, identifier)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            "there is something already", file=str(out), hint="name a directory that is not there"
        )
    if depth is None:
        depth = FIGURES if found.manifest["tables"]["observations"]["rows"] > _MANY else EVENTS
    archive = _archive(settings, identifier)
    _check(archive, identifier)
    short = depth == FIGURES
    app = create_app(archive, foot=_COPY + (_SHORT if short else ""))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(out.parent) as directory:
            sums, size = {}, 0
            for file in site(app, lambda path: not (short and _DEEP.fullmatch(path))):
                path = directory / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
                sums[file.path] = hashlib.sha256(file.content).hexdigest()
                size += len(file.content)
                if len(sums) % _OFTEN == 0:
                    tell(f"{len(sums):,} files, {size / 1e6:,.0f} MB: {file.path}")
            listed = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()
            (directory / SUMS).write_bytes(listed)
            directory.rename(out)
    except OSError as error:
        raise LedgerError(
            f"cannot be written: {error.strerror}",
            file=str(out),
            hint="choose another directory, or free some space",
        ) from error
    return Written(out, depth, len(sums) + 1, size + len(listed), hashlib.sha256(listed).hexdigest())


def _archive(settings: Settings, identifier: str) -> Archive:
    ledger = settings.reading_ledger(_SECONDS)
    return Archive(
        ledger,
        settings.landing,
        settings.snapshots,
        audience=PUBLIC,
        now=now,
        prove=lambda position: prove(settings, position, ledger).to_json(),
        verified=settings.verified,
        every=float("inf"),  # one look for all pages, though the log may grow, or an embargo end, meanwhile
        only=identifier,
    )


def _check(archive: Archive, identifier: str) -> None:
    """See that anybody may read a snapshot, and that it is whole."""
    if not archive.entries():
        raise InputError(
            f"{identifier} is not released: a copy for everybody is of a released or superseded snapshot",
            hint="release it first, or show it to colleagues with `starledger serve --audience internal`",
        )
    archive.open(identifier)
