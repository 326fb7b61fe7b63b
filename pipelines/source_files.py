"""Source files: which files are meant, when each was published, and how that is known.

Here: times as people write them, the `--releases` list, the names of the files a path stands for,
    the dates in the rows of a file.
Not here: which column holds them, and how (ratings/collections.py).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ratings.collections import FORMATS, Collection
from ratings.errors import InputError
from warehouse.readers import ROW
from warehouse.snapshot_manifest import iso, microseconds

STATED, OBSERVED, ANNOUNCED = "stated", "observed", "announced"
"""How a publish time is known: the source gives it, we saw the file, the source says when it will be out."""
_ENDINGS = tuple(f".{form}" for form in FORMATS)
_LOCK = "~$"  # what a spreadsheet program leaves beside a workbook that is open


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file and when it came out.

    Attributes:
        path: the file.
        published_at: microseconds UTC; None where only the file itself, or its arrival, can tell.
    """

    path: Path
    published_at: int | None


def parse_time(text: str, *, file: str | None = None, row: int | None = None) -> int:
    """A time as a person writes it, in microseconds UTC; without a zone it is UTC, a bare date is 00:00.

    Raises:
        InputError: it is not an ISO 8601 date or time.
    """
    try:
        return microseconds(text.strip())
    except ValueError:
        raise InputError(
            f"{text!r} is not a time", file=file, row=row, hint="write 2025-02-14 or 2025-02-14T12:50:10Z"
        ) from None


def find_source_files(
    paths: Sequence[Path],
    *,
    published_at: int | None = None,
    releases: Path | None = None,
    dated: bool = False,
) -> list[SourceFile]:
    """The files that paths stand for, each with its publish time, oldest first.

    Args:
        paths: files, or directories whose data files are meant.
        published_at: the time of a single file.
        releases: CSV of `file, published_at`, by file name.
        dated: the collection's rows carry their own dates.

    Raises:
        InputError: no file, several files without a time each, a file not in the list, a faulty list.
    """
    files = [file for path in paths for file in _files(path)]
    if releases and published_at is not None:
        raise InputError("--published-at and --releases both say when", hint="give one of them")
    if releases:
        twice = sorted(name for name, times in Counter(file.name for file in files).items() if times > 1)
        if twice:
            raise InputError(
                f"several files are called {twice[0]}, and {releases} lists files by name",
                hint="ingest them one directory at a time",
            )
        times = read_publish_times(releases)
        unlisted = [file.name for file in files if file.name not in times]
        if unlisted:
            raise InputError(
                f"no publish time for {', '.join(unlisted[:5])}",
                file=str(releases),
                hint="add a line `file,published_at` for each file",
            )
        found = [SourceFile(file, times[file.name]) for file in files]
    elif len(files) > 1 and not dated:
        raise InputError(
            f"{len(files)} files, and nothing says when each was published",
            hint="give --releases FILE.csv with columns file and published_at, or ingest them one at a time",
        )
    else:
        found = [SourceFile(file, published_at) for file in files]
    return sorted(found, key=lambda source: source.published_at or 0)


def _files(path: Path) -> list[Path]:
    """The file at a path, or the data files of the directory there."""
    try:
        inside = sorted(path.iterdir()) if path.is_dir() else None
        path.stat()
    except FileNotFoundError:
        raise InputError("there is no such file", file=str(path), hint="check the path") from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(path), hint="check the path and its permissions"
        ) from None
    if inside is None:
        return [path]
    files = [
        file for file in inside if file.name.lower().endswith(_ENDINGS) and not file.name.startswith(_LOCK)
    ]
    if not files:
        raise InputError(
            f"the directory holds no file that ends in {', '.join(_ENDINGS)}",
            file=str(path),
            hint="name the directory that the data files lie in, or a file",
        )
    return files


def read_publish_times(path: Path) -> dict[str, int]:
    """Publish times by file name, microseconds UTC, from a CSV with the columns `file` and `published_at`.

    Raises:
        InputError: it cannot be read, lacks a column, holds what is no time, or gives one file two times.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = csv.DictReader(stream)
            if not {"file", "published_at"} <= set(lines.fieldnames or ()):
                raise InputError(
                    "this is no list of publish times: it needs the columns file and published_at",
                    file=str(path),
                    row=1,
                    hint="begin it with the line `file,published_at`",
                )
            times: dict[str, int] = {}
            for number, line in enumerate(lines, start=2):
                time = parse_time(line["published_at"] or "", file=str(path), row=number)
                if times.setdefault(line["file"], time) != time:
                    raise InputError(
                        f"{line['file']} is listed twice, with two times",
                        file=str(path),
                        row=number,
                        column="file",
                        hint="keep the line that is right",
                    )
            return times
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(path), hint="check the path given to --releases"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "this is no UTF-8 text",
            file=str(path),
            hint="save it as CSV in UTF-8, with columns file and published_at",
        ) from error


def published_by_file(
    kind: Collection, source: SourceFile, rows: pl.DataFrame, received_at: int, seen_at: int
) -> tuple[int, str]:
    """When a file was published, and how that is known: as given, else by its rows, else when it was seen.

    Args:
        kind: its collection.
        source: the file, and the time given for it.
        rows: the file as printed.
        received_at: when it was received, microseconds UTC.
        seen_at: when it was first seen, microseconds UTC.

    Raises:
        InputError: a row bears a date to come.
    """
    if source.published_at is not None:
        return source.published_at, STATED if source.published_at <= received_at else ANNOUNCED
    if kind.published is None:
        return seen_at, OBSERVED
    times = row_times(kind, rows)
    late = next((n for n, time in enumerate(times) if time is not None and time > received_at), None)
    if late is not None:
        raise InputError(
            f"the date {iso(times[late] or 0)} lies in the future",
            row=rows[ROW][late],
            column=kind.published.column,
            hint="correct the date, then ingest the file again",
        )
    days = [time for time in times if time is not None]
    return (max(days), STATED) if days else (seen_at, OBSERVED)


def row_times(kind: Collection, rows: pl.DataFrame) -> list[int | None]:
    """The day in each row that its collection reads as when it was published, microseconds UTC; else None."""
    published = kind.published
    if published is None:
        return [None] * rows.height
    cells = rows[published.column].to_list() if published.column else [None] * rows.height
    days = {cell: published.day(cell) for cell in set(cells)}
    times = {cell: None if day is None else parse_time(day.isoformat()) for cell, day in days.items()}
    return [times[cell] for cell in cells]
