"""Archive: what a reader of the pages may see, and nothing else.

Here: proof that a snapshot is whole before anything of it is shown, its tables in memory, and what of the log
    is for whom.
Not here: which snapshots exist (watch.py), what the log says (known.py), what is confidential in a table
    (tables.py), what stands on a page (pages/), addresses and answers (app.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from audit.method_versions import built_with
from audit.questions import services_of
from audit.sources import Sources
from audit.web.comparisons import Compare, Comparisons
from audit.web.memory import Memory
from audit.web.tables import FREE, SAYING_FIGURES, Table, by_organisation, confidential, without
from audit.web.watch import Entry, Watch, stamp
from ratings.calendar import end_of
from ratings.catalogue import Catalogue
from ratings.errors import NotFoundError, SnapshotError
from ratings.methods import Method
from ratings.queries import Query
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.landing import Landing
from warehouse.snapshot_files import CHECKPOINT
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, snapshot, verify

PUBLIC, INTERNAL = "public", "internal"
AUDIENCES = (PUBLIC, INTERNAL)
T = TypeVar("T")
_TABLE_BYTES = 160 * 2**20
_MANIFESTS, _METHODS = 512, 32  # how many are kept at once
NOT_AS_BUILT = "its files are not those that were built"
"""All that the public is told of a snapshot that does not verify."""

Prove = Callable[[int], str]


class NotWholeError(SnapshotError):
    """A snapshot that is not what was built: it must not be shown as if it were.

    Args:
        identifier: its id.
        problems: everything that is wrong, a sentence each.
    """

    def __init__(self, identifier: str, problems: tuple[str, ...]) -> None:
        self.identifier = identifier
        self.problems = problems
        super().__init__(
            f"snapshot {identifier} does not verify: {'; '.join(problems)}",
            hint="restore its directory from a copy, then look again",
        )


@dataclass(frozen=True, slots=True)
class Opened(SnapshotRef):
    """A snapshot that was found whole, as a reader may see it; its tables come from memory.

    Attributes:
        entry: what this reader may know of it.
        bound: hash of its manifest, as the log says it was built.
        kept: gives a table by its name, made by what is given where it is not in memory.
    """

    entry: Entry = field(kw_only=True)
    bound: str = field(kw_only=True)
    kept: Callable[[str, Callable[[], Table] | None], Table] = field(kw_only=True, repr=False)

    def table(self, name: str, **equal: str) -> pl.DataFrame:
        """Rows of one of its tables, as `SnapshotRef.table` gives them."""
        return self.kept(name, None).where(**equal)

    def derived(self, name: str, make: Callable[[Opened], Table]) -> Table:
        """What is made of its tables once, and then kept in memory beside them under a name of its own."""
        return self.kept(name, lambda: make(self))

    @property
    def manifest_sha256(self) -> str:
        """Hash of the manifest's bytes; that they have it was found when the snapshot was verified."""
        return self.bound

    @property
    def as_published(self) -> int:
        """What the sources had put out by then, microseconds UTC."""
        return microseconds(self.manifest["as_published"])

    @property
    def as_recorded(self) -> int:
        """The last position of the log that counts."""
        return int(self.manifest["as_recorded"])

    @property
    def has_checkpoint(self) -> bool:
        """Whether a signed checkpoint of the log lies beside it; older schema versions had none."""
        return CHECKPOINT in self.manifest.get("files", {})

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint, as a note."""
        return (self.path / CHECKPOINT).read_text("utf-8") if self.has_checkpoint else None


class Archive:
    """Everything the pages read from, for one audience.

    Args:
        ledger: the log, opened for reading only.
        landing: the landed bytes.
        snapshots: the directory of all snapshots.
        audience: `public` (released snapshots, without confidential figures) or `internal` (everything).
        now: the present, microseconds UTC.
        prove: makes the inclusion proof of an event, by position, that the checkpoint of its snapshot does
            not cover, as text.
        every: how long a look at the log and at the files is good for, in seconds.
        only: a snapshot beside which no other exists; None for all.
        verified: the record of the last verification of the ledger; it need not be there.
        compare: says why the outcomes of two snapshots differ, by their ids; None where none is to be asked.
    """

    def __init__(
        self,
        ledger: Ledger,
        landing: Landing,
        snapshots: Path,
        *,
        audience: str,
        now: Callable[[], int],
        prove: Prove,
        every: float = 0.0,
        only: str | None = None,
        verified: Path | None = None,
        compare: Compare | None = None,
    ) -> None:
        self.ledger = ledger
        self.landing = landing
        self.snapshots = snapshots
        self.audience = audience
        self.now = now
        self.prove = prove
        self._watch = Watch(
            ledger, landing, snapshots, public=audience == PUBLIC, now=now, every=every, only=only
        )
        self.verified = verified
        self._comparisons = Comparisons(compare)
        self._problems: Memory[tuple[str, ...]] = Memory(2**20, lambda found: 200 + sum(map(len, found)))
        self._manifests: Memory[SnapshotRef] = Memory(_MANIFESTS, lambda found: 1)
        self._methods: Memory[Method] = Memory(_METHODS, lambda method: 1)
        self._services: Memory[dict[str, str]] = Memory(_METHODS, lambda services: 1)
        self._tables: Memory[Table] = Memory(_TABLE_BYTES, lambda table: int(table.rows.estimated_size()))

    @property
    def public(self) -> bool:
        """Whether anybody may be reading."""
        return self.audience == PUBLIC

    def withheld(self, conf_status: str | None) -> bool:
        """Whether a figure of this confidentiality (SDMX CL_CONF_STATUS) is not for this reader."""
        return self.public and conf_status not in (None, FREE)

    def version(self) -> Hashable:
        """What an answer depends on besides its address; as long as it is the same, so is the answer.

        Every answer begins here: the log and the files are looked at again, unless that was just now. All
        else that is asked rests on the last look.

        Raises:
            LedgerError: the ledger cannot be read now.
        """
        return self._watch.look().version

    def entries(self) -> list[Entry]:
        """The snapshots that exist for this reader, in no order."""
        return list(self._watch.last().entries.values())

    def hidden(self) -> int:
        """How many snapshots there are that this reader may not see."""
        return self._watch.last().hidden

    def open(self, identifier: str) -> Opened:
        """A snapshot, once it was found whole and to be the one that the log says was built.

        Raises:
            NotFoundError: there is none for this reader.
            NotWholeError: it is there, and not as it was built.
        """
        look = self._watch.last()
        entry = look.entries.get(identifier)
        if entry is None:
            raise NotFoundError("there is no such snapshot", hint="choose one from the list of ratings")
        seen, built = look.stamps[identifier], look.known.built.get(identifier)
        bound = None if built is None else str(built["manifest_sha256"])
        if problems := self._problems.once((seen, bound), lambda: self._check(identifier, bound)):
            raise NotWholeError(identifier, problems)
        assert bound is not None
        found = self._manifests.once(seen, lambda: self._manifest(identifier, seen))
        return Opened(
            found.id,
            found.path,
            found.manifest,
            entry=entry,
            bound=bound,
            kept=lambda name, make: self._tables.once(
                (seen, name), make or (lambda: self._table(found, seen, name))
            ),
        )

    def _check(self, identifier: str, bound: str | None) -> tuple[str, ...]:
        """What is wrong with a snapshot, of which the log says that its manifest has this hash."""
        if bound is None:
            return ("the log does not say that it was built",)
        try:
            found = snapshot(self.snapshots, identifier)
            problems = verify(found.path)
            if found.manifest["ledger"]["origin"] != self.ledger.origin:
                problems.append("it was built from another log")
            if found.manifest_sha256 != bound:
                problems.append("its manifest is not the one that the log says was built")
        except NotFoundError:
            return ("its directory is missing",)
        except (SnapshotError, OSError) as error:
            return (error.message if isinstance(error, SnapshotError) else "it cannot be read",)
        return tuple(problems)

    @property
    def catalogue(self) -> Catalogue:
        """Indicators and organisations, with those that only files in the log name."""
        return self._watch.last().known.catalogue

    def sources(self) -> Sources:
        """Where events come from."""
        return self._watch.last().known.sources

    def batches(self) -> tuple[Batch, ...]:
        """Every batch of the log, in order."""
        return self._watch.last().known.batches

    def method(self, found: Opened) -> Method:
        """The very method that a snapshot was built with.

        Raises:
            MethodError: it is neither installed nor in the log.
        """
        said = found.manifest["method"]
        sha256 = said["sha256"]
        return self._methods.once(sha256, lambda: built_with(self.ledger, said["id"], sha256))

    def services(self, found: Opened) -> Mapping[str, str]:
        """Indicator -> the service that it counts for, or caps, by a snapshot's method."""
        sha256 = found.manifest["method"]["sha256"]
        return self._services.once(sha256, lambda: services_of(self.method(found), self.catalogue))

    def evidence(self, found: Opened, organisation: str) -> list[dict[str, Any]]:
        """What was known of an organisation beside its figures at a snapshot's times, the oldest first.

        What was recorded later is shown to insiders only: evidence is no input of a rating.
        """
        every = self._watch.last().known.evidence(organisation, found.as_published)
        return [item for item in every if not self.public or item["event"] <= found.as_recorded]

    def queries(self, organisation: str) -> Sequence[Query]:
        """What a supplier was asked of an organisation, and did not settle: between the two of them."""
        return () if self.public else self._watch.last().known.queries(organisation)

    def published_ratings(self, found: Opened, organisation: str) -> list[dict[str, Any]]:
        """The events that say how an organisation was rated by its regulator, by position."""
        every = self._watch.last().known.published_ratings(organisation)
        return [event for event in every if not self.public or self.covers(found, event)]

    def batches_of(self, found: Opened) -> list[Batch]:
        """The batches of files that were out and recorded at a snapshot's two times."""
        return [
            b
            for b in self.batches()
            if b.kind == "vintage"
            and b.last_position <= found.as_recorded
            and (b.published_at or 0) <= found.as_published
        ]

    def compared(self, before: Opened, after: Opened) -> Mapping[str, Any]:
        """Why the outcomes of two snapshots differ: what `pipelines.compare.compare` gives.

        Raises:
            BusyError: another comparison is being worked out.
            MethodError: the method that one was built with is neither installed nor in the log.
            SnapshotError: they are too large to be compared here.
        """
        return self._comparisons.of(before, after)

    def position_on(self, day: date) -> int:
        """The last position that had been recorded by the end of a day, UTC; 0 where there was none."""
        end = end_of(day)
        return max((b.last_position for b in self.batches() if b.recorded_at <= end), default=0)

    def event(self, found: Opened, position: int) -> dict[str, Any]:
        """An event, if this reader may see it beside a snapshot.

        The public sees what the snapshot's two times cover: figures, judgements, published ratings, evidence.

        Raises:
            NotFoundError: there is none for this reader.
        """
        none = NotFoundError("there is no such event", hint="follow a link from a figure")
        if not 1 <= position <= (self.batches()[-1].last_position if self.batches() else 0):
            raise none
        event = self.ledger.event(position)
        if self.public and not self.covers(found, event):
            raise none
        return event

    def covers(self, found: Opened, event: Mapping[str, Any]) -> bool:
        """Whether an event is one that a snapshot's two times know, and is about what was rated."""
        return (
            event["type"] in ("observation", "withdrawal", "judgement", "published_rating", "evidence")
            and event["position"] <= found.as_recorded
            and event["published_at"] is not None
            and event["published_at"] <= found.as_published
            and not found.table("organisations", organisation=event["organisation"] or "").is_empty()
        )

    def _manifest(self, identifier: str, seen: Hashable) -> SnapshotRef:
        found = snapshot(self.snapshots, identifier)
        return self._unchanged(found, seen, found)

    def _unchanged(self, found: SnapshotRef, seen: Hashable, read: T) -> T:
        """What was read of a snapshot after it was found whole, if its files are still the same.

        Raises:
            NotWholeError: a file of it has changed since.
        """
        if stamp(found.path) != seen:
            raise NotWholeError(found.id, ("its files changed while they were read",))
        return read

    def _table(self, found: SnapshotRef, seen: Hashable, name: str) -> Table:
        """A table as this reader may see it."""
        rows = self._unchanged(found, seen, found.table(name))
        if self.public and name in SAYING_FIGURES:
            secret = self._tables.once((seen, "confidential"), lambda: self._confidential(found, seen))
            rows = without(rows, secret.rows, name)
        return by_organisation(rows)

    def _confidential(self, found: SnapshotRef, seen: Hashable) -> Table:
        rows = self._unchanged(found, seen, found.table("observations"))
        return Table(confidential(rows), None)
