"""The command line as a person or a script meets it: exit codes, stderr, JSON; partly as real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.commands import starledger

STARLEDGER = Path(sys.executable).with_name("starledger")
HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"


def run(*arguments: object, ok: bool = True) -> subprocess.CompletedProcess[str]:
    done = starledger(*arguments)
    assert (done.returncode == 0) == ok, done.stderr or done.stdout
    return done


def run_as_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STARLEDGER, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with two small LAIT vintages; one row of the second is refused."""
    directory = tmp_path_factory.mktemp("cli")
    first, second = directory / "first.csv", directory / "second.csv"
    first.write_text(HEADER + "InfMort,2022,Camden,3.5,202\nInfMort,2022,Hackney,4,204\n")
    second.write_text(
        HEADER + "InfMort,2022,Camden,3.6,202\nInfMort,2022,Hackney,4,204\nInfMort,2022,Nowhere,4,999\n"
    )
    (directory / "releases.csv").write_text(
        "file,published_at\nfirst.csv,2025-05-01\nsecond.csv,2025-06-01T10:00Z\n"
    )
    done = run_as_process(
        "ingest", second, first, "--collection", "lait", "--releases", directory / "releases.csv",
        "--warehouse", directory / "warehouse", "--as", "ann",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return directory / "warehouse"


def test_help_answers_at_once() -> None:
    assert "Usage: starledger" in run_as_process("--help").stdout
    slow = ("polars", "sqlalchemy", "dagster", "great_expectations", "pandas", "pyarrow", "numpy")
    code = (
        "import sys; from pipelines.cli import app; app(['--help'], standalone_mode=False);"
        f" print([m for m in {slow} if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines()[-1] == "[]", (
        "libraries that take long are imported by the commands that use them"
    )


def test_ingest_reports_each_file_as_json_with_stable_names(warehouse: Path, tmp_path: Path) -> None:
    file = tmp_path / "third.csv"
    file.write_text(HEADER + "InfMort,2022,Camden,3.6,202\nInfMort,2022,Hackney,4,204\n")
    done = run(
        "ingest",
        file,
        "--collection",
        "lait",
        "--published-at",
        "2025-07-01",
        "--dry-run",
        "--json",
        "--warehouse",
        warehouse,
    )
    (report,) = json.loads(done.stdout)
    counts = {"read", "observations", "unchanged", "quarantined", "out_of_scope", "withdrawn", "warnings"}
    assert {"file", "batch"} | counts <= set(report)
    assert (report["read"], report["unchanged"]) == (2, 2)


def test_observations_writes_the_figures_known_at_a_time(warehouse: Path, tmp_path: Path) -> None:
    out = tmp_path / "known.parquet"
    run(
        "observations",
        "--collection",
        "lait",
        "--as-published",
        "2025-05-15",
        "--out",
        out,
        "--warehouse",
        warehouse,
    )
    known = pl.read_parquet(out)
    assert known.columns == [
        "indicator", "organisation", "period", "period_label", "period_start", "period_end", "value",
        "numerator", "denominator", "status", "published_at", "position",
    ]  # fmt: skip
    assert known.select("organisation", "value").rows() == [("camden", 3.5), ("hackney", 4.0)]
    assert str(known["published_at"][0]) == "2025-05-01 00:00:00+00:00"


def test_quarantine_shows_the_row_and_what_is_wrong_with_it(warehouse: Path) -> None:
    (batch,) = json.loads(run("quarantine", "list", "--json", "--warehouse", warehouse).stdout)
    shown = run("quarantine", "show", batch["batch"], "--warehouse", warehouse).stdout
    assert "unknown organisation 999" in shown
    (refused,) = json.loads(
        run("quarantine", "show", batch["batch"], "--json", "--warehouse", warehouse).stdout
    )
    assert refused["raw"]["LA and Regions"] == "Nowhere"


def test_void_takes_a_batch_back(warehouse: Path, tmp_path: Path) -> None:
    batches = json.loads(run("ledger", "batches", "--json", "--warehouse", warehouse).stdout)
    assert {b["actor"] for b in batches} == {"ann"}
    second = next(b for b in batches if b["file"] == "second.csv")
    done = run("void", second["batch"], "--reason", "wrong file", "--json", "--warehouse", warehouse)
    assert json.loads(done.stdout)["voided"] == second["batch"]
    again = run("void", second["batch"], "--reason", "wrong file", "--warehouse", warehouse, ok=False)
    assert "error: batch" in again.stderr
    assert "was voided by batch" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["ingest", "nowhere.csv", "--collection", "lait"],
            "nowhere.csv: there is no such file. Next: check the path",
        ),
        (["ingest", "x.csv", "--collection", "lit"], "no collection 'lit'. Next: choose one of a1_2001"),
        (["observations", "--collection", "lait", "--out", "o.parquet"], "there is no ledger at"),
        (
            ["observations", "--collection", "lait", "--as-published", "Tuesday", "--out", "o.parquet"],
            "'Tuesday' is not a time",
        ),
        (["rate", "--method", "nope"], "there is no ledger at"),
        (["methods", "show", "nope"], "no method 'nope'. Next: choose one of adult-social-care-2006"),
        (["snapshots", "show", "nope"], "nope"),
        (["void", "1", "--reason", "x"], "there is no ledger at"),
        (
            ["ingest", "x" * 300 + ".csv", "--collection", "lait"],
            "cannot be read: File name too long. Next: check the path and its permissions",
        ),
        # Foreseen by no step: told all the same.
        (["methods", "check", "x" * 300 + ".toml"], "File name too long. Next: check the place"),
    ],
)
def test_an_error_ends_with_a_sentence_and_a_next_step(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARLEDGER_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.delenv("STARLEDGER_DATABASE_URL", raising=False)
    done = starledger(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "warehouse").exists()


def test_a_refused_file_ends_the_command_with_an_error(tmp_path: Path) -> None:
    file = tmp_path / "lait.csv"
    file.write_text("a,b\n1,2\n")
    done = run(
        "ingest",
        file,
        "--collection",
        "lait",
        "--published-at",
        "2025-05-01",
        "--warehouse",
        tmp_path / "w",
        ok=False,
    )
    assert "lait.csv, row 1: not a file of collection lait" in done.stderr


def test_a_directory_that_cannot_be_made_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    source = tmp_path / "lait.csv"
    source.write_text(HEADER + "InfMort,2022,Camden,3.5,202\n")
    done = run_as_process("ingest", source, "--collection", "lait", "--warehouse", tmp_path / "file" / "w")
    assert done.returncode == 1
    assert "name another directory with --warehouse" in done.stderr
