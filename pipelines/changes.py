"""Changes: what a snapshot says that the one it supersedes did not.

Here: `changes.json` - the schema, what both were made from, figures by indicator, bands, judgements and stars
    - and whether the change is material.
Not here: why stars moved (audit/diff.py), which snapshot is superseded (rate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ratings.errors import StarledgerError
from warehouse.snapshot_tables import SCHEMA_CHANGES, TABLES
from warehouse.snapshots import SnapshotRef, snapshot

_SAYS = {
    "observations": ("value", "numerator", "denominator", "definition", "obs_status", "conf_status"),
    "bands": ("band", "band_label"),
    "judgements": ("judgement",),
    "freshness": ("state",),
    "stars": ("star", "rating_status"),
}
"""Of each table compared what it says; where an event stands in the log is provenance."""
_MADE_FROM = ("as_published", "as_recorded", "catalogue_sha256", "quality_sha256", "code_version")


def changes(root: Path, manifest: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """What changed since the snapshot that this one supersedes.

    Args:
        root: the directory of all snapshots.
        manifest: of the new snapshot.
        tables: of the new snapshot.

    Returns:
        `supersedes`; `material`, whether any star changed (any band, where the method has no stars), null
        where nothing was compared; `problem`, why nothing was, though something is superseded; `schema`,
        `made_from`, `tables` (rows added, removed and changed), `indicators` (the same of observations, by
        indicator) and `stars` (each that changed). The last five are empty where nothing was compared.
    """
    earlier = manifest["supersedes"]
    nothing: dict[str, Any] = {
        "supersedes": earlier,
        "material": None,
        "problem": None,
        "schema": {"from": None, "to": manifest["schema_version"], "changes": []},
        "made_from": {},
        "tables": {},
        "indicators": {},
        "stars": [],
    }
    if earlier is None:
        return nothing
    try:
        return nothing | since(snapshot(root, earlier), manifest, tables)
    except StarledgerError as error:
        return nothing | {"problem": f"{earlier} cannot be compared: {error.message}"}


def between(before: SnapshotRef, after: SnapshotRef) -> dict[str, Any]:
    """The same between any two snapshots: what `since` gives.

    Raises:
        SnapshotError: a table of one cannot be read.
    """
    return since(before, after.manifest, {name: after.table(name) for name in _SAYS})


def since(
    earlier: SnapshotRef, manifest: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> dict[str, Any]:
    """`material`, `schema`, `made_from`, `tables`, `indicators` and `stars` of `changes`.

    Raises:
        SnapshotError: a table of the earlier one cannot be read.
    """
    before, now = earlier.manifest, manifest["schema_version"]
    compared = {name: _compared(name, earlier.table(name), tables[name]) for name in _SAYS}
    outcome = "stars" if tables["stars"].height else "bands"
    was, becomes = (_made_from(each) for each in (before, manifest))
    return {
        "material": any(compared[outcome]["change"].is_not_null()),
        "schema": {
            "from": before["schema_version"],
            "to": now,
            "changes": [
                sentence
                for version in range(before["schema_version"] + 1, now + 1)
                for sentence in SCHEMA_CHANGES[version]
            ],
        },
        "made_from": {
            name: {"before": was[name], "after": becomes[name]}
            for name in becomes
            if was[name] != becomes[name]
        },
        "tables": {name: _counts(rows) for name, rows in compared.items()},
        "indicators": {
            str(code): _counts(rows)
            for (code,), rows in sorted(
                compared["observations"]
                .filter(pl.col("change").is_not_null())
                .partition_by("indicator", as_dict=True)
                .items()
            )
        },
        "stars": [
            {
                "organisation": row["organisation"],
                "before": row["star_before"],
                "after": row["star"],
                "status_before": row["rating_status_before"],
                "status_after": row["rating_status"],
            }
            for row in compared["stars"].filter(pl.col("change").is_not_null()).iter_rows(named=True)
        ],
    }


def _made_from(manifest: Mapping[str, Any]) -> dict[str, Any]:
    method = {
        f"method_{name}": manifest["method"].get(name) for name in ("version", "sha256", "option", "round")
    }
    return {name: manifest.get(name) for name in _MADE_FROM} | method


def _compared(name: str, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Every key of a table on either side, with what it said and says, and its `change`: null for none."""
    key, says = list(TABLES[name].key), _SAYS[name]
    both = (
        new.select(*key, *says, here=True)
        .join(old.select(*key, *says, there=True), on=key, how="full", coalesce=True, suffix="_before")
        .sort(key)
    )
    other = pl.any_horizontal(pl.col(column).ne_missing(pl.col(f"{column}_before")) for column in says)
    return both.with_columns(
        change=pl.when(pl.col("there").is_null())
        .then(pl.lit("added"))
        .when(pl.col("here").is_null())
        .then(pl.lit("removed"))
        .when(other)
        .then(pl.lit("changed"))
    )


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    kinds: Sequence[str] = ("added", "removed", "changed")
    return {kind: rows.filter(pl.col("change") == kind).height for kind in kinds}
