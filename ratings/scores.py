"""Scores: from bands to the score and level of each computed part.

Here: the weighted mean of the bands of a part (or of their movements) as a level; the same with one input
    changed or left out, without reckoning the others again.
Not here: bands (bands.py), caps (judgements.py), what the parts together make (stars.py).

A part is a few whole sums over its inputs, and its level follows from the sums alone. So what one input adds
can be taken out of them and something else put in: thousands of cases cost little more than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, as_frame, beside, entity, rounded, worth
from ratings.judgements import SCALE, Part, PartRule

_SUMS = ("total", "inputs", "weight_now", "asked")
"""What an input adds to its part: weighted measure, 1 if it is known, its weight if so, 1 in any case."""


def part_scores(bands: IntoFrameT, parts: Sequence[Part], inputs: pl.DataFrame) -> IntoFrameT:
    """The score and level of each computed part.

    A mean band is taken over the indicators that have one. A mean movement is taken over the same indicators;
    one whose earlier band is not known counts as not having moved, so that few known movements cannot swing a
    judgement.

    Args:
        bands: one row per (thing rated, indicator): `organisation`, perhaps `case`, `indicator`, `band` (1
            worst, null where missing), `previous_band`.
        parts: parts with a rule.
        inputs: which indicators count for which part: `part`, `indicator`, `weight` (Method.inputs).

    Returns:
        One row per (thing rated, part): `score` (thousandths), `level` (0 worst, null where a figure that is
        needed is missing), `inputs` and `missing` (numbers of indicators).
    """
    frame: Frame = as_frame(bands)
    key = [*entity(frame), "part"]
    summed = _added(frame, parts, inputs).group_by(*key).agg(*(nw.col(name).sum() for name in _SUMS))
    native: IntoFrameT = nw.to_native(levelled(summed, parts))
    return native


def rescored(
    bands: IntoFrameT, changes: IntoFrameT, parts: Sequence[Part], inputs: pl.DataFrame
) -> IntoFrameT:
    """The scores and levels of cases in each of which one input is another, or is left out.

    Args:
        bands: one row per (organisation, indicator): `organisation`, `indicator`, `band`, `previous_band`.
        changes: one row per case: `organisation`, `case`, `indicator`, `band` (the one put in its place; null
            where it stays as it is), `left_out` (True: as if the method had never asked for it); same engine.
        parts: parts with a rule.
        inputs: as for part_scores.

    Returns:
        One row per case and part that its indicator counts for: `organisation`, `case`, `part` and the
        columns of part_scores. The other parts are as they were.
    """
    frame: Frame = as_frame(bands)
    cases: Frame = as_frame(changes)
    pair, part = ["organisation", "indicator"], ["organisation", "part"]
    own = _added(frame, parts, inputs)
    whole = own.group_by(*part).agg(*(nw.col(name).sum().alias(f"{name}_whole") for name in _SUMS))
    put = cases.select(*pair, "case", "left_out", put=nw.col("band")).join(
        frame.select(*pair, "band", "previous_band"), on=pair, how="inner"
    )
    put = put.with_columns(
        band=nw.when(nw.col("put").is_null()).then(nw.col("band")).otherwise(nw.col("put"))
    )
    added = (
        _added(put, parts, inputs)
        .join(cases.select("organisation", "case", "left_out"), on=["organisation", "case"], how="inner")
        .join(whole, on=part, how="inner")
        .join(
            own.select(*pair, "part", *(nw.col(name).alias(f"{name}_own") for name in _SUMS)),
            on=[*pair, "part"],
            how="inner",
        )
    )
    summed = added.select(
        "organisation",
        "case",
        "part",
        *(
            (
                nw.col(f"{name}_whole")
                - nw.col(f"{name}_own")
                + nw.when(nw.col("left_out")).then(nw.lit(0)).otherwise(nw.col(name))
            ).alias(name)
            for name in _SUMS
        ),
    )
    native: IntoFrameT = nw.to_native(levelled(summed, parts))
    return native


def _added(frame: Frame, parts: Sequence[Part], inputs: pl.DataFrame) -> Frame:
    """What every input adds to every part that it counts for: _SUMS, by thing rated, `indicator`, `part`."""
    key = entity(frame)
    table = beside(inputs.select("part", "indicator", "weight"), frame)
    counted = frame.select(*key, "indicator", "band", "previous_band").join(
        table, on="indicator", how="inner"
    )
    rows = [_measured(counted.filter(nw.col("part") == p.name), p.rule, key) for p in parts if p.rule]
    return nw.concat(rows)


def _measured(frame: Frame, rule: PartRule, key: list[str]) -> Frame:
    best = len(rule.points)
    now = nw.col("band")
    if rule.missing == "worst_band":
        now = nw.when(now.is_null()).then(nw.lit(1)).otherwise(now)
    frame = frame.with_columns(now=now.cast(nw.Int64))
    measure = worth("now", rule.points) * SCALE
    if rule.measure == "movement":
        held = (nw.col("now") == best) & (nw.col("previous_band") == best)
        moved = measure - worth("previous_band", rule.points) * SCALE
        measure = nw.when(held).then(nw.lit(rule.held_at_best)).otherwise(moved)
    frame = frame.with_columns(measure=measure.cast(nw.Int64))
    unknown = nw.col("measure").is_null()
    return frame.select(
        *key,
        "indicator",
        "part",
        total=nw.when(unknown).then(nw.lit(0)).otherwise(nw.col("measure") * nw.col("weight")).cast(nw.Int64),
        inputs=nw.when(unknown).then(nw.lit(0)).otherwise(nw.lit(1)).cast(nw.Int64),
        weight_now=nw.when(nw.col("now").is_null())
        .then(nw.lit(0))
        .otherwise(nw.col("weight"))
        .cast(nw.Int64),
        asked=nw.lit(1).cast(nw.Int64),
    )


def levelled(sums: Frame, parts: Sequence[Part]) -> Frame:
    """The score and level that follow from the sums over the inputs of a part.

    Args:
        sums: one row per (thing rated, `part`): `total` (thousandths times weight), `inputs` (how many are
            known), `weight_now` (the weight of those that have a band), `asked` (how many count).
        parts: parts with a rule.

    Returns:
        One row per (thing rated, part): the columns of part_scores.
    """
    key = entity(sums)
    return nw.concat([_level(sums.filter(nw.col("part") == p.name), p.rule, key) for p in parts if p.rule])


def _level(sums: Frame, rule: PartRule, key: list[str]) -> Frame:
    over = nw.when(nw.col("weight_now") > 0).then(nw.col("weight_now")).otherwise(nw.lit(1))
    mean = rounded(nw.col("total"), over, rule.rounding, rule.rounded_to)
    scored = sums.with_columns(
        score=nw.when(nw.col("inputs") > 0).then(mean).cast(nw.Int64),
        missing=nw.col("asked") - nw.col("inputs"),
    )
    enough = nw.col("inputs") >= rule.minimum_inputs
    if rule.missing == "no_rating":
        enough = enough & (nw.col("missing") == 0)
    reached = [nw.when(nw.col("score") >= cut).then(nw.lit(1)).otherwise(nw.lit(0)) for cut in rule.cuts]
    return scored.with_columns(level=nw.when(enough).then(nw.sum_horizontal(*reached)).cast(nw.Int64)).select(
        *key, "part", "score", "level", "inputs", "missing"
    )
