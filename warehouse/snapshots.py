"""Snapshots: directories of Parquet tables that are written once and never changed.

Here: writing one so that readers see all of it or nothing, finding, reading and verifying it, and
    `latest.json`, the only file that ever changes.
Not here: what the tables hold (snapshot_tables.py), the manifest and the id (snapshot_manifest.py), how the
    rows come about (pipelines/rate.py), who may move `latest.json` (pipelines/publish.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ratings.errors import NotFoundError, SnapshotError
from warehouse.canonical import sha256_hex, sha256_of
from warehouse.snapshot_files import RECEIPT, Beside, files_of, json_text
from warehouse.snapshot_manifest import (
    MANIFEST,
    SNAPSHOT_ID,
    About,
    logical_digest,
    manifest_of,
    read_manifest,
)
from warehouse.snapshot_tables import TABLES
from warehouse.table_digest import digest
from warehouse.whole_files import (
    remove_directory,
    remove_unfinished,
    replace_text,
    sync,
    unfinished,
    write_bytes,
)

LATEST = "latest.json"
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """A snapshot: its id, its directory, its manifest, and whether it was there before it was asked for."""

    id: str
    path: Path
    manifest: dict[str, Any]
    existed: bool = True

    @property
    def manifest_sha256(self) -> str:
        """Hash of the manifest's bytes: what the log says of a snapshot binds all of it."""
        return sha256_hex((self.path / MANIFEST).read_bytes())

    def summary(self) -> dict[str, Any]:
        """What lists show of it; `tags` are its method's status and `simulated` where it is."""
        tags = [self.manifest["method"]["status"], *(["simulated"] if self.manifest["simulated"] else [])]
        return {
            "id": self.id,
            "method": self.manifest["method"]["id"],
            "label": self.manifest["label"],
            "as_published": self.manifest["as_published"],
            "as_recorded": self.manifest["as_recorded"],
            "tags": tags,
        }

    def columns(self, name: str) -> list[str]:
        """The columns of one of its tables: of an older schema version there may be fewer.

        Raises:
            SnapshotError: the table is missing or cannot be read.
        """
        return self._read(name, lambda file: list(pq.read_schema(file).names))

    def table(self, name: str, **equal: str) -> pl.DataFrame:
        """Rows of one of its tables.

        Args:
            name: the table.
            equal: only rows where these columns have these values.

        Raises:
            SnapshotError: the table is missing or cannot be read.
        """
        conditions = [pl.col(column) == value for column, value in equal.items()]
        # Not pyarrow's read_table: it imports pandas, which takes longer than the reading.
        return self._read(name, lambda file: pl.scan_parquet(file).filter(*conditions).collect())

    def _read(self, name: str, read: Callable[[Path], _Read]) -> _Read:
        file = self.path / f"{name}.parquet"
        try:
            return read(file)
        except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise SnapshotError(
                f"table {name} cannot be read: {str(error).splitlines()[0]}",
                file=str(file),
                hint=f"run `starledger snapshots verify {self.id}`",
            ) from error


def write_snapshot(
    root: Path,
    about: About,
    tables: Mapping[str, pl.DataFrame],
    beside: Callable[[dict[str, Any]], Beside] | None = None,
) -> SnapshotRef:
    """Write a snapshot, or find the one that says the same.

    Every file is put together first, then written to a directory beside, flushed to the disk and renamed. An
    id that is there already is returned as it is.

    Args:
        root: the directory of all snapshots; made on first use.
        about: what it says of itself.
        tables: one frame for every table of `TABLES`.
        beside: gives what is to stand beside the tables, from the manifest; asked only where the snapshot is
            not there yet. Without it nothing can be proved of the snapshot.

    Raises:
        SnapshotError: a table does not fit its schema, the disk refuses, or the id is there with other
            content.
    """
    if set(tables) != set(TABLES):
        raise SnapshotError(f"a snapshot has exactly the tables {', '.join(TABLES)}")
    arrow = {name: table.arrow(tables[name]) for name, table in TABLES.items()}
    manifest = manifest_of(about, arrow, tables)
    try:
        root.mkdir(parents=True, exist_ok=True)
        remove_unfinished(root)
        if (root / manifest["id"]).exists():
            return _same(root, manifest)
        files = files_of(manifest, arrow, beside(manifest) if beside else None)
        with unfinished(root) as directory:
            for name, content in files.items():
                write_bytes(directory / name, content)
            sync(directory)
            try:
                directory.rename(root / manifest["id"])
            except OSError:
                if not (root / manifest["id"]).exists():
                    raise
                return _same(root, manifest)  # another process was faster with the same
            sync(root)
    except OSError as error:
        raise SnapshotError(
            f"the snapshot cannot be written: {error.strerror or error}",
            file=str(root),
            hint="free some space or make the directory writable, then run the command again",
        ) from error
    return SnapshotRef(manifest["id"], root / manifest["id"], manifest, existed=False)


def _same(root: Path, manifest: Mapping[str, Any]) -> SnapshotRef:
    """The snapshot that has the id already; the whole digest must agree, not only its first digits."""
    found = snapshot(root, manifest["id"])
    if found.manifest["digest"] != manifest["digest"]:
        raise SnapshotError(
            f"snapshot {found.id} exists with other content",
            file=str(found.path),
            hint=f"run `starledger snapshots verify {found.id}`; a snapshot is never rewritten",
        )
    return found


def snapshot(root: Path, identifier: str) -> SnapshotRef:
    """One snapshot by its id.

    Raises:
        NotFoundError: there is none; the message names how to list them.
        SnapshotError: its manifest cannot be believed.
    """
    path = root / identifier
    if not SNAPSHOT_ID.fullmatch(identifier) or not path.is_dir():
        raise NotFoundError(
            f"there is no snapshot {identifier!r} in {root}",
            hint="run `starledger snapshots list` to see them",
        )
    manifest = read_manifest(path)
    if manifest["id"] != identifier:
        raise SnapshotError(f"the manifest says it belongs to {manifest['id']}", file=str(path / MANIFEST))
    return SnapshotRef(identifier, path, manifest)


def snapshot_ids(root: Path) -> list[str]:
    """The ids of all snapshots here, by name. Other files and directories are left out."""
    if not root.is_dir():
        return []
    return sorted(
        e.name for e in root.iterdir() if SNAPSHOT_ID.fullmatch(e.name) and (e / MANIFEST).is_file()
    )


def list_snapshots(root: Path) -> list[SnapshotRef]:
    """Every snapshot here, by as_published and id.

    Raises:
        SnapshotError: a manifest cannot be believed.
    """
    found = [snapshot(root, identifier) for identifier in snapshot_ids(root)]
    return sorted(found, key=lambda s: (s.manifest["as_published"], s.id))


def verify(directory: Path) -> list[str]:
    """Check a snapshot directory against its manifest, without a ledger.

    Args:
        directory: any copy of a snapshot.

    Returns:
        One sentence for each thing that is wrong, none where all is well: files that are missing, cut short,
        swapped, altered or not Parquet, files that do not belong, and a manifest that does not give its own
        id. The receipt, which binds the manifest, is not looked into (audit/snapshot_verifier.py does).

    Raises:
        SnapshotError: there is no manifest that could be checked against.
    """
    manifest = read_manifest(directory)
    try:
        others = manifest.get("files", {})
        said_of = {f"{name}.parquet": said for name, said in manifest["tables"].items()} | others
        expected = {MANIFEST, RECEIPT, *said_of}
        problems = []
        if logical_digest(manifest) != manifest["digest"]:
            problems.append("manifest.json was altered: its digest is another")
        if not manifest["id"].endswith("-" + manifest["digest"][:12]):
            problems.append("manifest.json was altered: its id does not come from its digest")
        for name, said in sorted(said_of.items()):
            problems += _check_file(directory / name, said, said_of)
    except (KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(
            f"this is not a manifest: {error!r}",
            file=str(directory / MANIFEST),
            hint="restore the snapshot from a copy",
        ) from error
    extra = sorted(entry.name for entry in directory.iterdir() if entry.name not in expected)
    return problems + [f"{name} does not belong to the snapshot" for name in extra]


def _check_file(file: Path, said: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not file.is_file():
        return [f"{file.name} is missing"]
    if (found_hash := sha256_of(file)) == said["sha256"]:
        return []
    swapped = [name for name, other in others.items() if other["sha256"] == found_hash]
    if swapped:
        return [f"{file.name} was swapped: its bytes are those of {swapped[0]}"]
    if "digest" not in said:
        size = file.stat().st_size
        cut = size < said["bytes"]
        return [
            f"{file.name} is cut short: {size} of {said['bytes']} bytes"
            if cut
            else f"{file.name} was altered: its bytes are others"
        ]
    try:
        with pq.ParquetFile(file) as opened:
            found = opened.read()
        same = digest(found, tuple(said["key"])) == said["digest"]
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:  # ValueError: columns of other types
        if (size := file.stat().st_size) < said["bytes"]:
            return [f"{file.name} is cut short: {size} of {said['bytes']} bytes"]
        return [f"{file.name} was altered and cannot be read as this table: {str(error).splitlines()[0]}"]
    rows = "its rows the same" if same else "and so are its rows"
    return [f"{file.name} was altered: its bytes are others, {rows}"]


def latest(root: Path) -> dict[str, Any] | None:
    """What `latest.json` says: the snapshot released now; None where none is.

    Raises:
        SnapshotError: the file cannot be read.
    """
    try:
        content = json.loads((root / LATEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SnapshotError(
            f"cannot be read: {error}", file=str(root / LATEST), hint="release again, which writes it anew"
        ) from error
    return dict(content)


def move_latest(root: Path, content: Mapping[str, Any] | None) -> None:
    """Let `latest.json` say this, in one step; with None there is no such file any more.

    Raises:
        SnapshotError: the disk refuses.
    """
    try:
        if content is None:
            if (root / LATEST).exists():
                (root / LATEST).unlink()
                sync(root)
        else:
            root.mkdir(parents=True, exist_ok=True)
            replace_text(root / LATEST, json_text(content))
    except OSError as error:
        raise SnapshotError(
            f"latest.json cannot be moved: {error.strerror or error}",
            file=str(root / LATEST),
            hint="make the directory writable, then run `starledger release` again",
        ) from error


def remove(found: SnapshotRef) -> None:
    """Take away a snapshot that no event speaks of."""
    remove_directory(found.path)
