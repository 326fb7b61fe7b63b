"""Commands on rating methods: list, show, schema, check, match.

Here: their arguments and what they print.
Not here: what a method is and how it proves itself (ratings/methods.py), matching (pipelines/matching.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, print_table

app = typer.Typer(help="Rating methods: data, not code.", no_args_is_help=True)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """The methods that come with starledger."""
    from ratings.methods import list_methods

    rows = [
        {"id": m.id, "version": m.version, "status": m.status, "stars": m.stars, "title": m.title}
        for m in list_methods()
    ]
    print_json(rows) if as_json else print_table("Methods", rows)


@app.command()
def show(method: Annotated[str, typer.Argument(metavar="M", help="Id of a method, or its file.")]) -> None:
    """The text of a method's file."""
    from ratings.methods import method_text

    print(method_text(method), end="")


@app.command()
def schema() -> None:
    """The JSON Schema of a method file, for editors and other programs."""
    from ratings.method_form import json_schema

    print_json(json_schema())


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A method file.")], as_json: Json = False
) -> None:
    """Prove that a method has exactly one outcome for every case, or show the case where it has not."""
    from ratings.methods import load_method

    method = load_method(file)
    if as_json:
        print_json({"ok": True, "id": method.id, "version": method.version, "sha256": method.sha256})
    else:
        print(f"{method.id} {method.version}: every case has one outcome (sha256 {method.sha256})")


@app.command()
def match(
    method: Annotated[str, typer.Argument(metavar="M", help="Id of a method, or its file.")],
    option: Annotated[
        str | None, typer.Option(metavar="O", help="Star table, where a method has several.")
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Compute the star of every published rating in the log that has its judgements, and compare."""
    from pipelines.matching import match as run

    done = run(open_settings(warehouse, database_url, actor), method, option=option)
    if as_json:
        print_json(done.as_dict())
        return
    print(f"{done.method}: {done.matched} of {done.compared} published ratings match")
    if done.mismatches:
        print_table("Mismatches", done.mismatches, ["organisation", "round", "published", "computed", "rule"])
