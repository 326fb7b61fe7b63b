"""Known: what the log says, as of one position of it.

Here: snapshots that were built and the steps they took, batches, names, and what is said of an organisation
    beside its figures. Each is read once, and found by organisation.
Not here: when the log is looked at again, and who may see what (archive.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from audit.evidence import as_evidence
from audit.sources import Sources
from ratings.catalogue import Catalogue, load_catalogue
from ratings.queries import Query
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.facts import replacing, standing
from warehouse.landing import Landing
from warehouse.named_in_log import with_named
from warehouse.query_log import recorded_queries
from warehouse.release_history import Step, history

T = TypeVar("T")


class Known:
    """What the log says up to a position; what came after it is not known here.

    Args:
        ledger: the log.
        landing: the landed bytes.
        position: where the log ends.
    """

    def __init__(self, ledger: Ledger, landing: Landing, position: int) -> None:
        self._ledger = ledger
        self.position = position
        self.built: Mapping[str, Mapping[str, Any]] = {
            e["payload"]["id"]: e["payload"] for e in self._events("snapshot_built")
        }
        self.steps: tuple[Step, ...] = tuple(history(ledger, as_recorded=position))
        self.batches: tuple[Batch, ...] = tuple(ledger.batches(as_recorded=position))
        self.sources = Sources(ledger, landing)
        self.catalogue: Catalogue = with_named(load_catalogue(), ledger, as_recorded=position)

    def evidence(self, organisation: str, as_published: int) -> list[dict[str, Any]]:
        """What is known of an organisation beside its figures, as `audit.evidence.evidence_of` gives it."""
        events, files = self._evidence
        out = [e for e in events.get(organisation, ()) if e["published_at"] <= as_published]
        return as_evidence(standing(out, files, as_published))

    def queries(self, organisation: str) -> Sequence[Query]:
        """What suppliers were asked of an organisation's figures."""
        return self._queries.get(organisation, ())

    def published_ratings(self, organisation: str) -> Sequence[dict[str, Any]]:
        """The events that say how an organisation was rated by its regulator, by position."""
        return self._published.get(organisation, ())

    @cached_property
    def _evidence(self) -> tuple[dict[str | None, list[dict[str, Any]]], list[Batch]]:
        events = self._events("evidence")
        collections = {event["collection"] for event in events}
        files = replacing(b for b in self.batches if b.collection in collections)
        return _grouped((event["organisation"], event) for event in events), files

    @cached_property
    def _queries(self) -> dict[str | None, list[Query]]:
        every = recorded_queries(self._ledger, as_recorded=self.position)
        return _grouped((query.organisation, query) for query in every)

    @cached_property
    def _published(self) -> dict[str | None, list[dict[str, Any]]]:
        return _grouped((event["organisation"], event) for event in self._events("published_rating"))

    def _events(self, kind: str) -> list[dict[str, Any]]:
        return self._ledger.events(kind, as_recorded=self.position)


def _grouped(pairs: Iterable[tuple[str | None, T]]) -> dict[str | None, list[T]]:
    found: dict[str | None, list[T]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
