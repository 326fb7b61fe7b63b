"""About: what pages have in common - the snapshot they speak of, parts of long lists, sources of events.

Here: values that stand on several kinds of page, and the forms of ids and options in addresses.
Not here: any page.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query

from audit.sources import Sources
from audit.web.archive import Archive, Opened
from ratings.errors import NotFoundError
from ratings.periods import describe_period
from warehouse.batches import Batch

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_ROWS = 200

# Ids as they may stand in an address. What does not look like one is refused before anything is looked up.
SNAPSHOT_ID = r"^[a-z0-9][a-z0-9.-]*-\d{8}-[0-9a-f]{12}$"
SnapshotId = Annotated[
    str,
    Path(pattern=SNAPSHOT_ID, max_length=120, description="Id of a snapshot"),
]
OrganisationId = Annotated[
    str, Path(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80, description="Id of an organisation")
]
IndicatorCode = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][^/\x00-\x1f\x7f]*$", max_length=80, description="Code of an indicator"),
]
PeriodId = Annotated[
    str,
    Path(
        pattern=r"^\d{4}-\d{2}-\d{2}--P[0-9A-Z]+$",
        max_length=30,
        description="A period as first day and duration, `--` for the slash (ISO 8601)",
    ),
]
FileId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a landed file")]
Position = Annotated[int, Path(ge=1, le=2**63 - 1, description="Position of an event in the log")]
Search = Annotated[str, Query(max_length=100, description="Part of a name or code")]
PageNumber = Annotated[int, Query(ge=1, le=100_000, description="Which part of a long list, from 1")]
PageRows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows on one page")]


@dataclass(frozen=True, slots=True)
class About:
    """The snapshot that a page speaks of.

    Attributes:
        id: its id.
        label: for people.
        method: id of the method.
        method_title: what the method is called.
        method_version: its version.
        method_status: official, reconstructed or illustrative.
        round: the rating round, null where the method has none.
        as_published: what the sources had put out by then.
        as_recorded: the last position of the log that counts.
        state: draft, or the state it entered last.
        since: when that took effect.
        reason: why, as whoever released it said.
        current: whether it is the one released now.
        simulated: whether organisations and figures are invented.
        manifest_sha256: what binds all of it.
        checkpoint: the last position that the checkpoint beside it covers; null where it has none.
    """

    id: str
    label: str
    method: str
    method_title: str
    method_version: str
    method_status: str
    round: str | None
    as_published: datetime
    as_recorded: int
    state: str
    since: datetime | None
    reason: str | None
    current: bool
    simulated: bool
    manifest_sha256: str
    checkpoint: int | None


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a long list: its rows, and where they stand in the whole."""

    rows: tuple[T, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a source file: column, what it means, and the text in it where it could be read back."""

    column: str
    means: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where an event comes from.

    Attributes:
        batch: number of the batch.
        published_at: when the source put the file out.
        published_basis: how that time is known: stated, observed or assumed.
        received_at: when the file reached us.
        recorded_at: when we recorded it.
        actor: who recorded it, as a pseudonymous id; null for the public.
        file: name of the file; null where it was entered by hand.
        sha256: of the file's bytes.
        publisher: whose file it is.
        licence: under which it was published.
        row: row of the file, as a person counts it.
        cells: what the columns say; no texts where the figure is withheld.
        problem: why the cell could not be read back.
        withheld: whether the figure is confidential and not for this reader.
        purged: on whose authority what the event said was removed; null where nothing was.
    """

    batch: int
    published_at: datetime | None
    published_basis: str | None
    received_at: datetime | None
    recorded_at: datetime
    actor: str | None
    file: str | None
    sha256: str | None
    publisher: str | None
    licence: str | None
    row: int | None
    cells: tuple[Cell, ...]
    problem: str | None
    withheld: bool
    purged: str | None

    @property
    def provable(self) -> bool:
        """Whether the reader can take the inclusion proof of the event away."""
        return not self.withheld and self.purged is None


def about(archive: Archive, identifier: str) -> tuple[Opened, About]:
    """A snapshot that is whole, and what a page says of it.

    Raises:
        NotFoundError: there is none for this reader.
        NotWholeError: it is not as it was built.
    """
    found = archive.open(identifier)
    manifest, method, entry = found.manifest, found.manifest["method"], found.entry
    return found, About(
        id=found.id,
        label=manifest["label"],
        method=method["id"],
        method_title=method["title"],
        method_version=str(method["version"]),
        method_status=method["status"],
        round=method["round"],
        as_published=moment(found.as_published),
        as_recorded=found.as_recorded,
        state=entry.state,
        since=None if entry.since is None else moment(entry.since),
        reason=entry.reason,
        current=entry.current,
        simulated=manifest["simulated"],
        manifest_sha256=found.manifest_sha256,
        checkpoint=manifest["checkpoint"]["position"] if found.has_checkpoint else None,
    )


def moment(microseconds: int) -> datetime:
    """A time of the log, as a value with its zone."""
    return _EPOCH + timedelta(microseconds=microseconds)


def maybe(microseconds: int | None) -> datetime | None:
    """A time of the log that may be unknown."""
    return None if microseconds is None else moment(microseconds)


def part(rows: Sequence[T], page: int, per_page: int) -> Part[T]:
    """The rows of one page of a list; past its end there are none."""
    first = (page - 1) * per_page
    pages = max(1, -(-len(rows) // per_page))
    return Part(tuple(rows[first : first + per_page]), len(rows), page, pages)


def one_organisation(archive: Archive, found: Opened, identifier: str) -> dict[str, Any]:
    """The row of an organisation that a snapshot holds, its region by name.

    Raises:
        NotFoundError: the snapshot does not hold it.
    """
    rows = found.table("organisations", organisation=identifier).to_dicts()
    if not rows:
        raise NotFoundError(
            "this rating has no such organisation", hint="look for it by name in the table of ratings"
        )
    return rows[0] | {"region": region(archive, rows[0]["region"])}


def region(archive: Archive, identifier: str | None) -> str | None:
    """The name of a region."""
    known = archive.catalogue.organisations.get(identifier or "")
    return known.name if known else identifier


def period_id(period: str) -> str:
    """A period as it stands in an address."""
    return period.replace("/", "--")


def words(period: str | None) -> str | None:
    """A period in words, None where there is none."""
    return describe_period(period) if period else None


def unit(archive: Archive, indicator: str) -> str:
    """The unit of an indicator's figures."""
    known = archive.catalogue.indicators.get(indicator)
    return known.unit if known else ""


def title(archive: Archive, indicator: str) -> str:
    """What an indicator is called."""
    known = archive.catalogue.indicators.get(indicator)
    return known.title if known else indicator


def source(archive: Archive, sources: Sources, event: dict[str, Any], *, read: bool = True) -> Source:
    """Where an event comes from, without the text of a cell that is not for this reader."""
    withheld = archive.withheld(event["conf_status"])
    found = sources.of(event, read=read and not withheld)
    batch, file = sources.batch(found["batch"]["id"]), found["file"] or {}
    return Source(
        batch=batch.id,
        published_at=maybe(batch.published_at),
        published_basis=batch.published_basis,
        received_at=maybe(batch.received_at),
        recorded_at=moment(batch.recorded_at),
        actor=None if archive.public else batch.actor,
        file=file.get("name"),
        sha256=file.get("sha256"),
        publisher=file.get("publisher"),
        licence=file.get("licence"),
        row=found["row"],
        cells=tuple(Cell(cell["column"], cell["means"], cell["text"]) for cell in found["cells"]),
        problem=told(archive, found["problem"]),
        withheld=withheld,
        purged=found["purged"]["authority"] if found["purged"] else None,
    )


def told(archive: Archive, problem: str | None) -> str | None:
    """What is wrong with a landed file; the public is not told where our files lie."""
    if problem and archive.public:
        return "the landed file is missing or is not the one that was recorded"
    return problem


def batch_at(archive: Archive, position: int) -> Batch:
    """The batch that an event of the log stands in."""
    batches = archive.batches()
    return batches[bisect_right(batches, position, key=lambda b: b.first_position) - 1]


def voided_by(batches: dict[int, Batch], event: dict[str, Any]) -> int | None:
    """The batch that took back the file an event speaks for, or the batch it stands in."""
    return batches[event["stated_by"] or event["batch"]].voided_by or batches[event["batch"]].voided_by


def return_words(name: str) -> str:
    """A source return as people read it; one that is not known begins with the collection, if that is."""
    return name.removeprefix(", ") or "return not known"
