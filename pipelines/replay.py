"""Replay: a snapshot built again from the log, to show that it says what the log says.

Here: the same inputs, method and times once more, in memory, and the comparison of digests table by table.
Not here: checking the files of a snapshot against its manifest (warehouse/snapshots.py: verify).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.method_versions import built_with
from pipelines.inputs import read_inputs
from pipelines.rate import apply
from pipelines.settings import Settings
from pipelines.tables import snapshot_tables
from ratings.catalogue import load_catalogue
from ratings.errors import SnapshotError
from ratings.methods import load_method
from ratings.quality import load_quality_rules
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshot_tables import TABLES
from warehouse.snapshots import snapshot
from warehouse.table_digest import digest

_HINTS = {
    "method": "give the method file it was built with: --method FILE",
    "catalogue": "install the version of starledger it was built with (see `starledger snapshots show`)",
    "quality": "install the version of starledger it was built with: its quality.toml is another",
}


@dataclass(frozen=True, slots=True)
class TableReplay:
    """One table: its digest and rows in the snapshot and built again."""

    table: str
    identical: bool
    digest: str
    replayed_digest: str
    rows: int
    replayed_rows: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Attributes:
        id: the snapshot.
        identical: whether every table has the same digest, and method, catalogue and quality are the same.
        changed: what the snapshot was built with that is another now: `method`, `catalogue`, `quality` (the
            thresholds of its grades), `log`.
        tables: table by table.
    """

    id: str
    identical: bool
    changed: tuple[str, ...]
    tables: tuple[TableReplay, ...]

    @property
    def told(self) -> str:
        """What was found, in a sentence."""
        if self.identical:
            return f"{self.id}: built again from the log, every table the same"
        differing = ", ".join(table.table for table in self.tables if not table.identical)
        changed = [what for what in self.changed if what in _HINTS]
        because = f"; what it was built with has changed: {', '.join(changed)}" if changed else ""
        tables = f"differs in: {differing}" if differing else "has the same tables"
        return f"built again, {self.id} {tables}{because}"

    @property
    def hint(self) -> str | None:
        """What to do where something that it was built with has changed."""
        return "; ".join(_HINTS[what] for what in self.changed if what in _HINTS) or None

    def as_dict(self) -> dict[str, Any]:
        """The attributes, for JSON."""
        return asdict(self)


def replay(settings: Settings, snapshot_id: str, *, method: str | Path | None = None) -> Replay:
    """Build a snapshot again from the log and compare.

    Nothing is written. The digests compared are those of the manifest; `verify` says whether the files are.

    Args:
        settings: where the log and the snapshot are.
        snapshot_id: the snapshot.
        method: a method to build with in place of the one that the snapshot was built with, which is the one
            installed or the one that the log adopted.

    Raises:
        MethodError: the method that it was built with is neither installed nor in the log.
        NotFoundError: there is no such snapshot or method.
        SnapshotError: the log has not come as far as the snapshot says.
    """
    found = snapshot(settings.snapshots, snapshot_id)
    said = found.manifest
    ledger = settings.ledger()
    if (end := ledger.head().position) < said["as_recorded"]:
        raise SnapshotError(
            f"{snapshot_id} rests on the log up to {said['as_recorded']}, and it ends at {end}",
            hint="give the ledger that it was built from with --database-url",
        )
    built = said["method"]
    rule = load_method(method) if method else built_with(ledger, built["id"], built["sha256"])
    catalogue = load_catalogue()
    inputs = read_inputs(
        ledger,
        rule,
        catalogue,
        as_published=microseconds(said["as_published"]),
        as_recorded=said["as_recorded"],
        simulated=said["simulated"],
        round=said["method"]["round"],
    )
    rating = apply(inputs, option=said["method"]["option"])
    frames = snapshot_tables(inputs, rating, option=said["method"]["option"])
    tables = []
    for name, table in TABLES.items():
        if name not in said["tables"]:
            continue  # a table that came with a later schema version
        again = table.arrow(frames[name]).select(found.columns(name))
        before, after = said["tables"][name]["digest"], digest(again, table.key)
        tables.append(
            TableReplay(name, before == after, before, after, said["tables"][name]["rows"], again.num_rows)
        )
    now = {
        "method": rule.sha256,
        "catalogue": catalogue.sha256,
        "quality": load_quality_rules().sha256,
        "log": ledger.origin,
    }
    then = {
        "method": said["method"]["sha256"],
        "catalogue": said["catalogue_sha256"],
        "quality": said.get("quality_sha256"),
        "log": said["ledger"]["origin"],
    }
    changed = tuple(what for what in now if now[what] != then[what])
    identical = all(table.identical for table in tables) and not {"method", "catalogue", "quality"} & set(
        changed
    )
    return Replay(snapshot_id, identical, changed, tuple(tables))


def require_same(settings: Settings, snapshot_id: str) -> None:
    """Refuse a snapshot that its log does not give a second time.

    Raises:
        MethodError: the method that it was built with is neither installed nor in the log.
        SnapshotError: a second build differs; the message says in what.
    """
    again = replay(settings, snapshot_id)
    if not again.identical:
        raise SnapshotError(
            f"{again.told}: it is not released",
            hint=again.hint or "run `starledger ledger verify`, then build it anew with `starledger rate`",
        )
