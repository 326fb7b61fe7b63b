"""Commands of the ledger's owner: purge, export, copy, grant.

Here: their arguments and what they print.
Not here: the work itself (warehouse/purge.py, export.py, copying.py, grants.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, progress
from ratings.errors import InputError


def register(app: typer.Typer) -> None:
    """Add these commands to the group `starledger ledger`."""
    app.command()(purge)
    app.command()(export)
    app.command()(copy)
    app.command()(grant)


def purge(
    authority: Annotated[str, typer.Option(metavar="WHO", help="Who may order it: an office, a case.")],
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why it must go.")],
    position: Annotated[
        list[int] | None, typer.Option(metavar="N", help="An event to purge; may be repeated.")
    ] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Purge every event of this batch.")] = None,
    file: Annotated[
        list[str] | None, typer.Option(metavar="SHA256", help="Landed bytes to remove; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Remove salts, payload text or landed bytes for good, under a named authority.

    What was removed, by whose order and why is recorded in the log; everything else still verifies.
    """
    from pipelines.definitions import signed
    from warehouse.purge import Order
    from warehouse.purge import purge as run

    settings = open_settings(warehouse, database_url, actor)
    order = Order(authority, reason, tuple(position or ()), batch, tuple(file or ()))
    if not yes:
        typer.confirm("What is purged cannot be brought back. Go on?", abort=True, err=True)
    done = run(settings.ledger(), settings.landing, order, signed(settings, "purge", ""))
    if as_json:
        print_json({"batch": None if done is None else done.id})
    elif done is None:
        print("nothing left to purge: an earlier order removed all of it")
    else:
        print(f"purged; batch {done.id} records it. Backups and server logs may still hold what was removed.")


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that is not there yet.")],
    without_salts: Annotated[
        bool, typer.Option("--without-salts", help="Leave the salts out: events cannot then be verified.")
    ] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write the whole log as Parquet files, to verify and replay elsewhere."""
    from warehouse.export import export as run

    ledger = open_settings(warehouse, database_url, actor).ledger()
    with progress() as tell:
        done = run(ledger, directory, with_salts=not without_salts, tell=tell)
    if as_json:
        print_json(done.manifest)
    else:
        said = done.manifest
        print(
            f"{said['last_position']:,} events in {said['batches']:,} batches written to {done.path}; "
            f"root {said['root']}"
        )


def copy(
    to_database_url: Annotated[
        str, typer.Option(metavar="URL", help="An empty database, or one that an interrupted copy left.")
    ],
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Copy the log to another database, SQLite or PostgreSQL, with every position, time and hash."""
    from warehouse.copying import copy as run
    from warehouse.database import Database

    ledger = open_settings(warehouse, database_url, actor).ledger()
    with progress() as tell:
        done = run(ledger, Database(to_database_url), tell)
    if as_json:
        print_json({"found": done.found, "brought": done.brought, "position": done.position})
    else:
        print(
            f"{done.brought:,} batches copied, {done.found:,} were there and agree; the copy ends at "
            f"position {done.position:,}. Files and snapshots are not in it: copy the warehouse directory."
        )


def grant(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A role of the PostgreSQL server.")],
    read_only: Annotated[bool, typer.Option("--read-only", help="May read.")] = False,
    writer: Annotated[bool, typer.Option("--writer", help="May read and append.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL, change nothing.")] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """Let a PostgreSQL role read the ledger, or read it and append to it, and nothing more."""
    from warehouse.grants import Access, grant_statements
    from warehouse.grants import grant as run

    if read_only == writer:
        raise InputError("a grant is either --read-only or --writer", hint="give exactly one of them")
    database = open_settings(warehouse, database_url, actor).ledger().database
    access: Access = "writer" if writer else "read-only"
    if dry_run:
        print("".join(f"{statement};\n" for statement in grant_statements(database, role, access)), end="")
        return
    run(database, role, access)
    print(f"{role} may now {'read and append' if writer else 'read'}, and nothing more")
