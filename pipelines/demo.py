"""Demonstration: the main job on bundled data, from files to stars and what to make of them.

Here: the order of the steps, in three parts - the published ratings of 2002, a simulated cycle at full width,
    and real files where somebody has them.
Not here: the steps themselves (ingest.py, rate.py), the invented figures (simulate.py), the rules that
    published totals obey (ratings/crossfoot.py), the tables (demo_tables.py).
"""

from __future__ import annotations

import csv
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from pipelines.definitions import adopt
from pipelines.demo_tables import (
    bands_table,
    could_change,
    dubious_table,
    findings_table,
    out_of_date_table,
    path_here,
    reports_table,
    stars_table,
)
from pipelines.ingest import ingest
from pipelines.ingest_report import IngestReport, failed
from pipelines.matching import match
from pipelines.rate import build
from pipelines.settings import Settings
from pipelines.simulate import simulate
from pipelines.source_files import parse_time
from ratings.catalogue import load_catalogue
from ratings.crossfoot import crossfoot, read_totals
from ratings.errors import InputError
from ratings.freshness import freshness
from ratings.methods import load_method
from ratings.periods import describe_period
from warehouse.event_log import DEMONSTRATION
from warehouse.observations import observations
from warehouse.snapshots import SnapshotRef

ROUND, ROUND_DAY = "2002-05", "2002-05-30"
"""The first round of star ratings, and the day on which it was published."""
FACTS = (
    ("published_ratings", "published_ratings.csv"),
    ("judgements", "published_ratings.csv"),
    ("published_totals", "published_totals.csv"),
    ("a1_2001", "a1_placements_2001.csv"),
    ("evidence", "evidence.csv"),
)
"""Collections of facts and the bundled file of each."""
WIDTH = 100
"""Columns of the output where no terminal says how wide it is."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the demonstration works and where it speaks."""

    settings: Settings
    console: Console

    @contextmanager
    def step(self, sentence: str) -> Iterator[Status]:
        """Say what is being done while it takes its time; only where a person watches."""
        with self.console.status(escape(sentence)) as status:
            yield status

    def title(self, text: str) -> None:
        """Begin a part."""
        self.console.rule(text, align="left")

    def say(self, text: str = "") -> None:
        """Print text; words in square brackets are styles."""
        self.console.print(text, highlight=False)

    def show(self, table: Table) -> None:
        """Print a table, its title above it on a line of its own."""
        self.say(f"[bold]{table.title}[/]")
        table.title = None
        self.console.print(table)

    def name(self, snapshot: SnapshotRef) -> None:
        """Say where a snapshot lies, on one line, to be copied."""
        self.console.print(f"Snapshot: {escape(path_here(snapshot.path))}\n", soft_wrap=True, highlight=False)


def demo(settings: Settings, *, lait: Path | None = None, console: Console | None = None) -> None:
    """Run the whole job on what comes with the package, and tell what came of it.

    Run again, it finds the same releases known, appends nothing and gives the same snapshots.

    Args:
        settings: the warehouse, founded as a demonstration ledger where there is none yet.
        lait: a directory with `vintages/` and `releases.csv` of the Local Authority Interactive Tool, to rate
            real figures too.
        console: where to print; standard output by default.

    Raises:
        InputError: `lait` is not such a directory.
        LedgerError: the warehouse holds a production ledger.
    """
    if console is None:
        # Into a pipe or a file, rich would write 80 columns and shorten what does not fit.
        console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    stage = _Stage(settings, console)
    if lait is not None and not ((lait / "vintages").is_dir() and (lait / "releases.csv").is_file()):
        raise InputError(
            "no `vintages/` and `releases.csv` are here",
            file=str(lait),
            hint="name the directory that holds both",
        )
    with stage.step("Founding a demonstration ledger"):
        settings.found_ledger(DEMONSTRATION)
    published = _part_published(stage)
    simulated = _part_simulated(stage)
    if lait is not None:
        _part_lait(stage, lait)
    _next_commands(stage, published, simulated)


def _part_published(stage: _Stage) -> SnapshotRef:
    """The star ratings of 2002 to 2008 as published: real councils, facts with their sources."""
    stage.title("[bold]1. The published star ratings, 2002 to 2008[/] (real councils)")
    reports = _ingest_facts(stage)
    stage.show(reports_table("Ingested", reports))
    with stage.step("Rating the round of May 2002"):
        day = parse_time(ROUND_DAY)
        snapshot = _rate(stage, "ssi-2002", reports, as_published=day, label="as first published in May 2002")
    totals = read_totals(_printed(stage, reports["published_totals"]), "published_totals.csv")
    published = next(row for row in totals if row.round == ROUND)
    stage.show(stars_table("Totals by star, May 2002 (star table RECONSTRUCTED)", snapshot, published.counts))
    stage.say("A council is rated here where all four of its judgements were found.")
    stage.name(snapshot)
    _say_match(stage)
    stage.show(findings_table(crossfoot(totals)))
    _say_age_of_a1(stage)
    stage.say(could_change(snapshot))
    return snapshot


def _part_simulated(stage: _Stage) -> SnapshotRef:
    """A cycle at full width: about 200 indicators, 150 invented councils, four releases."""
    stage.title("[bold]2. A cycle at full width[/] (SIMULATED: invented councils, invented figures)")
    directory = stage.settings.warehouse / "simulated"
    with stage.step("Simulating a year of returns"):
        cycle = simulate(directory)
    reports = _ingest_vintages(stage, directory, "simulated")
    stage.show(reports_table("Ingested, SIMULATED", reports))
    with stage.step("Rating the invented councils"):
        snapshot = _rate(
            stage,
            "stars-illustrative",
            reports,
            as_published=cycle[-1].published_at,
            label="a year of returns",
            simulated=True,
        )
    stage.show(stars_table("Totals by star, SIMULATED and ILLUSTRATIVE: nobody's rating", snapshot))
    stage.name(snapshot)
    for table in (out_of_date_table(snapshot), dubious_table(snapshot)):
        table.title = f"{table.title} (SIMULATED)"
        stage.show(table)
    stage.say(could_change(snapshot))
    return snapshot


def _part_lait(stage: _Stage, directory: Path) -> None:
    """Real files: every release of the tool, and its own quartile bands."""
    stage.title("[bold]3. Local Authority Interactive Tool[/] (real figures, published banding)")
    reports = _ingest_vintages(stage, directory, "lait")
    stage.show(reports_table("Ingested", reports))
    with stage.step("Banding every measure"):
        last = max(parse_time(report.published_at) for report in reports.values())
        snapshot = _rate(stage, "lait-quartile", reports, as_published=last, label="latest release")
    stage.show(bands_table(snapshot))
    stage.name(snapshot)


def _ingest_facts(stage: _Stage) -> dict[str, IngestReport]:
    reports = {}
    with stage.step("Ingesting facts") as status, as_file(files("pipelines") / "facts") as directory:
        for collection, name in FACTS:
            status.update(f"Ingesting {name} as {collection}")
            found = ingest(stage.settings, [directory / name], collection, reason="demonstration")
            reports[collection] = _accepted(found)[0]
    return reports


def _ingest_vintages(stage: _Stage, directory: Path, collection: str) -> dict[str, IngestReport]:
    with stage.step("Ingesting releases") as status:
        reports = ingest(
            stage.settings,
            [directory / "vintages"],
            collection,
            releases=directory / "releases.csv",
            reason="demonstration",
            progress=lambda sentence: status.update(escape(f"Ingesting {sentence}")),
        )
    return {report.file: report for report in _accepted(reports)}


def _rate(stage: _Stage, method: str, reports: dict[str, IngestReport], **more: Any) -> SnapshotRef:
    """Build on these files and nothing recorded after them: the next demonstration gives the same id."""
    ledger = stage.settings.ledger()
    definitions = adopt(stage.settings, ledger, load_method(method), load_catalogue(), method)
    files = [ledger.batch(report.batch) for report in reports.values() if report.batch is not None]
    recorded = max(batch.last_position for batch in [*definitions, *files])
    return build(stage.settings, method, as_recorded=recorded, **more)


def _accepted(reports: list[IngestReport]) -> list[IngestReport]:
    if error := failed(reports):
        raise error
    return reports


def _printed(stage: _Stage, report: IngestReport) -> list[dict[str, str]]:
    """The cells of a landed CSV: what is checked is what was ingested."""
    with stage.settings.landing.path(report.sha256).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _say_match(stage: _Stage) -> None:
    found = match(stage.settings, "ssi-2002", option="A")
    stage.say(
        f"[bold]{found.matched} of {found.compared}[/] published ratings with all four judgements have the"
        " star that candidate A of the star table gives.\n"
    )


def _say_age_of_a1(stage: _Stage) -> None:
    at = parse_time(ROUND_DAY)
    figures = observations(stage.settings.ledger(), ["a1_2001"], as_published=at)
    known = freshness(figures, load_catalogue(), at)
    day = datetime.fromtimestamp(at // 1_000_000, UTC)
    for (age, period), councils in known.group_by("age_days", "latest_period"):
        stage.say(
            f"Indicator A1 (placement stability), {councils.height} councils: the newest figures, of"
            f" {describe_period(str(period))}, were [bold]{age} days old[/] on {day:%d %B %Y}.\n"
        )


def _next_commands(stage: _Stage, published: SnapshotRef, simulated: SnapshotRef) -> None:
    """Three commands that work on what is there now."""
    where = f"--warehouse {shlex.quote(path_here(stage.settings.warehouse))}"
    if isinstance(stage.settings.database_url, str):
        where += f" --database-url {shlex.quote(stage.settings.database_url)}"
    stage.title("[bold]What to try next[/]")
    for why, command in (
        (
            "a star of 2002, down to the cell",
            f"trace {_example(published)} --snapshot {published.id} {where}",
        ),
        ("a simulated star likewise", f"trace {_example(simulated)} --snapshot {simulated.id} {where}"),
        ("the rows that were refused, and why", f"quarantine list {where}"),
    ):
        stage.say(f"[dim]# {why}[/]")
        # Soft wrapping: a command must stay one line to be copied.
        stage.console.print(escape(f"{_program()} {command}"), soft_wrap=True, highlight=False)


def _program() -> str:
    """The program as this shell can call it: by its path where it was called by one."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "starledger" and not called.is_absolute() else "starledger"


def _example(snapshot: SnapshotRef) -> str:
    """A rated organisation with the fewest stars: where reasons are asked for first."""
    rated = snapshot.table("stars").filter(pl.col("star").is_not_null())
    return str(rated.sort("star", "organisation")["organisation"][0])
