"""Evidence and questions: what is known beside the figures, and what still has to be known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.evidence import evidence_of
from audit.questions import KINDS, questions
from audit.trace import trace
from audit.trace_lines import lines
from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.rate import build
from pipelines.settings import Settings
from pipelines.void import void
from ratings.errors import NotFoundError
from tests.made_ledgers import append, figure, judgements, warehouse
from warehouse.snapshot_manifest import microseconds

MAY = microseconds("2002-05-30")
HEADER = "organisation,date,kind,service,indicator,finding,says,source\n"
FILE = (
    HEADER
    + """Camden,2002-02-01,inspection,children,,poor,Reviews are late,https://example.org/1
Camden,2002-03-01,complaint,adults,PAF:A1,,Moved four times,
Camden,2002-03-01,complaint,adults,PAF:A1,,Moved four times,
Camden,2002-07-01,user survey,adults,,good,Most are content,
Hackney,2002-03,outcome statement,,,mixed,Fewer moves by 2003,
Nowhere,2002-03-01,inspection,,,good,Fine,
Camden,2002-03-01,rumour,,,good,Fine,
Camden,2002-03-01,inspection,,PAF:NONE,good,Fine,
Camden,2002-03-01,inspection,,,good,,
"""
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("evidence") / "w")
    append(made, judgements("camden", "most promising most promising"), collection="judgements", at=MAY)
    a1 = figure("camden", 25.0, indicator="PAF:A1", period="2000-04-01/P1Y", denominator=500.0)
    append(made, [a1], collection="a1_2001", at=MAY - 1)
    build(made, "ssi-2002", as_published=MAY)
    return made


@pytest.fixture(scope="module")
def report(here: Settings) -> Any:
    file = here.warehouse / "evidence.csv"
    file.write_text(FILE)
    return ingest(here, [file], "evidence")[0]


def test_every_row_of_evidence_is_an_event_or_in_quarantine_with_its_reason(
    here: Settings, report: Any
) -> None:
    assert (report.read, report.observations, report.unchanged, report.quarantined) == (9, 4, 1, 4)
    refused = {row["source_row"]: str(row["reasons"]) for row in here.ledger().quarantine(report.batch)}
    assert sorted(refused) == [7, 8, 9, 10]
    assert "Nowhere" in refused[7]
    assert "kind is rumour" in refused[8]
    assert "PAF:NONE" in refused[9]
    assert "says nothing" in refused[10]


@pytest.mark.usefixtures("report")
def test_evidence_is_known_from_its_own_date_on(here: Settings) -> None:
    found = evidence_of(here.ledger(), "camden", as_published=MAY)
    assert [item["says"]["kind"] for item in found] == ["inspection", "complaint"]
    assert [item["indicator"] for item in found] == [None, "PAF:A1"]
    assert len(evidence_of(here.ledger(), "camden")) == 3


@pytest.mark.usefixtures("report")
def test_a_trace_shows_the_evidence_beside_the_star_with_its_cells(here: Settings) -> None:
    found = trace(here.ledger(), here.landing, here.snapshots, "camden")
    said = "\n".join(sentence for _, sentence in lines(found))
    assert "inspection of 2002-02-01, children's services, poor: Reviews are late" in said
    assert "column 'says' says 'Reviews are late'" in said
    assert "Most are content" not in said  # it came after the day of the rating


@pytest.mark.usefixtures("report")
def test_the_questions_that_can_change_the_star_come_first(here: Settings) -> None:
    asked = questions(here.ledger(), here.snapshots, "camden")["questions"]
    assert asked
    order = [(not q["decides"], KINDS.index(q["kind"])) for q in asked]
    assert order == sorted(order)
    bound = next(q for q in asked if q["kind"] == "star_deciding")
    assert bound["indicator"] == "PAF:A1"
    assert "Within its threshold of 20" in bound["asks"]


def test_evidence_against_a_judgement_is_a_question_until_it_is_voided(tmp_path: Path) -> None:
    here = warehouse(tmp_path / "w")
    append(here, judgements("hackney", "most promising no poor"), collection="judgements", at=MAY)
    file = here.warehouse / "hackney.csv"
    file.write_text(
        HEADER + "Hackney,2002-04-01,inspection,children,,poor,Unsafe,\n"
        "Hackney,2002-04-01,user survey,adults,,good,Content,\n"
        "Hackney,2002-04-01,user survey,adults,,poor,Not content,\n"
    )
    done = ingest(here, [file], "evidence")[0]
    built = build(here, "ssi-2002", as_published=MAY)
    found = questions(here.ledger(), here.snapshots, "hackney", built.id)
    asked = [q["asks"] for q in found["questions"] if q["kind"] == "contradicted"]
    assert len(asked) == 2
    assert any("judged 'most'" in sentence and "'Unsafe'" in sentence for sentence in asked)
    assert done.batch is not None
    void(here, done.batch, "a mistake")
    found = questions(here.ledger(), here.snapshots, "hackney", built.id)
    assert not [q for q in found["questions"] if q["kind"] == "contradicted"]


def test_a_missing_judgement_is_the_first_question(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    three = judgements("camden", "most promising most promising")[:3]
    append(made, three, collection="judgements", at=MAY)
    build(made, "ssi-2002", as_published=MAY)
    found = questions(made.ledger(), made.snapshots, "camden")
    assert found["star"] is None
    assert found["questions"][0]["kind"] == "no_judgement"
    assert "prospects for improvement for adults" in found["questions"][0]["asks"]


def test_an_organisation_in_no_snapshot_is_said_to_be_so(here: Settings) -> None:
    with pytest.raises(NotFoundError, match="in no snapshot"):
        questions(here.ledger(), here.snapshots, "London")


@pytest.mark.usefixtures("report")
def test_the_command_asks(here: Settings) -> None:
    done = CliRunner().invoke(app, ["questions", "camden", "--warehouse", str(here.warehouse)])
    assert done.exit_code == 0, done.output
    assert "Is PAF:A1 right at 25 percent?" in done.output


def test_a_red_indicator_is_dubious_and_decides_where_the_star_hangs_on_it(here: Settings) -> None:
    asked = questions(here.ledger(), here.snapshots, "camden")["questions"]
    dubious = {q["indicator"]: q for q in asked if q["kind"] == "dubious"}
    assert set(dubious) == {"PAF:A1"}
    assert "It is graded red: completeness: " in dubious["PAF:A1"]["asks"]
    assert dubious["PAF:A1"]["service"] == "children"


def test_the_figure_nearest_to_another_star_is_asked_for(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    append(made, judgements("camden", "most excellent most excellent"), collection="judgements", at=MAY)
    a1 = figure("camden", 19.0, indicator="PAF:A1", period="2000-04-01/P1Y", denominator=500.0)
    append(made, [a1], collection="a1_2001", at=MAY - 1)
    built = build(made, "ssi-2002", as_published=MAY)
    asked = questions(made.ledger(), made.snapshots, "camden", built.id)["questions"]
    near = next(q for q in asked if q["kind"] == "star_deciding")
    assert near["decides"]
    assert near["asks"].endswith(
        "right? It would be two stars with PAF:A1 above 20 %, against 19 % "
        "(then serving people well for children: some)"
    )


THREE_LEVELS = """
id = "three"
version = "1"
title = "three levels"
status = "illustrative"
effective_from = 2000-01-01
population = ["council"]
sources = ["made here"]

[scope]
prefixes = ["PAF:"]
core = false

[periods]
minimum = 1
kept = 1
history = 1

[scales]
serving = ["bad", "fair", "good"]

[judgements]
basis = "recorded"

[judgements.rounds]
2002-05 = 2002-05-30

[[parts]]
name = "adults_serving"
title = "serving people well for adults"
service = "adults"
aspect = "serving"

[stars]
lowest = 0
highest = 2
default = "A"

[stars.tables.A]
title = "as judged"

[[stars.tables.A.rules]]
stars = 2
all_at_least = { serving = "good" }
says = "adults are served well"

[[stars.tables.A.rules]]
stars = 1
all_at_least = { serving = "fair" }
says = "adults are served fairly"

[[stars.tables.A.rules]]
stars = 0
says = "adults are served badly"
"""


def test_evidence_is_held_against_the_levels_that_the_method_has(tmp_path: Path) -> None:
    # Of three levels the middle one is in neither half; the method comes out of the log.
    made = warehouse(tmp_path / "w")
    append(made, judgements("camden", "- - fair -")[2:3], collection="judgements", at=MAY)
    append(made, judgements("hackney", "- - bad -")[2:3], collection="elsewhere", at=MAY)
    file = made.warehouse / "three.toml"
    file.write_text(THREE_LEVELS)
    seen = made.warehouse / "seen.csv"
    rows = [f"{who},2002-04-01,inspection,adults,,good,Well run,\n" for who in ("Camden", "Hackney")]
    seen.write_text(HEADER + "".join(rows))
    ingest(made, [seen], "evidence")
    built = build(made, file, as_published=MAY)
    asked = {
        who: [
            q["asks"]
            for q in questions(made.ledger(), made.snapshots, who, built.id)["questions"]
            if q["kind"] == "contradicted"
        ]
        for who in ("camden", "hackney")
    }
    assert asked == {
        "camden": [],
        "hackney": [
            "Why are adults' services judged 'bad', when the inspection of 2002-04-01 says 'Well run'?"
        ],
    }
