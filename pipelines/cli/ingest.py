"""Commands that put figures in, and take them back: ingest, void.

Here: their arguments and what they print.
Not here: the work (pipelines/ingest.py).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.options import (
    Actor,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    plain,
    print_json,
    print_table,
    progress,
    time_of,
)
from ratings.errors import InputError

if TYPE_CHECKING:
    from pipelines.ingest_report import IngestReport

_SHOWN = [
    "file", "status", "batch", "read", "observations", "unchanged", "quarantined", "out_of_scope",
    "withdrawn", "warnings",
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(ingest)
    app.command()(void)


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or directories of files.")],
    collection: Annotated[str, typer.Option(metavar="C", help="What kind of file: lait, ascof, oflog, ...")],
    published_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the file was published. A bare date means 00:00 UTC."),
    ] = None,
    releases: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Publish times of several files: file,published_at."),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            metavar="SCOPE",
            help="What the file replaces: full, overlay, or names such as"
            " 'periods=2020-04-01/P1Y;organisations=leeds,kent'. Default: as the collection says.",
        ),
    ] = None,
    supplier: Annotated[
        str | None, typer.Option(help="Who sent it. Default: the collection's publisher.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is ingested.")] = None,
    announced: Annotated[
        bool,
        typer.Option(
            "--announced",
            help="The publish time may be one to come, which the source announced: nothing shows the figures"
            " before.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would happen and write nothing.")
    ] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Land files, check them, and append what changed as events.

    The same release twice is recognised and appends nothing. Refused rows go to quarantine and the rest goes
    in; a refused file is kept and recorded, and the command ends with an error.
    """
    from pipelines.ingest import ingest as run
    from pipelines.ingest_report import failed

    with progress() as tell:
        reports = run(
            open_settings(warehouse, database_url, actor),
            paths,
            collection,
            published_at=time_of(published_at),
            releases=releases,
            scope=parse_scope(scope),
            supplier=supplier,
            reason=reason,
            announced=announced,
            dry_run=dry_run,
            progress=tell,
        )
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        print_reports(reports)
    if error := failed(reports):
        raise error


def print_reports(reports: list[IngestReport]) -> None:
    """Print what became of files, what the checks found in them, and what to look at next."""
    from pipelines.ingest_report import REFUSED

    print_table("Files", [asdict(report) for report in reports], _SHOWN)
    for report in reports:
        if report.message and report.status != REFUSED:
            print(plain(f"{report.file}: {report.message}"))
        for check in report.checks:
            if not check["success"] and report.status != REFUSED:
                found = f"{check['severity']}: {check['check']}: {check['failed']:,}"
                said = (
                    f" rows, such as {check['message']}"
                    if check["stage"] == "row"
                    else f": {check['message']}"
                )
                print(plain(f"{report.file}: {found}{said}"))
            elif check["silenced"]:
                print(plain(f"{report.file}: {check['severity']}: {check['check']}: {check['message']}"))
        if report.quarantined and report.batch:
            name = plain(report.file)
            print(f"{name}: see the refused rows with `starledger quarantine show {report.batch}`")


def parse_scope(text: str | None) -> dict[str, Any] | None:
    """A scope as a person writes it: `full`, `overlay`, or `periods=A,B;organisations=C`.

    Raises:
        InputError: it is none of these.
    """
    if text is None:
        return None
    if text in ("full", "overlay"):
        return {"kind": text}
    scope: dict[str, Any] = {"kind": "named"}
    for part in text.split(";"):
        name, _, values = part.partition("=")
        if name not in ("indicators", "organisations", "periods") or not values:
            raise InputError(
                f"--scope {text!r} is not understood",
                hint="write full, overlay, or periods=...;organisations=...;indicators=...",
            )
        scope[name] = [value.strip() for value in values.split(",")]
    return scope


def void(
    batch: Annotated[int, typer.Argument(metavar="BATCH", help="The batch to take back.")],
    reason: Annotated[str, typer.Option(help="What was wrong with it.")],
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Take back a batch that was our own mistake: the wrong file, a mistyped date.

    Nothing is deleted. What is asked as recorded before the void still shows the batch.
    """
    from pipelines.void import void as run

    done = run(open_settings(warehouse, database_url, actor), batch, reason)
    if as_json:
        print_json({"voided": batch, "batch": done.id, "position": done.last_position})
    else:
        print(f"batch {batch} is voided by batch {done.id} (position {done.first_position})")
