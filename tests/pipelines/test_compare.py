"""Compare: two snapshots of one log, and why their outcomes differ."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from audit import method_versions
from audit.method_versions import built_with
from pipelines.cli import app
from pipelines.compare import compare
from pipelines.decide import decide
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.decisions import Decision
from ratings.errors import MethodError, NotFoundError, SnapshotError
from ratings.methods import load_method
from tests.made_ledgers import COUNCILS, MEASURE, OUT, append, figure, judgements, some_figures, warehouse
from warehouse.snapshot_manifest import microseconds

HOUR = 3_600_000_000
MAY = microseconds("2002-05-30")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return warehouse(tmp_path / "w")


def test_a_revised_figure_explains_the_bands_it_moved(here: Settings) -> None:
    some_figures(here)
    append(here, [figure("camden", 99.0)], at=OUT + HOUR)
    before = build(here, "lait-quartile", as_published=OUT)
    after = build(here, "lait-quartile", as_published=OUT + HOUR)
    found = compare(here, before.id, after.id)
    assert (found["outcome"], found["rows"]["revision"]) == ("band", 1)
    camden = next(c for c in found["changes"] if c["organisation"] == COUNCILS[0])
    assert (camden["indicator"], camden["before"], camden["after"]) == (MEASURE, 4, 1)
    assert [(p["cause"], p["change"], p["own"]) for p in camden["parts"]] == [("revision", -3, 1)]


def test_a_decision_explains_the_star_it_took_away(here: Settings) -> None:
    append(here, judgements("camden", "most promising most promising"), collection="judgements", at=MAY)
    before = build(here, "ssi-2002", as_published=MAY)
    suspended = Decision(
        "camden", "ssi-2002", "2002-05", "star", "suspended", None, "court", "why", "", MAY + 1, None
    )
    decide(here, suspended)
    after = build(here, "ssi-2002", as_published=MAY + 1)
    found = compare(here, before.id, after.id)
    [change] = found["changes"]
    assert (change["before"], change["after"]) == (2, None)
    assert [(p["cause"], p["status_after"]) for p in change["parts"]] == [("decision", "suspended")]
    assert found["totals"]["decision"] == {"up": 0, "down": 0, "other": 1}
    done = CliRunner().invoke(
        app, ["snapshots", "diff", before.id, after.id, "--warehouse", str(here.warehouse)]
    )
    assert done.exit_code == 0, done.output
    assert "Camden: star 2 -> none" in done.output
    assert "decision: 2 -> none (suspended)" in done.output


def test_a_method_that_has_changed_since_is_read_back_from_the_log(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_figures(here)
    built = build(here, "lait-quartile", as_published=OUT)
    sha256 = built.manifest["method"]["sha256"]
    newer = replace(load_method("lait-quartile"), sha256="another")
    load = load_method
    monkeypatch.setattr(
        method_versions, "load_method", lambda name: newer if name == newer.id else load(name)
    )
    assert built_with(here.ledger(), "lait-quartile", sha256).sha256 == sha256
    with pytest.raises(MethodError, match="neither installed nor in the log"):
        built_with(here.ledger(), "lait-quartile", "0" * 64)


def test_snapshots_that_are_not_here_or_of_another_log_are_refused(here: Settings, tmp_path: Path) -> None:
    some_figures(here)
    built = build(here, "lait-quartile", as_published=OUT)
    with pytest.raises(NotFoundError):
        compare(here, built.id, "nothing")
    other = replace(warehouse(tmp_path / "other"), warehouse=here.warehouse)
    with pytest.raises(SnapshotError, match="another log"):
        compare(other, built.id, built.id)


def test_the_difference_is_a_table_json_and_parquet_that_say_the_same(here: Settings, tmp_path: Path) -> None:
    some_figures(here)
    append(here, [figure("camden", 99.0)], at=OUT + HOUR)
    before = build(here, "lait-quartile", as_published=OUT)
    after = build(here, "lait-quartile", as_published=OUT + HOUR)
    file = tmp_path / "changes.parquet"
    command = [
        "snapshots",
        "diff",
        before.id,
        after.id,
        "--warehouse",
        str(here.warehouse),
        "--out",
        str(file),
    ]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert f"every part of every change is in {file}" in shown.output
    said = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    rows = pl.read_parquet(file)
    assert rows.height == sum(len(change["parts"]) for change in said["changes"]) > 0
    assert rows.filter(organisation="camden").select("before", "after", "cause", "change").rows() == [
        (4, 1, "revision", -3)
    ]
    assert said["tables"]["observations"] == {"added": 0, "removed": 0, "changed": 1}
    assert said["tables"]["stars"] == {"added": 0, "removed": 0, "changed": 0}
    assert set(said["tables"]) == {"observations", "bands", "judgements", "freshness", "stars"}
    assert "as_published" in said["made_from"]
