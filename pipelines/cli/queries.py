"""Commands on queries: questions on what a check found, their answers, and who accepted them.

Here: their arguments and what they print.
Not here: the work (pipelines/queries.py), what the checks found (checks.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.options import (
    Actor,
    AsRecorded,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from pipelines.queries import Entered

app = typer.Typer(help="Questions on what the checks found, and their answers.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(metavar="QUERY", help="Its number.")]
Reason = Annotated[str, typer.Option(metavar="WHY", help="Why.")]


@app.command("raise")
def raise_(
    batch: Annotated[int, typer.Argument(metavar="BATCH", help="The batch of the file.")],
    check: Annotated[str, typer.Argument(metavar="CHECK", help="The check that found something in it.")],
    question: Annotated[str, typer.Option(metavar="TEXT", help="What is asked.")],
    finding: Annotated[
        int | None, typer.Option(metavar="N", help="Which finding, as `starledger checks` numbers them.")
    ] = None,
    indicator: Annotated[str | None, typer.Option(metavar="I", help="The finding on this indicator.")] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="O", help="The finding on this organisation.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(metavar="P", help="The finding on this period, such as 2024-04-01/P1Y.")
    ] = None,
    asked_of: Annotated[
        str | None, typer.Option("--to", metavar="WHO", help="Who should answer. Default: the supplier.")
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Ask a question on one thing that a check found, such as an implausible figure of a council."""
    from pipelines.queries import Which, raise_query

    settings = open_settings(warehouse, database_url, actor)
    which = Which(finding, indicator, organisation, period)
    _tell(raise_query(settings, batch, check, which, question, asked_of), as_json=as_json)


@app.command()
def answer(
    query: Number,
    text: Annotated[str, typer.Option("--answer", metavar="TEXT", help="The answer.")],
    by: Annotated[str, typer.Option(metavar="WHO", help="Who gave it.")],
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Enter the answer to a query."""
    from pipelines.queries import answer as run

    _tell(run(open_settings(warehouse, database_url, actor), query, text, by), as_json=as_json)


@app.command()
def accept(
    query: Number,
    reason: Reason,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Accept an answer: the same warning is silenced in later files until the value changes."""
    from pipelines.queries import accept as run

    _tell(run(open_settings(warehouse, database_url, actor), query, reason), as_json=as_json)


@app.command()
def reopen(
    query: Number,
    reason: Reason,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Open a query again: its answer does not convince, or no longer."""
    from pipelines.queries import reopen as run

    _tell(run(open_settings(warehouse, database_url, actor), query, reason), as_json=as_json)


@app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(metavar="S", help="Only those that are open, answered or accepted.")
    ] = None,
    collection: Annotated[str | None, typer.Option(metavar="C", help="Only those on its files.")] = None,
    indicator: Annotated[str | None, typer.Option(metavar="I", help="Only those on this one.")] = None,
    organisation: Annotated[str | None, typer.Option(metavar="O", help="Only those on this one.")] = None,
    as_recorded: AsRecorded = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Every query, the oldest first."""
    from pipelines.queries import list_queries

    rows = list_queries(
        open_settings(warehouse, database_url, actor),
        state=state,
        collection=collection,
        indicator=indicator,
        organisation=organisation,
        as_recorded=as_recorded,
    )
    if as_json:
        print_json(rows)
    else:
        print_table(
            "Queries", rows, ["query", "state", "check", "found", "question", "answer", "accepted_by"]
        )


def _tell(entered: Entered, *, as_json: bool) -> None:
    from warehouse.query_log import query_row

    row = query_row(entered.query)
    if as_json:
        print_json(row | {"new": entered.new})
        return
    query = entered.query
    print(f"query {query.number} is {query.state}{'' if entered.new else ', and was asked before'}")
    print(f"  {query.check}: {query.found}")
    print(f"  asked{f' of {query.asked_of}' if query.asked_of else ''}: {query.question}")
    if query.answer is not None:
        print(f"  answered by {query.answered_by}: {query.answer}")
    if query.accepted_by is not None:
        print(f"  accepted by {query.accepted_by}: {query.reason}")
