"""Quality for people and tools: the grade of every indicator that is rated, from the log.

Here: `starledger quality`, and the grades that Dagster shows beside its assets.
Not here: what a grade is given for (ratings/quality.py), the grades in a snapshot (tables.py).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from pipelines.figure_history import figure_history, files_read
from pipelines.inputs import SIMULATED
from pipelines.settings import Settings
from ratings.calendar import day_of
from ratings.catalogue import Catalogue, load_catalogue
from ratings.collections import load_collection
from ratings.errors import NotFoundError
from ratings.freshness import freshness
from ratings.quality import GRADES, evidence, graded, load_quality_rules
from warehouse.event_log import Ledger, now
from warehouse.observations import FIGURE, state, timeline


def grades(
    ledger: Ledger,
    catalogue: Catalogue,
    events: pl.DataFrame,
    scope: pl.DataFrame,
    *,
    as_published: int,
    as_recorded: int | None = None,
    simulated: bool = False,
) -> pl.DataFrame:
    """Grade indicators on the figures of the councils that existed on the day.

    Args:
        ledger: where the events are from.
        catalogue: gives each indicator its calendar and unit, and the councils.
        events: what stands of these indicators (warehouse.observations.timeline), published by then.
        scope: `indicator` and its `collection`, text as Categorical.
        as_published: microseconds UTC.
        as_recorded: a position; None for everything recorded.
        simulated: the invented councils, or the real ones.

    Returns:
        As `ratings.quality.graded`: one row per indicator of `scope`, in no order.
    """
    councils = catalogue.existing([SIMULATED if simulated else "council"], day_of(as_published))
    councils = councils.select(organisation="id")
    theirs = events.join(councils.cast(pl.Categorical()), on="organisation", how="semi")
    figures = state(theirs).select(FIGURE).cast({pl.Categorical: pl.String})
    read = files_read(
        ledger.batches(as_recorded=as_recorded), set(scope["collection"].cast(pl.String)), as_published
    )
    pairs = scope.select(pl.col("indicator").cast(pl.String)).join(councils, how="cross")
    fresh = freshness(
        figures.select("indicator", "organisation", "period", "value"), catalogue, as_published, pairs
    )
    rules = load_quality_rules()
    history = figure_history(ledger, theirs, scope, read, as_recorded)
    return graded(evidence(figures, history, fresh, catalogue, councils.height, rules), rules)


def quality_list(
    settings: Settings,
    collection: str | None = None,
    *,
    as_published: int | None = None,
    simulated: bool = False,
) -> list[dict[str, Any]]:
    """The grade of every rated indicator of which figures are known, worst first.

    Args:
        settings: where the ledger is.
        collection: only the indicators rated from this one.
        as_published: microseconds UTC; None for now.
        simulated: of the invented councils, and nothing else.

    Returns:
        `indicator`, `title`, `grade`, `reasons` (a list of sentences), and the counts behind them.

    Raises:
        NotFoundError: there is no such collection, nothing is rated from it, or no figures are known.
        LedgerError: there is no ledger.
    """
    ledger, catalogue = settings.ledger(), load_catalogue()
    at = now() if as_published is None else as_published
    if collection:
        load_collection(collection)
    rated = [
        (i.code, SIMULATED if simulated else i.collection)
        for i in catalogue.core()
        if i.collection and collection in (None, SIMULATED if simulated else i.collection)
    ]
    if not rated:
        raise NotFoundError(
            f"no indicator is rated from {collection}",
            hint="leave out --collection" if not simulated else "leave out --collection or --simulated",
        )
    scope = pl.DataFrame(rated, schema={"indicator": pl.String, "collection": pl.String}, orient="row")
    scope = scope.cast(pl.Categorical())
    collections = scope["collection"].cast(pl.String).unique().to_list()
    events = timeline(ledger, collections, as_published=at)
    events = events.join(scope, on=["indicator", "collection"], how="semi")
    if not events.height:
        raise NotFoundError(
            "no figures are known", hint="ingest some, or say --simulated for those of a demonstration"
        )
    # A collection of which nothing ever arrived says nothing of its indicators' quality.
    scope = scope.join(events.select("collection").unique(), on="collection", how="semi")
    found = grades(ledger, catalogue, events, scope, as_published=at, simulated=simulated)
    titles = catalogue.frame().select("title", indicator="code")
    worst_first = pl.col("grade").replace_strict(GRADES, range(len(GRADES)), return_dtype=pl.Int64)
    return (
        found.join(titles, on="indicator", how="left")
        .sort(
            worst_first,
            pl.col("reasons").str.count_matches("\n"),
            "indicator",
            descending=[True, True, False],
        )
        .select(
            "indicator",
            "title",
            "grade",
            pl.col("reasons").str.split("\n"),
            pl.exclude("indicator", "title", "grade", "reasons"),
        )
        .to_dicts()
    )
