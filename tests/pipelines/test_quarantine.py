"""Refused rows: exported, released by name, put right by a fixed file; every row accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.ingest_report import IngestReport
from pipelines.quality import quality_list
from pipelines.quarantine import EXPORTED, export, quarantined, release
from pipelines.rate import build
from pipelines.received import unaccounted
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from pipelines.void import void
from ratings.errors import InputError, LedgerError, NotFoundError
from warehouse.database import Database
from warehouse.observations import observations

RATE = "LAIT:CIN_Refferals_NFA"
MAY, JUNE, JULY = (parse_time(day) for day in ("2025-05-01", "2025-06-01", "2025-07-01"))
GOOD = [f"{code:03},50" for code in range(10, 20)]


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings(tmp_path / "warehouse", actor="ann")


def put_in(here: Settings, at: int, *rows: str, name: str = "a.csv") -> IngestReport:
    """Ingest a file of simulated councils: `council,value` each, after ten good ones."""
    file = here.warehouse.parent / name
    head = "indicator,organisation,period,value,numerator,denominator,status\n"
    lines = [f"{RATE},{code},2022,{value},,," for code, value in (row.split(",") for row in [*GOOD, *rows])]
    file.write_text(head + "".join(f"{line}\n" for line in lines))
    (report,) = ingest(here, [file], "simulated", published_at=at)
    return report


def known(here: Settings, at: int | None = None, recorded: int | None = None) -> dict[str, float | None]:
    found = observations(here.ledger(), ["simulated"], as_published=at, as_recorded=recorded)
    wanted = found.filter(pl.col("organisation").is_in(["sim-alderbourne", "sim-amberdale"]))
    return dict(wanted.select("organisation", "value").iter_rows())


def test_a_released_row_is_known_from_the_publish_time_of_its_file_and_only_once_recorded(
    tmp_path: Path, database: Database
) -> None:
    here = settings(tmp_path / "warehouse", database.address, actor="ann")
    batch = put_in(here, MAY, "001,101", "002,102").batch or 0
    put_in(here, JULY, name="later.csv")
    before = here.ledger().head().position
    done = release(here, batch, [12], "101 % is right: referrals of the year before count too")
    assert (done.rows, done.observations) == ((12,), 1)
    assert known(here, MAY) == {"sim-alderbourne": 101.0}
    assert known(here, MAY - 1) == known(here, MAY, before) == {}
    assert known(here, JULY) == {}, "a later file that does not hold it still does not"
    held = here.ledger().batch(done.batch.id)
    assert (held.actor, held.published_at, held.reason) == (
        "ann",
        MAY,
        "101 % is right: referrals of the year before count too",
    )
    assert held.scope == {"kind": "overlay", "released_from": batch, "rows": [12]}
    (event,) = [
        event for event in here.ledger().history(RATE, "sim-alderbourne") if event["type"] == "observation"
    ]
    assert (event["source_row"], event["batch"]) == (12, done.batch.id)


def test_rows_add_up_in_every_check_result_before_and_after_a_release(here: Settings) -> None:
    batch = put_in(here, MAY, "001,101", "002,102", "999,5").batch or 0
    done = release(here, batch, [], "both are right")
    assert done.rows == (12, 13), "the row of an unknown council cannot be let in"
    (listed,) = quarantined(here.ledger())
    assert (listed["read"], listed["quarantined"], listed["released"]) == (13, 3, 2)
    results = here.ledger().events("check_result")
    for event in results:
        rows = event["payload"]["rows"]
        went = rows["observations"] + rows["unchanged"] + rows["quarantined"] + rows["out_of_scope"]
        assert rows["read"] == went == {batch: 13, done.batch.id: 2}[event["batch"]]
    assert unaccounted(here.ledger().batches(kind="vintage")) == []
    built = build(here, "stars-illustrative", as_published=JUNE, simulated=True)
    (source,) = built.manifest["sources"]
    read, let_in = source["files"]
    assert (read["rows"]["read"], read["rows"]["quarantined"], read["released_from"]) == (13, 3, None)
    assert (let_in["rows"]["observations"], let_in["released_from"]) == (2, batch)
    for file in (read, let_in):
        assert file["rows"].pop("read") == sum(file["rows"].values())
    (said,) = (
        event["payload"]
        for event in results
        if event["batch"] == done.batch.id and event["payload"]["check"] == "value_not_above_range"
    )
    assert (said["failed"], said["silenced"], said["success"]) == (2, 2, True)
    assert said["message"].endswith("released: both are right")
    (grade,) = (row for row in quality_list(here, simulated=True) if row["indicator"] == RATE)
    assert (grade["figures"], grade["quarantined"]) == (12, 1)


def test_a_fixed_file_at_the_same_time_puts_a_refused_row_right(here: Settings) -> None:
    first = put_in(here, MAY, "001,101", "999,5")
    fixed = put_in(here, MAY, "001,10.1", "002,5", name="fixed.csv")
    assert (first.quarantined, fixed.quarantined) == (2, 0)
    assert (fixed.observations, fixed.unchanged, fixed.read) == (2, 10, 12)
    assert known(here, MAY) == {"sim-alderbourne": 10.1, "sim-amberdale": 5.0}
    with pytest.raises(LedgerError, match="took the place of batch") as late:
        release(here, first.batch or 0, [12], "it is right")
    assert f"quarantine show {fixed.batch}" in str(late.value.hint)


def test_a_release_is_taken_back_before_its_file_is(here: Settings) -> None:
    batch = put_in(here, MAY, "001,101").batch or 0
    done = release(here, batch, [12], "it is right")
    with pytest.raises(LedgerError, match=f"were released in batch {done.batch.id}"):
        void(here, batch, "the wrong file")
    void(here, done.batch.id, "it was not")
    assert known(here, MAY) == {}
    assert quarantined(here.ledger())[0]["released"] == 0
    again = release(here, batch, [12], "it is, after all")
    assert known(here, MAY) == {"sim-alderbourne": 101.0}
    assert again.batch.id > done.batch.id


def test_what_cannot_be_released_is_refused_with_the_next_step(here: Settings) -> None:
    batch = put_in(here, MAY, "001,101", "999,5", "002,7", "002,8").batch or 0
    with pytest.raises(InputError, match="needs a reason"):
        release(here, batch, [12], " ")
    with pytest.raises(InputError, match="row 2: the row is not in quarantine"):
        raise_with_place(here, batch, 2)
    with pytest.raises(InputError, match="holds no figure that could be let in") as unknown:
        release(here, batch, [13], "it is right")
    assert "ingest it again" in str(unknown.value.hint)
    with pytest.raises(InputError, match="contradict each other"):
        release(here, batch, [14, 15], "both are right")
    assert release(here, batch, [15], "8 was counted again").observations == 1
    with pytest.raises(InputError, match="was released before"):
        release(here, batch, [15], "again")
    clean = put_in(here, JUNE, name="clean.csv").batch or 0
    with pytest.raises(NotFoundError, match="no refused row"):
        release(here, clean, [], "nothing to do")
    with pytest.raises(LedgerError, match="is of kind definition"):
        release(here, 1, [], "nothing to do")


def raise_with_place(here: Settings, batch: int, row: int) -> None:
    """A release whose error is raised with its place in the message."""
    try:
        release(here, batch, [row], "it is right")
    except InputError as error:
        raise InputError(str(error)) from error


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_refused_rows_are_exported_with_all_their_reasons_and_their_text(here: Settings, ending: str) -> None:
    batch = put_in(here, MAY, "001,101", "999,n/a").batch or 0
    release(here, batch, [12], "it is right")
    out = here.warehouse / f"refused.{ending}"
    assert export(here, out) == export(here, out, batch) == 2
    table = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    assert tuple(table.columns) == EXPORTED
    first, second = table.rows(named=True)
    assert (first["batch"], first["source_row"], first["organisation"]) == (batch, 12, "sim-alderbourne")
    assert second["checks"] == "organisation_known; value_readable"
    assert "unknown organisation 999" in second["reasons"]
    assert json.loads(second["raw"])["value"] == "n/a"
    assert (first["released_by"] is None, second["released_by"]) == (False, None)
    with pytest.raises(InputError, match="CSV or Parquet"):
        export(here, here.warehouse / "refused.txt")


def test_the_commands_release_and_show(here: Settings) -> None:
    batch = str(put_in(here, MAY, "001,101", "002,102").batch)
    where = ["--warehouse", str(here.warehouse), "--as", "cleo"]

    def starledger(*words: str) -> str:
        done = CliRunner().invoke(app, ["quarantine", *words, *where])
        assert done.exit_code == 0, done.exception
        return done.output

    released = starledger("release", batch, "--row", "12", "--reason", "it is right")
    assert "released by cleo as batch" in released
    assert json.loads(starledger("list", "--json"))[0]["released"] == 1
    assert [row["released_by"] is None for row in json.loads(starledger("show", batch, "--json"))] == [
        False,
        True,
    ]
    assert "released by" in starledger("show", batch)
    out = str(here.warehouse / "out.csv")
    assert starledger("export", "--out", out) == f"2 refused rows in {out}\n"
