"""Archive: what a reader of the pages may see, and nothing else.

Here: which snapshots exist for whom, proof that each is whole before anything of it is shown, its tables in
    memory, confidential figures taken out for the public, and the ledger opened for reading.
Not here: what stands on a page (pages/), addresses and answers (app.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from audit.sources import Sources
from audit.web.memory import Memory
from ratings.catalogue import Catalogue, load_catalogue
from ratings.errors import LedgerError, NotFoundError, SnapshotError
from warehouse.event_log import Batch, Ledger
from warehouse.landing import Landing
from warehouse.named_in_log import with_named
from warehouse.release_history import RELEASED, Step, current, history, states
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, snapshot, snapshot_ids, verify

PUBLIC, INTERNAL = "public", "internal"
AUDIENCES = (PUBLIC, INTERNAL)
_DRAFT = "draft"
_PUBLIC_STATES = (RELEASED, "superseded")
_FREE = (None, "F")
"""SDMX CL_CONF_STATUS of figures that anybody may see: free, or not said to be anything else."""
_TABLE_BYTES = 160 * 2**20
_WITHHELD = "withheld: it rests on a confidential figure"
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
class Entry:
    """A snapshot that a reader may know of.

    Attributes:
        id: its id.
        state: draft, or the state it entered last.
        since: when that took effect, microseconds UTC; None for a draft.
        reason: why it is in that state.
        current: whether it is the one released now.
    """

    id: str
    state: str
    since: int | None
    reason: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class Opened(SnapshotRef):
    """A snapshot that was found whole, as a reader may see it; its tables come from memory."""

    entry: Entry = field(kw_only=True)
    kept: Callable[[str], pl.DataFrame] = field(kw_only=True, repr=False)

    def table(self, name: str, **equal: str) -> pl.DataFrame:
        """Rows of one of its tables, as `SnapshotRef.table` gives them."""
        rows = self.kept(name)
        return rows.filter(pl.col(column) == value for column, value in equal.items()) if equal else rows

    @property
    def as_published(self) -> int:
        """What the sources had put out by then, microseconds UTC."""
        return microseconds(self.manifest["as_published"])

    @property
    def as_recorded(self) -> int:
        """The last position of the log that counts."""
        return int(self.manifest["as_recorded"])


@dataclass(frozen=True, slots=True)
class _Known:
    """What the log says of snapshots, as of one position of it."""

    built: Mapping[str, Mapping[str, Any]]
    steps: tuple[Step, ...]
    sources: Sources
    batches: tuple[Batch, ...]
    catalogue: Catalogue


class Archive:
    """Everything the pages read from, for one audience.

    Args:
        ledger: the log, opened for reading only.
        landing: the landed bytes.
        snapshots: the directory of all snapshots.
        audience: `public` (released snapshots, without confidential figures) or `internal` (everything).
        now: the present, microseconds UTC.
        prove: makes the inclusion proof of the event at a position, as text.
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
    ) -> None:
        self.ledger = ledger
        self.landing = landing
        self.snapshots = snapshots
        self.audience = audience
        self.now = now
        self.prove = prove
        self._known: tuple[int, _Known] | None = None
        self._problems: Memory[tuple[str, ...]] = Memory(2**20, lambda found: 200 + sum(map(len, found)))
        self._tables: Memory[pl.DataFrame] = Memory(_TABLE_BYTES, lambda rows: int(rows.estimated_size()))

    @property
    def public(self) -> bool:
        """Whether anybody may be reading."""
        return self.audience == PUBLIC

    def withheld(self, conf_status: str | None) -> bool:
        """Whether a figure of this confidentiality (SDMX CL_CONF_STATUS) is not for this reader."""
        return self.public and conf_status not in _FREE

    @property
    def catalogue(self) -> Catalogue:
        """Indicators and organisations, with those that only files in the log name, as of the last look."""
        held = self._known  # a page asks hundreds of times; one look at the log is enough for it
        return held[1].catalogue if held else self._log().catalogue

    def version(self) -> Hashable:
        """What an answer depends on besides its address; as long as it is the same, so is the answer."""
        known = self._log()
        seen = tuple((e.id, e.state, e.current, self._stamp(e.id)) for e in self.entries())
        return (known.batches[-1].last_position if known.batches else 0, seen)

    def entries(self) -> list[Entry]:
        """The snapshots that exist for this reader, in no order."""
        known, at = self._log(), self.now()
        hold = states(known.steps, at)
        released = current(known.steps, at)
        ids = {*known.built, *snapshot_ids(self.snapshots)}
        found = []
        for identifier in ids:
            step = hold.get(identifier)
            state = step.state if step else _DRAFT
            if not self.public or state in _PUBLIC_STATES:
                is_current = released is not None and released.snapshot == identifier
                found.append(
                    Entry(
                        identifier,
                        state,
                        step.at if step else None,
                        step.reason if step else None,
                        is_current,
                    )
                )
        return found

    def hidden(self) -> int:
        """How many snapshots there are that this reader may not see."""
        return len({*self._log().built, *snapshot_ids(self.snapshots)}) - len(self.entries())

    def open(self, identifier: str) -> Opened:
        """A snapshot, once it was found whole and to be the one that the log says was built.

        Raises:
            NotFoundError: there is none for this reader.
            NotWholeError: it is there, and not as it was built.
        """
        entry = next((e for e in self.entries() if e.id == identifier), None)
        if entry is None:
            raise NotFoundError("there is no such snapshot", hint="choose one from the list of ratings")
        if problems := self.problems(identifier):
            raise NotWholeError(identifier, problems)
        found = snapshot(self.snapshots, identifier)
        stamp = self._stamp(identifier)
        return Opened(
            found.id,
            found.path,
            found.manifest,
            entry=entry,
            kept=lambda name: self._tables.once((stamp, name), lambda: self._table(found, name)),
        )

    def problems(self, identifier: str) -> tuple[str, ...]:
        """What is wrong with a snapshot's directory; looked at again whenever a file of it has changed."""
        stamp = self._stamp(identifier)
        if (found := self._problems.get(stamp)) is None:
            found = self._problems.put(stamp, self._check(identifier))
        return found

    def _check(self, identifier: str) -> tuple[str, ...]:
        built = self._log().built.get(identifier)
        if built is None:
            return ("the log does not say that it was built",)
        try:
            found = snapshot(self.snapshots, identifier)
            problems = verify(found.path)
            if found.manifest["ledger"]["origin"] != self.ledger.origin:
                problems.append("it was built from another log")
            if found.manifest_sha256 != built["manifest_sha256"]:
                problems.append("its manifest is not the one that the log says was built")
        except NotFoundError:
            return ("its directory is missing",)
        except (SnapshotError, OSError) as error:
            return (error.message if isinstance(error, SnapshotError) else "it cannot be read",)
        return tuple(problems)

    def sources(self) -> Sources:
        """Where events come from."""
        return self._log().sources

    def batches(self) -> tuple[Batch, ...]:
        """Every batch of the log, in order."""
        return self._log().batches

    def batches_of(self, found: Opened) -> list[Batch]:
        """The batches of files that were out and recorded at a snapshot's two times."""
        return [
            b
            for b in self.batches()
            if b.kind == "vintage"
            and b.last_position <= found.as_recorded
            and (b.published_at or 0) <= found.as_published
        ]

    def position_on(self, day: date) -> int:
        """The last position that had been recorded by the end of a day, UTC; 0 where there was none."""
        end = microseconds(day.isoformat()) + 86_400 * 1_000_000
        return max((b.last_position for b in self.batches() if b.recorded_at < end), default=0)

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

    def _log(self) -> _Known:
        """What the log says; read again once it has grown.

        Raises:
            LedgerError: the ledger cannot be read now.
        """
        head = self.ledger.head().position
        held = self._known
        if held is None or held[0] != head:
            if held is not None and head < held[0]:
                raise LedgerError(
                    f"the log ends at position {head}, and ended at {held[0]} before: it was cut or replaced",
                    hint="run `starledger ledger verify` with a checkpoint kept elsewhere",
                )
            known = _Known(
                built={e["payload"]["id"]: e["payload"] for e in self.ledger.events("snapshot_built")},
                steps=tuple(history(self.ledger)),
                sources=Sources(self.ledger, self.landing),
                batches=tuple(self.ledger.batches()),
                catalogue=with_named(load_catalogue(), self.ledger),
            )
            held = self._known = (head, known)
        return held[1]

    def _stamp(self, identifier: str) -> Hashable:
        """What changes whenever a file of a snapshot does."""
        try:
            files = sorted((self.snapshots / identifier).iterdir())
            status = [(f.name, f.stat()) for f in files]
        except OSError:
            return (identifier, None)
        return (identifier, *((n, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for n, s in status))

    def _table(self, found: SnapshotRef, name: str) -> pl.DataFrame:
        rows = found.table(name)
        if not self.public or name not in ("observations", "bands", "judgements", "counterfactuals"):
            return rows
        observations = found.table("observations")
        secret = observations.filter([self.withheld(said) for said in observations["conf_status"]])
        return _without(rows, secret, name)


def _without(rows: pl.DataFrame, secret: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows of a table with what confidential figures say taken out."""
    if secret.is_empty():
        return rows
    if name == "observations":
        hide = pl.col("position").is_in(secret["position"].implode())
        columns = ("value", "numerator", "denominator")
        return rows.with_columns(pl.when(~hide).then(pl.col(c)).alias(c) for c in columns)
    if name == "bands":
        hide = pl.col("position").is_in(secret["position"].implode())
        return rows.with_columns(
            pl.when(~hide).then("value").alias("value"),
            pl.when(hide).then(pl.lit(_WITHHELD)).otherwise("band_reason").alias("band_reason"),
        )
    if name == "counterfactuals":  # each says the figure as it is
        those = secret.select("organisation", input="indicator").unique()
        return rows.join(those, on=["organisation", "input"], how="anti", maintain_order="left")
    those = secret.select("organisation", capped_by="indicator", secret=pl.lit(True)).unique()
    hide = pl.col("secret").fill_null(False)
    return (
        rows.join(those, on=["organisation", "capped_by"], how="left", maintain_order="left")
        .with_columns(
            pl.when(~hide).then("cap_value").alias("cap_value"),
            pl.when(hide).then(pl.lit(_WITHHELD)).otherwise("rule").alias("rule"),
        )
        .drop("secret")
    )
