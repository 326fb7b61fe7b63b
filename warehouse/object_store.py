"""Object store: snapshots put where others read them, on any file system that pyarrow opens by URL.

Here: copying a whole snapshot there so that readers see all of it or none, finding and fetching one, and the
    store's own `latest.json`.
Not here: building snapshots (snapshots.py), which one is released (pipelines/publish.py).

An object store has no rename. Every object is **put if absent** in place of it, the manifest last: a snapshot
is there once its manifest is, and nothing that is there is ever written again. A copy that was broken off is
finished by the next. `latest.json` is the only object that is replaced, in one put.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from ratings.errors import InputError, NotFoundError, SnapshotError
from warehouse.snapshot_files import json_text
from warehouse.snapshot_manifest import MANIFEST, SNAPSHOT_ID
from warehouse.snapshots import LATEST, SnapshotRef
from warehouse.whole_files import replace_text, sync, write_bytes

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Store:
    """A place for snapshots.

    Attributes:
        url: as it was named.
        files: the file system.
        root: the path of the directory of snapshots in it.
        put: writes an object that is not there yet, whole or not at all; False where it is there.
    """

    url: str
    files: fs.FileSystem
    root: str
    put: Callable[[str, bytes], bool]

    def path(self, *names: str) -> str:
        """The path of something in it."""
        return "/".join((self.root.rstrip("/"), *names))

    def read(self, *names: str) -> bytes:
        """The bytes of an object.

        Raises:
            FileNotFoundError: there is none.
        """
        with self.files.open_input_stream(self.path(*names)) as stream:
            return bytes(stream.read())


def open_store(url: str) -> Store:
    """The store at a URL.

    Args:
        url: `s3://bucket/path` (with `?endpoint_override=...&scheme=http&region=...` where it is not
            Amazon's), or the path of a directory.

    Raises:
        InputError: it is not such a URL, or the file system has no put-if-absent that can be reached.
    """
    try:
        files, root = fs.FileSystem.from_uri(url if "://" in url else Path(url).absolute().as_uri())
    except (pa.ArrowException, OSError, ValueError) as error:
        shown = _without_secret(url)
        raise InputError(
            f"{shown!r} is not a place for snapshots: {str(error).splitlines()[0].replace(url, shown)}",
            hint="give a URL such as s3://bucket/path, or a directory",
        ) from error
    if files.type_name == "local":
        return Store(url, files, root, _put_file)
    if files.type_name == "s3":
        return Store(_without_secret(url), files, root, _s3_put(url))
    raise InputError(
        f"{_without_secret(url)!r}: there is no way known to put an object only where none is, "
        f"with {files.type_name}",
        hint="give a URL such as s3://bucket/path, or a directory",
    )


def _without_secret(url: str) -> str:
    """The URL as it may be shown: without a key and secret that may stand in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def store_and_id(url: str) -> tuple[str, str]:
    """The URL of a store and the id of a snapshot, from the URL of the snapshot."""
    parts = urlsplit(url)
    path, _, identifier = parts.path.rstrip("/").rpartition("/")
    return urlunsplit(parts._replace(path=path)), identifier


def put_snapshot(store: Store, found: SnapshotRef) -> bool:
    """Copy a snapshot into a store, the manifest last.

    Args:
        store: the store.
        found: a snapshot that holds; that is for the caller to see.

    Returns:
        Whether it was there already.

    Raises:
        SnapshotError: the store refuses, or holds something else under this id.
    """
    names = sorted((entry.name for entry in found.path.iterdir()), key=lambda name: (name == MANIFEST, name))
    existed = True
    try:
        for name in names:
            content = (found.path / name).read_bytes()
            if store.put(store.path(found.id, name), content):
                existed = False
            elif store.read(found.id, name) != content:
                raise SnapshotError(
                    f"{found.id}/{name} is there already and is another: somebody else built this snapshot, "
                    "from another log or at another time",
                    file=store.url,
                    hint="read the one that is there: what is published is never rewritten",
                )
    except (OSError, pa.ArrowException) as error:
        raise _refused(store, f"{found.id} cannot be published", error) from error
    return existed


def snapshots_in(store: Store) -> list[str]:
    """The ids of the snapshots in a store: those whose manifest is there."""
    try:
        listed = store.files.get_file_info(fs.FileSelector(store.root, allow_not_found=True))
        names = [entry.base_name for entry in listed if SNAPSHOT_ID.fullmatch(entry.base_name)]
        manifests = store.files.get_file_info([store.path(name, MANIFEST) for name in names])
    except FileNotFoundError:
        return []  # made by another while it was looked for: nothing was published in it yet
    except (OSError, pa.ArrowException) as error:
        raise _refused(store, "it cannot be listed", error) from error
    return sorted(n for n, info in zip(names, manifests, strict=True) if info.type == fs.FileType.File)


def fetch_snapshot(store: Store, identifier: str, into: Path) -> Path:
    """Copy a snapshot out of a store.

    Args:
        store: the store.
        identifier: the snapshot.
        into: an existing directory; the snapshot becomes one of its directories.

    Raises:
        NotFoundError: the store has no such snapshot.
        SnapshotError: it cannot be read.
    """
    directory = into / identifier
    try:
        listed = store.files.get_file_info(fs.FileSelector(store.path(identifier), allow_not_found=True))
        names = [entry.base_name for entry in listed if entry.type == fs.FileType.File]
        if MANIFEST not in names:
            raise NotFoundError(
                f"there is no snapshot {identifier!r} in {store.url}", hint="list what is there, check the id"
            )
        directory.mkdir()
        for name in names:
            (directory / name).write_bytes(store.read(identifier, name))
    except (OSError, pa.ArrowException) as error:
        raise _refused(store, f"{identifier} cannot be read", error) from error
    return directory


def latest_in(store: Store) -> dict[str, Any] | None:
    """What the store's `latest.json` says; None where there is none, or it cannot be understood."""
    try:
        return dict(json.loads(store.read(LATEST)))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    except (OSError, pa.ArrowException) as error:
        raise _refused(store, f"{LATEST} cannot be read", error) from error


def move_latest_in(store: Store, content: Mapping[str, Any] | None) -> None:
    """Let the store's `latest.json` say this, in one step; with None there is none any more.

    Raises:
        SnapshotError: the store refuses.
    """
    try:
        if content is None:
            if store.files.get_file_info(store.path(LATEST)).type == fs.FileType.File:
                store.files.delete_file(store.path(LATEST))
        elif store.files.type_name == "local":
            replace_text(Path(store.path(LATEST)), json_text(content))
        else:
            with store.files.open_output_stream(store.path(LATEST)) as stream:
                stream.write(json_text(content).encode())
    except (OSError, pa.ArrowException) as error:
        raise _refused(store, f"{LATEST} cannot be moved", error) from error


def _put_file(path: str, content: bytes) -> bool:
    """Put a file where none is: written beside and linked, which never takes the place of another."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Beside the directory of the snapshot, not in it: what a crash leaves behind would not belong to it.
    handle, named = tempfile.mkstemp(dir=file.parent.parent, prefix=f".{file.name}-")
    os.close(handle)
    draft = Path(named)
    try:
        write_bytes(draft, content)
        os.link(draft, file)  # unlike a rename, it never takes the place of a file
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    sync(file.parent)
    return True


def _s3_put(url: str) -> Callable[[str, bytes], bool]:
    """What puts an object into an S3 bucket where none is. pyarrow has no such put; boto3 has.

    Raises:
        InputError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise InputError(
            "an object store is written to with boto3, which is not installed",
            hint="install it: python -m pip install 'starledger[s3]'",
        ) from None
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = asked.get("endpoint_override")
    if endpoint and "://" not in endpoint:
        endpoint = f"{asked.get('scheme', 'https')}://{endpoint}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=asked.get("region"),
        aws_access_key_id=unquote(parts.username) if parts.username else None,
        aws_secret_access_key=unquote(parts.password) if parts.password else None,
    )

    def put(path: str, content: bytes) -> bool:
        bucket, _, key = path.partition("/")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in ("PreconditionFailed", "412"):
                    return False
                # Two puts of one key at once: the store asks to try again.
                if code != "ConditionalRequestConflict" or attempt == _ATTEMPTS:
                    raise OSError(str(error)) from error
            except BotoCoreError as error:
                raise OSError(str(error)) from error
            else:
                return True
        raise AssertionError("the last attempt returns or raises")

    return put


def _refused(store: Store, what: str, error: Exception) -> SnapshotError:
    return SnapshotError(
        f"{what}: {str(error).splitlines()[0]}",
        file=store.url,
        hint="check the address, the network and your rights there, then run the command again",
    )
