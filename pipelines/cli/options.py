"""Options: what every command takes, how it prints, and how it shows that long work goes on.

Here: the shared arguments, JSON and tables, the progress line.
Not here: what a single command takes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratings.errors import InputError

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Rules reckon years before and after a time; no source was out before, and none of ours will be after.
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_LAST_POSITION = 2**63 - 1  # what a database can number


def _position_of(position: int | None) -> int | None:
    """A position option, refused where no log can have it."""
    if position is not None and not 0 <= position <= _LAST_POSITION:
        raise InputError(
            f"--as-recorded {position} is not a position of a log",
            hint="give a whole number from 0; `starledger ledger batches` lists them",
        )
    return position


Actor = Annotated[
    str | None, typer.Option("--as", metavar="ACTOR", help="Who acts. Default: the system user.")
]
Warehouse = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Warehouse directory. Default: $STARLEDGER_WAREHOUSE, else var/warehouse."
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where the ledger lives. Default: $STARLEDGER_DATABASE_URL, else SQLite in the warehouse.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
AsPublished = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="As the sources had published by then, such as 2025-02-14T13:00Z or 2025-02-14."
    ),
]
AsRecorded = Annotated[
    int | None,
    typer.Option(
        metavar="POSITION",
        help="As the log held up to this position, rounded down to the end of a batch.",
        callback=_position_of,
    ),
]


def open_settings(warehouse: Path | None, database_url: str | Path | None, actor: str | None) -> Settings:
    """Settings from the shared options."""
    from pipelines.settings import settings

    return settings(warehouse, database_url, actor)


def time_of(text: str | None) -> int | None:
    """A time option in microseconds UTC.

    Raises:
        InputError: it is not a time, or is one so far away that no rating can be asked for.
    """
    from pipelines.source_files import parse_time

    if text is None:
        return None
    moment = parse_time(text)
    if not parse_time(f"{_FIRST_YEAR}-01-01") <= moment < parse_time(f"{_LAST_YEAR + 1}-01-01"):
        raise InputError(
            f"{text!r} is out of range: times run from the year {_FIRST_YEAR} to the year {_LAST_YEAR}",
            hint="check the year",
        )
    return moment


def print_json(value: Any) -> None:
    """Print a value as JSON, keys in the order given."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Print rows as a table; numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    # A pipe has no width of its own; 80 columns would cut the numbers apart.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    names = list(columns or (rows[0] if rows else []))
    for name in names:
        numeric = any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(row[name])) for name in names))
    console.print(table)


def plain(text: str) -> str:
    """Text of a file as a terminal may show it; what would move the cursor or turn the line is spelt out."""
    shown = (c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)


def print_tree(lines: Sequence[tuple[int, str]]) -> None:
    """Print (depth, sentence) pairs, one head first: with guides where a person watches, else indented."""
    lines = [(depth, plain(sentence)) for depth, sentence in lines]
    if not sys.stdout.isatty():
        for depth, sentence in lines:
            print("  " * depth + sentence)
        return
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    (_, head), *rest = lines
    branches = [Tree(Text(head, style="bold"), guide_style="dim")]
    for depth, sentence in rest:
        del branches[depth:]
        branches.append(branches[-1].add(Text(sentence)))
    Console().print(branches[0])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return plain(str(value))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function to tell what is being done; it shows where a person watches and is silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("") as status:
        yield lambda sentence: status.update(escape(sentence))
