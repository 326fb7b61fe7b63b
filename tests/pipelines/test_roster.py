"""Roster and calendar on a ledger: agreements recorded as facts, lags learned, and the commands."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.lags import learn_lags, write_proposal
from pipelines.roster import agree, agreements, who_owes
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from ratings.catalogue import load_catalogue
from ratings.catalogue_file import read_catalogue
from ratings.errors import InputError, NotFoundError
from ratings.roster import return_name
from warehouse.event_log import now

PERIOD = "2023-01-01/P1Y"
HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two releases of first entrants to youth justice; Hackney is silent in the second."""
    folder = tmp_path_factory.mktemp("roster")
    here = settings(folder / "warehouse", None, "ann")
    first, second = folder / "first.csv", folder / "second.csv"
    first.write_text(HEADER + "FirstYJS,2022,Camden,3.5,202\nFirstYJS,2022,Hackney,4,204\n")
    second.write_text(HEADER + first.read_text().split("\n", 1)[1] + "FirstYJS,2023,Camden,3.6,202\n")
    for file, at in ((first, "2024-02-01"), (second, "2025-02-10")):
        ingest(here, [file], "lait", published_at=parse_time(at))
    return here


def _row(where: Settings, organisation: str, at: str, **more: Any) -> dict[str, Any]:
    name = return_name(load_catalogue().indicator("LAIT:FirstYJS"))
    found = who_owes(where, as_published=parse_time(at), source_return=name, **more)
    chosen = (pl.col("organisation") == organisation) & (pl.col("period") == PERIOD)
    return found.row(by_predicate=chosen, named=True)


def test_a_council_that_is_silent_stands_before_those_that_answered(where: Settings) -> None:
    assert _row(where, "camden", "2025-03-01")["state"] == "received"
    assert _row(where, "hackney", "2025-03-01")["state"] == "due"
    assert _row(where, "hackney", "2025-06-01")["state"] == "never"
    assert _row(where, "camden", "2025-02-01")["state"] == "due"  # as published before the second release


def test_an_agreement_is_a_fact_that_holds_from_the_time_it_was_recorded(where: Settings) -> None:
    before = now()
    name = _row(where, "hackney", "2025-06-01")["source_return"]
    first = agree(where, "Hackney", name, PERIOD, until=date(2040, 1, 1), reason="flood")
    again = agree(where, "hackney", name.upper(), PERIOD, until=date(2040, 1, 1), reason="flood")
    exempt = agree(where, "Hackney", name, PERIOD, until=None, reason="merged")
    back = agree(where, "Hackney", name, PERIOD, until=date(2040, 1, 1), reason="flood")

    assert first.id == again.id < exempt.id < back.id
    ledger = where.ledger()
    assert agreements(ledger, as_published=before) == []
    assert [a.until for a in agreements(ledger, as_published=now())] == [
        date(2040, 1, 1),
        None,
        date(2040, 1, 1),
    ]
    assert len(agreements(ledger, as_published=now(), as_recorded=first.last_position)) == 1


@pytest.mark.parametrize(
    ("organisation", "period", "until", "reason", "error"),
    [
        ("Hackney", PERIOD, date(2023, 12, 31), "flood", InputError),
        ("Hackney", "2023-31", None, "flood", InputError),
        ("Hackney", "2023", None, "flood", InputError),  # a calendar or a financial year: the return has both
        ("Hackney", PERIOD, None, " ", InputError),
        ("Atlantis", PERIOD, None, "sunk", NotFoundError),
    ],
)
def test_an_agreement_that_cannot_be_is_refused_and_nothing_is_recorded(
    where: Settings, organisation: str, period: str, until: date | None, reason: str, error: type[Exception]
) -> None:
    head = where.ledger().head()
    name = _row(where, "hackney", "2025-06-01")["source_return"]
    with pytest.raises(error):
        agree(where, organisation, name, period, until=until, reason=reason)
    assert where.ledger().head() == head


def test_lags_are_proposed_from_releases_and_never_applied(where: Settings) -> None:
    (row,) = learn_lags(where, "lait").to_dicts()

    assert (row["indicator"], row["proposed"]) == (
        "LAIT:FirstYJS",
        (date(2025, 2, 10) - date(2023, 12, 31)).days,
    )
    with pytest.raises(NotFoundError, match="of ascof 0 are known"):
        learn_lags(where, "ascof")


def test_a_proposal_is_a_catalogue_that_differs_in_nothing_but_the_lags(
    where: Settings, tmp_path: Path
) -> None:
    shipped = Path(str(files("ratings"))) / "catalogue" / "indicators.csv"
    lags = learn_lags(where, "lait")
    [written] = write_proposal(lags.with_columns(proposed=pl.lit(500)), tmp_path / "proposal")
    before, after = (path.read_text("utf-8").splitlines() for path in (shipped, written))
    [(old, new)] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert "LAIT:FirstYJS" in old
    assert ",500,upper bound: longest of 1 seen" in new
    root = shipped.parent
    adopted = read_catalogue(
        indicators=[written],
        organisations=[root / "organisations.csv"],
        codes=root / "organisation_codes.csv",
        successions=root / "successions.csv",
    )
    assert adopted.indicator("LAIT:FirstYJS").publication_lag_days == 500
    assert load_catalogue().indicator("LAIT:FirstYJS").publication_lag_days == 407
    with pytest.raises(InputError, match="not written over the catalogue"):
        write_proposal(lags, root)
    assert write_proposal(lags, tmp_path / "same") == []  # what was learned is what the calendar says


@pytest.mark.parametrize("day", ["2025-02-29", "2025-13-01", "tomorrow"])
def test_an_extension_to_a_day_that_is_none_is_refused(where: Settings, day: str) -> None:
    done = CliRunner().invoke(
        app, ["calendar", "extend", "Hackney", "--return", "S251", "--period", "2023-24", "--until", day,
              "--reason", "flood", "--warehouse", str(where.warehouse)],
    )  # fmt: skip
    assert isinstance(done.exception, InputError)
    assert f"{day!r} is not a day" in str(done.exception)


def test_the_commands_print_tables_json_and_lines_to_paste(where: Settings) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(
            app, [*arguments, "--warehouse", str(where.warehouse)], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.output

    lines = run("calendar", "learn", "--collection", "lait", "--csv").splitlines()
    assert lines[0] == "code,publication_lag_days,lag_basis"
    assert lines[1].startswith("LAIT:FirstYJS,407,")
    rows = json.loads(run("roster", "--as-published", "2025-02-20", "--json"))
    assert {"organisation", "source_return", "period", "state", "due_on", "days_late"} <= set(rows[0])
    assert "never" in run("roster", "--as-published", "2025-02-20")
    shown = CliRunner().invoke(app, ["calendar", "show", "PAF:A1", "--as-published", "2002-05-30", "--json"])
    (row,) = json.loads(shown.output)
    assert (row["expected"], row["next"], row["next_due"]) == ("2000-01", "2001-02", "2002-12-01")


def test_a_publish_time_in_the_future_is_refused_and_the_message_says_where_announcements_go(
    where: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "early.csv"
    file.write_text(HEADER + "FirstYJS,2024,Camden,3.5,202\n")
    with pytest.raises(InputError, match=r"lies in the future.*--announced.*release_dates\.csv"):
        ingest(where, [file], "lait", published_at=now() + 86_400_000_000)
