"""Commands about time: calendar (show, learn, extend, exempt) and roster.

Here: their arguments and what they print.
Not here: when a period is due (ratings/calendar.py), who owes what (ratings/roster.py, pipelines/roster.py).
"""

from __future__ import annotations

import csv
import sys
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

calendar = typer.Typer(help="When figures are due, and what was agreed.", no_args_is_help=True)

_Return = Annotated[str, typer.Option("--return", metavar="R", help="The source return.")]
_Period = Annotated[str, typer.Option(metavar="P", help="Its period, such as 2024-25.")]
_Reason = Annotated[str, typer.Option(metavar="R", help="Why.")]
_Organisation = Annotated[
    str, typer.Argument(metavar="ORGANISATION", help="Its id, name, or a code of any scheme.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(calendar, name="calendar")
    app.command()(roster)


@calendar.command()
def show(
    indicator: Annotated[
        str | None, typer.Argument(metavar="INDICATOR", help="Only this indicator, by its code.")
    ] = None,
    as_published: AsPublished = None,
    as_json: Json = False,
) -> None:
    """When the figures of each indicator come out, and which period should be known."""
    from pipelines.roster import calendar_rows

    rows = calendar_rows(indicator, as_published=time_of(as_published))
    if as_json:
        print_json(rows)
    else:
        print_table(
            f"{len(rows)} indicator{'s' if len(rows) > 1 else ''}",
            rows,
            [
                "indicator",
                "source_return",
                "period_rule",
                "lag_days",
                "grace_days",
                "expected",
                "next",
                "next_due",
            ],
        )


@calendar.command()
def learn(
    collection: Annotated[str, typer.Option(metavar="C", help="From the releases of which collection.")],
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print code, publication_lag_days and lag_basis to paste.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the catalogue's files with the proposed lags there, to copy."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Propose publication lags from the log. Changes nothing: a person adopts the proposal."""
    from pipelines.lags import learn_lags, write_proposal

    found = learn_lags(open_settings(warehouse, database_url, actor), collection)
    written = write_proposal(found, out) if out else []
    rows = found.to_dicts()
    if as_json:
        print_json(rows)
        return
    if as_csv:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(["code", "publication_lag_days", "lag_basis"])
        lines.writerows([row["indicator"], row["proposed"], row["basis"]] for row in rows)
        return
    other = [row for row in rows if row["proposed"] != row["in_calendar"]]
    print_table(
        f"{len(other)} of {len(rows)} lags seen in {collection} differ from the calendar",
        other[:limit],
        [
            "indicator",
            "source_return",
            "releases_seen",
            "shortest_days",
            "longest_days",
            "in_calendar",
            "proposed",
        ],
    )
    for file in written:
        print(
            f"{file}: a whole catalogue file; compare it with the one in ratings/, copy it there to adopt it"
        )
    print(f"Nothing was changed.{'' if written else ' Catalogue files to adopt: --out FOLDER'}")


@calendar.command()
def extend(
    organisation: _Organisation,
    source_return: _Return,
    period: _Period,
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day of the extension.")],
    reason: _Reason,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Record that an organisation has more time for a return."""
    _agree(organisation, source_return, period, until, reason, warehouse, database_url, actor, as_json)


@calendar.command()
def exempt(
    organisation: _Organisation,
    source_return: _Return,
    period: _Period,
    reason: _Reason,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Record that an organisation owes no return for a period."""
    _agree(organisation, source_return, period, None, reason, warehouse, database_url, actor, as_json)


def _agree(
    organisation: str,
    source_return: str,
    period: str,
    until: str | None,
    reason: str,
    warehouse: Any,
    database_url: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    from datetime import date

    from pipelines.roster import agree
    from ratings.errors import InputError

    try:
        day = date.fromisoformat(until) if until is not None else None
    except ValueError:
        raise InputError(f"{until!r} is not a day", hint="write --until as 2025-06-30") from None
    settings = open_settings(warehouse, database_url, actor)
    batch = agree(settings, organisation, source_return, period, until=day, reason=reason)
    if as_json:
        print_json({"batch": batch.id})
    else:
        print(f"recorded in batch {batch.id}; a later agreement about the same takes its place")


def roster(
    source_return: Annotated[
        str | None, typer.Option("--return", metavar="R", help="Only this source return.")
    ] = None,
    as_published: AsPublished = None,
    as_recorded: AsRecorded = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of the invented councils of a demonstration.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many to print as a table.")] = 20,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Who owes which return for which period, and whether it came: the silent first."""
    from pipelines.roster import roster_rows
    from ratings.roster import STATES

    rows = roster_rows(
        open_settings(warehouse, database_url, actor),
        as_published=time_of(as_published),
        as_recorded=as_recorded,
        simulated=simulated,
        source_return=source_return,
    )
    if as_json:
        print_json(rows)
        return
    counts = ", ".join(f"{sum(row['state'] == state for row in rows):,} {state}" for state in STATES)
    print_table(
        counts,
        rows[:limit],
        [
            "organisation", "source_return", "period", "state", "due_on", "days_late",
            "received_indicators", "indicators",
        ],
    )  # fmt: skip
    if len(rows) > limit:
        print(f"{len(rows) - limit:,} more; see them with --limit {len(rows)} or --json")
