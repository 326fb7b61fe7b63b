"""Commands export: what leaves the warehouse in formats of others.

Here: their arguments, and writing the file.
Not here: what stands in it (audit/exports.py, audit/lineage_events.py, pipelines/site.py), the ledger's own
    export (ledger_admin.py).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
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
from ratings.errors import InputError

app = typer.Typer(help="Write what is known in the formats of other tools.", no_args_is_help=True)

_Out = Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")]


@app.command()
def openlineage(
    snapshot: Annotated[str, typer.Option(metavar="ID", help="Of which snapshot.")],
    out: _Out,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write how a snapshot came about as OpenLineage events, one JSON object a line. Nothing is sent."""
    from openlineage.client.serde import Serde

    from audit.lineage_events import lineage_events
    from pipelines.outputs import replaced
    from warehouse.snapshots import snapshot as snapshot_of

    settings = open_settings(warehouse, database_url, actor)
    events = lineage_events(settings.ledger(), snapshot_of(settings.snapshots, snapshot))
    with replaced(out) as sink:
        sink.writelines(f"{Serde.to_json(event)}\n".encode() for event in events)
    if as_json:
        print_json({"file": str(out), "events": len(events)})
    else:
        print(f"{len(events)} OpenLineage events in {out}")


@app.command()
def sdmx(
    out: _Out,
    snapshot: Annotated[
        str | None, typer.Option(metavar="ID", help="The figures that this snapshot holds.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="C", help="The figures of this collection, as the log knows them.")
    ] = None,
    as_published: AsPublished = None,
    as_recorded: AsRecorded = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write observations as an SDMX-CSV 2.0 data message."""
    from audit.exports import sdmx_csv
    from pipelines.outputs import replaced
    from ratings.catalogue import load_catalogue
    from warehouse.snapshots import snapshot as snapshot_of

    if (snapshot is None) == (collection is None):
        raise InputError("figures of what?", hint="give --snapshot ID, or --collection C")
    settings = open_settings(warehouse, database_url, actor)
    if collection is not None:
        from pipelines.observations import releases
        from warehouse.event_log import now
        from warehouse.observations import observations

        ledger, at = settings.ledger(), time_of(as_published)
        releases(ledger, collection)
        figures = observations(
            ledger, [collection], as_published=now() if at is None else at, as_recorded=as_recorded
        )
    elif as_published is not None or as_recorded is not None:
        raise InputError(
            "a snapshot has its own two times", hint="leave --as-published and --as-recorded out"
        )
    else:
        figures = snapshot_of(settings.snapshots, snapshot or "").table("observations")
    with replaced(out) as sink:
        sink.write(sdmx_csv(figures, load_catalogue()).encode())
    if as_json:
        print_json({"file": str(out), "observations": figures.height})
    else:
        print(f"{figures.height:,} observations in {out}")


@app.command()
def site(
    snapshot: Annotated[
        str, typer.Option(metavar="ID", help="Of which snapshot; released, or superseded since.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A directory that is not there yet, or empty.")],
    depth: Annotated[
        str | None,
        typer.Option(
            help="figures: down to each figure with its versions and cells. events: each event with its "
            "proof, and every period, too. Default: events, up to 10,000 figures in the snapshot."
        ),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write the public pages of a released snapshot as files, to be read without any server."""
    from pipelines.site import DEPTHS, FIGURES, write_site

    if depth not in (None, *DEPTHS):
        raise InputError(f"there is no depth {depth!r}", hint="say figures or events")
    settings = open_settings(warehouse, database_url, actor)
    with progress() as tell:
        written = write_site(settings, snapshot, out, depth, tell)
    if as_json:
        print_json(asdict(written))
        return
    print(f"{written.files:,} files, {written.bytes / 1e6:,.1f} MB; begin at {out / 'index.html'}")
    if written.depth == FIGURES:
        print("left out: pages and proofs of single events, other periods; --depth events writes them too")
    print(f"SHA256SUMS lists every file; its own SHA-256 is {written.sha256}")
