"""Commands on snapshots: list, show, verify, diff, replay, settle.

Here: their arguments and what they print.
Not here: what a snapshot is (warehouse/snapshots.py), building it again (pipelines/replay.py), why two of
    them differ (pipelines/compare.py), which is released (pipelines/publish.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import snapshot_readers
from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, print_table
from ratings.errors import SnapshotError

app = typer.Typer(help="Versioned rating snapshots.", no_args_is_help=True)

_SHOWN = 50
"""How many changes a person is shown."""


@app.command("list")
def list_command(
    warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None, as_json: Json = False
) -> None:
    """Every snapshot of the warehouse."""
    from warehouse.snapshots import list_snapshots

    settings = open_settings(warehouse, database_url, actor)
    settings.ledger()  # a directory mistyped is an error, not an empty list
    rows = [found.summary() for found in list_snapshots(settings.snapshots)]
    if as_json:
        print_json(rows)
    else:
        shown = [row | {"tags": ", ".join(row["tags"])} for row in rows]
        print_table("Snapshots", shown, ["id", "label", "as_published", "as_recorded", "tags"])


@app.command()
def show(
    snapshot_id: Annotated[str, typer.Argument(metavar="ID", help="The snapshot.")],
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """What a snapshot holds and what it was made from."""
    from warehouse.snapshots import snapshot

    found = snapshot(open_settings(warehouse, database_url, actor).snapshots, snapshot_id)
    if as_json:
        print_json(found.manifest)
        return
    manifest, method = found.manifest, found.manifest["method"]
    print(f"{found.id}: {manifest['label']}")
    print(f"  method {method['id']} {method['version']} ({method['status']})")
    print(
        f"  as published {manifest['as_published']}, as recorded {manifest['as_recorded']},"
        f" by {manifest['code_version']}"
    )
    print(f"  stars {', '.join(f'{star}: {count}' for star, count in manifest['stars'].items()) or 'none'}")
    if late := manifest.get("out_of_date"):
        print(f"  {late['out_of_date']:,} of {late['inputs']:,} figures that counted are out of date")
    if manifest.get("licences"):
        print(f"  licences {', '.join(manifest['licences'])}")
    if manifest["supersedes"]:
        print(f"  supersedes {manifest['supersedes']}")
    rows = [
        {"table": name, "rows": table["rows"], "digest": table["digest"]}
        for name, table in manifest["tables"].items()
    ]
    print_table(str(found.path), rows, ["table", "rows", "digest"])


@app.command()
def schema(as_json: Json = False) -> None:
    """Every table of a snapshot, column by column: type, unit, nullability and meaning."""
    from warehouse import snapshot_page

    if as_json:
        print_json(snapshot_page.content())
    else:
        print(snapshot_page.page(), end="")


@app.command()
def verify(
    snapshot_or_directory: Annotated[
        str, typer.Argument(metavar="ID-or-DIR", help="A snapshot, or its directory anywhere.")
    ],
    public_key: Annotated[
        str | None,
        typer.Option(
            metavar="K",
            help="Public key that it must be signed with, or a file with it. Default: the warehouse's own for"
            " an ID; no signature is checked for a DIR.",
        ),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Check files, schema, rows, receipt, checkpoint and the inclusion of every observation, offline."""
    from pipelines.snapshot_checks import check

    settings = open_settings(warehouse, database_url, actor)
    directory, found = check(settings, snapshot_or_directory, public_key)
    if as_json:
        print_json(
            {
                "ok": not found.problems,
                "problems": found.problems,
                "notes": found.notes,
                "observations": found.observations,
                "signed_by": found.signed_by,
            }
        )
    else:
        for sentence in found.notes:
            print(f"note: {sentence}")
        if not found.problems:
            print(f"{directory.name}: whole and unaltered, {found.observations:,} observations in the log")
            print(f"  signed by {found.signed_by}" if found.signed_by else "  signatures not checked")
    if found.problems:
        raise SnapshotError(
            "; ".join(found.problems), file=str(directory), hint="restore the directory from a backup"
        )


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier snapshot.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later snapshot.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="F.parquet", help="Write a row for each part of each change, as Parquet."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Why stars (or bands, where there are no stars) changed: each change split by cause."""
    from audit.diff import CAUSES
    from pipelines.compare import as_frame, compare
    from pipelines.outputs import replaced

    found = compare(open_settings(warehouse, database_url, actor), before, after)
    if out is not None:
        with replaced(out) as sink:
            as_frame(found).write_parquet(sink)
    if as_json:
        print_json(found)
        return
    changes, noun = found["changes"], found["outcome"]
    rows = [
        {
            "cause": cause.replace("_", " "),
            "rows": found["rows"][cause],
            **found["totals"][cause],
            "that is": meaning,
        }
        for cause, meaning in CAUSES.items()
    ]
    print(f"{found['compared']:,} {noun}s compared, {len(changes):,} moved")
    print_table("Causes, in the order in which they are applied", rows)
    print_table("Rows that say something else", [{"table": name} | n for name, n in found["tables"].items()])
    for change in changes[:_SHOWN]:
        what = f", {change['indicator']}" if change["indicator"] else ""
        print(f"{change['name']}{what}: {noun} {_shown(change['before'])} -> {_shown(change['after'])}")
        for part in change["parts"]:
            own = "" if part["own"] else " (no change of its own)"
            print(
                f"  {part['cause'].replace('_', ' ')}: {_shown(part['before'])} -> {_shown(part['after'])}"
                f" ({part['status_after'].replace('_', ' ')}){own}"
            )
    if len(changes) > _SHOWN:
        print(f"and {len(changes) - _SHOWN:,} more: --json shows them")
    if out is not None:
        print(f"every part of every change is in {out}")


def _shown(value: int | None) -> str:
    return "none" if value is None else str(value)


@app.command()
def replay(
    snapshot_id: Annotated[str, typer.Argument(metavar="ID", help="The snapshot.")],
    method: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A method file in place of the method it was built with."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Build a snapshot again from the log and compare it, table by table."""
    from pipelines.replay import replay as run

    settings = open_settings(warehouse, database_url, actor)
    done = run(settings, snapshot_id, method=method)
    if as_json:
        print_json(done.as_dict())
    elif done.identical:
        print(done.told)
    if not done.identical:
        raise SnapshotError(done.told, hint=done.hint)


@app.command()
def history(
    snapshot_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Only this snapshot. Default: all.")
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Every state that snapshots entered: who, why, from when, and what latest.json says from then on."""
    from warehouse.release_history import life

    rows = life(open_settings(warehouse, database_url, actor).ledger(), snapshot_id)
    if as_json:
        print_json(rows)
    else:
        shown = [row | {"latest": row["latest"] or "nothing"} for row in rows]
        print_table("Release history", shown, ["snapshot", "state", "at", "actor", "reason", "latest"])


@app.command()
def settle(
    warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None, as_json: Json = False
) -> None:
    """Let latest.json name what is released now; embargoes that have ended are thereby lifted."""
    from pipelines.publish import settle as run

    named = run(open_settings(warehouse, database_url, actor))
    if as_json:
        print_json({"latest": named})
    else:
        print(f"latest.json names {named or 'nothing'}")


snapshot_readers.register(app)
