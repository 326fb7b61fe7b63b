"""Influence and explanation in a snapshot: as tables, in a trace, as a command, as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from audit.charts import influence_chart
from audit.influence import influence_of
from audit.trace import trace
from audit.trace_lines import lines
from pipelines.cli import app
from pipelines.rate import build
from pipelines.robustness import robustness_of
from pipelines.settings import Settings
from ratings.errors import InputError, MethodError, NotFoundError
from tests.made_ledgers import append, figure, judgements, some_figures, warehouse
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, snapshot

MAY_2002 = microseconds("2002-05-30")
A1 = "PAF:A1"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Camden capped by its A1, bury at three stars without a figure, and a snapshot without stars."""
    made = warehouse(tmp_path_factory.mktemp("influence") / "w")
    a1 = figure("camden", 21.0, indicator=A1, period="2000-04-01/P1Y", denominator=500.0)
    append(made, [a1], collection="a1_2001", at=MAY_2002 - 1)
    said = [
        *judgements("camden", "most excellent most excellent"),
        *judgements("bury", "yes excellent yes excellent"),
    ]
    append(made, said, collection="judgements", at=MAY_2002)
    some_figures(made)
    return made


@pytest.fixture(scope="module")
def built(here: Settings) -> SnapshotRef:
    return build(here, "ssi-2002", as_published=MAY_2002)


def run(here: Settings, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--warehouse", str(here.warehouse)])


def test_the_table_says_which_star_hangs_on_which_indicator_and_its_grade(built: SnapshotRef) -> None:
    rows = built.table("influence", organisation="camden", indicator=A1).to_dicts()
    assert [(row["star"], row["star_without"], row["decides"], row["grade"]) for row in rows] == [
        (2, 3, True, "red")  # of 150 councils one has a figure
    ]
    assert rows[0]["judgements_without"] == "serving people well for children: most"
    star = built.table("stars", organisation="camden").to_dicts()[0]
    assert (star["red_inputs"], star["star"], star["star_without_red"]) == (1, 2, 3)
    unrated = built.table("influence", organisation="hackney", indicator=A1).to_dicts()[0]
    assert (unrated["star"], unrated["star_without"], unrated["decides"]) == (None, None, False)


def test_a_trace_names_the_cap_the_nearest_changes_and_what_the_star_hangs_on(
    here: Settings, built: SnapshotRef
) -> None:
    found = trace(here.ledger(), here.landing, here.snapshots, "camden", snapshot_id=built.id)
    assert [(cap["part"], cap["from"], cap["to"], cap["by"]) for cap in found["caps"]] == [
        ("children_serving", "most", "some", A1)
    ]
    assert found["rests_on"] == [{"indicator": A1, "grade": "red", "star_without": 3}]
    said = [sentence for _, sentence in lines(found)]
    assert "cap: children_serving from 'most' to 'some' by PAF:A1 (21 against its threshold of 20)" in said
    assert (
        "would raise it: three stars with PAF:A1 at most 20 %, against 21 % "
        "(then serving people well for children: most)"
    ) in said
    assert any(s.startswith("would lower it: ") and ", against '" in s for s in said)
    assert "hangs on PAF:A1 (red): left out alone, it would be another or none" in said
    assert "1 figure of indicators graded red; without them: 3 stars" in said
    none = trace(here.ledger(), here.landing, here.snapshots, "bury", snapshot_id=built.id)
    assert "no one figure or judgement alone would raise it" in [s for _, s in lines(none)]


def test_the_command_shows_the_stars_that_rest_on_red(here: Settings, built: SnapshotRef) -> None:
    said = json.loads(run(here, "influence", "--snapshot", built.id, "--json").stdout)
    assert (said["rated"], said["inputs"], said["hanging"], said["hanging_on_red"]) == (2, 1, 1, 1)
    assert said["stars_on_red"] == [
        {
            "organisation": "camden",
            "name": "Camden",
            "red_inputs": 1,
            "star_without_red": 3,
            "star": 2,
            "indicators": [A1],
        }
    ]
    top = said["indicators"][0]
    assert (top["indicator"], top["decides"], top["more"], top["fewer"]) == (A1, 1, 1, 0)
    printed = run(here, "influence", "--snapshot", built.id).stdout
    assert "1 hang on one whose indicator is graded red" in printed
    assert "Camden" in printed
    alone = run(here, "influence", "--snapshot", built.id, "--organisation", "camden").stdout
    assert "Camden, with each indicator left out" in alone


def test_the_picture_has_words_and_is_the_same_each_time(built: SnapshotRef) -> None:
    found = influence_of(built)
    assert influence_chart(found) == influence_chart(found)
    drawn = ElementTree.fromstring(influence_chart(found))
    description = drawn.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert f"{A1} (red) 1" in (description.text or "")
    assert "<script" not in influence_chart(found)


def test_what_has_no_influence_to_show_is_refused_with_the_next_step(
    here: Settings, built: SnapshotRef, tmp_path: Path
) -> None:
    bare = build(here, "lait-quartile", as_published=microseconds("2024-06-01"))
    with pytest.raises(InputError, match=r"lait-quartile gives no stars.*snapshots list"):
        influence_of(bare)
    with pytest.raises(NotFoundError):
        influence_of(built, "Atlantis")
    with pytest.raises(InputError, match="not rated in"):
        influence_of(built, "sim-birchleigh")
    stored = Path(__file__).parent / "data" / "snapshot-version-3"
    [old] = stored.glob("ssi-2002-*")
    with pytest.raises(InputError, match="was built before"):
        influence_of(snapshot(stored, old.name))


def test_robustness_is_marked_seeded_and_leaves_nothing_behind(here: Settings, built: SnapshotRef) -> None:
    def files() -> set[Path]:
        return {path for path in here.warehouse.rglob("*") if path.suffix not in (".db-wal", ".db-shm")}

    head, before = here.ledger().head(), files()
    words = ("robustness", "--snapshot", built.id, "--draws", "50", "--seed", "4", "--json")
    said = json.loads(run(here, *words).stdout)
    assert next(iter(said.items())) == (
        "mark",
        "internal analysis: not part of any snapshot, never to be released",
    )
    assert (said["draws"], said["seed"], said["figures"], said["uncertain"]) == (50, 4, 1, 1)
    stars = {row["organisation"]: row for row in said["stars"]}
    assert stars["bury"]["probabilities"] == {"3": 1.0}
    assert set(stars["camden"]["probabilities"]) == {"2", "3"}  # 21 of 20 %, with an error of two points
    assert stars["camden"]["same"] == stars["camden"]["probabilities"]["2"]
    assert json.loads(run(here, *words).stdout) == said
    assert json.loads(run(here, *words[:-2], "5", "--json").stdout)["stars"] != said["stars"]
    assert "INTERNAL ANALYSIS" in run(here, *words[:-1]).stdout
    assert (here.ledger().head(), files()) == (head, before)


def test_robustness_refuses_what_it_cannot_draw(here: Settings, built: SnapshotRef, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 draws cannot be made"):
        robustness_of(here, built.id, draws=0, seed=1)
    with pytest.raises(NotFoundError, match="no such file"):
        robustness_of(here, built.id, draws=1, seed=1, uncertainty=tmp_path / "none.toml")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("version = 1")
    with pytest.raises(MethodError, match=r"wrong\.toml"):
        robustness_of(here, built.id, draws=1, seed=1, uncertainty=wrong)
