"""Command that checks a file beside any ledger: validate.

Here: its arguments and what it prints.
Not here: the work (pipelines/validate.py).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.ingest import print_reports
from pipelines.cli.options import Json, print_json, progress, time_of


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(validate)


def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files, or directories of files.")],
    collection: Annotated[str, typer.Option(metavar="C", help="What kind of file: lait, ascof, oflog, ...")],
    published_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the file was published. Default: now.")
    ] = None,
    releases: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Publish times of several files: file,published_at."),
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Build the Data Docs of Great Expectations in this directory."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check files by themselves, with no ledger at all: for whoever must send them.

    The report is that of `ingest --dry-run`. Checks against what is known need a ledger, and are not made.
    """
    from pipelines.ingest_report import failed
    from pipelines.validate import validate as run

    with progress() as tell:
        reports = run(
            paths, collection, published_at=time_of(published_at), releases=releases, docs=docs, progress=tell
        )
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        print_reports(reports)
        if docs:
            print(f"Data Docs: {docs / 'validations'}")
    if error := failed(reports):
        raise error
