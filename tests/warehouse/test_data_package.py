"""Data package: the description of a snapshot is one that others' software accepts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from frictionless import Package, Schema
from frictionless.resources import TableResource

from pipelines.rate import build
from tests.made_ledgers import OUT, append, judgements, overwrite, some_figures, warehouse
from warehouse.canonical import sha256_hex
from warehouse.snapshot_tables import TABLES
from warehouse.snapshots import SnapshotRef


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SnapshotRef:
    settings = warehouse(tmp_path_factory.mktemp("packaged") / "w")
    some_figures(settings)
    append(settings, judgements("walsall", "no poor no poor"), collection="judgements")
    return build(settings, "ssi-2002", as_published=OUT)


def test_frictionless_finds_the_package_valid_and_a_changed_byte(built: SnapshotRef, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built.path, tmp_path / "copy"))
    report = Package(str(copy / "datapackage.json")).validate()
    assert report.valid, report.flatten(["type", "note"])
    assert [task.name for task in report.tasks] == list(TABLES)
    overwrite(copy / "bands.parquet", (copy / "bands.parquet").read_bytes() + b"x")
    report = Package(str(copy / "datapackage.json")).validate()
    assert [kind for [kind] in report.flatten(["type"])] == ["hash-count", "byte-count"]


def test_frictionless_finds_every_row_as_the_schema_says(built: SnapshotRef) -> None:
    said = json.loads((built.path / "datapackage.json").read_text())
    for resource in said["resources"]:
        schema = {name: part for name, part in resource["schema"].items() if name != "foreignKeys"}
        rows = built.table(resource["name"]).rows(named=True)
        if rows:
            report = TableResource(data=rows, schema=Schema.from_descriptor(schema)).validate()
            assert report.valid, (resource["name"], report.flatten(["type", "note"]))


def test_it_says_licence_sources_and_every_column(built: SnapshotRef) -> None:
    said = json.loads((built.path / "datapackage.json").read_text())
    assert said["name"] == built.id
    assert [each["title"] for each in said["licenses"]] == built.manifest["licences"]
    assert [each["title"] for each in said["sources"]] == [s["citation"] for s in built.manifest["sources"]]
    for resource in said["resources"]:
        table = TABLES[resource["name"]]
        assert resource["schema"]["primaryKey"] == list(table.key)
        assert [field["name"] for field in resource["schema"]["fields"]] == [c.name for c in table.columns]
        content = Path(built.path / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{sha256_hex(content)}")


def test_the_manifest_says_totals_licences_status_and_how_much_is_out_of_date(built: SnapshotRef) -> None:
    manifest = built.manifest
    assert manifest["method"]["status"] == "reconstructed"
    assert manifest["method"]["sources"]
    assert sum(manifest["stars"].values()) == manifest["tables"]["stars"]["rows"]
    assert [source["collection"] for source in manifest["sources"]] == ["judgements"]
    assert manifest["out_of_date"].keys() == {"inputs", "out_of_date", "share"}
    assert manifest["cross_foot"]
    assert all(total["one"] == total["other"] for total in manifest["cross_foot"])
