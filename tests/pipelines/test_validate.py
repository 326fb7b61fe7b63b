"""A file checked beside any ledger, and published totals that do not add up."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.checks import indicator_checks
from pipelines.cli import app
from pipelines.data_docs import docs_of_batch
from pipelines.indicators import figures_by_indicator, known_at
from pipelines.ingest import ingest
from pipelines.received import received_by_indicator
from pipelines.settings import settings
from pipelines.source_files import parse_time
from pipelines.validate import validate
from ratings.errors import InputError

HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"
GOOD, BAD = "InfMort,2022,Camden,3.5,202\n", "InfMort,2022,nowhere,3.5,999\n"


def test_validate_reports_as_a_dry_run_does_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.csv"
    file.write_text(HEADER + GOOD + BAD)
    (report,) = validate([file], "lait")
    (dry,) = ingest(settings(tmp_path / "none"), [file], "lait", dry_run=True)
    assert (report.checks, report.counts()) == (dry.checks, dry.counts())
    assert report.quarantined == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_validate_prints_what_is_wrong_and_ends_with_an_error_where_the_file_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEADER + GOOD + BAD)
    shown = CliRunner().invoke(app, ["validate", str(file), "--collection", "lait"])
    assert shown.exit_code == 0
    assert "organisation_known: 1 rows, such as row 3: unknown organisation 999" in shown.output
    data = CliRunner().invoke(app, ["validate", str(file), "--collection", "lait", "--json"])
    assert json.loads(data.output)[0]["quarantined"] == 1
    file.write_text("This,is,something,else\n1,2,3,4\n")
    refused = CliRunner().invoke(app, ["validate", str(file), "--collection", "lait"])
    assert isinstance(refused.exception, InputError)


def test_published_totals_that_cannot_all_be_true_are_told_at_ingest(tmp_path: Path) -> None:
    here = settings(tmp_path / "warehouse")
    with as_file(files("pipelines") / "facts" / "published_totals.csv") as file:
        (report,) = ingest(here, [file], "published_totals")
    (said,) = (
        event["payload"] for event in here.ledger().events("check_result") if not event["payload"]["success"]
    )
    assert (said["check"], said["severity"], said["stage"]) == ("totals_add_up", "warning", "batch")
    assert "10 + 76 + 50 + 8 = 144, where 150 councils are said to be rated" in said["message"]
    assert "55 % is stated" in said["message"]
    assert "143 councils are counted" in said["message"]
    assert report.quarantined == 0


def test_the_site_of_great_expectations_is_built_on_request_and_dagster_links_to_it(tmp_path: Path) -> None:
    file, other = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_text(HEADER + GOOD + BAD)
    other.write_text("not a file of that collection\n")
    site = tmp_path / "site"
    times = tmp_path / "releases.csv"
    times.write_text("file,published_at\na.csv,2025-05-01\nb.csv,2025-05-02\n")
    validate([file, other], "lait", releases=times, docs=site)
    (page,) = (site / "validations").rglob("*.html")
    assert "a.csv" in page.as_posix()
    assert "organisation" in page.read_text("utf-8")
    assert page.relative_to(site).as_posix() in (site / "index.html").read_text("utf-8")

    here = settings(tmp_path / "warehouse")
    (report,) = ingest(here, [file], "lait", published_at=parse_time("2025-05-01"))
    at = known_at(here, "stars-illustrative")
    before = received_by_indicator(here, at)["LAIT:FirstYJS"]
    built = docs_of_batch(here, report.batch or 0)
    after = received_by_indicator(here, at)["LAIT:FirstYJS"]
    assert (before.docs, after.docs) == (None, built)
    known = figures_by_indicator(here, at)["LAIT:FirstYJS"]
    _, result = indicator_checks(dg.AssetKey("FirstYJS"), known, after)
    assert result.metadata["data_docs"].value == built.absolute().as_uri()
