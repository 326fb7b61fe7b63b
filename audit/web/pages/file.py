"""File: one landed file, what became of its rows, and the stars that rest on it.

Here: whose file it is, when it came, whether its copy is still as received, each batch read from it, the
    indicators and stars of a rating that rest on it, and for who works here the rows that were refused.
Not here: the cell of one figure (figure.py, event.py), finding the way up (audit/trace_back.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit.trace_back import resting
from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    FileId,
    PageNumber,
    PageRows,
    Part,
    SnapshotId,
    about,
    maybe,
    moment,
    part,
    title,
    told,
)
from ratings.collections import Collection, load_collection
from ratings.errors import NotFoundError
from warehouse.batches import Batch

_OBSERVATION = "observation"


@dataclass(frozen=True, slots=True)
class Read:
    """One batch that was read from the file, and where its rows went.

    Attributes:
        batch: its number.
        kind: vintage, or rejected where the whole file was refused.
        collection: what kind of file it was read as.
        title: what that is called.
        publisher: whose file it is.
        licence: under which it was published.
        source: where its publisher puts it out.
        published_at: when that was.
        published_basis: how that time is known: stated, observed or assumed.
        received_at: when it reached us.
        recorded_at: when we recorded it.
        supplier: who delivered it; null for the public.
        actor: who recorded it, as a pseudonymous id; null for the public.
        rows: rows read.
        events: rows that became events: figures new or changed, judgements, published ratings, evidence.
        unchanged: rows that say what was known.
        refused: rows in quarantine.
        out_of_scope: rows that were counted and not read.
        withdrawn: figures known before that the file no longer states.
        voided_by: the batch that took it back.
    """

    batch: int
    kind: str
    collection: str | None
    title: str | None
    publisher: str | None
    licence: str | None
    source: str | None
    published_at: datetime | None
    published_basis: str | None
    received_at: datetime | None
    recorded_at: datetime
    supplier: str | None
    actor: str | None
    rows: int
    events: int
    unchanged: int
    refused: int
    out_of_scope: int
    withdrawn: int
    voided_by: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """An indicator of which a rating knows figures from the file: its code, its name, how many."""

    indicator: str
    title: str
    figures: int


@dataclass(frozen=True, slots=True)
class Resting:
    """A star that rests on a file or an event.

    Attributes:
        organisation: its id.
        name: its name.
        star: its stars, null where it has none.
        status: rated, not_rated, ...; null where the method has no stars.
        indicators: through whose figures, each once.
        parts: the recorded judgements and decisions that lead there without a figure.
    """

    organisation: str
    name: str
    star: int | None
    status: str | None
    indicators: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row in quarantine.

    Attributes:
        batch: number of the batch.
        row: row of the file, as a person counts it.
        indicator: as far as it was understood.
        organisation: as far as it was understood.
        reasons: why it was refused, a sentence each.
        text: what stands in the row, by column.
    """

    batch: int
    row: int | None
    indicator: str | None
    organisation: str | None
    reasons: tuple[str, ...]
    text: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class FilePage:
    """One file, looked at from a rating.

    Attributes:
        about: the snapshot.
        sha256: of the bytes.
        names: under which it was read.
        byte_size: how many bytes.
        landed_at: when its bytes were put into the landing store.
        problem: what is wrong with its landed copy now; null where it is still as received.
        batches: every batch that was read from it.
        known: events of it that the rating can rest on, by type.
        indicators: whose figures those are.
        edges: whether its figures set the edges of other organisations' bands too (quantiles).
        stars: the stars of the rating that rest on it.
        refused: its rows in quarantine; none are shown to the public.
    """

    about: About
    sha256: str
    names: tuple[str, ...]
    byte_size: int
    landed_at: datetime
    problem: str | None
    batches: tuple[Read, ...]
    known: dict[str, int]
    indicators: tuple[Measured, ...]
    edges: bool
    stars: Part[Resting]
    refused: Part[Refused]


def file(
    archive: Archive,
    snapshot: SnapshotId,
    sha256: FileId,
    page: PageNumber = 1,
    refused: PageNumber = 1,
    rows: PageRows = 50,
) -> FilePage:
    """A landed file: whose it is, what became of its rows, and the stars that rest on it.

    Raises:
        NotFoundError: no such file was read, or it is none that this reader may know of.
    """
    found, said = about(archive, snapshot)
    read = [b for b in archive.batches() if b.file_sha256 == sha256]
    figures = found.table("observations").filter(pl.col("source_batch").is_in([b.id for b in read]))
    facts = {b.id: _facts(archive, found, b) for b in read}
    covered = {b.id for b in archive.batches_of(found)} | set(figures["source_batch"])
    batches = [b for b in read if not archive.public or b.id in covered or facts[b.id]]
    if not batches:
        raise NotFoundError("there is no such file", hint="follow a link from a figure or an event")
    landed = archive.ledger.landed(sha256)
    known = sum((facts[b.id] for b in batches), Counter({_OBSERVATION: figures.height}))
    measured = figures.group_by("indicator").len().sort("indicator").iter_rows()
    stars = resting(found, "file", sha256)
    waiting = [] if archive.public else [row for b in batches for row in archive.ledger.quarantine(b.id)]
    return FilePage(
        about=said,
        sha256=sha256,
        names=tuple(sorted({b.file_name for b in batches if b.file_name})),
        byte_size=landed["byte_size"],
        landed_at=moment(landed["landed_at"]),
        problem=told(archive, archive.sources().unlike_recorded(sha256, batches[0].file_name)),
        batches=tuple(_read(archive, b) for b in batches),
        known={type: count for type, count in sorted(known.items()) if count},
        indicators=tuple(Measured(code, title(archive, code), count) for code, count in measured),
        edges=stars["edges"],
        stars=part(stars_of(stars), page, rows),
        refused=part([_refused(row) for row in waiting], refused, rows),
    )


def stars_of(found: dict[str, Any]) -> list[Resting]:
    """The stars that `audit.trace_back.resting` found, each with the ways that lead to it."""
    return [
        Resting(
            organisation=star["organisation"],
            name=star["name"],
            star=star["star"],
            status=star["rating_status"],
            indicators=_once(way["indicator"] for way in star["through"]),
            parts=_once(way["part"] for way in star["through"] if not way["indicator"]),
        )
        for star in found["stars"]
    ]


def _once(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _facts(archive: Archive, found: Opened, batch: Batch) -> Counter[str]:
    """The facts of a batch that a rating's two times cover, by type; figures are counted in its own table."""
    collection = _collection(batch)
    if collection is None or collection.event == _OBSERVATION:
        return Counter()
    size = batch.last_position - batch.first_position + 1
    events = archive.ledger.read(batch.first_position - 1, size).iter_rows(named=True)
    return Counter(event["type"] for event in events if archive.covers(found, event))


def _collection(batch: Batch) -> Collection | None:
    return load_collection(batch.collection) if batch.collection else None


def _read(archive: Archive, batch: Batch) -> Read:
    collection, counts = _collection(batch), batch.counts
    return Read(
        batch=batch.id,
        kind=batch.kind,
        collection=batch.collection,
        title=collection.title if collection else None,
        publisher=collection.publisher if collection else None,
        licence=collection.licence if collection else None,
        source=collection.source if collection else None,
        published_at=maybe(batch.published_at),
        published_basis=batch.published_basis,
        received_at=maybe(batch.received_at),
        recorded_at=moment(batch.recorded_at),
        supplier=None if archive.public else batch.supplier,
        actor=None if archive.public else batch.actor,
        rows=batch.rows_read,
        events=counts.get("observations", 0),
        unchanged=counts.get("unchanged", 0),
        refused=counts.get("refused", counts.get("quarantined", 0)),
        out_of_scope=counts.get("out_of_scope", 0),
        withdrawn=counts.get("withdrawn", 0),
        voided_by=batch.voided_by,
    )


def _refused(row: dict[str, Any]) -> Refused:
    return Refused(
        batch=row["batch"],
        row=row["source_row"],
        indicator=row["indicator"],
        organisation=row["organisation"],
        reasons=tuple(reason["message"] for reason in row["reasons"]),
        text=dict(row["raw"]),
    )
