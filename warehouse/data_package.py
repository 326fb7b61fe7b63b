"""Data package: a snapshot described as a Frictionless Data Package.

Here: `datapackage.json`, from the manifest and the declared columns. Source: Data Package 1, Table Schema 1.
Not here: the manifest (snapshot_manifest.py), the columns (snapshot_tables.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from warehouse.snapshot_columns import Column, SnapshotTable

_BODY = "organisation"
_TYPES = {
    "string": "string",
    "int64": "integer",
    "double": "number",
    "bool": "boolean",
    "date": "date",
    "time": "datetime",
}


def data_package(manifest: Mapping[str, Any], tables: Mapping[str, SnapshotTable]) -> dict[str, Any]:
    """The descriptor of a snapshot.

    Args:
        manifest: with bytes and hashes of the tables.
        tables: the declared tables.
    """
    package = {
        "profile": "data-package",
        "name": manifest["id"],
        "title": manifest["label"],
        "description": (
            f"Ratings by {manifest['method']['id']} {manifest['method']['version']} "
            f"({manifest['method']['status']}), as published by {manifest['as_published']}"
        ),
        "version": str(manifest["schema_version"]),
        "sources": [
            {"title": each["citation"], **({"path": each["source"]} if each["source"] else {})}
            for each in manifest["sources"]
        ],
        "licenses": [{"name": _slug(each), "title": each} for each in manifest["licences"]],
        "resources": [
            _resource(table, manifest["tables"][name])
            for name, table in tables.items()
            if name in manifest["tables"]
        ],
    }
    return {key: value for key, value in package.items() if value}


def _resource(table: SnapshotTable, said: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in table.columns],
        "primaryKey": list(table.key),
        "missingValues": [],  # a blank text is a text: Parquet has nulls of its own
    }
    if _BODY in table.key and table.key != (_BODY,):
        reference = {"resource": "organisations", "fields": [_BODY]}
        schema["foreignKeys"] = [{"fields": [_BODY], "reference": reference}]
    return {
        # Parquet is no tabular resource of version 1: a reader checks it as a file, by size and hash.
        "profile": "data-resource",
        "type": "file",
        "name": table.name,
        "path": said["file"],
        "title": table.meaning,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": said["bytes"],
        "hash": f"sha256:{said['sha256']}",
        "schema": schema,
    }


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES[column.type],
        "description": column.meaning,
        "constraints": {"required": column.required},
    }
    return field | ({"unit": column.unit} if column.unit else {})


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
