"""Commands on the ledger itself: its batches.

Here: their arguments and what they print.
Not here: what a batch is (warehouse/event_log.py).
"""

from __future__ import annotations

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, print_table

app = typer.Typer(help="The event log.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The event log."""


@app.command()
def batches(
    warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None, as_json: Json = False
) -> None:
    """Every batch, in the order recorded: what went in together, when, by whom."""
    from pipelines.releases import format_time

    rows = [
        {
            "batch": b.id,
            "kind": b.kind,
            "positions": f"{b.first_position}-{b.last_position}",
            "collection": b.collection,
            "file": b.file_name,
            "published_at": None if b.published_at is None else format_time(b.published_at),
            "recorded_at": format_time(b.recorded_at),
            "actor": b.actor,
            "voided_by": b.voided_by,
        }
        for b in open_settings(warehouse, database_url, actor).ledger().batches()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            "Batches",
            rows,
            ["batch", "kind", "positions", "collection", "file", "published_at", "actor", "voided_by"],
        )
