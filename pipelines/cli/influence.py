"""The command that shows which stars hang on which indicators: influence.

Here: its arguments and what it prints.
Not here: leaving an indicator out (ratings/influence.py), summing up (audit/influence.py), drawing
    (audit/charts.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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

Snapshot = Annotated[
    str | None, typer.Option(metavar="ID", help="Default: the one released now, else the one built last.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(influence)


def influence(
    snapshot: Snapshot = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="O", help="Show the star of this one with each indicator left out.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="F.svg", help="Draw the indicators that decide most in this file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to print of each table.")] = 15,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Which stars hang on a single indicator, and on which dubious ones: each left out in turn."""
    from audit.charts import influence_chart
    from audit.influence import influence_of
    from pipelines.outputs import replaced
    from pipelines.publish import released_or_newest
    from warehouse.snapshots import snapshot as read

    settings = open_settings(warehouse, database_url, actor)
    found = influence_of(read(settings.snapshots, snapshot or released_or_newest(settings)), organisation)
    if svg:
        with replaced(svg) as sink:
            sink.write(influence_chart(found).encode())
    if as_json:
        print_json(found)
        return
    print(f"{found['snapshot']}: {found['rated']:,} stars on {found['inputs']:,} figures")
    print(
        f"{found['hanging']:,} stars hang on a single figure: left out, the star is another. "
        f"{found['hanging_on_red']:,} hang on one whose indicator is graded red."
    )
    print(f"Without all red indicators {found['other_without_red']:,} stars would be others.")
    if "rows" in found:
        print_table(f"{found['organisation']['name']}, with each indicator left out", found["rows"][:limit])
    else:
        names = ["indicator", "title", "grade", "counts", "decides", "more", "fewer", "none"]
        deciding = [row for row in found["indicators"] if row["decides"]]
        print_table(
            "Indicators by how many stars they decide; of these, how many would be more, fewer or none",
            [row | {"title": _short(row["title"])} for row in deciding[:limit]],
            names,
        )
        resting = [_on_red(row) for row in found["stars_on_red"]]
        print_table("Stars that rest on red indicators", resting[:limit], list(_ON_RED))
        if len(resting) > limit or len(deciding) > limit:
            print("more: --limit N, or --json")
    if svg:
        print(f"the indicators that decide most, drawn: {svg}")


_ON_RED = ("organisation", "star", "red_inputs", "without_all_red", "one_alone_decides")


def _on_red(row: dict[str, Any]) -> dict[str, Any]:
    without = row["star_without_red"]
    values = (
        row["name"],
        row["star"],
        row["red_inputs"],
        "none" if without is None else str(without),
        ", ".join(row["indicators"]),
    )
    return dict(zip(_ON_RED, values, strict=True))


def _short(title: str) -> str:
    return title if len(title) <= 48 else f"{title[:47]}…"
