"""Judgements: from bands to a level, and what key thresholds make of it.

Here: the mean band of a service as a level, the movement of its bands as prospects, the levels of judgements
    that were recorded, and the caps that a failed key threshold puts on a judgement.
Not here: bands (bands.py), what four judgements make (stars.py), the words (sentences.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, as_frame, beside, floor_ratio, micro, micro_of

SCALE = 1000
"""Mean bands and mean movements are whole thousandths, rounded down."""


@dataclass(frozen=True, slots=True)
class LevelRule:
    """How a mean becomes a level.

    Attributes:
        cuts: ascending, in thousandths of a band: the level is the number of cuts that the mean reaches.
        minimum_inputs: indicators needed, below that there is no judgement.
        held_at_best: thousandths of a band that staying in the best band counts as a rise (prospects only).
    """

    cuts: tuple[int, ...]
    minimum_inputs: int
    held_at_best: int = 0


@dataclass(frozen=True, slots=True)
class JudgementRules:
    """Where a method's judgements come from.

    Attributes:
        basis: `recorded` by the regulator, or `computed` from bands.
        rounds: rating round -> day it was published (recorded only).
        services: rated service -> the services of the catalogue that belong to it (computed only).
        aspects: `serving` and `prospects` -> how a mean becomes a level (computed only).
        missing: what a missing figure does: `left_out`, or counted in the `worst_band` (computed only).
    """

    basis: Literal["recorded", "computed"]
    rounds: Mapping[str, date]
    services: Mapping[str, tuple[str, ...]]
    aspects: Mapping[str, LevelRule]
    missing: Literal["left_out", "worst_band"]


@dataclass(frozen=True, slots=True)
class Cap:
    """A key threshold: where its indicator fails, a judgement can be no better than a stated level.

    Attributes:
        indicator: code of the key indicator.
        in_catalogue: False where no figures of it are known, so that it is stated but cannot bind.
        service: service whose judgement is capped.
        aspect: aspect that is capped.
        operator: the figure fails when it is `>` or `<` the threshold.
        threshold: in the indicator's unit.
        level: best level allowed, counted from 0.
        effective_from: first day it holds; None where it holds from the start of the method.
        effective_to: last day it holds; None where it holds to the end of the method.
        exempt_below: a denominator below this exempts the organisation; None for no exemption.
        rationale: why the threshold stands where it stands.
        source: where it is published; blank for a method's own choice.
    """

    indicator: str
    in_catalogue: bool
    service: str
    aspect: str
    operator: Literal[">", "<"]
    threshold: float
    level: int
    effective_from: date | None
    effective_to: date | None
    exempt_below: int | None
    rationale: str
    source: str

    def in_force(self, day: date) -> bool:
        """Whether the threshold holds on this day."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )


def from_bands(bands: IntoFrameT, rules: JudgementRules) -> IntoFrameT:
    """Judge each service by its bands.

    Serving people well is the mean band of the indicators that have one. Prospects are the mean movement of
    the same indicators; one whose earlier band is not known counts as not having moved, so that few known
    movements cannot swing a judgement.

    Args:
        bands: one row per (organisation, indicator): `service` (as rated), `countable` (False for indicators
            that can have no band), `band` (1 worst, null where missing), `previous_band`, `best_band`.
        rules: cut points and what a missing figure does.

    Returns:
        One row per (organisation, service, aspect): `score` (thousandths of a band), `level` (0 worst, null
        without enough inputs), `inputs` and `missing` (numbers of indicators).
    """
    frame: Frame = as_frame(bands).filter(nw.col("countable"))
    worst = nw.lit(1) if rules.missing == "worst_band" else nw.lit(None, nw.Int64)
    frame = frame.with_columns(now=nw.when(nw.col("band").is_null()).then(worst).otherwise(nw.col("band")))
    held = (nw.col("now") == nw.col("best_band")) & (nw.col("previous_band") == nw.col("best_band"))
    measures = {
        "serving": nw.col("now") * SCALE,
        "prospects": nw.when(held)
        .then(nw.lit(rules.aspects["prospects"].held_at_best))
        .otherwise((nw.col("now") - nw.col("previous_band")) * SCALE),
    }
    parts = []
    for aspect, rule in rules.aspects.items():
        counts = frame.with_columns(measure=measures[aspect].cast(nw.Int64)).with_columns(
            known=nw.when(nw.col("measure").is_null()).then(nw.lit(0)).otherwise(nw.lit(1)),
            held_now=nw.when(nw.col("now").is_null()).then(nw.lit(0)).otherwise(nw.lit(1)),
        )
        summed = counts.group_by("organisation", "service").agg(
            total=nw.col("measure").sum().cast(nw.Int64),
            inputs=nw.col("known").sum().cast(nw.Int64),
            banded_now=nw.col("held_now").sum().cast(nw.Int64),
            asked=nw.len().cast(nw.Int64),
        )
        over = nw.when(nw.col("banded_now") > 0).then(nw.col("banded_now")).otherwise(nw.lit(1))
        scored = summed.with_columns(
            score=nw.when(nw.col("inputs") > 0).then(floor_ratio(nw.col("total"), over)).cast(nw.Int64),
            missing=nw.col("asked") - nw.col("inputs"),
        )
        reached = [nw.when(nw.col("score") >= cut).then(nw.lit(1)).otherwise(nw.lit(0)) for cut in rule.cuts]
        enough = nw.col("inputs") >= rule.minimum_inputs
        parts.append(
            scored.with_columns(
                aspect=nw.lit(aspect),
                level=nw.when(enough).then(nw.sum_horizontal(*reached)).cast(nw.Int64),
            ).select("organisation", "service", "aspect", "score", "level", "inputs", "missing")
        )
    native: IntoFrameT = nw.to_native(nw.concat(parts))
    return native


def as_recorded(recorded: IntoFrameT, parts: IntoFrameT, scales: Mapping[str, Sequence[str]]) -> IntoFrameT:
    """Take the regulator's judgements of one round.

    Args:
        recorded: `organisation`, `service`, `aspect`, `judgement`, `published_at`, `position`; of several for
            one part, the one published last counts, then the one recorded last.
        parts: every (`organisation`, `service`, `aspect`) that shall have a judgement; same engine.
        scales: the words of each aspect, worst first.

    Returns:
        `parts` with `judgement` as recorded, its `position`, and `level` (null where there is none, or where
        the word is not on the scale).
    """
    key = ["organisation", "service", "aspect"]
    frame: Frame = as_frame(recorded).select(*key, "judgement", "published_at", "position")
    for time in ("published_at", "position"):
        frame = frame.with_columns(last=nw.col(time).max().over(*key)).filter(nw.col(time) == nw.col("last"))
    grid: Frame = as_frame(parts)
    words = pl.DataFrame(
        [
            {"aspect": aspect, "judgement": word, "level": level}
            for aspect, scale in scales.items()
            for level, word in enumerate(scale)
        ]
    )
    joined = grid.join(frame.drop("last", "published_at"), on=key, how="left")
    native: IntoFrameT = nw.to_native(
        joined.join(beside(words, grid), on=["aspect", "judgement"], how="left")
    )
    return native


def capped(judgements: IntoFrameT, key_figures: IntoFrameT, caps: Sequence[Cap]) -> IntoFrameT:
    """Apply key thresholds.

    Args:
        judgements: one row per (`organisation`, `service`, `aspect`) with `level` (null stays null).
        key_figures: one row per (`organisation`, `indicator`) with `value` and `denominator`; same engine.
        caps: the thresholds in force.

    Returns:
        `judgements` with `level_before` (as it was) and `level` (after), and of the cap that bound:
        `capped_by`, `cap_value`, `cap_threshold` (null where none bound); `exempt_from`, `exempt_value`,
        `exempt_threshold` name a threshold that was failed but does not count because of small numbers.
        Where several bind, the lowest level counts; of equal ones, the indicator first in the alphabet.
    """
    frame: Frame = as_frame(judgements)
    figures: Frame = as_frame(key_figures).select("organisation", "indicator", "value", "denominator")
    key = ["organisation", "service", "aspect"]
    table = beside(_cap_table(caps), frame)
    tested = figures.filter(~nw.col("value").is_null()).join(table, on="indicator", how="inner")
    figure, threshold = micro(nw.col("value")), nw.col("threshold_micro")
    fails = ((nw.col("operator") == ">") & (figure > threshold)) | (
        (nw.col("operator") == "<") & (figure < threshold)
    )
    small = ~nw.col("denominator").is_null() & (nw.col("denominator") < nw.col("exempt_below"))
    failed = tested.filter(fails).with_columns(
        small=nw.when(small).then(nw.lit(True)).otherwise(nw.lit(False)),
    )
    names = {
        False: {
            "cap_level": "cap_level",
            "indicator": "capped_by",
            "value": "cap_value",
            "threshold": "cap_threshold",
        },
        True: {"indicator": "exempt_from", "value": "exempt_value", "threshold": "exempt_threshold"},
    }
    for exempt, columns in names.items():
        chosen = failed.filter(nw.col("small") == exempt)
        for measure in ("cap_level", "indicator", "threshold_micro"):
            chosen = chosen.with_columns(first=nw.col(measure).min().over(*key))
            chosen = chosen.filter(nw.col(measure) == nw.col("first"))
        chosen = chosen.select(*key, *(nw.col(old).alias(new) for old, new in columns.items()))
        frame = frame.join(chosen, on=key, how="left")
    binds = nw.col("cap_level") < nw.col("level")
    frame = frame.with_columns(
        level_before=nw.col("level"), binds=nw.when(binds).then(nw.lit(True)).otherwise(nw.lit(False))
    )
    frame = frame.with_columns(
        level=nw.when(nw.col("binds")).then(nw.col("cap_level")).otherwise(nw.col("level")),
        **{
            name: nw.when(nw.col("binds")).then(nw.col(name))
            for name in ("capped_by", "cap_value", "cap_threshold")
        },
    ).drop("binds", "cap_level")
    native: IntoFrameT = nw.to_native(frame)
    return native


def _cap_table(caps: Sequence[Cap]) -> pl.DataFrame:
    """Thresholds as a table, `threshold_micro` in whole millionths."""
    rows: list[dict[str, Any]] = [
        {
            "indicator": cap.indicator,
            "service": cap.service,
            "aspect": cap.aspect,
            "operator": cap.operator,
            "threshold": cap.threshold,
            "threshold_micro": micro_of(cap.threshold),
            "cap_level": cap.level,
            "exempt_below": cap.exempt_below,
        }
        for cap in caps
    ]
    schema = {
        "indicator": pl.String,
        "service": pl.String,
        "aspect": pl.String,
        "operator": pl.String,
        "threshold": pl.Float64,
        "threshold_micro": pl.Int64,
        "cap_level": pl.Int64,
        "exempt_below": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)
