"""Commands that show figures: observations, freshness.

Here: their arguments and what they print.
Not here: what was known when (warehouse/observations.py), what is out of date (ratings/freshness.py).
"""

from __future__ import annotations

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
    print_table,
    time_of,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(observations)
    app.command()(freshness)


def observations(
    collection: Annotated[str, typer.Option(metavar="C", help="Figures of which collection.")],
    out: Annotated[Path, typer.Option(metavar="F.parquet", help="The file to write.")],
    as_published: AsPublished = None,
    as_recorded: AsRecorded = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write the figures known at a point on both time axes to a Parquet file."""
    from pipelines.observations import write_observations

    settings = open_settings(warehouse, database_url, actor)
    rows = write_observations(
        settings, collection, out, as_published=time_of(as_published), as_recorded=as_recorded
    )
    if as_json:
        print_json({"file": str(out), "rows": rows})
    else:
        print(f"{rows:,} figures in {out}")


def freshness(
    as_published: AsPublished = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of the invented councils of a demonstration.")
    ] = False,
    source_return: Annotated[
        str | None, typer.Option("--return", metavar="R", help="Only this source return.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="O", help="Only figures that this body answers for.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many figures to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Which figures are older than they should be by their own calendar, worst first.

    First every source return with the body that answers for it, then the figures; JSON holds the figures.
    """
    from pipelines.observations import freshness_list
    from ratings.freshness import LATE, by_return
    from ratings.periods import describe_period

    periods = ("latest_period", "expected_period")
    found = freshness_list(
        open_settings(warehouse, database_url, actor),
        as_published=time_of(as_published),
        simulated=simulated,
        source_return=source_return,
        owner=owner,
    )
    if as_json:
        print_json(found.to_dicts())
        return
    rows = [
        row | {name: describe_period(row[name]) if row[name] else None for name in periods}
        for row in found.to_dicts()
    ]
    behind = sum(1 for row in rows if row["state"] in LATE)
    print_table(
        f"{behind:,} of {len(rows):,} figures are out of date or missing",
        by_return(found).to_dicts(),
        ["source_return", "owner", "figures", "out_of_date", "missing", "due", "days_late", "age_days"],
    )
    print_table(
        "Figure by figure",
        rows[:limit],
        ["indicator", "organisation", "state", "latest_period", "expected_period", "days_late", "age_days"],
    )
    if len(rows) > limit:
        print(f"{len(rows) - limit:,} more; see them with --limit {len(rows)} or --json")
