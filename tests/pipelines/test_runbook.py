"""The runbook, walked: each of its sections on a warehouse that was filled by its backfill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.inbox import inbox, take
from pipelines.settings import Settings, settings
from ratings.errors import LedgerError
from warehouse.database import Database

HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"
FIRST = date(2024, 1, 10)
VINTAGES = 20


def starledger(where: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--warehouse", str(where)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def vintage(number: int) -> str:
    years = range(2020, 2024 if number >= 13 else 2023)
    return HEADER + "".join(f"FirstYJS,{year},Camden,{number % 7 + 1},202\n" for year in years)


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backfill of twenty vintages, the oldest month first whatever the files are called."""
    folder = tmp_path_factory.mktemp("runbook")
    returns = folder / "returns" / "lait"
    returns.mkdir(parents=True)
    lines = ["file,published_at"]
    for number in range(VINTAGES):
        name = f"{VINTAGES - number:02}.csv"
        (returns / name).write_text(vintage(number))
        lines.append(f"{name},{FIRST + timedelta(30 * number)}T09:30Z")
    (folder / "returns" / "releases.csv").write_text("\n".join(lines) + "\n")
    where = folder / "warehouse"
    told = json.loads(
        starledger(
            where, "ingest", str(returns), "--collection", "lait",
            "--releases", str(folder / "returns" / "releases.csv"), "--json",
        )
    )  # fmt: skip
    assert [report["status"] for report in told] == ["ingested"] * VINTAGES
    assert [report["file"] for report in told] == [f"{VINTAGES - n:02}.csv" for n in range(VINTAGES)]
    return where


@pytest.fixture
def where(backfilled: Path, tmp_path: Path) -> Path:
    shutil.copytree(backfilled, tmp_path / "warehouse")
    return tmp_path / "warehouse"


def dropped(where: Path, name: str, text: str) -> Settings:
    """A file in the inbox, written at a time of its own, and what there is to take it."""
    here = settings(where, None, "ann")
    folder = inbox(here) / "lait"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    os.utime(folder / name, (1_764_547_200, 1_764_547_200))  # 1 December 2025
    return here


def test_ratings_as_they_would_have_been_are_built_one_for_each_date(where: Path) -> None:
    for day in ("2024-06-01", "2025-02-14"):
        starledger(where, "rate", "--method", "lait-quartile", "--as-published", day)
    listed = json.loads(starledger(where, "snapshots", "list", "--json"))
    assert [each["as_published"][:10] for each in listed] == ["2024-06-01", "2025-02-14"]


def test_a_late_return_is_listed_with_who_answers_for_it_and_more_time_can_be_agreed(where: Path) -> None:
    told = starledger(where, "freshness", "--as-published", "2026-06-01", "--owner", "Youth Justice Board")
    assert "Youth Justice Board" in told
    name = "lait, return not known"

    def camden() -> dict[str, str]:
        """What Camden owes for the newest calendar year that is due."""
        rows = json.loads(starledger(where, "roster", "--return", name, "--json"))
        return next(r for r in rows if r["organisation"] == "camden" and r["period"].isdigit())

    silent = camden()
    assert silent["state"] == "never"
    starledger(
        where, "calendar", "extend", "Camden", "--return", name, "--period", f"{silent['period']}-01-01/P1Y",
        "--until", "2099-06-30", "--reason", "new case system",
    )  # fmt: skip
    rows = json.loads(starledger(where, "roster", "--return", name, "--json"))
    [agreed] = [r for r in rows if (r["organisation"], r["period"]) == ("camden", silent["period"])]
    assert (agreed["state"], agreed["reason"]) == ("extended", "new case system")


def test_a_bad_file_lies_in_refused_and_goes_in_once_it_is_mended(where: Path) -> None:
    here = dropped(where, "bad.csv", "")
    [refused] = take(here, "lait")
    assert refused.refused
    assert refused.moved_to is not None
    assert "the file is empty" in refused.moved_to.with_name("bad.csv.error.txt").read_text()
    dropped(where, "bad.csv", vintage(20).replace("FirstYJS,2023,Camden,7", "FirstYJS,2023,Camden,5"))
    [mended] = take(here, "lait")
    assert mended.status == "ingested"
    told = starledger(where, "void", str(mended.batch), "--reason", "this was last year's file")
    assert f"batch {mended.batch} is voided" in told


def test_a_backup_is_restored_and_what_came_since_goes_in_again(where: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "checkpoint"
    kept.parent.mkdir()
    starledger(where, "ledger", "checkpoint", "--out", str(kept))
    shutil.copytree(where, tmp_path / "backup")
    here = dropped(where, "since.csv", vintage(21))
    [since] = take(here, "lait")
    lost = where.rename(tmp_path / "lost")
    shutil.copytree(tmp_path / "backup", where)
    assert json.loads(starledger(where, "ledger", "verify", "--checkpoint", str(kept), "--json"))["ok"]
    assert "names nothing" in starledger(where, "snapshots", "settle")
    (inbox(here) / "lait").mkdir(parents=True)
    shutil.copy2(lost / "inbox" / "lait" / "done" / "since.csv", inbox(here) / "lait" / "since.csv")
    [again] = take(here, "lait")
    assert (again.status, again.batch) == ("ingested", since.batch)
    assert json.loads(starledger(where, "ledger", "verify", "--checkpoint", str(kept), "--json"))["ok"]


def test_the_ledger_moves_to_postgresql_with_every_position_and_hash(
    where: Path, new_postgresql: Callable[[], Database], tmp_path: Path
) -> None:
    url = new_postgresql().url.render_as_string(hide_password=False)
    kept = tmp_path / "checkpoint"
    starledger(where, "ledger", "checkpoint", "--out", str(kept))
    starledger(where, "ledger", "copy", "--to-database-url", url)
    (where / "ledger.db").rename(where / "ledger.db.moved")
    with pytest.raises(LedgerError):
        settings(where, None, "ann").ledger()
    told = starledger(where, "ledger", "verify", "--database-url", url, "--checkpoint", str(kept), "--json")
    assert json.loads(told)["ok"]
    starledger(
        where, "rate", "--method", "lait-quartile", "--as-published", "2025-02-14", "--database-url", url
    )
