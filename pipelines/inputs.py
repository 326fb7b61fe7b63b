"""Inputs: what a method needs, as it was known at one point on both time axes.

Here: which figures, judgements and organisations are read, from which collections, and what happened to the
    figures besides.
Not here: the method's own rules (ratings), the stages of a rating (rate.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.figure_history import figure_history, files_read
from ratings.calendar import day_of, end_of
from ratings.catalogue import Catalogue
from ratings.collections import list_collections
from ratings.decisions import Decision, standing
from ratings.errors import MethodError, NotFoundError
from ratings.methods import Method
from ratings.rating import inherited, latest_round
from warehouse.event_log import DEMONSTRATION, Ledger
from warehouse.facts import facts
from warehouse.named_in_log import with_named
from warehouse.observations import FIGURE, state, timeline
from warehouse.snapshot_manifest import iso, microseconds

SIMULATED = "simulated"
"""The collection of invented figures, and the kind of invented organisations."""

DECIDED = ("method", "round", "on", "outcome", "becomes", "authority", "document")
"""What the payload of a decision event says as the decision does; besides, `expires_at` as a time."""

_JUDGEMENT = {
    "organisation": pl.String,
    "round": pl.String,
    "service": pl.String,
    "aspect": pl.String,
    "judgement": pl.String,
    "collection": pl.String,
    "published_at": pl.Int64,
    "position": pl.Int64,
    "batch": pl.Int64,
    "source_row": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that a rating is made from, as known at one point on both time axes.

    Attributes:
        method: the method.
        catalogue: indicators and organisations.
        as_published: microseconds UTC.
        as_recorded: last position of the log that counts, the end of a batch.
        simulated: whether organisations and figures are invented.
        round: the rating round of recorded judgements, None for computed ones or where none is known.
        organisations: the population: `id`, `name`, `kind`, `region`, `opened`, `closed`.
        figures: figures of the population and of the indicators in scope, columns of the observation state.
        judgements: recorded judgements: `organisation`, `round`, `service`, `aspect`, `judgement`,
            `collection`, `published_at`, `position`, `batch`, `source_row`.
        decisions: those that stand at `as_published` on outcomes of this population, method and round.
        counts: what happened to the figures of each indicator (figure_history.py).
        files: SHA-256 of the file of each batch that has one.
    """

    method: Method
    catalogue: Catalogue
    as_published: int
    as_recorded: int
    simulated: bool
    round: str | None
    organisations: pl.DataFrame
    figures: pl.DataFrame
    judgements: pl.DataFrame
    decisions: tuple[Decision, ...]
    counts: pl.DataFrame
    files: Mapping[int, str]

    @property
    def day(self) -> date:
        """The day of `as_published`."""
        return day_of(self.as_published)


def rated_from(method: Method, catalogue: Catalogue, *, simulated: bool) -> dict[str, str]:
    """The collection that each indicator a method looks at is rated from, by code."""
    found = {
        i.code: SIMULATED if simulated else i.collection
        for i in catalogue.indicators.values()
        if method.in_scope(i)
    }
    return {code: collection for code, collection in found.items() if collection}


def input_collections(method: Method, catalogue: Catalogue, *, simulated: bool) -> set[str]:
    """Every collection that a method reads: of figures, and of recorded judgements where it has them."""
    recorded = {c.id for c in list_collections() if c.event == "judgement"} if method.recorded else set()
    return recorded | set(rated_from(method, catalogue, simulated=simulated).values())


def read_inputs(
    ledger: Ledger,
    method: Method,
    catalogue: Catalogue,
    *,
    as_published: int,
    as_recorded: int,
    simulated: bool = False,
    round: str | None = None,
    proposed: pl.DataFrame | None = None,
) -> Inputs:
    """Read what a method needs as it was known.

    Figures come from the rating collection of each indicator; simulated ones from the collection of simulated
    figures only. The population are the organisations that the method rates and that existed on the day;
    where its history is inherited, they have the figures of an only predecessor as their past.

    Args:
        ledger: where to read.
        method: says which indicators and kinds of organisation.
        catalogue: says which collection each indicator is rated from.
        as_published: microseconds UTC.
        as_recorded: position, rounded down to the end of a batch.
        simulated: invented councils, or real ones.
        round: the rating round asked for, if any: its day decides who existed.
        proposed: events that the log does not hold, as if it did: columns of a timeline.

    Raises:
        MethodError: the method does not rate what is asked for.
        NotFoundError: nothing is known to rate.
    """
    kinds = [kind for kind in method.population if (kind == SIMULATED) == simulated]
    if not kinds:
        raise MethodError(
            f"{method.id} does not rate {'simulated' if simulated else 'real'} councils",
            file=method.file,
            hint="choose another method: starledger methods list",
        )
    batches = ledger.batches(as_recorded=as_recorded)
    recorded = max((b.last_position for b in batches), default=0)
    judgements = _judgements(ledger, as_published, recorded) if method.recorded else _no_judgements()
    known_round = (round or latest_round(method, judgements)) if method.recorded else None
    catalogue = with_named(catalogue, ledger, as_recorded=recorded)
    day = _rated_day(method, as_published, known_round)
    organisations = catalogue.existing(kinds, day)
    judgements = judgements.join(organisations, left_on="organisation", right_on="id", how="semi")
    rated = rated_from(method, catalogue, simulated=simulated)
    scope = pl.DataFrame({"indicator": list(rated), "collection": list(rated.values())})
    collections = sorted(set(rated.values()))
    # A judgement of a past round was made on the figures of its day, not on what was corrected since.
    seen = min(as_published, end_of(day)) if known_round else as_published
    events = timeline(ledger, collections, recorded, as_published=seen)
    scope = scope.cast({pl.String: pl.Categorical})
    population = organisations.select(pl.col("id").cast(pl.Categorical).alias("organisation"))
    if proposed is not None:
        events = pl.concat([events, proposed.filter(pl.col("published_at") <= seen)])
    events = events.join(scope, on=["indicator", "collection"], how="semi")
    figures = _known(events, population, catalogue if method.periods.inherited else None)
    events = events.join(population, on="organisation", how="semi")
    if not figures.height and not judgements.height:
        invented = ledger.kind == DEMONSTRATION and SIMULATED in method.population
        raise NotFoundError(
            f"nothing that {method.id} rates was known by {iso(as_published)} at position {recorded}",
            hint="run `starledger ingest` first, or give a later --as-published"
            + ("; --simulated rates the invented councils" if not simulated and invented else ""),
        )
    read = files_read(batches, collections, as_published)
    return Inputs(
        method=method,
        catalogue=catalogue,
        as_published=as_published,
        as_recorded=recorded,
        simulated=simulated,
        round=known_round,
        organisations=organisations,
        figures=figures,
        judgements=judgements,
        decisions=tuple(
            decision
            for decision in standing(
                recorded_decisions(ledger, method.id, as_recorded=recorded),
                method.id,
                known_round,
                as_published,
            )
            if decision.organisation in set(organisations["id"])
        ),
        counts=figure_history(ledger, events, scope, read, recorded),
        files={b.id: b.file_sha256 for b in batches if b.file_sha256},
    )


def _known(events: pl.DataFrame, population: pl.DataFrame, catalogue: Catalogue | None) -> pl.DataFrame:
    """The figures known of a population; with a catalogue, those of only predecessors as its past.

    An inherited figure keeps the position of its event, which is about the predecessor.
    """
    own = population.cast(pl.String)
    wanted = own
    if catalogue is not None:
        bodies = set(own["organisation"])
        before = sorted({s.predecessor for s in catalogue.successions if s.successor in bodies})
        wanted = pl.concat([own, pl.DataFrame({"organisation": before}, schema=own.schema)]).unique()
    figures = state(events.join(wanted.cast(pl.Categorical), on="organisation", how="semi"))
    figures = figures.select(FIGURE).cast({pl.Categorical: pl.String})
    if catalogue is None:
        return figures
    return inherited(figures, catalogue.successions).join(own, on="organisation", how="semi")


def _rated_day(method: Method, as_published: int, round: str | None) -> date:
    """The day whose organisations are rated: the round's, else that of `as_published`."""
    if round and method.judgements and round in method.judgements.rounds:
        return method.judgements.rounds[round]
    day = day_of(as_published)
    return min(day, method.effective_to or day)


def _no_judgements() -> pl.DataFrame:
    return pl.DataFrame(schema=_JUDGEMENT)


def _judgements(ledger: Ledger, as_published: int, as_recorded: int) -> pl.DataFrame:
    """The recorded judgements."""
    rows = [
        {name: (event | event["payload"]).get(name) for name in _JUDGEMENT}
        for event in facts(ledger, "judgement", as_published=as_published, as_recorded=as_recorded)
    ]
    return pl.DataFrame(rows, schema=_JUDGEMENT)


def recorded_decisions(ledger: Ledger, method: str, *, as_recorded: int | None = None) -> list[Decision]:
    """Every decision on the outcomes of a method that the log holds, in order of position."""
    return [
        Decision(
            organisation=event["organisation"],
            at=event["published_at"],
            reason=event["reason"],
            position=event["position"],
            batch=event["batch"],
            expires_at=microseconds(says["expires_at"]) if says["expires_at"] else None,
            **{name: says[name] for name in DECIDED},
        )
        for event in ledger.events("decision", as_recorded=as_recorded)
        if (says := event["payload"])["method"] == method
    ]
