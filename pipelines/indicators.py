"""Indicators: what is known of each of them, at one point on both time axes.

Here: choosing that point once for a whole run, and one reading of the log for all indicators of the core -
    how many figures, a hash of them, how they stand against their calendar, and the grade of their quality.
Not here: rating them (rate.py), what the checks found in the files they came from (received.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from pipelines.definitions import adopt
from pipelines.inputs import SIMULATED, input_collections
from pipelines.quality import grades
from pipelines.rate import input_position, start_of_today
from pipelines.settings import Settings
from ratings.calendar import NOTHING_ANNOUNCED, day_of, expected_period
from ratings.catalogue import Catalogue, load_catalogue
from ratings.freshness import STATES, freshness
from ratings.methods import load_method
from warehouse.observations import FIGURE, state, timeline
from warehouse.table_digest import digest

WORST = 3  # organisations named of those furthest behind

_HASHED = pa.schema(
    [(name, pa.string()) for name in ("organisation", "period", "definition")]
    + [(name, pa.float64()) for name in ("value", "numerator", "denominator")]
    + [(name, pa.string()) for name in ("obs_status", "conf_status")]
)


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A point on both time axes, and whose figures are looked at.

    Attributes:
        as_published: what the sources had put out by then, microseconds UTC.
        as_recorded: what the log held up to this position, the end of a batch.
        head: where the log ended when this point was chosen. A refused file is no input of a rating, so that
            `as_recorded` may lie before it; up to here it is seen.
        simulated: the invented councils, or the real ones.
    """

    as_published: int
    as_recorded: int
    head: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class IndicatorFigures:
    """What is known of one indicator.

    Attributes:
        figures: figures with a value, of all organisations (aggregates too) and periods.
        missing: figures reported without a value.
        suppressed: those of them held back because the numbers are small.
        organisations: how many organisations have a value.
        example: one of them, to look at first; None where nothing is known.
        newest_published_at: when the newest of the figures was published, microseconds UTC.
        digest: hash of the figures, equal for equal ones whenever and in whatever order they arrived.
        latest_period: newest period that a council has a value for.
        expected_period: the period that should be known by then.
        state: the one most councils are in by the indicator's own calendar, of equally many the worse (one of
            `ratings.freshness.STATES`). One early or late council does not make an indicator fresh or late.
        days_late: for how many days those councils have been due to report something newer, at most.
        age_days: days since the newest period ended; None where nothing is known.
        councils: how many councils there are in each state.
        worst: councils furthest out of date: (organisation, newest period, days late).
        grade: green, amber or red (ratings/quality.py).
        reasons: why, in sentences.
    """

    figures: int = 0
    missing: int = 0
    suppressed: int = 0
    organisations: int = 0
    example: str | None = None
    newest_published_at: int | None = None
    digest: str = ""
    latest_period: str | None = None
    expected_period: str | None = None
    state: str = "missing"
    days_late: int = 0
    age_days: int | None = None
    councils: Mapping[str, int] = field(default_factory=dict)
    worst: tuple[tuple[str, str, int], ...] = ()
    grade: str = ""
    reasons: tuple[str, ...] = ()


def known_at(
    settings: Settings,
    method_id: str,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
    simulated: bool | None = None,
) -> KnownAt:
    """Choose the point at which everything in a run is looked at.

    Catalogue and method are adopted first, so that a rating built at this point has the id it would have had
    if it had been asked for alone.

    Args:
        settings: where, and who asks.
        method_id: the method that the figures are going to be rated with.
        as_published: microseconds UTC. By default the start of today; for invented figures, which have a
            calendar of their own, the time of their last release.
        as_recorded: a position of the log; by default the end of the last batch that is an input.
        simulated: whose figures; by default the invented ones in a ledger that holds such.

    Raises:
        LedgerError: there is no ledger.
        MethodError: there is no such method, or it is faulty.
    """
    ledger = settings.ledger()
    method, catalogue = load_method(method_id), load_catalogue()
    definitions = adopt(settings, ledger, method, catalogue, method_id)
    head = ledger.head().position if as_recorded is None else as_recorded
    releases = [
        b.published_at or 0
        for b in ledger.batches(SIMULATED, "vintage", as_recorded=head)
        if b.voided_by is None
    ]
    invented = bool(releases) if simulated is None else simulated
    recorded = as_recorded
    if recorded is None:
        collections = input_collections(method, catalogue, simulated=invented)
        recorded = input_position(ledger, collections, definitions, method)
    if as_published is None:
        as_published = max(releases) if invented and releases else start_of_today()
    return KnownAt(as_published, recorded, head, invented)


def rating_collection(code: str, catalogue: Catalogue, *, simulated: bool) -> str:
    """The collection that an indicator's figures are taken from."""
    return SIMULATED if simulated else catalogue.indicator(code).collection


def figures_by_indicator(settings: Settings, at: KnownAt) -> dict[str, IndicatorFigures]:
    """What is known of every indicator of the core.

    Args:
        settings: where.
        at: as known when, and whose figures.

    Returns:
        An entry for each indicator of the core by its code, also where nothing is known of it.

    Raises:
        LedgerError: there is no ledger.
    """
    catalogue = load_catalogue()
    day = day_of(at.as_published)
    ledger = settings.ledger()
    scope = pl.DataFrame(
        [(i.code, rating_collection(i.code, catalogue, simulated=at.simulated)) for i in catalogue.core()],
        schema={"indicator": pl.String, "collection": pl.String},
        orient="row",
    ).cast(pl.Categorical())
    events = timeline(
        ledger, scope["collection"].cast(pl.String).unique().to_list(), at.head, as_published=at.as_published
    ).join(scope, on=["indicator", "collection"], how="semi")
    figures = state(events).select(FIGURE).cast({pl.Categorical: pl.String})
    graded = grades(
        ledger,
        catalogue,
        events,
        scope,
        as_published=at.as_published,
        as_recorded=at.head,
        simulated=at.simulated,
    )
    given = {
        code: (grade, tuple(why.split("\n")))
        for code, grade, why in graded.select("indicator", "grade", "reasons").iter_rows()
    }
    counted = {row["indicator"]: row for row in _counted(figures).iter_rows(named=True)}
    digests = _digests(figures)
    nothing = digest(_HASHED.empty_table(), ("organisation", "period"))
    behind = _against_calendar(figures, catalogue, at)
    announced = catalogue.announced(day)
    known = {}
    for indicator in catalogue.core():
        counts = counted.get(indicator.code, {"indicator": indicator.code})
        grade, reasons = given[indicator.code]
        known[indicator.code] = IndicatorFigures(
            **{name: value for name, value in counts.items() if name != "indicator"},
            **behind.get(indicator.code, {}),
            digest=digests.get(indicator.code, nothing),
            expected_period=expected_period(indicator, day, announced.get(indicator.code, NOTHING_ANNOUNCED)),
            grade=grade,
            reasons=reasons,
        )
    return known


def _counted(figures: pl.DataFrame) -> pl.DataFrame:
    there = pl.col("value").is_not_null()
    with_value = pl.col("organisation").filter(there)
    return figures.group_by("indicator").agg(
        figures=there.sum(),
        missing=(~there).sum(),
        suppressed=(~there & (pl.col("obs_status") == "Q")).sum(),
        organisations=with_value.n_unique(),
        example=with_value.min(),
        newest_published_at=pl.col("published_at").max(),
    )


def _digests(figures: pl.DataFrame) -> dict[str, str]:
    """A hash of each indicator's figures: not of when they were published or where the log has them."""
    parts = figures.partition_by("indicator", as_dict=True)
    return {
        str(code): digest(part.select(_HASHED.names).to_arrow().cast(_HASHED), ("organisation", "period"))
        for (code,), part in parts.items()
    }


def _against_calendar(figures: pl.DataFrame, catalogue: Catalogue, at: KnownAt) -> dict[str, dict[str, Any]]:
    """Freshness of each indicator: of its newest period, and of each council that exists on the day."""
    day = day_of(at.as_published)
    councils = catalogue.existing([SIMULATED if at.simulated else "council"], day).select(organisation="id")
    codes = pl.DataFrame({"indicator": [i.code for i in catalogue.core()]})
    theirs = figures.join(councils, on="organisation", how="semi")
    each = freshness(
        theirs.select("indicator", "organisation", "period", "value"),
        catalogue,
        at.as_published,
        codes.join(councils, how="cross"),
    )
    found: dict[str, dict[str, Any]] = {code: {"councils": {}} for code in codes["indicator"]}
    newest = each.group_by("indicator").agg(pl.col("latest_period").max(), pl.col("age_days").min())
    for code, period, age in newest.iter_rows():
        found[code] |= {"latest_period": period, "age_days": age}
    states = each.group_by("indicator", "state").agg(pl.len(), pl.col("days_late").max())
    # Most councils last, of equally many the worse state: that one stays.
    order = {name: number for number, name in enumerate(STATES)}
    for code, name, count, late in sorted(states.iter_rows(), key=lambda row: (row[2], order[row[1]])):
        found[code] |= {"state": name, "days_late": late or 0}
        found[code]["councils"][name] = count
    overdue = each.filter(pl.col("state") == "out_of_date").sort(
        ["days_late", "organisation"], descending=[True, False]
    )
    worst = overdue.group_by("indicator", maintain_order=True).head(WORST)
    for code, organisation, period, days in worst.select(
        "indicator", "organisation", "latest_period", "days_late"
    ).iter_rows():
        entry = found[code]
        entry["worst"] = (*entry.get("worst", ()), (organisation, period, days))
    return found
