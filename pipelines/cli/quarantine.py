"""Commands on refused rows: quarantine list, show, export, release.

Here: their arguments and what they print.
Not here: the work (pipelines/quarantine.py), why a row is refused (validations).
"""

from __future__ import annotations

from pathlib import Path
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

app = typer.Typer(help="Rows that were refused, with all reasons.", no_args_is_help=True)
TheBatch = Annotated[int, typer.Argument(metavar="BATCH", help="The batch.")]


@app.command("list")
def list_(
    warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None, as_json: Json = False
) -> None:
    """The batches with refused rows."""
    from pipelines.quarantine import quarantined

    rows = quarantined(open_settings(warehouse, database_url, actor).ledger())
    print_json(rows) if as_json else print_table(
        "Quarantine", rows, ["batch", "collection", "file", "read", "quarantined", "released"]
    )


@app.command()
def show(
    batch: TheBatch,
    limit: Annotated[int, typer.Option(help="How many rows to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Every refused row of a batch: where it stands, what it says, and all that is wrong with it."""
    from pipelines.quarantine import released_rows

    ledger = open_settings(warehouse, database_url, actor).ledger()
    known = ledger.batch(batch)
    released = released_rows(ledger.batches(), batch)
    rows = [row | {"released_by": released.get(row["source_row"])} for row in ledger.quarantine(batch)]
    if as_json:
        print_json(rows)
        return
    shown = [
        {
            "row": row["source_row"],
            "wrong": "; ".join(reason["message"] for reason in row["reasons"]),
            "as_printed": ", ".join(f"{k}={v}" for k, v in row["raw"].items()),
            "released_by": row["released_by"],
        }
        for row in rows[:limit]
    ]
    columns = ["row", "wrong", "as_printed", *(["released_by"] if released else [])]
    print_table(f"{known.file_name}: {len(rows):,} rows refused", shown, columns)
    if len(rows) > limit:
        print(f"{len(rows) - limit:,} more; see them with --limit {len(rows)} or --json")


@app.command()
def export(
    out: Annotated[Path, typer.Option(metavar="F", help="A .csv or .parquet file to write.")],
    batch: Annotated[int | None, typer.Option(help="Only the rows of this batch.")] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write refused rows to a file, for whoever must put them right: row, all reasons, text."""
    from pipelines.quarantine import export as run

    rows = run(open_settings(warehouse, database_url, actor), out, batch)
    print_json({"file": str(out), "rows": rows}) if as_json else print(f"{rows:,} refused rows in {out}")


@app.command()
def release(
    batch: TheBatch,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why the rows are right.")],
    row: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="A row of the file; may be repeated. Default: all that can be."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Let refused rows in, in your name (--as): a partial batch at the publish time of their file."""
    from pipelines.quarantine import release as run

    done = run(open_settings(warehouse, database_url, actor), batch, row or [], reason)
    if as_json:
        counts = {"observations": done.observations, "repairs": done.repairs}
        print_json({"batch": done.batch.id, "released_from": batch, "rows": done.rows, **counts})
        return
    print(f"released by {done.batch.actor} as batch {done.batch.id}: {len(done.rows):,} of batch {batch}")
