"""Exports: what a tool of others reads back is what the snapshot holds."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.event_v2 import RunEvent, RunState
from openlineage.client.serde import Serde
from typer.testing import CliRunner

from audit.exports import SDMX_COLUMNS, sdmx_csv
from audit.lineage_events import lineage_events
from pipelines.cli import app
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.errors import InputError, NotFoundError, SnapshotError
from tests.audit.test_trace import A1, LAIT, MAY_2002, MEASURE, RATINGS, ingested
from tests.made_ledgers import OUT, warehouse
from warehouse.observations import observations
from warehouse.snapshots import SnapshotRef

OBS_STATUS = set("ABDEFGHIJKLMNOPQSTUVW")  # SDMX CL_OBS_STATUS 2.2


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, SnapshotRef, SnapshotRef]:
    made = warehouse(tmp_path_factory.mktemp("exports") / "w")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "a1.csv", A1, "a1_2001")
    ingested(made, "lait.csv", LAIT.format(earlier="-", now=2.25), "lait", OUT)
    return (
        made,
        build(made, "ssi-2002", as_published=MAY_2002),
        build(made, "lait-quartile", as_published=OUT),
    )


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_an_sdmx_message_says_of_every_line_what_it_is_and_loses_no_figure(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
) -> None:
    held = rated[2].table("observations")
    text = sdmx_csv(held, load_catalogue())
    assert text.split("\r\n")[0].split(",") == list(SDMX_COLUMNS)
    found = rows(text)
    assert len(found) == held.height == 3
    for row in found:
        assert (row["STRUCTURE"], row["ACTION"], row["FREQ"]) == ("dataflow", "I", "A")
        assert re.fullmatch(r"[A-Z]+:[A-Z]+\(\d+\.\d+\)", row["STRUCTURE_ID"])
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}/P(\d+[YMD])+", row["TIME_PERIOD"])
        assert row["OBS_STATUS"] in OBS_STATUS
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", row["LAST_UPDATE"])
    values = {(r["REF_AREA"], r["TIME_PERIOD"]): r["OBS_VALUE"] for r in found}
    assert values["camden", "2021-01-01/P1Y"] == ""  # missing, and never nought
    assert float(values["camden", "2022-01-01/P1Y"]) == 2.25
    assert {r["UNIT_MEASURE"] for r in found} == {load_catalogue().indicator(MEASURE).unit}


def test_a_snapshot_and_the_log_give_the_same_sdmx(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
) -> None:
    catalogue = load_catalogue()
    log = observations(rated[0].ledger(), ["lait"], as_published=OUT)
    assert sdmx_csv(log, catalogue) == sdmx_csv(rated[2].table("observations"), catalogue)


def test_a_cell_with_commas_and_quotes_comes_back(rated: tuple[Settings, SnapshotRef, SnapshotRef]) -> None:
    held = rated[2].table("observations")
    odd = held.with_columns(period_label=held["period_label"].str.replace("2022", '2022, "rev"\r\nised'))
    labels = {row["PERIOD_LABEL"] for row in rows(sdmx_csv(odd, load_catalogue()))}
    assert labels == {"2021", '2022, "rev"\r\nised'}


def datasets(event: RunEvent) -> set[str]:
    return {each.name for each in [*(event.inputs or []), *(event.outputs or [])]}


def test_every_file_has_its_run_and_the_rating_takes_what_they_made(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
) -> None:
    settings, of_2002, _ = rated
    events = lineage_events(settings.ledger(), of_2002)
    assert all(isinstance(event, RunEvent) and event.eventType == RunState.COMPLETE for event in events)
    assert [event.job.name for event in events] == ["ingest.judgements", "ingest.a1_2001", "rate.ssi-2002"]
    assert len({event.run.runId for event in events}) == 3
    made = {out.name for event in events[:-1] for out in event.outputs or []}
    assert made == {each.name for each in events[-1].inputs or []}
    assert {out.name for out in events[-1].outputs or []} == {
        f"snapshots/{of_2002.id}/{name}" for name in of_2002.manifest["tables"]
    }
    assert [event.eventTime for event in events] == sorted(event.eventTime for event in events)


def test_column_lineage_names_only_data_sets_and_columns_that_are_there(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
) -> None:
    settings, *both = rated
    for found in both:
        events = lineage_events(settings.ledger(), found)
        known = set().union(*(datasets(event) for event in events))
        columns: dict[str, set[str]] = {}
        for out in (out for event in events for out in event.outputs or []):
            schema: Any = (out.facets or {})["schema"]
            columns[out.name] = {field.name for field in schema.fields}
        linked = 0
        for out in (out for event in events for out in event.outputs or []):
            lineage: Any = (out.facets or {}).get("columnLineage")
            for field, made_of in (lineage.fields if lineage else {}).items():
                assert field in columns[out.name]
                for each in made_of.inputFields:
                    linked += 1
                    assert each.name in known
                    assert each.name.startswith("landing/") or each.field in columns[each.name]
        assert linked > 15


def test_the_way_of_a_star_can_be_walked_by_columns_down_to_the_file(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
) -> None:
    settings, of_2002, _ = rated
    outputs = {o.name: o for e in lineage_events(settings.ledger(), of_2002) for o in e.outputs or []}
    seen, todo = set(), [(f"snapshots/{of_2002.id}/stars", "star")]
    while todo:
        name, column = todo.pop()
        seen.add((name.split("/")[0], column))
        if name in outputs:
            lineage: Any = (outputs[name].facets or {}).get("columnLineage")
            made_of = lineage.fields.get(column) if lineage else None
            todo += [(each.name, each.field) for each in made_of.inputFields] if made_of else []
    assert ("landing", "children_serving") in seen
    assert ("landing", "children_with_3plus_placements") in seen


def test_quality_stands_beside_the_data_sets(rated: tuple[Settings, SnapshotRef, SnapshotRef]) -> None:
    settings, _, of_lait = rated
    *files, rating = [Serde.to_dict(event) for event in lineage_events(settings.ledger(), of_lait)]
    facets = files[-1]["inputs"][0]["inputFacets"]
    assert facets["dataQualityMetrics"]["rowCount"] == 3
    checks = facets["dataQualityAssertions"]["assertions"]
    recorded = [
        event["payload"]
        for event in settings.ledger().events("check_result")
        if event["batch"] == settings.ledger().batches("lait", "vintage")[0].id
    ]
    assert [(c["assertion"], c["success"], c["actual"]) for c in checks] == [
        (said["check"], said["success"], str(said["failed"])) for said in recorded
    ]
    assert len(checks) > 5
    graded = rating["inputs"][0]["inputFacets"]
    assert graded["dataQualityMetrics"]["columnMetrics"]["value"] == {
        "nullCount": 1, "count": 2.0, "min": 2.25, "max": 2.5, "quantiles": {},
    }  # fmt: skip
    [grade] = graded["dataQualityAssertions"]["assertions"]
    assert (grade["name"], grade["assertion"]) == (MEASURE, "quality_grade")
    assert grade["success"] == (grade["actual"] != "red")


def test_the_commands_write_whole_files_and_the_same_bytes_again(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], tmp_path: Path
) -> None:
    settings, of_2002, of_lait = rated

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            app, ["export", *words, "--warehouse", str(settings.warehouse)], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.output

    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    assert "3 OpenLineage events" in run("openlineage", "--snapshot", of_2002.id, "--out", str(one))
    run("openlineage", "--snapshot", of_2002.id, "--out", str(other))
    assert one.read_bytes() == other.read_bytes()
    lines = [json.loads(line) for line in one.read_text().splitlines()]
    assert lines == [json.loads(Serde.to_json(e)) for e in lineage_events(settings.ledger(), of_2002)]
    assert all(line["schemaURL"].endswith("/RunEvent") for line in lines)
    assert "3 observations" in run("sdmx", "--snapshot", of_lait.id, "--out", str(tmp_path / "s.csv"))
    told = run("sdmx", "--collection", "lait", "--out", str(tmp_path / "c.csv"), "--json")
    assert json.loads(told)["observations"] == 3
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["sdmx"], InputError, "figures of what"),
        (["sdmx", "--snapshot", "x", "--collection", "lait"], InputError, "figures of what"),
        (["sdmx", "--snapshot", "x", "--as-recorded", "1"], InputError, "its own two times"),
        (["sdmx", "--snapshot", "x"], NotFoundError, "no snapshot 'x'"),
        (["sdmx", "--collection", "ascof"], NotFoundError, "no file of collection ascof"),
        (["openlineage", "--snapshot", "x"], NotFoundError, "no snapshot 'x'"),
    ],
)
def test_what_cannot_be_exported_is_said_and_no_file_is_left(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
    tmp_path: Path,
    words: list[str],
    error: type[Exception],
    says: str,
) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["export", *words, "--out", str(out), "--warehouse", str(rated[0].warehouse)]
    )
    assert isinstance(done.exception, error), done.output
    assert says in str(done.exception)
    assert not out.exists()


def test_a_snapshot_of_another_log_has_no_lineage_here(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], tmp_path: Path
) -> None:
    with pytest.raises(SnapshotError, match="another log"):
        lineage_events(warehouse(tmp_path / "w").ledger(), rated[1])
