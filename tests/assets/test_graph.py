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
from assets.indicators import group_name, indicator_key, indicator_keys, indicator_spec, spelt
from assets.stars import BANDS, JUDGEMENTS, SNAPSHOT, STARS
from ratings.catalogue import load_catalogue
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
    # topics, where no return is known
    "child_protection": 3,
    "children_in_need": 2,
    "children_looked_after": 7,
    "youth_offending": 4,
    "enhancing_quality_of_life_for_people_with_care_and_support_needs": 14,
    "delaying_and_reducing_the_need_for_care_and_support": 8,
    "ensuring_that_people_have_a_positive_experience_of_care_and_support": 5,
    "safeguarding_adults_whose_circumstances_make_them_vulnerable_and_protecting_from_avoidable_harm": 2,
    "ratings": 4,
}


@pytest.fixture(scope="module")
def loaded() -> dg.Definitions:
    return defs()


@pytest.fixture(scope="module")
def graph(loaded: dg.Definitions) -> Any:
    return loaded.resolve_asset_graph()


def test_every_indicator_of_the_core_is_an_asset_of_its_collection(graph: Any) -> None:
    indicators = graph.get_all_asset_keys() - {BANDS, JUDGEMENTS, STARS, SNAPSHOT}
    assert Counter(key.path[0] for key in indicators) == {"lait": 175, "ascof": 24, "oflog": 5}
    assert indicators == {indicator_key(indicator) for indicator in CORE}


def test_the_groups_are_the_source_returns_and_topics(graph: Any) -> None:
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
    assert graph.external_asset_keys == set()
    assert graph.materializable_asset_keys == graph.get_all_asset_keys()


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


def test_one_job_builds_everything_in_one_process_and_none_releases(
    loaded: dg.Definitions,
    graph: Any,
) -> None:
    jobs = [j.name for j in loaded.resolve_all_job_defs() if not j.name.startswith("__")]
    assert jobs == ["build_ratings"]
    job = loaded.resolve_job_def("build_ratings")
    assert job.executor_def is dg.in_process_executor
    assert job.asset_layer.selected_asset_keys == graph.get_all_asset_keys()
    assert not [key for key in graph.get_all_asset_keys() if "release" in key.to_user_string()]


def test_every_asset_says_which_code_made_it_who_owns_it_and_what_it_is(
    graph: Any,
) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.code_version, key
        assert node.code_version.startswith("starledger "), key
        assert node.owners, key
        assert node.description, key
        assert node.kinds, key
        assert not node.partitions_def, key


def test_an_indicator_shows_what_the_catalogue_says_of_it(graph: Any) -> None:
    node = graph.get(dg.AssetKey(["lait", "CPP_Total_Rateper10_000"]))
    indicator = load_catalogue().indicator("LAIT:CPP_Total_Rateper10,000")
    assert node.description is not None
    assert indicator.title in node.description
    assert node.metadata["unit"] == "rate per 10,000"
    assert node.metadata["code"] == indicator.code
    assert node.tags["starledger/service"] == "children"
    assert node.group_name == "cin_census"
    assert node.owners == ["team:children"]


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
