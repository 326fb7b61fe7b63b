"""Rate: what goes into a snapshot, and that the same question has the same answer."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines import rate
from pipelines.rate import build, input_position, start_of_today
from pipelines.settings import Settings
from ratings.collections import load_collection
from ratings.errors import LedgerError, MethodError, NotFoundError
from ratings.methods import load_method
from tests.made_ledgers import (
    COUNCILS,
    EARLIER,
    MEASURE,
    OUT,
    append,
    figure,
    judgements,
    simulated_warehouse,
    some_figures,
    warehouse,
    withdrawal,
)
from warehouse.event_log import DEMONSTRATION
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, list_snapshots, verify

HOUR = 3_600_000_000
MAY_2002 = microseconds("2002-05-30")
LATER = microseconds("2024-06-01")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return warehouse(tmp_path / "w")


def bands_of(built: SnapshotRef) -> dict[str, tuple[float | None, str | None]]:
    rows = built.table("bands", indicator=MEASURE).filter(pl.col("value").is_not_null())
    return {row["organisation"]: (row["value"], row["band_label"]) for row in rows.iter_rows(named=True)}


def test_quartile_bands_of_five_councils(here: Settings) -> None:
    some_figures(here)
    built = build(here, "lait-quartile", as_published=LATER)
    assert {name: band for name, (_, band) in bands_of(built).items()} == dict(
        zip(COUNCILS, "AABCD", strict=True)
    )
    assert verify(built.path) == []
    assert built.manifest["method"]["status"] == "official"
    assert not built.manifest["simulated"]
    assert built.table("stars").is_empty()


def test_building_twice_gives_the_same_snapshot_and_one_event(here: Settings) -> None:
    some_figures(here)
    first = build(here, "lait-quartile", as_published=LATER)
    head = here.ledger().head()
    second = build(here, "lait-quartile", as_published=LATER, label="other words")
    assert (second.id, second.existed, first.existed) == (first.id, True, False)
    assert here.ledger().head() == head
    assert [e["payload"]["id"] for e in here.ledger().events("snapshot_built")] == [first.id]


def test_the_definitions_of_another_method_are_no_input(here: Settings) -> None:
    some_figures(here)
    append(here, judgements("camden", "yes excellent yes excellent"), collection="judgements")
    first = build(here, "lait-quartile", as_published=LATER)
    build(here, "ssi-2002", as_published=LATER)
    assert build(here, "lait-quartile", as_published=LATER).id == first.id


def test_files_of_other_collections_are_no_input(here: Settings) -> None:
    some_figures(here)
    first = build(here, "lait-quartile", as_published=LATER)
    append(here, [figure("camden", 50.0)], collection="ascof", at=OUT)
    assert build(here, "lait-quartile", as_published=LATER).id == first.id


def test_definitions_are_adopted_once_with_their_whole_content(here: Settings) -> None:
    some_figures(here)
    build(here, "lait-quartile", as_published=LATER)
    build(here, "lait-quartile", as_published=OUT)
    said = [event["payload"] for event in here.ledger().events("definition")]
    assert sorted(one["kind"] for one in said) == ["catalogue", "method", "quality", "signing_key"]
    adopted = {one["id"]: one for one in said}
    assert 'id = "lait-quartile"' in adopted["lait-quartile"]["content"]["lait-quartile.toml"]
    assert adopted["quality"]["content"]["quality.toml"].startswith("# When an indicator's figures")
    assert adopted["catalogue"]["content"]["organisations.csv"].startswith("id,name,")


def test_only_what_was_published_by_then_counts(here: Settings) -> None:
    some_figures(here)
    append(here, [figure("camden", 99.0)], at=OUT + HOUR)
    assert bands_of(build(here, "lait-quartile", as_published=OUT + HOUR - 1))["camden"] == (1.0, "A")
    assert bands_of(build(here, "lait-quartile", as_published=OUT + HOUR))["camden"] == (99.0, "D")


def test_only_what_was_recorded_by_then_counts(here: Settings) -> None:
    position = some_figures(here).last_position
    append(here, [figure("camden", 99.0)], at=OUT + HOUR)
    built = build(here, "lait-quartile", as_published=LATER, as_recorded=position)
    assert bands_of(built)["camden"] == (1.0, "A")
    assert built.manifest["as_recorded"] == position


def test_a_position_within_a_batch_is_rounded_down_to_a_batch_end(here: Settings) -> None:
    position = some_figures(here).last_position
    append(here, [figure("camden", 99.0), figure("hackney", 98.0)], at=OUT + HOUR)
    built = build(here, "lait-quartile", as_published=LATER, as_recorded=position + 1)
    assert built.manifest["as_recorded"] == position


def test_figures_of_other_collections_and_of_aggregates_are_not_rated(here: Settings) -> None:
    some_figures(here)
    append(here, [figure("camden", 50.0)], collection="ascof", at=OUT + HOUR)
    append(here, [figure("london", 60.0)], at=OUT + HOUR)
    built = build(here, "lait-quartile", as_published=LATER)
    assert bands_of(built)["camden"] == (1.0, "A")
    assert set(bands_of(built)) == set(COUNCILS)
    assert "london" not in built.table("organisations")["organisation"]
    assert set(built.table("observations")["collection"]) == {"lait"}


def test_the_simulated_are_rated_apart_and_say_so(tmp_path: Path) -> None:
    there = simulated_warehouse(tmp_path / "w")
    some_figures(there)
    invented = [figure("sim-amberdale", 1.0), figure("sim-alderbourne", 2.0)]
    append(there, invented, collection="simulated", simulated=True)
    built = build(there, "lait-quartile", as_published=LATER, simulated=True)
    real = build(there, "lait-quartile", as_published=LATER)
    assert set(bands_of(built)) == {"sim-amberdale", "sim-alderbourne"}
    assert set(bands_of(real)) == set(COUNCILS)
    assert built.manifest["simulated"]
    assert built.manifest["label"].startswith("[simulated] ")
    assert built.summary()["tags"] == ["official", "simulated"]
    assert not real.manifest["simulated"]
    events = there.ledger().events("snapshot_built")
    assert [e["payload"]["simulated"] for e in events] == [True, False]


def test_an_illustrative_snapshot_says_so_in_its_label(here: Settings) -> None:
    some_figures(here)
    built = build(here, "stars-illustrative", as_published=LATER, label="trial")
    assert built.manifest["label"] == "[illustrative] trial"
    assert set(built.table("stars")["method_status"]) == {"illustrative"}
    assert set(built.table("stars")["rating_status"]) == {"not_rated"}


def test_a_method_that_rates_no_simulated_councils_refuses(here: Settings) -> None:
    with pytest.raises(MethodError, match="ssi-2002 does not rate simulated councils"):
        build(here, "ssi-2002", simulated=True)


def test_with_nothing_known_there_is_nothing_to_rate(here: Settings) -> None:
    with pytest.raises(NotFoundError, match="starledger ingest"):
        build(here, "lait-quartile", as_published=LATER)
    assert list_snapshots(here.snapshots) == []


def test_who_means_the_invented_councils_of_a_demonstration_is_told_how(tmp_path: Path) -> None:
    where = Settings(tmp_path / "w", f"sqlite:///{tmp_path / 'w' / 'ledger.db'}", "tester")
    where.found_ledger(DEMONSTRATION)
    with pytest.raises(NotFoundError, match="--simulated rates the invented councils"):
        build(where, "stars-illustrative", as_published=LATER)
    with pytest.raises(NotFoundError, match=r"give a later --as-published$"):
        build(where, "ssi-2002", as_published=LATER)


def test_without_a_ledger_the_error_names_the_next_step(tmp_path: Path) -> None:
    nowhere = Settings(tmp_path / "no", f"sqlite:///{tmp_path / 'no' / 'ledger.db'}", "tester")
    with pytest.raises(LedgerError, match="Next: "):
        build(nowhere, "lait-quartile")


def test_a_placement_figure_was_425_days_old_on_30_may_2002(here: Settings) -> None:
    append(
        here,
        [figure("walsall", 14.0, indicator="PAF:A1", period="2000-04-01/P1Y", denominator=406.0)],
        collection="a1_2001",
        at=microseconds("2001-11-19"),
    )
    append(here, judgements("walsall", "no poor no poor"), collection="judgements", at=MAY_2002)
    star = build(here, "ssi-2002", as_published=MAY_2002).table("stars", organisation="walsall").to_dicts()[0]
    assert (star["star"], star["round"], star["rating_status"]) == (0, "2002-05", "rated")
    assert (star["oldest_deciding_age_days"], star["oldest_deciding_indicator"]) == (425, "PAF:A1")
    assert (star["inputs"], star["missing_inputs"]) == (1, 2)


def test_a_star_says_whether_a_missing_key_figure_could_change_it_and_how(here: Settings) -> None:
    both = [*judgements("walsall", "no poor no poor"), *judgements("bury", "yes excellent yes excellent")]
    append(here, both, collection="judgements", at=MAY_2002)
    built = build(here, "ssi-2002", as_published=MAY_2002)
    stars = {row["organisation"]: row for row in built.table("stars").to_dicts()}
    answers = {
        who: row["could_fresh_data_change_it"] for who, row in stars.items() if row["star"] is not None
    }
    assert answers == {"walsall": "never", "bury": "possibly"}
    best = stars["bury"]
    assert best["lowest_star"] < best["star"] == best["highest_star"] == 3
    fresh = built.table("freshness", organisation="bury").to_dicts()
    told = {row["indicator"]: row["other_stars"] for row in fresh if row["other_stars"]}
    assert len(told) == best["flipping_inputs"] > 0
    assert told["PAF:A1"] == "a value of 20.000001 gives 2"
    assert all(row["source_return"] for row in fresh if row["indicator"] == "PAF:A1")


def test_a_failed_key_threshold_caps_the_judgement(here: Settings) -> None:
    append(
        here,
        [figure("walsall", 25.0, indicator="PAF:A1", period="2000-04-01/P1Y", denominator=406.0)],
        collection="a1_2001",
        at=microseconds("2001-11-19"),
    )
    append(here, judgements("walsall", "most promising most promising"), collection="judgements", at=MAY_2002)
    built = build(here, "ssi-2002", as_published=MAY_2002)
    judged = built.table(
        "judgements", organisation="walsall", service="children", aspect="serving"
    ).to_dicts()[0]
    assert (judged["computed_judgement"], judged["judgement"], judged["capped_by"]) == (
        "most",
        "some",
        "PAF:A1",
    )


def test_a_figure_restated_later_does_not_change_a_past_round(here: Settings) -> None:
    def a1(value: float, at: str) -> None:
        known = figure("walsall", value, indicator="PAF:A1", period="2000-04-01/P1Y", denominator=406.0)
        append(here, [known], collection="a1_2001", at=microseconds(at))

    a1(25.0, "2001-11-19")
    a1(9.0, "2006-01-01")
    append(here, judgements("walsall", "most promising most promising"), collection="judgements", at=MAY_2002)
    built = build(here, "ssi-2002", round="2002-05", as_published=microseconds("2010-01-01"))
    judged = built.table("judgements", organisation="walsall", service="children", aspect="serving")
    assert judged["capped_by"].to_list() == ["PAF:A1"]
    assert built.table("observations")["value"].to_list() == [25.0]


def test_only_councils_that_existed_are_rated(here: Settings) -> None:
    append(here, judgements("walsall", "no poor no poor"), collection="judgements", at=MAY_2002)
    then = build(here, "ssi-2002", as_published=MAY_2002).table("organisations")["organisation"]
    some_figures(here)
    later = build(here, "lait-quartile", as_published=LATER).table("organisations")["organisation"]
    assert "bedfordshire" in then
    assert "bedford" not in then
    assert "bedfordshire" not in later
    assert "bedford" in later


def test_a_star_leads_to_its_files_step_by_step(here: Settings) -> None:
    here.ledger().record_landing("a" * 64, 1, "file.csv")
    batch = append(
        here,
        judgements("walsall", "no poor no poor"),
        collection="judgements",
        at=MAY_2002,
        file_sha256="a" * 64,
    )
    steps = build(here, "ssi-2002", as_published=MAY_2002).table("lineage", organisation="walsall").to_dicts()

    def after(kind: str, identifier: str) -> list[tuple[str, str, int | None]]:
        return [
            (s["to_kind"], s["to_id"], s["row"])
            for s in steps
            if (s["from_kind"], s["from_id"]) == (kind, identifier)
        ]

    assert ("judgement", "children_serving", None) in after("star", "walsall")
    assert after("judgement", "children_serving") == [("event", str(batch.first_position), None)]
    assert after("event", str(batch.first_position)) == [
        ("batch", str(batch.id), None),
        ("file", "a" * 64, 2),
    ]
    cells = [s["column"] for s in steps if s["to_kind"] == "file"]
    assert sorted(cells) == sorted(c.column for c in load_collection("judgements").judgements)


def test_a_figure_leads_to_the_column_of_its_file(here: Settings) -> None:
    here.ledger().record_landing("b" * 64, 1, "file.csv")
    some_figures(here, file_sha256="b" * 64)
    edges = build(here, "lait-quartile", as_published=LATER).table("lineage", to_kind="file")
    assert set(edges.select("to_id", "column").rows()) == {("b" * 64, "Values")}
    assert sorted(edges["row"]) == [2, 3, 4, 5, 6]


def test_bands_lead_to_the_figure_and_to_the_one_before(here: Settings) -> None:
    batch = append(here, [figure("camden", 1.0), figure("camden", 2.0, period=EARLIER)])
    steps = build(here, "lait-quartile", as_published=LATER).table(
        "lineage", organisation="camden", from_kind="band"
    )
    assert set(steps["to_id"]) == {str(batch.first_position), str(batch.last_position)}


def test_quality_counts_what_happened_to_the_figures(here: Settings) -> None:
    some_figures(here, refused=[MEASURE, MEASURE, "LAIT:other"])
    append(
        here,
        [
            figure("camden", 9.0),
            figure("hackney", None, obs_status="Q"),
            figure("islington", 3.0, obs_status="P"),
            withdrawal("lambeth", "withdrawn"),
            withdrawal("southwark", "rolled_off"),
        ],
        at=OUT + HOUR,
    )
    counts = (
        build(here, "lait-quartile", as_published=LATER).table("quality", indicator=MEASURE).to_dicts()[0]
    )
    graded = {name: counts.pop(name) for name in ("grade", "reasons", "revision_size")}
    assert graded["grade"] == "red"
    assert graded["reasons"].startswith("completeness: ")
    assert "checks: 2 of 5 rows were refused" in graded["reasons"]
    assert graded["revision_size"] == pytest.approx(100 * abs(9 - 1) / 9)
    assert counts == {
        "indicator": MEASURE,
        "figures": 2,
        "missing": 1,
        "suppressed": 1,
        "provisional": 1,
        "revised": 2,
        "withdrawn": 1,
        "quarantined": 2,
        "flagged": 0,
        "answered": 0,
        "definitions": 1,
        "organisations": 153,
        "reporting": 2,
        "suppressing": 1,
        "followed": 2,
        "out_of_date": 0,
        "cases_known": 0,
        "small_numbers": 0,
    }


def test_a_snapshot_without_its_event_is_finished_by_the_next_run(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_figures(here)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(rate, "record", crash)
        with pytest.raises(KeyboardInterrupt):
            build(here, "lait-quartile", as_published=LATER)
    left = list_snapshots(here.snapshots)[0]
    assert here.ledger().events("snapshot_built") == []
    build(here, "lait-quartile", as_published=OUT)
    assert left.id in [e["payload"]["id"] for e in here.ledger().events("snapshot_built")]


def test_a_broken_directory_without_an_event_is_taken_away(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_figures(here)
    with monkeypatch.context() as broken:
        broken.setattr(rate, "record", lambda *_: None)
        left = build(here, "lait-quartile", as_published=LATER)
    (left.path / "bands.parquet").unlink()
    other = build(here, "lait-quartile", as_published=OUT)
    assert [found.id for found in list_snapshots(here.snapshots)] == [other.id]


def test_a_directory_of_another_log_is_left_alone(here: Settings, tmp_path: Path) -> None:
    there = warehouse(tmp_path / "other")
    some_figures(there)
    foreign = build(there, "lait-quartile", as_published=LATER)
    some_figures(here)
    here.snapshots.mkdir()
    foreign.path.rename(here.snapshots / foreign.id)
    (here.snapshots / foreign.id / "bands.parquet").unlink()
    build(here, "lait-quartile", as_published=OUT)
    assert (here.snapshots / foreign.id).is_dir()


def test_the_defaults_are_today_and_the_last_input(here: Settings) -> None:
    some_figures(here)
    said: list[str] = []
    built = build(here, "lait-quartile", progress=said.append)
    assert built.manifest["as_published"].endswith("T00:00:00Z")
    assert microseconds(built.manifest["as_published"]) == start_of_today()
    definitions = here.ledger().batches(kind="definition")[:3]  # the key that seals a snapshot is no input
    method = load_method("lait-quartile")
    assert built.manifest["as_recorded"] == input_position(here.ledger(), {"lait"}, definitions, method)
    assert built.manifest["as_published"] in said[0]
