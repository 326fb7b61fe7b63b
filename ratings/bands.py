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

from dataclasses import dataclass
from math import floor
from typing import Any, Literal, cast

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrame, IntoFrameT

Frame = nw.LazyFrame[Any]
"""Any narwhals frame: the functions use only what eager and lazy frames both have."""

MICRO = 1_000_000
"""Figures and thresholds are compared as whole millionths of the indicator's unit."""


@dataclass(frozen=True, slots=True)
class Banding:
    """How figures are cut into bands.

    Attributes:
        kind: `quantiles` of the figures of one indicator and period, or fixed `edges`.
        labels: name of each band, worst first; their number is the number of bands.
        boundary: where a figure goes that lies on an edge: `lower` into the band of smaller values, `better`
            into the better band.
        edges: ascending, in the indicator's unit, one fewer than bands; empty for quantiles.
        indicators: codes it is for; empty for all that no other banding names.
    """

    kind: Literal["quantiles", "edges"]
    labels: tuple[str, ...]
    boundary: Literal["lower", "better"]
    edges: tuple[float, ...] = ()
    indicators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Periods:
    """Which periods of an indicator count.

    Attributes:
        minimum: figures a period needs before it counts as a period of the indicator.
        kept: how many of the indicator's latest periods an organisation's figure may come from; 1 means that
            everybody is compared in the same period, 2 that one period's delay is bridged.
        history: how many of the latest periods are looked at in all, for the movement of bands.
    """

    minimum: int
    kept: int
    history: int


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


def floor_ratio(numerator: nw.Expr, denominator: nw.Expr | int) -> nw.Expr:
    """Whole quotient of two whole columns, rounded down: the only rounding there is in a rating."""
    return numerator // denominator


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
            no band) and `banded` (False where the catalogue forbids it).
        banding: how to cut.

    Returns:
        `frame` plus `beyond` (figures strictly below, or above where `counted_from_top`), `counted_from_top`
        and `band` (1 worst; null without a direction).
    """
    bands = len(banding.labels)
    higher = nw.col("direction") == "higher"
    # Counting from the end that a boundary figure belongs to puts it on the right side of the edge.
    from_top = higher if banding.boundary == "better" else nw.lit(False)
    frame = frame.with_columns(counted_from_top=from_top)
    frame = frame.with_columns(
        oriented=nw.when(nw.col("counted_from_top")).then(0.0 - nw.col("value")).otherwise(nw.col("value"))
    )
    frame = frame.with_columns(
        beyond=nw.col("oriented").rank("min").over("indicator", "period").cast(nw.Int64) - 1
    )
    if banding.kind == "quantiles":
        others = nw.when(nw.col("compared") > 1).then(nw.col("compared") - 1).otherwise(nw.lit(1))
        # ceil(bands * beyond / others), at least 1, in whole numbers
        piece = floor_ratio(nw.col("beyond") * bands + others - 1, others)
        piece = nw.when(nw.col("beyond") > 0).then(piece).otherwise(nw.lit(1))
    else:
        edges = [-edge for edge in reversed(banding.edges)]
        piece = nw.when(nw.col("counted_from_top")).then(_above(edges)).otherwise(_above(banding.edges))
    upwards = higher & ~nw.col("counted_from_top")
    band = nw.when(upwards).then(piece).otherwise(bands + 1 - piece)
    return frame.with_columns(
        band=nw.when(nw.col("banded") & nw.col("direction").is_in(["higher", "lower"])).then(
            band.cast(nw.Int64)
        )
    ).drop("oriented")


def _above(edges: tuple[float, ...] | list[float]) -> nw.Expr:
    """1 plus the number of edges that the oriented value lies above."""
    steps = [
        nw.when(micro(nw.col("oriented")) > micro_of(edge)).then(nw.lit(1)).otherwise(nw.lit(0))
        for edge in edges
    ]
    return nw.sum_horizontal(nw.lit(1), *steps)


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
    placed = place(known.join(calendar, on=["indicator", "period"], how="inner"), banding)

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
