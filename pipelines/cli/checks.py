"""The command that shows what the checks found in a batch: checks.

Here: its arguments and what it prints.
Not here: reading check results back (pipelines/check_results.py), asking about one (queries.py).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli.options import (
    Actor,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    print_json,
    print_table,
)
from ratings.errors import NotFoundError


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(checks)


def checks(
    batch: Annotated[int, typer.Argument(metavar="BATCH", help="The batch.")],
    check: Annotated[
        str | None, typer.Option(metavar="CHECK", help="Only this one, with its findings one by one.")
    ] = None,
    docs: Annotated[
        bool,
        typer.Option("--docs", help="Build the Data Docs of its file in the warehouse; Dagster links there."),
    ] = False,
    limit: Annotated[int, typer.Option(help="How many findings to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """What the checks found in a file, as recorded: each of them, or one with all its findings."""
    from pipelines.check_results import checked

    settings = open_settings(warehouse, database_url, actor)
    found = checked(settings.ledger(), batch)
    if docs:
        from pipelines.data_docs import docs_of_batch

        page = docs_of_batch(settings, batch)
        print_json({"docs": str(page)}) if as_json else print(f"Data Docs: {page}")
        return
    if check is None:
        if as_json:
            print_json({"batch": asdict(found.batch), "checks": found.results, "findings": found.findings})
            return
        rows = [result | {"silenced": result.get("silenced", 0)} for result in found.results]
        print_table(
            f"{found.batch.file_name}: {len(rows)} checks",
            rows,
            ["check", "severity", "checked", "failed", "silenced", "message"],
        )
        return
    if check not in found.findings:
        raise NotFoundError(
            f"no check {check!r} was made of batch {batch}", hint=f"see them with `starledger checks {batch}`"
        )
    ones = found.findings[check]
    if as_json:
        print_json(ones)
        return
    print_table(
        f"{check}: {len(ones):,} findings", ones[:limit], ["number", "sentence", "says", "query", "state"]
    )
    if len(ones) > limit:
        print(f"{len(ones) - limit:,} more; see them with --limit {len(ones)} or --json")
