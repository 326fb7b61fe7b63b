"""Command line: `starledger` and its groups of commands.

Here: the one entry point, and how errors end a command; one file for each group of commands beside it.
Not here: the work itself (pipelines, audit), and Dagster, which no command starts.

Libraries that take long to import (Polars, SQLAlchemy, Great Expectations) are imported by the commands that
use them, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from pipelines.cli import (
    audit,
    calendar,
    checks,
    decisions,
    demo,
    export,
    figures,
    influence,
    ingest,
    ledger,
    methods,
    quality,
    quarantine,
    queries,
    questions,
    ratings,
    serve,
    snapshots,
    trace,
    validate,
    whatif,
)
from pipelines.cli.options import plain
from ratings.errors import StarledgerError

app = typer.Typer(
    name="starledger",
    help="Star ratings that can be taken apart, down to the cell of the file each figure came from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (
    demo, ingest, validate, checks, ratings, figures, trace, decisions, quality, influence, whatif, questions,
    calendar, serve,
):  # fmt: skip
    module.register(app)
for name, group in (
    ("quarantine", quarantine.app),
    ("queries", queries.app),
    ("snapshots", snapshots.app),
    ("methods", methods.app),
    ("ledger", ledger.app),
    ("export", export.app),
    ("audit", audit.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run one command; an error ends it with a sentence on stderr and exit code 1."""
    try:
        app()
    except StarledgerError as error:
        _end(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _end(f"{place}{error.strerror or error}. Next: check the place, its permissions and its disk")
    except KeyboardInterrupt:
        print("interrupted: nothing was half-written; run the command again", file=sys.stderr)
        sys.exit(130)


def _end(message: str) -> NoReturn:
    print(f"error: {plain(message)}", file=sys.stderr)
    sys.exit(1)
