"""The job `build_ratings`, run in this process over small warehouses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import defs
from assets.indicators import indicator_key
from assets.resources import Warehouse
from assets.sources import source_key
from assets.stars import BANDS, JUDGEMENTS, SNAPSHOT, SNAPSHOT_TAG, STARS
from pipelines.ingest import ingest
from pipelines.rate import build
from pipelines.settings import Settings, settings
from pipelines.simulate import RELEASES, simulate
from pipelines.source_files import parse_time
from pipelines.void import void
from ratings.catalogue import load_catalogue
from warehouse.event_log import DEMONSTRATION
from warehouse.snapshots import list_snapshots, snapshot

RATINGS = [BANDS, JUDGEMENTS, STARS, SNAPSHOT]
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with the first and the last release of a simulated cycle."""
    where = settings(tmp_path_factory.mktemp("demonstration"), actor="tester")
    where.found_ledger(DEMONSTRATION)
    files = simulate(where.warehouse / "simulated")
    for file in (files[0], files[-1]):  # two of four: what lies between changes nothing here
        ingest(where, [file.path], "simulated", published_at=file.published_at)
    return where


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as made:
        yield made


@pytest.fixture(scope="module")
def run(instance: dg.DagsterInstance) -> Run:
    """Runs the job over a warehouse; more arguments configure the resource."""
    job = defs().resolve_job_def("build_ratings")

    def run_it(where: Settings, *, tags: dict[str, str] | None = None, **config: Any) -> Any:
        selected = config.pop("select", None)
        succeed = config.pop("succeed", True)
        configured = {"directory": str(where.warehouse), **config}
        return job.execute_in_process(
            instance=instance,
            run_config={"resources": {"warehouse": {"config": configured}}},
            tags=tags,
            asset_selection=selected,
            raise_on_error=succeed,
        )

    return run_it


@pytest.fixture(scope="module")
def first(demonstration: Settings, run: Run) -> dg.ExecuteInProcessResult:
    return run(demonstration)


def materialisations(result: Any) -> dict[dg.AssetKey, dg.AssetMaterialization]:
    return {e.asset_key: e.materialization for e in result.get_asset_materialization_events()}


def data_versions(result: Any) -> dict[dg.AssetKey, str]:
    return {key: (m.tags or {})["dagster/data_version"] for key, m in materialisations(result).items()}


def evaluations(result: Any) -> dict[tuple[dg.AssetKey, str], dg.AssetCheckEvaluation]:
    return {(e.asset_key, e.check_name): e for e in result.get_asset_check_evaluations()}


def shown(result: Any, key: dg.AssetKey) -> dict[str, Any]:
    return {name: value.value for name, value in materialisations(result)[key].metadata.items()}


def test_every_asset_is_materialised_and_every_check_is_shown(first: Any) -> None:
    assert first.success
    assert len(materialisations(first)) == 208
    assert len(evaluations(first)) == 410
    # A result belongs to the figures of its own run, not to those of an earlier one.
    assert {e.target_materialization_data.run_id for e in evaluations(first).values()} == {first.run_id}


def test_a_draft_snapshot_is_there_and_nothing_was_released(first: Any, demonstration: Settings) -> None:
    said = shown(first, SNAPSHOT)
    built = snapshot(demonstration.snapshots, said["id"])
    assert said["method_status"] == "illustrative"
    assert said["digest"] == built.manifest["digest"] == data_versions(first)[SNAPSHOT]
    assert not (demonstration.snapshots / "latest.json").exists()
    assert demonstration.ledger().events("release") == []


def test_the_tables_show_their_rows_and_digests(first: Any, demonstration: Settings) -> None:
    built = snapshot(demonstration.snapshots, shown(first, SNAPSHOT)["id"])
    for key in (BANDS, JUDGEMENTS, STARS):
        name = key.path[0]
        assert shown(first, key)["dagster/row_count"] == built.table(name).height > 0
        assert data_versions(first)[key] == built.manifest["tables"][name]["digest"]
    assert shown(first, STARS)["dagster/row_count"] == 150


def test_the_run_names_its_snapshot_and_the_log_names_the_run(
    first: Any, demonstration: Settings, instance: dg.DagsterInstance
) -> None:
    identifier = shown(first, SNAPSHOT)["id"]
    tagged = instance.get_run_by_id(first.run_id)
    assert tagged is not None
    assert tagged.tags[SNAPSHOT_TAG] == identifier
    [batch] = [b for b in demonstration.ledger().batches(kind="snapshot") if identifier in b.identity]
    assert (batch.run_id, batch.actor_kind) == (first.run_id, "person")


def test_the_command_line_builds_the_same_snapshot(first: Any, demonstration: Settings) -> None:
    at = int(RELEASES[-1].timestamp()) * 1_000_000
    again = build(demonstration, "stars-illustrative", as_published=at, simulated=True)
    assert (again.id, again.existed) == (shown(first, SNAPSHOT)["id"], True)


def test_a_second_run_gives_the_same_data_versions_and_appends_nothing(
    first: Any, demonstration: Settings, run: Run
) -> None:
    head = demonstration.ledger().head()
    assert data_versions(run(demonstration)) == data_versions(first)
    assert demonstration.ledger().head() == head
    assert len(list_snapshots(demonstration.snapshots)) == 1


def test_an_indicator_names_the_columns_of_the_files_that_it_comes_from(
    first: Any,
) -> None:
    [event] = [
        e
        for e in first.get_asset_materialization_events()
        if e.asset_key == indicator_key(load_catalogue().core()[0])
    ]
    lineage = event.materialization.metadata["dagster/column_lineage"].value.deps_by_column
    assert {field: [dep.column_name for dep in deps] for field, deps in lineage.items()} == {
        "indicator": ["indicator"],
        "organisation": ["organisation"],
        "period": ["period"],
        "value": ["value"],
        "numerator": ["numerator"],
        "denominator": ["denominator"],
        "obs_status": ["status", "value"],
    }
    assert {dep.asset_key for deps in lineage.values() for dep in deps} == {source_key("simulated")}


def test_an_indicator_shows_its_figures_and_a_command_for_the_auditor(
    first: Any, demonstration: Settings
) -> None:
    indicator = load_catalogue().indicator("LAIT:CPP_Total_Rateper10,000")
    said = shown(first, indicator_key(indicator))
    built = snapshot(demonstration.snapshots, shown(first, SNAPSHOT)["id"])
    figures = built.table("observations", indicator=indicator.code)
    assert said["dagster/row_count"] == figures["value"].count()
    assert said["missing"] == figures["value"].null_count()
    assert said["organisations"] == figures.drop_nulls("value")["organisation"].n_unique()
    assert said["audit"].startswith("starledger trace sim-")
    assert "--indicator LAIT:CPP_Total_Rateper10,000 --warehouse" in said["audit"]


def test_freshness_warns_of_the_series_that_stopped_and_of_no_other(
    first: Any, demonstration: Settings
) -> None:
    built = snapshot(demonstration.snapshots, shown(first, SNAPSHOT)["id"])
    late = built.table("freshness", state="out_of_date").group_by("indicator").len()
    stopped = {code for code, councils in late.iter_rows() if councils > 150 / 2}
    codes = {indicator_key(i): i.code for i in load_catalogue().core()}
    fresh = {key: e for (key, name), e in evaluations(first).items() if name == "freshness"}
    failed = {codes[key] for key, e in fresh.items() if not e.passed}
    assert failed == stopped
    assert stopped
    assert {fresh[key].severity for key in fresh} == {dg.AssetCheckSeverity.WARN}
    for key, e in fresh.items():
        assert e.passed == (e.metadata["state"].value in ("fresh", "due", "discontinued")), key


def test_quality_shows_the_rows_that_the_log_says_were_refused(first: Any, demonstration: Settings) -> None:
    ledger = demonstration.ledger()
    newest = ledger.batches("simulated", "vintage")[-1]
    refused = {row["indicator"] for row in ledger.quarantine(newest.id)} - {None}
    codes = {indicator_key(i): i.code for i in load_catalogue().core()}
    failed = {
        codes[key]
        for (key, name), e in evaluations(first).items()
        if name == "quality" and not e.passed
    }  # fmt: skip
    assert failed == refused & set(codes.values())
    assert failed


def test_the_snapshot_checks_pass_and_show_where_every_row_went(first: Any, demonstration: Settings) -> None:
    checks = evaluations(first)
    conserved = checks[SNAPSHOT, "conservation"]
    rows = {name: value.value for name, value in conserved.metadata.items()}
    read = sum(b.rows_read for b in demonstration.ledger().batches("simulated", "vintage"))
    assert rows["read"] == read
    assert rows["observations"] + rows["unchanged"] + rows["quarantined"] + rows["out_of_scope"] == read
    assert conserved.passed
    assert checks[SNAPSHOT, "whole"].passed


def test_a_part_of_a_collection_can_be_read_alone(demonstration: Settings, run: Run) -> None:
    key = dg.AssetKey(["ascof", "1A"])
    result = run(demonstration, select=[key])
    assert set(materialisations(result)) == {key}
    assert set(evaluations(result)) == {(key, "freshness"), (key, "quality")}


def test_a_check_can_be_asked_for_alone(
    demonstration: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLEDGER_WAREHOUSE", str(demonstration.warehouse))
    check = dg.AssetCheckKey(dg.AssetKey(["ascof", "1A"]), "freshness")
    result = dg.materialize(
        [each for each in defs().assets or [] if isinstance(each, dg.AssetsDefinition)],
        selection=dg.AssetSelection.checks(check),
        resources={"warehouse": Warehouse()},
        instance=instance,
    )
    assert materialisations(result) == {}
    assert set(evaluations(result)) == {(check.asset_key, "freshness")}


def test_a_run_of_a_schedule_acts_in_its_name(demonstration: Settings, run: Run) -> None:
    method = "lait-quartile"
    result = run(demonstration, tags={"dagster/schedule_name": "nightly"}, method=method, select=RATINGS)
    assert shown(result, SNAPSHOT)["id"].startswith(method)
    batch = demonstration.ledger().batches(kind="snapshot")[-1]
    assert (batch.actor, batch.actor_kind, batch.run_id) == ("nightly", "schedule", result.run_id)


def test_an_altered_snapshot_fails_its_check_and_stops_nothing(demonstration: Settings, run: Run) -> None:
    before = run(demonstration, method="lait-quartile", select=RATINGS)
    built = snapshot(demonstration.snapshots, shown(before, SNAPSHOT)["id"])
    file = built.path / "quality.parquet"
    whole = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(whole[:-1])
    try:
        result = run(demonstration, method="lait-quartile", select=RATINGS)
    finally:
        file.write_bytes(whole)
    assert result.success
    check = evaluations(result)[SNAPSHOT, "whole"]
    assert not check.passed
    assert "quality.parquet is cut short" in (check.description or "")


def test_where_there_is_no_ledger_the_run_fails_and_says_what_to_do(tmp_path: Path, run: Run) -> None:
    nowhere = settings(tmp_path / "nowhere", actor="tester")
    result = run(nowhere, succeed=False)
    assert not result.success
    failed = [e for e in result.all_events if e.is_step_failure]
    assert "starledger demo" in failed[0].event_specific_data.user_failure_data.description
    assert not nowhere.warehouse.exists()


def test_a_refused_file_shows_as_an_error_beside_figures_that_still_stand(
    demonstration: Settings, run: Run, first: Any, tmp_path: Path
) -> None:
    key = dg.AssetKey(["lait", "CPP_Num"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    later = parse_time("2025-07-31")
    ingest(demonstration, [broken], "simulated", published_at=later)
    result = run(demonstration, as_published="2025-07-31", select=[key])
    check = evaluations(result)[key, "quality"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "broken.parquet was refused as a whole" in (check.description or "")
    assert data_versions(result)[key] == data_versions(first)[key]


def test_a_ledger_without_invented_figures_shows_the_real_ones(tmp_path: Path, run: Run) -> None:
    where = settings(tmp_path, actor="tester")
    where.found_ledger(DEMONSTRATION)
    [file, *_] = simulate(tmp_path / "simulated", councils=1)
    [report] = ingest(where, [file.path], "simulated", published_at=file.published_at)
    void(where, report.batch or 0, "only to try")
    key = dg.AssetKey(["lait", "CPP_Num"])
    result = run(where, select=[key])
    assert shown(result, key)["dagster/row_count"] == 0
    assert shown(result, key)["state"] == "missing"
    freshness, quality = (evaluations(result)[key, name] for name in ("freshness", "quality"))
    assert (freshness.passed, quality.description) == (False, "no release of lait is known")
