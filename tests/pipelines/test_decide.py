"""Decide: a decision enters the log once, and every rating obeys it on both time axes."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.trace import trace
from audit.trace_lines import lines
from pipelines.cli import app
from pipelines.decide import decide
from pipelines.rate import build
from pipelines.replay import replay
from pipelines.settings import Settings
from ratings.decisions import Decision
from ratings.errors import InputError, MethodError, NotFoundError
from tests.made_ledgers import append, judgements, warehouse
from warehouse.snapshot_manifest import microseconds

MAY, JULY, YEAR_END = (microseconds(day) for day in ("2002-05-30", "2002-07-01", "2002-12-31"))
APPEAL = Decision(
    organisation="Camden",
    method="ssi-2002",
    round="2002-05",
    on="star",
    outcome="appeal_upheld",
    becomes="3",
    authority="Appeals panel",
    reason="a figure was mistaken",
    document="minutes of 1 July 2002",
    at=JULY,
    expires_at=YEAR_END,
)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    append(made, judgements("camden", "most promising most promising"), collection="judgements", at=MAY)
    return made


def star(settings: Settings, at: int, **more: Any) -> tuple[int | None, int | None, str]:
    row = (
        build(settings, "ssi-2002", as_published=at, **more)
        .table("stars", organisation="camden")
        .row(0, named=True)
    )
    return row["star"], row["computed_star"], row["rating_status"]


def test_a_decision_holds_from_its_day_until_it_expires(here: Settings) -> None:
    before = here.ledger().head().position
    done = decide(here, APPEAL)
    assert star(here, JULY - 1) == (2, 2, "rated")
    assert star(here, JULY) == (3, 2, "rated")
    assert star(here, YEAR_END - 1) == (3, 2, "rated")
    assert star(here, YEAR_END) == (2, 2, "rated")
    assert star(here, JULY, as_recorded=before) == (2, 2, "rated")
    assert done.decision.position == before + 1


def test_a_snapshot_with_a_decision_replays_and_leads_back_to_it(here: Settings) -> None:
    done = decide(here, APPEAL).decision
    decide(here, replace(APPEAL, on="adults_serving", becomes="yes"))
    built = build(here, "ssi-2002", as_published=JULY)
    assert replay(here, built.id).identical
    steps = built.table("lineage", from_kind="star", to_kind="event")
    assert steps["to_id"].to_list() == [str(done.position)]
    found = trace(here.ledger(), here.landing, here.snapshots, "camden")
    said = "\n".join(sentence for _, sentence in lines(found))
    assert "computed: 2 stars; decided: appeal upheld to 3 by Appeals panel, from 2002-07-01" in said
    assert "without the decision: most; decided: appeal upheld to yes" in said
    assert "minutes of 1 July 2002" in said


def test_the_same_decision_again_appends_nothing(here: Settings) -> None:
    first = decide(here, APPEAL)
    head = here.ledger().head()
    again = decide(here, replace(APPEAL, organisation="camden"))
    assert (first.new, again.new, again.decision) == (True, False, first.decision)
    assert here.ledger().head() == head


def test_a_lifted_decision_no_longer_holds_and_is_still_there(here: Settings) -> None:
    decide(here, APPEAL)
    position = here.ledger().head().position
    lift = replace(APPEAL, outcome="lifted", becomes=None, expires_at=None, at=JULY + 5)
    decide(here, lift)
    assert star(here, JULY + 4) == (3, 2, "rated")
    assert star(here, JULY + 5) == (2, 2, "rated")
    assert star(here, JULY + 5, as_recorded=position) == (3, 2, "rated")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"authority": " "}, InputError, "needs --authority"),
        ({"reason": ""}, InputError, "needs --reason"),
        ({"expires_at": JULY}, InputError, "give a later --expires"),
        ({"at": microseconds("2190-01-01")}, InputError, "time to come"),
        ({"organisation": "Nowhere"}, NotFoundError, "Nowhere"),
        ({"organisation": "London"}, MethodError, "does not rate"),
        ({"outcome": "lifted", "becomes": None}, MethodError, "none can be lifted"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_is_written(
    here: Settings, wrong: dict[str, Any], error: type[Exception], says: str
) -> None:
    head = here.ledger().head()
    asked = replace(APPEAL, **wrong)
    if asked.outcome == "lifted":
        asked = replace(asked, expires_at=None)
    with pytest.raises(error) as raised:
        decide(here, asked)
    assert says in str(raised.value)
    assert here.ledger().head() == head


def test_the_command_says_what_was_decided(here: Settings) -> None:
    said = (
        "decide camden --method ssi-2002 --round 2002-05 --outcome suspended --authority court "
        "--reason procedure --from 2002-07-01 --expires 2002-12-31 --warehouse"
    )
    done = CliRunner().invoke(app, [*shlex.split(said), str(here.warehouse)])
    assert done.exit_code == 0, done.output
    assert "the rating is suspended, from 2002-07-01T00:00:00Z until 2002-12-31T00:00:00Z" in done.output
    assert star(here, JULY) == (None, 2, "suspended")
