"""Commands that show what stars hang on: influence, robustness.

Here: their arguments and what they print.
Not here: leaving an indicator out (ratings/influence.py), drawing figures and weights (ratings/draws.py),
    summing up (audit/influence.py, pipelines/robustness.py), charts (audit/charts.py).
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
    progress,
)

Snapshot = Annotated[
    str | None, typer.Option(metavar="ID", help="Default: the one released now, else the one built last.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(influence)
    app.command()(robustness)


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
        f"{found['hanging']:,} stars hang on a single figure: left out, the star is another or none. "
        f"{found['hanging_on_red']:,} hang on one whose indicator is graded red."
    )
    print(f"Without all red indicators {found['other_without_red']:,} stars would be others.")
    if "rows" in found:
        print_table(f"{found['organisation']['name']}, with each indicator left out", found["rows"][:limit])
    else:
        names = ["indicator", "title", "grade", "counts", "decides", "more", "fewer", "none"]
        deciding = [row for row in found["indicators"] if row["decides"]]
        if deciding:
            print_table(
                "Indicators by how many stars they decide: how many would be more, fewer or none",
                [row | {"title": _short(row["title"])} for row in deciding[:limit]],
                names,
            )
        resting = [_on_red(row) for row in found["stars_on_red"]]
        if resting:
            print_table("Stars that rest on red indicators", resting[:limit], list(_ON_RED))
        if len(resting) > limit or len(deciding) > limit:
            print("more: --limit N, or --json")
    if svg:
        print(f"the indicators that decide most, drawn: {svg}")


def robustness(
    snapshot: Snapshot = None,
    draws: Annotated[int, typer.Option(metavar="N", help="How many times all is drawn.")] = 1000,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Chooses the draws: the same gives the same, on any machine.")
    ] = 1,
    uncertainty: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is drawn, and how far. Default: uncertainty.toml of ours."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many organisations to print.")] = 15,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """How probable each star is, with measurement, revisions and weights drawn. Internal analysis."""
    from pipelines.publish import released_or_newest
    from pipelines.robustness import robustness_of

    settings = open_settings(warehouse, database_url, actor)
    with progress() as tell:
        tell(f"{draws:,} draws")
        found = robustness_of(
            settings,
            snapshot or released_or_newest(settings),
            draws=draws,
            seed=seed,
            uncertainty=uncertainty,
        )
    if as_json:
        print_json(found)
        return
    print(f"INTERNAL ANALYSIS of {found['snapshot']}: {found['mark'].partition(': ')[2]}")
    print(f"{found['draws']:,} draws, seed {found['seed']}; {found['drawn']}")
    print(f"{found['uncertain']:,} of {found['figures']:,} figures are drawn, the others stay as they are")
    values = sorted({star for row in found["stars"] for star in row["probabilities"]})
    rows = [
        {
            "organisation": row["name"],
            "star": row["star"],
            "interval": _range(row["lowest"], row["highest"]),
            **{f"P({star})": f"{row['probabilities'].get(star, 0):.1%}" for star in values},
            "rank": row["rank"],
            "rank interval": _range(row["rank_lowest"], row["rank_highest"]),
        }
        for row in found["stars"]
    ]
    print(f"P(n): share of the draws that give n stars. Intervals hold {found['percent']} % of the draws.")
    print_table("Stars, the least certain first", rows[:limit])
    if len(rows) > limit:
        print(f"{len(rows) - limit:,} more: --limit N, or --json")


def _range(low: int, high: int) -> str:
    """An interval; NO_STAR stands for none."""
    words = ["none" if value < 0 else str(value) for value in (low, high)]
    return words[0] if low == high else f"{words[0]} to {words[1]}"


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
