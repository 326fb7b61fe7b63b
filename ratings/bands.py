"""Bands: which band a figure falls in among the figures it is compared with.

Here: which period of each indicator counts, the place of a figure among those of the same indicator and
    period, the band that follows, and the band of the period before.
Not here: what a band means for a judgement (judgements.py); which bands a method has (methods.py); the words
    (sentences.py).

Edges of quantile bands are never computed. With n figures, the k-th edge of q bands by linear interpolation
between order statistics (Excel's QUARTILE.INC, R's type 7) lies at position (n - 1) k / q of the sorted
figures,
counted from 0: on a figure, or between two neighbours. A figure that is itself one of the n is therefore at
    or
below the edge exactly when the count of strictly smaller figures is at most (n - 1) k / q. Counts are whole
numbers, so every engine gives the same band to the last bit, and equal figures always share a band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import floor
from typing import Any, Literal, cast

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrame, IntoFrameT

Frame = nw.LazyFrame[Any]
"""Any narwhals frame: the functions use only what eager and lazy frames both have."""

ENTITY = ("organisation", "case")
"""What names the thing rated: an organisation and, where many what-if rows are rated at once, its case."""

Rounding = Literal["down", "half_up", "half_even"]

MICRO = 1_000_000
"""Figures and thresholds are compared as whole millionths of the indicator's unit."""


@dataclass(frozen=True, slots=True)
class Banding:
    """How figures are cut into bands.

    Attributes:
        kind: `quantiles` of the figures of one indicator and period, fixed `edges`, or `two_sided`: fixed
            edges between which the bands rise and fall again.
        labels: name of each band, worst first; their number is the number of bands.
        boundary: where a figure goes that lies on an edge: `lower` into the band of smaller values, `better`
            into the better band.
        edges: ascending, in the indicator's unit; empty for quantiles.
        stretches: two_sided only: the band of each stretch between edges, one more than edges.
        frozen_period: quantiles only: the period whose figures set the edges for all others; blank where
            edges are recomputed for every period.
        indicators: codes it is for; empty for all that no other banding names.
        regions: regions whose organisations it is for, compared among themselves; empty for all that no other
            banding of the same indicators names.
        source: where the edges are published, or why they stand where they stand.
    """

    kind: Literal["quantiles", "edges", "two_sided"]
    labels: tuple[str, ...]
    boundary: Literal["lower", "better"]
    edges: tuple[float, ...] = ()
    stretches: tuple[int, ...] = ()
    frozen_period: str = ""
    indicators: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of an indicator's figures before they are banded: multiplied first, then added to.

    Attributes:
        indicator: its code.
        add: in its unit.
        multiply: factor.
        effective_from: first day it holds; None for the whole time of the method.
        effective_to: last day it holds.
        rationale: why.
    """

    indicator: str
    add: float
    multiply: float
    effective_from: date | None
    effective_to: date | None
    rationale: str

    def in_force(self, day: date) -> bool:
        """Whether it holds on this day."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )


@dataclass(frozen=True, slots=True)
class Alternative:
    """Two indicators that stand for each other: the better band of the two counts as the first one's.

    Attributes:
        indicator: code that is counted.
        alternative: code whose band counts instead where it is better.
        when_missing: whether it also stands in where the first has no band.
        rationale: why.
    """

    indicator: str
    alternative: str
    when_missing: bool
    rationale: str


@dataclass(frozen=True, slots=True)
class Periods:
    """Which periods of an indicator count.

    Attributes:
        minimum: figures a period needs before it counts as a period of the indicator.
        kept: how many of the indicator's latest periods an organisation's figure may come from; 1 means that
            everybody is compared in the same period, 2 that one period's delay is bridged.
        history: how many of the latest periods are looked at in all, for the movement of bands.
        inherited: whether an organisation has the figures of its only predecessor as its own past.
    """

    minimum: int
    kept: int
    history: int
    inherited: bool = False


def as_frame(native: IntoFrame) -> Frame:
    """A native frame of any engine as a narwhals frame."""
    frame: Any = nw.from_native(native)
    return cast("Frame", frame)


def beside(table: pl.DataFrame, frame: Frame) -> Frame:
    """A small table as a frame of the same engine as another, so that the two can be joined."""
    small: Any = nw.from_native(table, eager_only=True)
    if not isinstance(frame, nw.LazyFrame):
        return cast("Frame", small)
    session = getattr(nw.to_native(frame), "sparkSession", None)
    return cast("Frame", small.lazy(frame.implementation, session=session))


def entity(frame: Frame) -> list[str]:
    """The columns of a frame that name the thing rated: `organisation`, and `case` where it has one."""
    names = frame.collect_schema().names()
    return [name for name in ENTITY if name in names]


def floor_ratio(numerator: nw.Expr, denominator: nw.Expr | int) -> nw.Expr:
    """Whole quotient of two whole columns, rounded down: the only rounding there is in a rating."""
    return numerator // denominator


def rounded(numerator: nw.Expr, denominator: nw.Expr, how: Rounding = "down", step: int = 1) -> nw.Expr:
    """Quotient of two whole columns as a whole multiple of `step`, by floor_ratio alone.

    Args:
        numerator: whole numbers, of either sign.
        denominator: whole numbers above zero.
        how: `down`, or to the nearest with a tie going `half_up` or `half_even`.
        step: what the result is a multiple of: 500 rounds thousandths to halves.
    """
    unit = denominator * step
    if how == "down":
        return floor_ratio(numerator, unit) * step
    twice, double = numerator * 2 + unit, unit * 2
    nearest = floor_ratio(twice, double)
    if how == "half_even":
        tie_to_odd = (nearest * double == twice) & (nearest - floor_ratio(nearest, 2) * 2 == 1)
        nearest = nw.when(tie_to_odd).then(nearest - 1).otherwise(nearest)
    return nearest * step


def worth(band: str, points: Sequence[int]) -> nw.Expr:
    """The points of a column of bands, `points` worst first; null where the band is null."""
    if tuple(points) == tuple(range(1, len(points) + 1)):
        return nw.col(band)
    steps = [points[0], *(high - low for low, high in pairwise(points))]
    reached = [
        nw.when(nw.col(band) >= number).then(nw.lit(step)).otherwise(nw.lit(0))
        for number, step in enumerate(steps, start=1)
    ]
    return nw.when(~nw.col(band).is_null()).then(nw.sum_horizontal(*reached))


def micro(column: nw.Expr) -> nw.Expr:
    """A figure in whole millionths: 7.000000000000001 and 7 are the same figure."""
    return (column * MICRO + 0.5).floor().cast(nw.Int64)


def micro_of(number: float) -> int:
    """The same for one number, such as a threshold."""
    return floor(number * MICRO + 0.5)


def place(frame: Frame, banding: Banding) -> Frame:
    """Give every figure its band.

    Args:
        frame: one row per figure: `indicator`, `organisation`, `period`, `value` (never null), `compared`
            (figures of that indicator and period), `direction` (`higher` or `lower` is better; `none` gives
            no band, except where the banding is two_sided) and `banded` (False where the catalogue forbids
            it); the edges of frozen_edges where the banding is frozen.
        banding: how to cut.

    Returns:
        `frame` plus `beyond` (figures strictly below, or above where `counted_from_top`), `counted_from_top`
        and `band` (1 worst; null without a direction).
    """
    bands = len(banding.labels)
    higher = nw.col("direction") == "higher"
    # Counting from the end that a boundary figure belongs to puts it on the right side of the edge.
    from_top = higher if banding.kind == "quantiles" and banding.boundary == "better" else nw.lit(False)
    frame = frame.with_columns(counted_from_top=from_top)
    frame = frame.with_columns(
        oriented=nw.when(nw.col("counted_from_top")).then(0.0 - nw.col("value")).otherwise(nw.col("value"))
    )
    frame = frame.with_columns(
        beyond=nw.col("oriented").rank("min").over("indicator", "period").cast(nw.Int64) - 1
    ).drop("oriented")
    has_direction = nw.col("direction").is_in(["higher", "lower"])
    # A figure on an edge goes up where the boundary says so and upwards is better.
    tie_up = higher if banding.boundary == "better" else nw.lit(False)
    if banding.kind == "two_sided":
        band, has_direction = _stretch(banding), nw.lit(True)
    elif banding.frozen_period:
        number = [f"edge_{k}" for k in range(1, bands)]
        piece = _above([(micro(nw.col("value")) * bands, nw.col(name)) for name in number], tie_up)
        band = nw.when(higher).then(piece).otherwise(bands + 1 - piece)
        band = nw.when(~nw.col("edge_1").is_null()).then(band)
    elif banding.kind == "edges":
        at = [(micro(nw.col("value")), nw.lit(micro_of(edge))) for edge in banding.edges]
        piece = _above(at, tie_up)
        band = nw.when(higher).then(piece).otherwise(bands + 1 - piece)
    else:
        others = nw.when(nw.col("compared") > 1).then(nw.col("compared") - 1).otherwise(nw.lit(1))
        # ceil(bands * beyond / others), at least 1, in whole numbers
        piece = floor_ratio(nw.col("beyond") * bands + others - 1, others)
        piece = nw.when(nw.col("beyond") > 0).then(piece).otherwise(nw.lit(1))
        upwards = higher & ~nw.col("counted_from_top")
        band = nw.when(upwards).then(piece).otherwise(bands + 1 - piece)
    return frame.with_columns(band=nw.when(nw.col("banded") & has_direction).then(band.cast(nw.Int64)))


def _above(at: Sequence[tuple[nw.Expr, nw.Expr]], tie_up: nw.Expr) -> nw.Expr:
    """1 plus the number of edges that a figure lies above; on an edge it does where `tie_up` holds."""
    steps = [
        nw.when((figure > edge) | (tie_up & (figure == edge))).then(nw.lit(1)).otherwise(nw.lit(0))
        for figure, edge in at
    ]
    return nw.sum_horizontal(nw.lit(1), *steps)


def _stretch(banding: Banding) -> nw.Expr:
    """The band of the stretch that a figure lies in."""
    figure, steps = micro(nw.col("value")), [nw.lit(banding.stretches[0])]
    for edge, (below, above) in zip(banding.edges, pairwise(banding.stretches), strict=True):
        at = nw.lit(micro_of(edge))
        up = figure >= at if banding.boundary == "better" and above > below else figure > at
        steps.append(nw.when(up).then(nw.lit(above - below)).otherwise(nw.lit(0)))
    return nw.sum_horizontal(*steps)


def frozen_edges(known: Frame, banding: Banding) -> Frame:
    """The edges that the figures of the frozen period set, by linear interpolation between order statistics.

    Args:
        known: `indicator`, `period`, `value` (never null).
        banding: quantiles with a frozen period.

    Returns:
        One row per indicator with figures in that period: `edge_1`, `edge_2`, ..., each in whole millionths
        of the unit times the number of bands, so that nothing is rounded.
    """
    bands = len(banding.labels)
    then = known.filter(nw.col("period") == banding.frozen_period).select(
        "indicator", figure=micro(nw.col("value"))
    )
    then = then.with_columns(
        first=nw.col("figure").rank("min").over("indicator").cast(nw.Int64) - 1,
        last=nw.col("figure").rank("max").over("indicator").cast(nw.Int64) - 1,
        among=nw.len().over("indicator").cast(nw.Int64) - 1,
    )
    wanted = []
    for k in range(1, bands):
        position = nw.col("among") * k
        below = floor_ratio(position, nw.lit(bands))
        beyond = position - below * bands
        for name, at in ((f"low_{k}", below), (f"high_{k}", below + 1)):
            here = (nw.col("first") <= at) & (at <= nw.col("last"))
            share = bands - beyond if name.startswith("low") else beyond
            then = then.with_columns(**{name: nw.when(here).then(nw.col("figure") * share)})
            wanted.append(nw.col(name).max().alias(name))
    edges = then.group_by("indicator").agg(*wanted)
    high = [
        nw.when(nw.col(f"high_{k}").is_null()).then(nw.lit(0)).otherwise(nw.col(f"high_{k}"))
        for k in range(1, bands)
    ]
    return edges.select(
        "indicator", **{f"edge_{k}": nw.col(f"low_{k}") + high[k - 1] for k in range(1, bands)}
    )


def adjusted(figures: IntoFrameT, adjustments: Sequence[Adjustment]) -> IntoFrameT:
    """Figures as the method adjusts them; the others as they are.

    Args:
        figures: `indicator` and `value` among other columns.
        adjustments: those in force.
    """
    frame: Frame = as_frame(figures)
    for one in adjustments:
        mine = nw.col("indicator") == one.indicator
        changed = nw.col("value") * one.multiply + one.add
        frame = frame.with_columns(value=nw.when(mine).then(changed).otherwise(nw.col("value")))
    native: IntoFrameT = nw.to_native(frame)
    return native


def better_of_two(bands: IntoFrameT, alternatives: Sequence[Alternative]) -> IntoFrameT:
    """Put the better band of two in the place of the first indicator's.

    Args:
        bands: one row per (thing rated, `indicator`) with `band`.
        alternatives: which indicators stand for which.

    Returns:
        `bands` with `band` after this and `stood_in` (the indicator whose band counts instead, or null).
        The band of the period before stays the indicator's own.
    """
    frame: Frame = as_frame(bands).with_columns(stood_in=nw.lit(None, nw.String))
    key = entity(frame)
    for one in alternatives:
        other = frame.filter(nw.col("indicator") == one.alternative).select(*key, other=nw.col("band"))
        frame = frame.join(other, on=key, how="left")
        better = nw.col("other") > nw.col("band")
        if one.when_missing:
            better = nw.when(nw.col("band").is_null()).then(~nw.col("other").is_null()).otherwise(better)
        takes = nw.when((nw.col("indicator") == one.indicator) & better).then(nw.lit(True))
        frame = frame.with_columns(takes=takes.otherwise(nw.lit(False)))
        frame = frame.with_columns(
            band=nw.when(nw.col("takes")).then(nw.col("other")).otherwise(nw.col("band")),
            stood_in=nw.when(nw.col("takes")).then(nw.lit(one.alternative)).otherwise(nw.col("stood_in")),
        ).drop("other", "takes")
    native: IntoFrameT = nw.to_native(frame)
    return native


def bands(
    figures: IntoFrameT,
    organisations: IntoFrameT,
    indicators: pl.DataFrame,
    banding: Banding,
    periods: Periods,
) -> IntoFrameT:
    """Band the figure of every organisation and indicator that counts, and the one before it.

    Args:
        figures: state frame; columns `indicator`, `organisation`, `period` (canonical text, so that its order
            is the order of time), `value` (in the indicator's unit, null where missing), `denominator`,
            `obs_status`, `position`; one row per (indicator, organisation, period).
        organisations: the population, column `organisation`; same engine as `figures`.
        indicators: one row per indicator in the scope of this banding: `indicator`, `direction` (`higher`,
            `lower`, `none`), `banded`, and whatever else shall be carried along.
        banding: how to cut.
        periods: which periods count.

    Returns:
        One row per (organisation, indicator), also where there is no figure: the columns of `indicators`,
        then `period`, `value`, `denominator`, `obs_status`, `position`, `age` (periods behind the indicator's
        latest), `compared`, `beyond`, `counted_from_top`, `band`, `previous_period`, `previous_band`,
        `movement` (bands up).

    Source: quartiles as in DfE's Local Authority Interactive Tool (R `quantile`, type 7; up to and
        including).
    """
    frame: Frame = as_frame(figures)
    population: Frame = as_frame(organisations).select("organisation")
    table = beside(indicators, frame)
    columns = ["indicator", "organisation", "period", "value", "denominator", "obs_status", "position"]
    mine = frame.select(*columns).join(population, on="organisation", how="semi")
    mine = mine.join(table.select("indicator", "direction", "banded"), on="indicator", how="inner")

    known = mine.filter(~nw.col("value").is_null())
    calendar = known.group_by("indicator", "period").agg(compared=nw.len().cast(nw.Int64))
    calendar = (
        calendar.filter(nw.col("compared") >= periods.minimum)
        .with_columns(
            age=nw.col("period").rank("dense", descending=True).over("indicator").cast(nw.Int64) - 1
        )
        .filter(nw.col("age") < periods.history)
    )
    counted_periods = known.join(calendar, on=["indicator", "period"], how="inner")
    if banding.frozen_period:
        counted_periods = counted_periods.join(frozen_edges(known, banding), on="indicator", how="left")
    placed = place(counted_periods, banding).drop(
        *(f"edge_{k}" for k in range(1, len(banding.labels) if banding.frozen_period else 1))
    )

    key = ["organisation", "indicator"]
    newest = nw.col("age").min().over(*key)
    counted = placed.with_columns(newest=newest).filter(nw.col("newest") < periods.kept)
    current = counted.filter(nw.col("age") == nw.col("newest")).drop("newest", "direction", "banded")
    earlier = counted.filter(nw.col("age") > nw.col("newest")).with_columns(newest=newest)
    previous = earlier.filter(nw.col("age") == nw.col("newest")).select(
        *key, previous_period=nw.col("period"), previous_band=nw.col("band")
    )
    # The marker of a missing figure is looked up in the indicator's latest period.
    latest = calendar.filter(nw.col("age") == 0).select("indicator", "period")
    marker = mine.filter(nw.col("value").is_null()).join(latest, on=["indicator", "period"], how="inner")
    marker = marker.select(
        *key,
        marked_period=nw.col("period"),
        marked_status=nw.col("obs_status"),
        marked_position=nw.col("position"),
    )
    grid = population.join(table, how="cross")
    result = (
        grid.join(current, on=key, how="left")
        .join(previous, on=key, how="left")
        .join(marker, on=key, how="left")
    )
    absent = nw.col("value").is_null()
    result = result.with_columns(
        period=nw.when(absent).then(nw.col("marked_period")).otherwise(nw.col("period")),
        obs_status=nw.when(absent).then(nw.col("marked_status")).otherwise(nw.col("obs_status")),
        position=nw.when(absent).then(nw.col("marked_position")).otherwise(nw.col("position")),
        movement=nw.col("band") - nw.col("previous_band"),
    ).drop("marked_period", "marked_status", "marked_position")
    native: IntoFrameT = nw.to_native(result)
    return native
