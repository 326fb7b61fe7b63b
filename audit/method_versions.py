"""Method versions: the one that is installed, or one that the log adopted.

Here: finding the version of a method that a snapshot was built with, or that a person names.
Not here: loading and proving a method (ratings/methods.py), adopting one (pipelines/definitions.py).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ratings.errors import MethodError, NotFoundError
from ratings.methods import Method, load_method
from warehouse.event_log import Ledger


def built_with(ledger: Ledger, identifier: str, sha256: str) -> Method:
    """The very method that a snapshot was built with: the one installed, else the one that the log adopted.

    Raises:
        MethodError: it is neither.
    """
    installed = _installed(identifier)
    if installed is not None and installed.sha256 == sha256:
        return installed
    for said in _adopted(ledger, identifier):
        if said["sha256"] == sha256:
            return _from_log(said)
    raise MethodError(
        f"the version of {identifier} that the snapshot was built with is neither installed nor in the log",
        hint="install the version of starledger that `starledger snapshots show` prints",
    )


def method_named(ledger: Ledger, name: str) -> Method:
    """A method as people name it: `ID`, `ID@VERSION`, or the path of a method file.

    Args:
        ledger: holds every version that anything was ever rated with here.
        name: of a version that is not installed, the one that the log adopted last.

    Raises:
        NotFoundError: there is no such method, or no such version of it.
    """
    identifier, _, version = name.partition("@")
    if name.endswith(".toml") or not version:
        return load_method(name)
    installed = _installed(identifier)
    if installed is not None and installed.version == version:
        return installed
    adopted = _adopted(ledger, identifier)
    known = sorted({said["version"] for said in adopted} | ({installed.version} if installed else set()))
    for said in reversed(adopted):
        if said["version"] == version:
            return _from_log(said)
    raise NotFoundError(
        f"no version {version!r} of method {identifier!r} is installed or in the log",
        hint=f"choose one of {', '.join(f'{identifier}@{v}' for v in known)}, or give its file"
        if known
        else "see `starledger methods list`, or give its file",
    )


def _installed(identifier: str) -> Method | None:
    try:
        return load_method(identifier)
    except NotFoundError:
        return None


def _adopted(ledger: Ledger, identifier: str) -> list[dict[str, Any]]:
    """What the log says of every version of a method that it adopted, in order."""
    said = [event["payload"] for event in ledger.events("definition")]
    return [one for one in said if (one["kind"], one["id"]) == ("method", identifier)]


def _from_log(said: dict[str, Any]) -> Method:
    """A method out of the content that the log adopted."""
    with TemporaryDirectory(prefix="starledger-method-") as directory:
        for name, text in said["content"].items():
            (Path(directory) / Path(name).name).write_text(text, encoding="utf-8")
        return load_method(Path(directory) / f"{said['id']}.toml")
