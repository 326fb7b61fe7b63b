"""Command trace: from a star to the cells it rests on, and back from a file or an event to every star.

Here: its arguments and what it prints.
Not here: how a star is taken apart (audit/trace.py), what rests on a file (audit/trace_back.py), the page
    (audit/trace_page.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json, print_tree
from ratings.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(trace)


def trace(
    organisation: Annotated[
        str | None, typer.Argument(metavar="ORGANISATION", help="Its id, name, or a code of any scheme.")
    ] = None,
    indicator: Annotated[str | None, typer.Option(metavar="I", help="Only this indicator.")] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="SHA256", help="Back: every star that rests on this file (a path will do)."),
    ] = None,
    event: Annotated[
        int | None,
        typer.Option(metavar="N", help="Back: every star that rests on the event at position N."),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="In which snapshot. Default: the released one, else the newest that fits, else the ledger; "
            "back: every one.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as one HTML page that needs nothing else.")
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """From a star to the cells it rests on: rule, judgements, bands, figures, events, files, rows.

    With --file or --event the other way: every star that rests on it.
    """
    if sum(each is not None for each in (organisation, file, event)) != 1:
        raise InputError(
            "a trace begins at one place", hint="name an organisation, or give --file SHA256, or --event N"
        )
    settings = open_settings(warehouse, database_url, actor)
    where = settings.ledger(), settings.snapshots
    if organisation is not None:
        from audit.trace import trace as forward
        from audit.trace_lines import lines as told

        found = forward(where[0], settings.landing, where[1], organisation, indicator, snapshot)
    else:
        if indicator is not None:
            raise InputError("--indicator narrows the trace of an organisation", hint="leave it out")
        from audit import trace_back as back
        from audit.trace_back_lines import lines_back as told  # type: ignore[assignment]

        found = (
            back.resting_on_event(where[0], settings.landing, where[1], event, snapshot)
            if event is not None
            else back.resting_on_file(*where, _sha256(file or ""), snapshot)
        )
    if html is not None:
        from audit.trace_page import page
        from pipelines.outputs import replaced

        with replaced(html) as sink:
            sink.write(page(found).encode())
        if not as_json:
            print(f"{html}: one page, nothing else needed")
            return
    if as_json:
        print_json(found)
    else:
        print_tree(told(found))


def _sha256(given: str) -> str:
    """The hash that was given, or that of the file whose path it is.

    Raises:
        InputError: it is neither.
    """
    if given and set(given.lower()) <= set("0123456789abcdef"):
        return given.lower()
    if Path(given).is_file():
        from warehouse.canonical import sha256_of

        return sha256_of(Path(given))
    raise InputError(
        f"{given!r} is no SHA-256, and no file is called that",
        hint="give its hexadecimal digits, or the path of the file",
    )
