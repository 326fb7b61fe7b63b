"""Comparison of two ratings: counts and causes, the figures that differ, and what is not compared."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from audit.web.comparisons import MOST_FIGURES, BusyError, Comparisons
from audit.web.problems import problem_of
from pipelines.compare import compare, compare_apart
from pipelines.decide import decide
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.decisions import Decision
from ratings.errors import SnapshotError
from tests.audit.web.made_told import Told
from tests.audit.web.test_pages import client
from tests.made_ledgers import append, figure, some_figures, warehouse, withdrawal
from tests.pipelines.test_compare import HOUR, OUT
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, snapshot


@pytest.fixture(scope="module")
def suspended(told: Told, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """A copy of the warehouse, and a third rating, in which the star of Walsall is suspended."""
    made = tmp_path_factory.mktemp("suspended") / "w"
    shutil.copytree(told.settings.warehouse, made)
    here = replace(told.settings, warehouse=made, database_url=made / "ledger.db")
    day = microseconds("2002-07-02")
    decide(
        here,
        Decision("walsall", "ssi-2002", "2002-05", "star", "suspended", None, "court", "why", "", day, None),
    )
    return here, build(here, "ssi-2002", as_published=day).id


@pytest.fixture(scope="module")
def banded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """Two ratings by bands: in the second Camden's figure is revised, and Hackney's is gone."""
    made = warehouse(tmp_path_factory.mktemp("banded") / "w")
    some_figures(made)
    before = build(made, "lait-quartile", as_published=OUT)
    append(made, [figure("camden", 99.0), withdrawal("hackney", "withdrawn")], at=OUT + HOUR)
    return made, before.id, build(made, "lait-quartile", as_published=OUT + HOUR).id


def path(one: str, other: str) -> str:
    return f"/snapshots/{one}/compare/{other}"


def test_each_star_that_differs_has_its_cause_and_counts_come_first(
    told: Told, suspended: tuple[Settings, str]
) -> None:
    here, third = suspended
    reader = client(here)
    twin = reader.get("/api" + path(third, told.july)).json()
    difference = twin["difference"]
    assert (twin["earlier"]["id"], twin["later"]["id"]) == (told.july, third)
    assert (difference["outcome"], difference["compared"], difference["changed"]) == ("star", 150, 1)
    [walsall] = difference["found"]["rows"]
    assert [(s["cause"], s["before"], s["after"], s["status_after"]) for s in walsall["steps"]] == [
        ("decision", 0, None, "suspended")
    ]
    decision = next(e for e in difference["effects"] if e["cause"] == "decision")
    assert (decision["up"], decision["down"], decision["other"]) == (0, 0, 1)
    page = reader.get(path(told.july, third)).text
    assert page.index("of 150 stars") < page.index("Causes, in the order")
    assert f'href="/snapshots/{third}/organisations/walsall"' in page
    assert reader.get(path(told.july, third), params={"cause": "revision"}).text.count("None fits") == 1


def test_figures_of_bands_lead_to_what_was_revised_and_withdrawn(banded: tuple[Settings, str, str]) -> None:
    here, before, after = banded
    reader = client(here)
    difference = reader.get("/api" + path(after, before)).json()["difference"]
    expected = compare(here, before, after)
    assert difference["outcome"] == "band"
    assert difference["found"]["total"] == len(expected["changes"])
    assert (difference["figures"]["revision"], difference["figures"]["withdrawal"]) == (1, 1)
    camden = next(m for m in difference["found"]["rows"] if m["organisation"] == "camden")
    assert camden["figures"] == {"revision": 1}
    page = reader.get(path(after, before)).text
    by_others = [
        step for m in difference["found"]["rows"] for step in m["steps"] if step["cause"] not in m["figures"]
    ]
    assert by_others
    page = reader.get(path(after, before)).text
    assert page.count("by others' changes, not its own") == len(by_others)
    link = f"{path(after, before)}/figures?organisation=camden&amp;kind=revision&amp;q={camden['indicator']}"
    assert link.replace(":", "%3A").split("/compare/")[1] in page
    twin = reader.get(f"/api{path(after, before)}/figures").json()
    found = {(f["organisation"], f["kind"], f["before"], f["after"]) for f in twin["found"]["rows"]}
    assert found == {("camden", "revision", 1.0, 99.0), ("hackney", "withdrawal", 2.0, None)}
    only = reader.get(f"/api{path(after, before)}/figures", params={"q": "hack"}).json()["found"]["rows"]
    assert [f["organisation"] for f in only] == ["hackney"]


def test_the_public_is_told_of_no_confidential_figure_that_it_differs(told: Told) -> None:
    asked = f"/api{path(told.july, told.may)}/figures"
    inside, anybody = (
        client(told.settings).get(asked).json(),
        client(told.settings, "public").get(asked).json(),
    )
    assert {f["organisation"] for f in inside["found"]["rows"]} == {"walsall", "bolton"}
    assert [f["organisation"] for f in anybody["found"]["rows"]] == ["walsall"]
    assert anybody["counts"]["revision"] == 1


def test_the_other_rating_is_chosen_on_the_page_of_ratings(told: Told) -> None:
    reader = client(told.settings, "public")
    page = reader.get(f"/snapshots/{told.july}").text
    assert f'<form class="ask" method="get" action="/snapshots/{told.july}/compare"' in page
    assert f'<option value="{told.may}">' in page
    chosen = reader.get(f"/snapshots/{told.july}/compare", params={"other": told.may})
    assert "of 150 stars" in chosen.text
    as_list = reader.get(f"/snapshots/{told.july}/compare").text
    assert f'href="{path(told.july, told.may)}"' in as_list


def test_what_cannot_be_compared_says_so_as_a_page(told: Told) -> None:
    reader = client(told.settings)
    same = reader.get(path(told.may, told.may))
    assert (same.status_code, "It is the same rating" in same.text) == (200, True)
    gone = reader.get(path(told.may, "ssi-2002-20020530-000000000000"))
    assert gone.status_code == 404
    assert reader.get(f"/snapshots/{told.may}/compare", params={"other": "<b>"}).status_code == 422


def test_a_rating_that_is_not_released_cannot_be_compared_by_the_public(
    told: Told, suspended: tuple[Settings, str]
) -> None:
    here, third = suspended
    anybody = client(here, "public")
    nothing = anybody.get("/snapshots/ssi-2002-20020530-000000000000").content
    for asked in (path(told.july, third), path(third, told.july), path(third, told.july) + "/figures"):
        assert anybody.get(asked).content == nothing
    assert third not in anybody.get(f"/snapshots/{told.july}").text


def test_a_comparison_apart_says_the_same_and_is_broken_off_in_time(
    banded: tuple[Settings, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, before, after = banded
    assert pickle.loads(pickle.dumps(here)) == here  # it goes to another process
    monkeypatch.setattr("pipelines.compare.get_context", lambda _: SimpleNamespace(Pool=ThreadPool))
    assert compare_apart(here, before, after) == compare(here, before, after)
    with pytest.raises(SnapshotError, match="takes longer than 0 seconds"):
        compare_apart(here, before, after, seconds=0)


def test_comparisons_are_kept_one_is_made_at_a_time_and_none_is_too_large(told: Told) -> None:
    may, july = (snapshot(told.settings.snapshots, each) for each in (told.may, told.july))
    begun, go_on, asked = Event(), Event(), list[tuple[str, str]]()

    def slowly(before: str, after: str) -> Mapping[str, Any]:
        asked.append((before, after))
        begun.set()
        assert go_on.wait(10)
        return {"changes": []}

    comparisons = Comparisons(slowly)
    other = Thread(target=comparisons.of, args=(may, july))
    other.start()
    assert begun.wait(10)
    with pytest.raises(BusyError) as busy:
        comparisons.of(july, may)
    assert problem_of(busy.value, public=True).status == 503
    go_on.set()
    other.join()
    assert comparisons.of(may, july) == {"changes": []}
    assert asked == [(may.id, july.id)]
    large = _with_figures(july, MOST_FIGURES)
    with pytest.raises(SnapshotError, match="more than are compared while a reader waits"):
        comparisons.of(may, large)


def _with_figures(found: SnapshotRef, figures: int) -> SnapshotRef:
    tables = found.manifest["tables"]
    more = tables | {"observations": tables["observations"] | {"rows": figures}}
    return replace(found, id="another", manifest=found.manifest | {"tables": more})
