"""The command that asks what would be if: whatif.

Here: its arguments and what it prints.
Not here: the comparison (pipelines/whatif.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.ingest import parse_scope
from pipelines.cli.options import (
    Actor,
    AsPublished,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    print_json,
    print_table,
    progress,
    time_of,
)
from ratings.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(whatif)


def whatif(
    method: Annotated[
        str, typer.Option(metavar="M", help="The method as it is: ID, ID@VERSION or a method file.")
    ],
    as_published: AsPublished = None,
    against: Annotated[
        list[str] | None, typer.Option(metavar="M", help="Another method or version of it.")
    ] = None,
    vintage: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="As the sources had published by this time instead."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="F", help="A file of figures, as if it had been accepted.")
    ] = None,
    collection: Annotated[str | None, typer.Option(metavar="C", help="What kind of file it is.")] = None,
    scope: Annotated[
        str | None, typer.Option(metavar="SCOPE", help="What the file replaces, as for `ingest`.")
    ] = None,
    round_name: Annotated[
        str | None, typer.Option("--round", metavar="R", help="Rating round. Default: the latest known.")
    ] = None,
    option: Annotated[str | None, typer.Option(metavar="O", help="Star table of the method.")] = None,
    against_option: Annotated[
        str | None, typer.Option(metavar="O", help="Star table of the other method.")
    ] = None,
    as_matrix: Annotated[
        bool,
        typer.Option("--matrix", help="Every method on every vintage; --against and --vintage may repeat."),
    ] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="The invented councils of a demonstration.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many changes to print.")] = 15,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Which stars would change, and why: under another method, at another time, or with another file.

    Nothing is written.
    """
    from pipelines.rate import start_of_today
    from pipelines.whatif import Supposition, matrix
    from pipelines.whatif import whatif as run

    settings = open_settings(warehouse, database_url, actor)
    methods, times = against or [], [time_of(text) for text in vintage or []]
    at = time_of(as_published)
    if as_matrix:
        if file or collection or scope or round_name or option or against_option:
            raise InputError(
                "a matrix is of methods and vintages alone", hint="leave file, round and options out"
            )
        every = [start_of_today() if at is None else at, *(time for time in times if time is not None)]
        with progress() as tell:
            tell(f"{len(methods) + 1} methods on {len(every)} vintages")
            cells = matrix(settings, [method, *methods], every, simulated=simulated)
        _show_matrix(cells, as_json=as_json)
        return
    if len(methods) > 1 or len(times) > 1:
        raise InputError(
            "more than one other method or vintage", hint="add --matrix to see them side by side"
        )
    supposed = Supposition(
        method=methods[0] if methods else None,
        option=against_option,
        as_published=times[0] if times else None,
        file=file,
        collection=collection,
        scope=parse_scope(scope),
    )
    with progress() as tell:
        tell("rating both ways")
        found = run(
            settings,
            method,
            supposed,
            as_published=at,
            round=round_name,
            option=option,
            simulated=simulated,
        )
    if as_json:
        print_json(found)
    else:
        _show(found, limit)


def _show(found: dict[str, Any], limit: int) -> None:
    rows = [
        {
            "": label.replace("_", " "),
            **{name: found[label][name] for name in ("method", "version", "as_published")},
        }
        | {"option": found[label]["option"] or "", f"{found['outcome']}s": _counts(found[label]["stars"])}
        for label in ("as_it_is", "supposed")
    ]
    print_table("What if (nothing is written)", rows)
    for note in found["notes"]:
        print(f"note: {note}")
    if file := found["file"]:
        counts = ("observations", "withdrawn", "quarantined")
        told = ", ".join(f"{name} {file[name]:,}" for name in counts)
        print(f"{file['file']}, if it were accepted: {told}")
    changes = found["changes"]
    print(f"{found['compared']:,} {found['outcome']}s compared, {len(changes):,} would move")
    causes = [
        {"cause": cause.replace("_", " "), "rows": found["rows"][cause], **found["totals"][cause]}
        for cause in found["order"]
        if any(found["totals"][cause].values()) or found["rows"][cause]
    ]
    if causes:
        print_table("Causes, as they are applied", causes)
    for change in changes[:limit]:
        what = f", {change['indicator']}" if change["indicator"] else ""
        because = ", ".join(part["cause"].replace("_", " ") for part in change["parts"])
        step = f"{_shown(change['before'])} -> {_shown(change['after'])}"
        print(f"{change['name']}{what}: {found['outcome']} {step} ({because})")
        if "rule_before" in change:
            print(f"  now:  {change['rule_before'] or 'not rated'}")
            print(f"  then: {change['rule_after'] or 'not rated'}")
    if len(changes) > limit:
        print(f"{len(changes) - limit:,} more: --limit N, or --json")


def _show_matrix(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "method": f"{cell['method']}@{cell['version']}",
            "as published": cell["as_published"],
            "outcomes": cell["problem"] or _counts(cell["stars"]),
            "up": cell.get("up"),
            "down": cell.get("down"),
            "only one of the two": cell.get("other"),
        }
        for cell in found["cells"]
    ]
    print("Every method on every vintage, compared with the first row; nothing is written")
    print_table("Methods by vintages", rows)
    for note in found["notes"]:
        print(f"note: {note}")


def _counts(stars: dict[str, int]) -> str:
    return ", ".join(f"{value}: {count:,}" for value, count in stars.items())


def _shown(value: int | None) -> str:
    return "none" if value is None else str(value)
