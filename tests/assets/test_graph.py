"""The asset graph: what there is, what rests on what, and what it is called."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import defs
from assets.indicators import group_name, indicator_key, indicator_keys, indicator_spec
from assets.partitions import ROUNDS
from assets.sources import source_key, spelt
from assets.stars import BANDS, JUDGEMENTS, SNAPSHOT, STARS
from ratings.catalogue import load_catalogue
from ratings.collections import list_collections
from ratings.errors import DefinitionError

ROOT = Path(__file__).parents[2]
CORE = load_catalogue().core()
GROUPS = {
    # source returns
    "ssda903": 48,
    "cin_census": 38,
    "cin_census_ssda903_linked_to_npd": 39,
    "cin_census_npd": 1,
    "ssda903_school_census": 1,
    "s251": 15,
    "csww_census": 14,
    "eyfsp": 3,
    # where no return is known
    "lait_return_not_known": 16,
    "ascof_return_not_known": 24,
    "oflog_return_not_known": 5,
    "ratings": 4,
    "sources": len(list_collections()),
}
SOURCES = {source_key(collection.id) for collection in list_collections()}


@pytest.fixture(scope="module")
def loaded() -> dg.Definitions:
    return defs()


@pytest.fixture(scope="module")
def graph(loaded: dg.Definitions) -> Any:
    return loaded.resolve_asset_graph()


def test_every_indicator_of_the_core_is_an_asset_of_its_collection(graph: Any) -> None:
    indicators = graph.materializable_asset_keys - {BANDS, JUDGEMENTS, STARS, SNAPSHOT}
    assert Counter(key.path[0] for key in indicators) == {"lait": 175, "ascof": 24, "oflog": 5}
    assert indicators == {indicator_key(indicator) for indicator in CORE}


def test_the_groups_are_the_source_returns_and_fit_one_screen(graph: Any) -> None:
    assert Counter(graph.get(key).group_name for key in graph.get_all_asset_keys()) == GROUPS


def test_stars_rest_on_judgements_and_these_on_bands_and_these_on_every_indicator(
    graph: Any,
) -> None:
    assert graph.get(BANDS).parent_keys == {indicator_key(indicator) for indicator in CORE}
    assert graph.get(JUDGEMENTS).parent_keys == {BANDS}
    assert graph.get(STARS).parent_keys == {JUDGEMENTS}
    assert graph.get(SNAPSHOT).parent_keys == {BANDS, JUDGEMENTS, STARS}


def test_nothing_rests_on_an_asset_that_is_not_defined(graph: Any) -> None:
    # `dg check defs` lets an undefined upstream key pass as an external asset.
    assert graph.external_asset_keys == SOURCES
    assert graph.materializable_asset_keys == graph.get_all_asset_keys() - SOURCES
    assert not [key for key in SOURCES if graph.get(key).parent_keys]


def test_an_indicator_rests_on_the_files_of_its_collection(graph: Any) -> None:
    for indicator in CORE:
        assert graph.get(indicator_key(indicator)).parent_keys == {source_key(indicator.collection)}


def test_every_indicator_and_the_snapshot_have_two_checks_and_none_is_a_gate(
    graph: Any,
) -> None:
    by_asset: dict[dg.AssetKey, set[str]] = {}
    for check in graph.asset_check_keys:
        by_asset.setdefault(check.asset_key, set()).add(check.name)
        assert not graph.get(check).blocking
    assert by_asset == {indicator_key(i): {"freshness", "quality"} for i in CORE} | {
        SNAPSHOT: {"conservation", "whole"}
    }


def test_there_are_four_steps_so_that_208_assets_cost_little(loaded: dg.Definitions) -> None:
    job = loaded.resolve_job_def("build_ratings")
    assert {node.name for node in job.nodes} == {"lait", "ascof", "oflog", "rate"}


def test_the_jobs_run_in_one_process_and_only_one_of_them_releases(loaded: dg.Definitions) -> None:
    jobs = {job.name: job for job in loaded.resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(jobs) == {
        "alert_overdue_returns",
        "build_ratings",
        "ingest",
        "prune_run_history",
        "release",
        "replay",
        "settle",
        "sweep_freshness",
        "verify",
    }
    assert {job.executor_def.name for job in jobs.values()} == {"in_process"}
    steps = {name: {node.name for node in job.nodes} for name, job in jobs.items()}
    assert [name for name, nodes in steps.items() if "release_snapshot" in nodes] == ["release"]


def test_build_ratings_makes_everything_and_the_sweep_makes_the_indicators(
    loaded: dg.Definitions, graph: Any
) -> None:
    made = {
        name: loaded.resolve_job_def(name).asset_layer.selected_asset_keys
        for name in ("build_ratings", "sweep_freshness")
    }
    assert made["build_ratings"] == graph.materializable_asset_keys
    assert made["sweep_freshness"] == {indicator_key(indicator) for indicator in CORE}


def test_schedules_and_sensors_run_from_the_start_and_no_schedule_at_an_hour_that_clocks_skip(
    loaded: dg.Definitions,
) -> None:
    schedules = {s.name: s for s in loaded.schedules or []}
    assert {name: s.job_name for name, s in schedules.items()} == {
        "morning_overdue_returns": "alert_overdue_returns",
        "nightly_freshness": "sweep_freshness",
        "nightly_verification": "verify",
        "release_calendar": "build_ratings",
        "weekly_pruning": "prune_run_history",
    }
    for schedule in schedules.values():
        assert schedule.execution_timezone == "Europe/London"
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert schedule.cron_schedule.split()[1] not in ("0", "1", "2")
    sensors = {s.name: s for s in loaded.sensors or []}
    assert set(sensors) == {"inbox", "draft", "embargo", "run_failure"}
    assert {s.default_status for s in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}


def test_what_is_safe_is_tried_again_and_a_release_is_not(loaded: dg.Definitions) -> None:
    for job in loaded.resolve_all_job_defs():
        if job.name.startswith("__"):
            continue
        again = {node.name: node.definition.retry_policy for node in job.nodes}
        if job.name in ("release", "prune_run_history"):
            assert set(again.values()) == {None}, job.name
            assert "dagster/max_retries" not in job.tags
        else:
            assert None not in again.values(), job.name
            assert job.tags["dagster/max_retries"] == "2"


def test_every_asset_says_which_code_made_it_who_owns_it_and_what_it_is(
    graph: Any,
) -> None:
    for key in graph.get_all_asset_keys():
        assert graph.get(key).owners, key
        assert graph.get(key).description, key
        assert graph.get(key).kinds, key
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.code_version, key
        assert node.code_version.startswith("starledger "), key
        assert "dagster/column_schema" in node.metadata or key == SNAPSHOT
        rated = key in {BANDS, JUDGEMENTS, STARS, SNAPSHOT}
        assert node.partitions_def == (ROUNDS if rated else None), key
        # Whether the nightly sweep ran: a draft is built when there is reason to, not every night.
        assert (node.freshness_policy is None) == rated


def test_an_indicator_shows_what_the_catalogue_says_of_it(graph: Any) -> None:
    node = graph.get(dg.AssetKey(["lait", "CPP_Total_Rateper10_000"]))
    indicator = load_catalogue().indicator("LAIT:CPP_Total_Rateper10,000")
    assert node.description is not None
    assert indicator.title in node.description
    assert node.metadata["unit"] == "rate per 10,000"
    assert node.metadata["code"] == indicator.code
    assert node.tags["starledger/service"] == "children"
    assert node.group_name == "cin_census"
    assert node.owners == ["team:department_for_education"]


def test_another_definition_of_an_indicator_is_another_code_version() -> None:
    versions = {indicator_spec(replace(CORE[0], definition=n)).code_version for n in ("1", "2")}
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("LAIT:CPP_Total_Rateper10,000", "lait/CPP_Total_Rateper10_000"),
        ("ASCOF:1C(1A)", "ascof/1C_1A"),
        ("LAIT:10_ICPC", "lait/10_ICPC"),
        ("LAIT:UASC_%_Starting", "lait/UASC_pct_Starting"),
        ("LAIT:%_of LAC Adopted", "lait/pct_of_LAC_Adopted"),
        ("LAIT:No_of LAC Adopted", "lait/No_of_LAC_Adopted"),
        ("LAIT:LAC%_Adopt_AppUnop", "lait/LAC_pct_Adopt_AppUnop"),
        ("LAIT:C&YPExpenditure", "lait/C_and_YPExpenditure"),
        ("LAIT:Number_Foster_Places(New)", "lait/Number_Foster_Places_New"),
        ("LAIT:CINTime3-6", "lait/CINTime3_6"),
    ],
)
def test_a_code_is_spelt_so_that_a_person_still_knows_it(code: str, name: str) -> None:
    assert indicator_key(load_catalogue().indicator(code)).to_user_string() == name


def test_no_two_indicators_are_spelt_alike_whatever_the_case() -> None:
    keys = indicator_keys(CORE)
    assert len({key.to_user_string().casefold() for key in keys.values()}) == len(CORE) == 204


def test_two_codes_that_would_be_spelt_alike_are_refused_by_name() -> None:
    first = CORE[0]
    second = replace(first, code=first.code.replace("_", "-"))
    with pytest.raises(DefinitionError, match=f"{first.code} and {second.code}"):
        indicator_keys([first, second])


def test_a_name_holds_only_letters_digits_and_single_underscores() -> None:
    assert spelt("  (a) %b & c__d, ") == "a_pct_b_and_c_d"
    for indicator in CORE:
        assert group_name(indicator).replace("_", "").isalnum()


def test_loading_needs_no_ledger_and_imports_nothing_slow(tmp_path: Path) -> None:
    code = (
        "import sys; from assets.definitions import defs; defs();"
        "print([m for m in ('great_expectations', 'pandas', 'adbc_driver_sqlite') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "STARLEDGER_WAREHOUSE": str(tmp_path / "nowhere"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert list(tmp_path.iterdir()) == []
