"""Commands that make ratings: rate and release.

Here: their arguments and what they print.
Not here: the work (pipelines/rate.py, pipelines/publish.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.options import (
    Actor,
    AsPublished,
    AsRecorded,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    print_json,
    progress,
    time_of,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(rate)
    app.command()(release)


def rate(
    method: Annotated[
        str, typer.Option(metavar="M", help="Id of a method (see `starledger methods list`) or its file.")
    ],
    as_published: AsPublished = None,
    as_recorded: AsRecorded = None,
    label: Annotated[str | None, typer.Option(metavar="L", help="A name for people.")] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Rate the invented councils of a demonstration.")
    ] = False,
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round", metavar="R", help="Rating round, such as 2002-05. Default: the latest known."
        ),
    ] = None,
    option: Annotated[
        str | None,
        typer.Option(metavar="O", help="Star table, where a method has several. Default: its own choice."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Build a draft snapshot and print its id."""
    from pipelines.rate import build

    with progress() as tell:
        built = build(
            open_settings(warehouse, database_url, actor),
            method,
            as_published=time_of(as_published),
            as_recorded=as_recorded,
            label=label,
            simulated=simulated,
            round=round_name,
            option=option,
            progress=tell,
        )
    if as_json:
        print_json(built.summary() | {"path": str(built.path), "existed": built.existed})
        return
    manifest = built.manifest
    print(built.id)
    print(f"  {manifest['label']}")
    print(f"  as published {manifest['as_published']}, as recorded {manifest['as_recorded']}")
    print(f"  {'built before' if built.existed else 'draft'} in {built.path}")


def release(
    snapshot: Annotated[str, typer.Argument(metavar="ID", help="The snapshot.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    state: Annotated[
        str, typer.Option(help="preview, approved, released, held, superseded or withdrawn.")
    ] = "released",
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When it takes effect; a time to come is an embargo. Default: now."
        ),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Let a snapshot enter a state of its life. Only a release moves latest.json."""
    from pipelines.publish import release as run
    from warehouse.release_history import RELEASED
    from warehouse.snapshot_manifest import iso

    done = run(
        open_settings(warehouse, database_url, actor), snapshot, state=state, at=time_of(at), reason=reason
    )
    if as_json:
        print_json(
            {
                "snapshot": snapshot,
                "state": done.step.state,
                "at": iso(done.step.at),
                "embargoed": done.embargoed,
                "latest": done.latest,
            }
        )
        return
    if done.embargoed:
        embargo = " (embargo)" if done.step.state == RELEASED else ""
        said = f"will be {done.step.state} at {iso(done.step.at)}{embargo}"
    else:
        said = f"is {done.step.state}"
    print(f"{snapshot} {said}; latest.json names {done.latest or 'nothing'}")
