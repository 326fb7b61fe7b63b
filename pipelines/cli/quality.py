"""Commands that show how far figures can be relied on: revisions, quality.

Here: their arguments and what they print.
Not here: telling revisions apart (ratings/revisions.py), grading (ratings/quality.py).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

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
    app.command()(revisions)
    app.command()(quality)


def revisions(
    collection: Annotated[str, typer.Option(metavar="C", help="Of which collection.")],
    indicator: Annotated[
        str | None, typer.Option(metavar="I", help="Only this indicator; adds how large its revisions were.")
    ] = None,
    as_recorded: AsRecorded = None,
    out: Annotated[
        Path | None, typer.Option(metavar="F.parquet", help="Write the revision triangle to this file.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="F.svg", help="Draw the revision triangle in this file.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many indicators or periods to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """What each publication did: figures new, revised, withdrawn, restored, and by how much."""
    from pipelines.revisions import revisions as run
    from pipelines.revisions import write_chart, write_triangle

    settings = open_settings(warehouse, database_url, actor)
    found = run(settings, collection, indicator, as_recorded=as_recorded)
    rows = write_triangle(found, out) if out else 0
    if svg:
        write_chart(found, svg)
    said = found.as_dict()
    if as_json:
        print_json(said)
        return
    what = found.indicator or found.collection
    kinds = [k for k in said["publications"][0] if k not in ("published_at", "known", "batches", "files")]
    shown = [k for k in kinds if any(row[k] for row in said["publications"])]
    print_table(
        f"What each publication of {what} did", said["publications"], ["published_at", *shown, "known"]
    )
    measures = ["measured", "mean_revision", "mean_absolute_revision", "relative_absolute_revision"]
    largest = sorted(said["indicators"], key=lambda row: -(row["relative_absolute_revision"] or 0))
    if largest:
        print_table(
            f"How large the revisions were ({found.unit or 'each in its own unit'}; relative: percent)",
            [_rounded(row) for row in largest[:limit]],
            ["indicator", "stage", "revised", *measures],
        )
    if found.indicator:
        cells = [row for row in said["triangle"] if row["revised"]]
        print_table(
            "Periods and publications with revisions",
            [_rounded(row) for row in cells[-limit:]],
            ["period", "published_at", "revised", "known", *measures],
        )
    for file, wrote in (
        (out, f"{rows:,} cells of the revision triangle"),
        (svg, "the revision triangle, drawn"),
    ):
        if file:
            print(f"{wrote}: {file}")


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:,.4g}" if isinstance(value, float) else value for name, value in row.items()}


def quality(
    collection: Annotated[
        str | None, typer.Option(metavar="C", help="Only indicators rated from this collection.")
    ] = None,
    as_published: AsPublished = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of the invented councils of a demonstration.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """How far each indicator can be relied on: green, amber or red, with the reasons, worst first."""
    from pipelines.quality import quality_list

    settings = open_settings(warehouse, database_url, actor)
    rows = quality_list(settings, collection, as_published=time_of(as_published), simulated=simulated)
    if as_json:
        print_json(rows)
        return
    counted = Counter(row["grade"] for row in rows)
    total = ", ".join(f"{counted[grade]} {grade}" for grade in ("red", "amber", "green"))
    print_table(
        f"{len(rows)} indicators: {total}",
        [row | {"reasons": "\n".join(row["reasons"])} for row in rows[:limit]],
        ["indicator", "grade", "reasons"],
    )
    if len(rows) > limit:
        print(f"{len(rows) - limit:,} more; see them with --limit {len(rows)} or --json")
