"""The demonstration command.

Here: its arguments.
Not here: what it does (pipelines/demo.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Warehouse, open_settings

DEMO = Path("var/demo")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(demo)


def demo(
    lait: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Real LAIT files too: a directory with vintages/ and releases.csv."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """Run the main job on bundled data into var/demo, from files to stars, and say what to try next."""
    from pipelines.demo import demo as run

    directory = warehouse or DEMO
    # Whatever the environment says of a team's ledger: a demonstration goes only where it was told to.
    run(open_settings(directory, database_url or directory / "ledger.db", actor), lait=lait)
