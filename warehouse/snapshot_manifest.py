"""Snapshot manifest: what a snapshot says of itself, and the id that follows from it.

Here: putting a manifest together, its digest, reading one and refusing what is none.
Not here: the tables (snapshot_tables.py), the directory (snapshots.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ratings.errors import SnapshotError
from warehouse.canonical import canonical_json, sha256_hex
from warehouse.cross_foot import cross_foot
from warehouse.snapshot_tables import SCHEMA_VERSION, TABLES
from warehouse.table_digest import digest

MANIFEST = "manifest.json"
SNAPSHOT_ID = re.compile(r"[a-z0-9][a-z0-9.-]*-\d{8}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class About:
    """What a snapshot says of itself beside its tables.

    Attributes:
        method: `id`, `version`, `title`, `status`, `sha256`, `sources`, `option` and `round` (None where
            there is none).
        catalogue_sha256: hash of the catalogue.
        quality_sha256: hash of the thresholds of quality grades.
        as_published: what the sources had put out by then, microseconds UTC.
        as_recorded: what the log held up to this position.
        ledger: `origin` and `kind` of the log.
        simulated: whether organisations and figures are invented.
        label: for people.
        code_version: what built it.
        supersedes: id of the snapshot it replaces, if any.
        sources: of each collection read its `collection`, `title`, `publisher`, `licence`, `source`,
            `citation`, and the `files` read, each with `name`, `sha256`, `published_at` and `batch`.
    """

    method: Mapping[str, Any]
    catalogue_sha256: str
    quality_sha256: str
    as_published: int
    as_recorded: int
    ledger: Mapping[str, str]
    simulated: bool
    label: str
    code_version: str
    supersedes: str | None = None
    sources: Sequence[Mapping[str, Any]] = ()


def iso(microseconds: int) -> str:
    """A time as ISO 8601 text with a Z."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")


def microseconds(text: str) -> int:
    """The microseconds UTC of an ISO 8601 text; a text without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def manifest_of(
    about: About, arrow: Mapping[str, pa.Table], tables: Mapping[str, pl.DataFrame]
) -> dict[str, Any]:
    """The manifest of these tables, without the bytes and hashes of their files.

    Args:
        about: what the snapshot says of itself.
        arrow: every table, its rows in order.
        tables: the same rows: stars are counted (by `rating_status` where there is none), totals
            cross-footed.

    Raises:
        SnapshotError: totals that must agree do not, or the method cannot be part of an id.
    """
    stars, totals = tables["stars"], cross_foot(tables)
    for total in totals:
        if total["one"] != total["other"]:
            raise SnapshotError(
                f"the tables contradict each other ({total['says']}): {total['one']} and {total['other']}",
                hint="nothing was written; report this with the command that was run",
            )
    inputs, late = int(stars["inputs"].sum()), int(stars["out_of_date_inputs"].sum())
    counted = stars.select(
        pl.when(pl.col("star").is_not_null())
        .then(pl.col("star").cast(pl.String))
        .otherwise("rating_status")
        .alias("is")
    )
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "label": about.label,
        "method": dict(about.method),
        "catalogue_sha256": about.catalogue_sha256,
        "quality_sha256": about.quality_sha256,
        "code_version": about.code_version,
        "as_published": iso(about.as_published),
        "as_recorded": about.as_recorded,
        "ledger": dict(about.ledger) | {"position": about.as_recorded},
        "simulated": about.simulated,
        "supersedes": about.supersedes,
        "licences": sorted({source["licence"] for source in about.sources}),
        "sources": [dict(source) for source in about.sources],
        "stars": dict(counted.group_by("is").len().sort("is").iter_rows()),
        "out_of_date": {
            "inputs": inputs,
            "out_of_date": late,
            "share": late / inputs if inputs else None,
        },
        "cross_foot": totals,
        "tables": {
            name: {
                "file": f"{name}.parquet",
                "rows": table.num_rows,
                "key": list(TABLES[name].key),
                "digest": digest(table, TABLES[name].key, in_order=True),
            }
            for name, table in arrow.items()
        },
    }
    manifest["digest"] = logical_digest(manifest)
    day = manifest["as_published"][:10].replace("-", "")
    manifest["id"] = f"{about.method['id']}-{day}-{manifest['digest'][:12]}"
    if not SNAPSHOT_ID.fullmatch(manifest["id"]):
        raise SnapshotError(
            f"{about.method['id']!r} cannot be part of a snapshot's id", hint="rename the method"
        )
    return manifest


def logical_digest(manifest: Mapping[str, Any]) -> str:
    """The digest of a snapshot: SHA-256 of RFC 8785 JSON of what it says and of what it was said from.

    That is `as_published`, `as_recorded`, `catalogue_sha256`, `quality_sha256` (none before schema version
    3), `schema_version`, `simulated`, of the method `id`, `version`, `sha256`, `option` and `round`, and the
    digest of every table by name. Label, code version and the log's name are not in it: the same content has
    the same id.
    """
    made_from = ("as_published", "as_recorded", "catalogue_sha256", "schema_version", "simulated")
    bound = {k: manifest[k] for k in made_from}
    bound |= {k: manifest[k] for k in ("quality_sha256",) if k in manifest}
    bound["method"] = {k: manifest["method"].get(k) for k in ("id", "version", "sha256", "option", "round")}
    bound["tables"] = {name: table["digest"] for name, table in manifest["tables"].items()}
    return sha256_hex(canonical_json(bound).encode())


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a snapshot directory.

    Raises:
        SnapshotError: it is missing, not a manifest, or of a newer version than this code.
    """
    file = directory / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        version, _ = (
            manifest["schema_version"],
            (manifest["id"], manifest["method"]["id"], manifest["digest"]),
        )
    except FileNotFoundError:
        raise SnapshotError(
            "there is no manifest", file=str(file), hint="give the directory of a snapshot"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"this is not a manifest: {error}", file=str(file), hint="restore the snapshot from a copy"
        ) from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise SnapshotError(
            f"its schema version {version} is newer than this code knows ({SCHEMA_VERSION})",
            file=str(file),
            hint="install a newer version of starledger",
        )
    assert isinstance(manifest, dict)
    return manifest
