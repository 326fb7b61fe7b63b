"""Definitions: the catalogue, collections and methods that the log rests on, put into it.

Here: adopting them, once per hash, with their whole content, so that the log alone can say what was in force.
Not here: reading and proving them (ratings).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pipelines.settings import Settings, code_version
from ratings.catalogue import Catalogue, load_catalogue, measure_files
from ratings.collections import Collection
from ratings.errors import InputError
from ratings.methods import Method
from ratings.quality import FILE as QUALITY_FILE
from ratings.quality import load_quality_rules
from warehouse.batches import Batch, NewBatch
from warehouse.event_log import Ledger, event_frame


def signed(settings: Settings, kind: str, identity: str, reason: str | None = None, **more: Any) -> NewBatch:
    """A batch to append, with who appends it and with which code."""
    return NewBatch(
        kind=kind,
        identity=identity,
        reason=reason,
        actor=settings.actor,
        actor_kind=settings.actor_kind,
        on_behalf_of=settings.on_behalf_of,
        run_id=settings.run_id,
        code_version=code_version(),
        **more,
    )


def blank_event(kind: str, payload: Mapping[str, Any], **columns: Any) -> dict[str, Any]:
    """An event of this type that says only its payload."""
    return {"type": kind, "schema_version": 1, "payload": dict(payload)} | columns


def adopt(
    settings: Settings, ledger: Ledger, method: Method, catalogue: Catalogue, method_file: str | Path
) -> list[Batch]:
    """Put catalogue, register, quality thresholds and method into the log, unless these very ones are there.

    Args:
        settings: who adopts.
        ledger: where.
        method: the method.
        catalogue: indicators and organisations.
        method_file: id of a shipped method, or path of a method file.

    Returns:
        The batches that hold them, whether new or not.
    """
    about = {"id": method.id, "version": method.version, "status": method.status}
    rules, file = load_quality_rules(), files("ratings") / QUALITY_FILE
    return [
        _adopt_catalogue(settings, ledger, catalogue),
        _adopt(
            settings, ledger, "quality", rules.sha256, {"id": "quality", "version": rules.version}, [file]
        ),
        _adopt(settings, ledger, "method", method.sha256, about, _method_files(method_file)),
    ]


def adopt_collection(settings: Settings, ledger: Ledger, collection: Collection) -> list[Batch]:
    """Put a collection and the catalogue it is read with into the log, unless these very ones are there.

    Args:
        settings: who adopts.
        ledger: where.
        collection: the collection.

    Returns:
        The batches that hold them, whether new or not.
    """
    file = files("ratings") / "collections" / f"{collection.id}.toml"
    return [
        _adopt_catalogue(settings, ledger, load_catalogue()),
        _adopt(settings, ledger, "collection", collection.sha256, {"id": collection.id}, [file]),
    ]


def _adopt_catalogue(settings: Settings, ledger: Ledger, catalogue: Catalogue) -> Batch:
    entries = (files("ratings") / "catalogue").iterdir()
    sources = [*(entry for entry in entries if entry.name.endswith(".csv")), *measure_files()]
    return _adopt(settings, ledger, "catalogue", catalogue.sha256, {"id": "catalogue"}, sources)


def _adopt(
    settings: Settings,
    ledger: Ledger,
    what: str,
    sha256: str,
    about: Mapping[str, Any],
    sources: Sequence[Traversable],
) -> Batch:
    identity = f"definition {what} {about['id']} {sha256}"
    known = ledger.by_identity(identity)
    if known is not None:
        return known
    text = {source.name: source.read_text(encoding="utf-8") for source in sources}
    payload = {"kind": what, "sha256": sha256, "content": text, **about}
    batch = signed(settings, "definition", identity, definitions_sha256=sha256)
    return ledger.append(batch, event_frame([blank_event("definition", payload)]))


def _method_files(method_file: str | Path) -> list[Traversable]:
    """The file of a method, and of the method whose star table it borrows."""
    shipped = files("ratings") / "methods"
    given = str(method_file)
    file: Traversable = Path(given) if given.endswith(".toml") else shipped / f"{given}.toml"
    try:
        stars = tomllib.loads(file.read_text(encoding="utf-8")).get("stars", {})
    except OSError as error:
        raise InputError(
            f"the method file cannot be read: {error.strerror}", file=str(file), hint="check the path"
        ) from error
    borrowed = [shipped / f"{stars['from_method']}.toml"] if "from_method" in stars else []
    folder: Any = file.parent if isinstance(file, Path) else shipped
    tables = [folder / table["csv"] for table in stars.get("tables", {}).values() if "csv" in table]
    return [file, *borrowed, *tables]
