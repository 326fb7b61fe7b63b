"""The command that asks what else we need to know: questions.

Here: its arguments and what it prints.
Not here: which questions there are, and their order (audit/questions.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(questions)


def questions(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Its id, name or code.")],
    snapshot: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Default: the one released now, else the last that holds it."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=f"All of them, not only the first {_SHOWN}.")] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """What else do we need to know of an organisation: the most important question first."""
    from audit.questions import questions as run

    settings = open_settings(warehouse, database_url, actor)
    found = run(settings.ledger(), settings.snapshots, organisation, snapshot)
    if as_json:
        print_json(found)
        return
    asked = found["questions"]
    star = "no star" if found["star"] is None else f"star {found['star']}"
    noun = "question" if len(asked) == 1 else "questions"
    print(f"{found['organisation']['name']}: {star} in {found['snapshot']}, {len(asked)} {noun}")
    shown = asked if every else asked[:_SHOWN]
    for number, question in enumerate(shown, start=1):
        decides = ", can change the star" if question["decides"] else ""
        print(f"{number:>3}. {question['kind'].replace('_', ' ')}{decides}: {question['asks']}")
    if len(shown) < len(asked):
        print(f"     and {len(asked) - len(shown)} more: --all shows them")
