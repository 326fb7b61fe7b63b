"""The command that records a binding decision on an outcome: decide.

Here: its arguments and what it prints.
Not here: the work (pipelines/decide.py), what a decision does to a rating (ratings/decisions.py).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, time_of


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(decide)


def decide(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Its id, name or code.")],
    method: Annotated[str, typer.Option(metavar="M", help="Id of the method that gave the outcome.")],
    outcome: Annotated[
        str,
        typer.Option(
            metavar="OUTCOME", help="appeal_upheld, under_review, set_aside, suspended, or lifted to end one."
        ),
    ],
    authority: Annotated[str, typer.Option(metavar="WHO", help="Who decided, such as a tribunal.")],
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why.")],
    on: Annotated[
        str, typer.Option(metavar="WHAT", help="The outcome: star, or a judgement such as children_serving.")
    ] = "star",
    becomes: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Of an upheld appeal: the new star or judgement."),
    ] = None,
    round_name: Annotated[
        str | None, typer.Option("--round", metavar="R", help="Rating round, where the method has rounds.")
    ] = None,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From when it holds. Default: now.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends by itself. Default: it does not.")
    ] = None,
    document: Annotated[str, typer.Option(metavar="WHERE", help="Where the decision can be read.")] = "",
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Record a binding decision on one outcome. Computed and decided value are both kept and shown."""
    from pipelines.decide import decide as run
    from ratings.decisions import OUTCOMES, Decision
    from warehouse.event_log import now
    from warehouse.snapshot_manifest import iso

    at = time_of(begins)
    asked = Decision(
        organisation=organisation,
        method=method,
        round=round_name,
        on=on,
        outcome=outcome,
        becomes=becomes,
        authority=authority,
        reason=reason,
        document=document,
        at=now() if at is None else at,
        expires_at=time_of(expires),
    )
    done = run(open_settings(warehouse, database_url, actor), asked)
    found = done.decision
    until = "" if found.expires_at is None else f" until {iso(found.expires_at)}"
    if as_json:
        times = {
            "at": iso(found.at),
            "expires_at": None if found.expires_at is None else iso(found.expires_at),
        }
        print_json(asdict(found) | times | {"new": done.new})
        return
    print(
        f"{found.organisation}, {found.on} under {found.method}: {OUTCOMES[found.outcome]},"
        f" from {iso(found.at)}{until}"
    )
    print(
        f"  {'event' if done.new else 'known already as event'} {found.position} of batch {found.batch};"
        " rate again to build a snapshot with it"
    )
