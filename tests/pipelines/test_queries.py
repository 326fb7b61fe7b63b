"""A query from the finding of a check to the next file that it silences, on both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit.questions import questions
from audit.trace import trace
from audit.trace_lines import lines
from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.ingest_report import IngestReport
from pipelines.quality import quality_list
from pipelines.queries import Which, accept, answer, list_queries, raise_query, reopen
from pipelines.rate import build
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from ratings.errors import InputError, NotFoundError
from warehouse.database import Database

CHECK, RATE = "numerator_within_denominator", "LAIT:CIN_Refferals_NFA"
MONTHS = [parse_time(f"2025-{month:02}-01") for month in range(1, 9)]


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings(tmp_path / "warehouse", actor="ann")


@pytest.fixture
def either(tmp_path: Path, database: Database) -> Settings:
    """A warehouse on one engine after the other."""
    return settings(tmp_path / "warehouse", database.address, actor="ann")


def released(here: Settings, month: int, *rows: str, **more: Any) -> IngestReport:
    """Ingest a file of simulated councils: `council,value,numerator,denominator` each."""
    file = here.warehouse.parent / f"{month}.csv"
    lines = [f"{RATE},{code},2022,{rest}," for code, _, rest in (row.partition(",") for row in rows)]
    head = "indicator,organisation,period,value,numerator,denominator,status\n"
    file.write_text(head + "".join(f"{line}\n" for line in lines))
    (report,) = ingest(here, [file], "simulated", published_at=MONTHS[month], **more)
    return report


def said(report: IngestReport, check: str = CHECK) -> dict[str, Any]:
    return next(result for result in report.checks if result["check"] == check)


def counts(report: IngestReport) -> tuple[int, int, bool]:
    result = said(report)
    return result["failed"], result["silenced"], result["success"]


def test_an_accepted_answer_silences_the_warning_until_the_value_changes(either: Settings) -> None:
    first = released(either, 0, "001,50,20,10", "002,60,30,20", "003,50,1,2")
    assert counts(first) == (2, 0, False)
    assert (first.warnings, first.silenced) == (4, 0), "each is not its ratio either"
    query = raise_query(either, first.batch or 0, CHECK, Which(organisation="Alderbourne"), "20 of 10?").query
    assert (query.state, query.says, query.asked_of) == (
        "open",
        "50.0 (20.0 of 10.0)",
        "starledger's own simulator",
    )
    answer(either, query.number, "children counted twice, as the guidance says", "council 1")
    assert counts(released(either, 1, "001,50,20,10", "002,60,30,20", "003,50,1,2")) == (2, 0, False)
    accept(either, query.number, "checked with the guidance")

    later = released(either, 2, "001,50,20,10", "002,60,30,20", "003,51,1,2")
    assert counts(later) == (2, 1, False)
    assert (later.warnings, later.silenced) == (4, 1), "51 is not 1 of 2"
    assert said(later)["message"].endswith(f"; 1 accepted before, in answer to query {query.number}")
    assert [one["query"] for one in said(later)["findings"]] == [None, query.number]
    quiet = released(either, 3, "001,50,20,10", "003,50,1,2")
    assert counts(quiet) == (1, 1, True)
    assert said(quiet)["message"] == f"1 accepted before, in answer to query {query.number}"
    assert counts(released(either, 4, "001,50,21,10")) == (1, 0, False)

    reopen(either, query.number, "the guidance was withdrawn")
    assert counts(released(either, 5, "001,50,20,10")) == (1, 0, False)


def test_every_check_result_in_the_log_says_where_the_rows_went_and_what_was_silenced(here: Settings) -> None:
    first = released(here, 0, "001,50,20,10", "999,1,,")
    query = raise_query(here, first.batch or 0, CHECK, Which(), "20 of 10?").query
    answer(here, query.number, "yes", "council 1")
    accept(here, query.number, "fine")
    later = released(here, 1, "001,50,20,10", "003,1,1,2", "999,1,,")
    recorded = [e["payload"] for e in here.ledger().events("check_result") if e["batch"] == later.batch]
    rows = {"read": 3, "observations": 1, "unchanged": 1, "quarantined": 1, "out_of_scope": 0}
    assert all(result["rows"] == rows for result in recorded)
    assert {result["check"]: result["silenced"] for result in recorded if result["silenced"]} == {CHECK: 1}
    assert (later.silenced, here.ledger().batch(later.batch or 0).counts["silenced"]) == (1, 1)
    looked_at = [result["checked"] for result in recorded if result["stage"] == "row"]
    assert set(looked_at) == {3}


def test_queries_are_read_as_the_log_held_them(either: Settings) -> None:
    first = released(either, 0, "001,50,20,10")
    before = either.ledger().head().position
    query = raise_query(either, first.batch or 0, CHECK, Which(), "why?").query
    answer(either, query.number, "because", "council 1")
    answered = either.ledger().head().position
    accept(either, query.number, "fine")
    states = [
        [row["state"] for row in list_queries(either, as_recorded=position)]
        for position in (before, query.number, answered, None)
    ]
    assert states == [[], ["open"], ["answered"], ["accepted"]]
    assert list_queries(either, state="open") == []
    (row,) = list_queries(either, indicator=RATE, organisation="Alderbourne", collection="simulated")
    assert (row["raised_by"], row["answered_by"], row["accepted_by"]) == ("ann", "council 1", "ann")


def test_the_same_finding_is_asked_about_once(here: Settings) -> None:
    batch = released(here, 0, "001,50,20,10").batch or 0
    first = raise_query(here, batch, CHECK, Which(), "why?")
    again = raise_query(here, batch, CHECK, Which(number=1), "why, then?")
    assert (first.new, again.new, again.query.number) == (True, False, first.query.number)


def test_a_dry_run_and_a_refused_row_can_be_asked_about_too(here: Settings) -> None:
    batch = released(here, 0, "001,101,,", "002,50,,", "003,50,,").batch or 0
    query = raise_query(here, batch, "value_not_above_range", Which(), "is it 10.1?").query
    assert query.found == "row 2: value 101.0 is above 100.0, the most that can be true"
    assert '"value":"101"' in query.says
    again = released(here, 1, "001,101,,", "002,50,,", "003,50,,", dry_run=True)
    assert (again.quarantined, again.silenced) == (1, 0), "an answer lets no refused row in"


def test_what_cannot_be_asked_is_refused_with_the_next_step(here: Settings) -> None:
    batch = released(here, 0, "001,50,20,10", "002,50,20,10").batch or 0
    with pytest.raises(InputError, match="found 2 things that fit") as several:
        raise_query(here, batch, CHECK, Which(), "why?")
    assert f"starledger checks {batch} --check {CHECK}" in str(several.value.hint)
    with pytest.raises(NotFoundError, match="found nothing of that"):
        raise_query(here, batch, CHECK, Which(organisation="sim-applehaven"), "why?")
    with pytest.raises(NotFoundError, match="no check 'nonsense'") as nonsense:
        raise_query(here, batch, "nonsense", Which(), "why?")
    assert CHECK in str(nonsense.value.hint)
    with pytest.raises(InputError, match="needs a question"):
        raise_query(here, batch, CHECK, Which(number=1), " ")
    with pytest.raises(NotFoundError, match="no query 99"):
        accept(here, 99, "fine")
    with pytest.raises(NotFoundError, match="no check was made"):
        raise_query(here, 1, CHECK, Which(), "why?")
    query = raise_query(here, batch, CHECK, Which(number=1), "why?").query
    with pytest.raises(InputError, match="is open, so it cannot be accepted"):
        accept(here, query.number, "fine")


def test_a_query_shows_in_the_grade_in_the_trace_and_among_the_questions(here: Settings) -> None:
    batch = released(here, 0, "001,50,20,10", "002,50,1,2").batch or 0
    query = raise_query(here, batch, CHECK, Which(), "20 of 10?").query
    for finding in ("value_is_its_ratio", CHECK):
        asked = raise_query(here, batch, finding, Which(), "20 of 10?").query
        answer(here, asked.number, "counted twice", "council 1")
    waits = build(here, "stars-illustrative", as_published=MONTHS[1], simulated=True)

    def graded() -> tuple[int, int, str]:
        (row,) = (row for row in quality_list(here, simulated=True) if row["indicator"] == RATE)
        return row["flagged"], row["answered"], " ".join(row["reasons"])

    def asked_now() -> list[str]:
        found = questions(here.ledger(), here.snapshots, "Alderbourne", waits.id)["questions"]
        return [one["asks"] for one in found if one["kind"] == "unanswered"]

    def told(snapshot: str) -> list[str]:
        found = trace(here.ledger(), here.landing, here.snapshots, "Alderbourne", RATE, snapshot)
        return [sentence for _, sentence in lines(found) if sentence.startswith(f"query {query.number}")]

    assert graded()[:2] == (1, 0)
    assert "1 of 2 rows were refused, or are figures that a warning stands about" in graded()[2]
    assert len(asked_now()) == 2
    assert f"query {query.number}, {CHECK}" in " ".join(asked_now())

    for one in list_queries(here):
        accept(here, one["query"], "checked")
    assert graded()[:2] == (0, 1)
    assert asked_now() == []
    settled = build(here, "stars-illustrative", as_published=MONTHS[1], simulated=True)
    assert settled.id != waits.id
    row = settled.table("quality").filter(pl.col("indicator") == RATE).row(0, named=True)
    assert (row["flagged"], row["answered"]) == (0, 1)
    assert ["answered" in line for line in told(waits.id)] == [True], "as the log held it then"
    assert ["accepted" in line for line in told(settled.id)] == [True]

    released(here, 2, "001,50,21,10", "002,50,1,2")
    assert graded()[:2] == (1, 0), "another value, another finding"


def test_the_commands_say_it_to_people_and_to_machines(tmp_path: Path) -> None:
    here = settings(tmp_path / "warehouse", actor="ann")
    batch = str(released(here, 0, "001,50,20,10").batch)
    where = ["--warehouse", str(here.warehouse), "--as", "cleo"]

    def starledger(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, *where])
        assert done.exit_code == 0, done.exception
        return done.output

    assert "numerator_within_denominator" in starledger("checks", batch)
    assert "numerator 20.0 is above denominator 10.0" in starledger("checks", batch, "--check", CHECK)
    assert json.loads(starledger("checks", batch, "--check", CHECK, "--json"))[0]["query"] is None
    asked = json.loads(starledger("queries", "raise", batch, CHECK, "--question", "why?", "--json"))
    number = str(asked["query"])
    assert (asked["state"], asked["new"]) == ("open", True)
    assert "is answered" in starledger(
        "queries", "answer", number, "--answer", "so it is", "--by", "council 1"
    )
    assert "accepted by cleo: fine" in starledger("queries", "accept", number, "--reason", "fine")
    assert "so it is" in starledger("queries", "list")
    assert json.loads(starledger("queries", "list", "--json"))[0]["accepted_by"] == "cleo"
    assert "is open" in starledger("queries", "reopen", number, "--reason", "not so")
