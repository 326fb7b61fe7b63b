"""Commands for readers of a snapshot: export it in another form, ask it in SQL, put it elsewhere.

Here: their arguments and what they print.
Not here: places by URL (warehouse/object_store.py), the forms (pipelines/snapshot_export.py), DuckDB
    (pipelines/snapshot_sql.py).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, print_table
from ratings.errors import InputError

SnapshotId = Annotated[str, typer.Argument(metavar="ID", help="The snapshot.")]
_PROMPT = "sql> "


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(export)
    app.command()(sql)
    app.command()(publish)


def export(
    snapshot_id: SnapshotId,
    out: Annotated[
        Path, typer.Option(metavar="PLACE", help="csv: a new directory. xlsx: the file to write.")
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="csv (every row) or xlsx (for people).")
    ] = "csv",
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """Write a snapshot as CSV, or as an accessible spreadsheet with notes, symbols and sources."""
    from pipelines.snapshot_export import export as run
    from warehouse.snapshots import snapshot

    found = snapshot(open_settings(warehouse, database_url, actor).snapshots, snapshot_id)
    written = run(found, form, out)
    print(f"{len(written)} {'file' if len(written) == 1 else 'files'} in {out}")


def sql(
    snapshot_id: SnapshotId,
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="Default: asks for queries until the end of input."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Open DuckDB on the tables of a snapshot: each is a view of its name, such as stars."""
    from pipelines.snapshot_sql import Tables, opened
    from warehouse.snapshots import snapshot

    def answer(tables: Tables, asked: str) -> None:
        names, rows = tables.ask(asked)
        found = [dict(zip(names, row, strict=True)) for row in rows]
        if as_json:
            print_json(found)
        elif names:
            print_table(f"{len(found):,} rows", found, names)

    found = snapshot(open_settings(warehouse, database_url, actor).snapshots, snapshot_id)
    with opened(found) as tables:
        if query is not None:
            answer(tables, query)
        elif not sys.stdin.isatty():
            answer(tables, sys.stdin.read())
        else:
            print(f"tables: {', '.join(found.manifest['tables'])}; end with an empty line")
            while asked := _line():
                try:
                    answer(tables, asked)
                except InputError as error:
                    print(f"error: {error}", file=sys.stderr)


def publish(
    snapshot_id: SnapshotId,
    to: Annotated[
        str, typer.Option(metavar="URL", help="Such as s3://bucket/path, or a directory.", show_default=False)
    ],
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """Copy a snapshot to a place others read from; it is there whole or not at all, and never rewritten."""
    from pipelines.snapshot_checks import require_sound
    from warehouse.object_store import open_store, put_snapshot
    from warehouse.snapshots import snapshot

    settings = open_settings(warehouse, database_url, actor)
    found = snapshot(settings.snapshots, snapshot_id)
    require_sound(settings, found)
    store = open_store(to)
    existed = put_snapshot(store, found)
    print(f"{found.id} {'was there already' if existed else 'is there'}: {store.url}")


def _line() -> str:
    try:
        return input(_PROMPT).strip()
    except EOFError:
        return ""
