"""Judgements: the parts of a rating, as computed or as recorded, and what caps make of them.

Here: what a part of a rating is, the levels of judgements that were recorded, and the caps that a failed key
    threshold or another part's level puts on a part.
Not here: the weighted mean of bands as a level (scores.py), what the parts together make (stars.py), the
    words (sentences.py).

Every function takes one row per thing rated, named by `organisation` and, where many what-if rows are rated
at once, by `case`; it neither knows nor cares how many cases there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, Rounding, as_frame, beside, entity, micro, micro_of

SCALE = 1000
"""Means of bands and of movements are whole thousandths."""

Missing = Literal["left_out", "worst_band", "no_rating"]


@dataclass(frozen=True, slots=True)
class PartRule:
    """How bands become the level of a part.

    Attributes:
        measure: the mean `band`, or the mean `movement` of bands from the period before.
        cuts: ascending, in thousandths: the level is the number of cuts that the mean reaches.
        minimum_inputs: indicators needed; with fewer there is no judgement.
        missing: what a missing figure does: `left_out`, counted in the `worst_band`, or `no_rating` at all.
        points: what each band is worth, worst first.
        services: services of the catalogue whose indicators count, each once; empty where `weights` names
            them.
        weights: indicator -> its weight.
        held_at_best: thousandths that staying in the best band counts as a rise (movement only).
        rounding: how the mean is rounded.
        rounded_to: what it is rounded to, in thousandths: 1, 500 for halves, 1000 for whole points.
    """

    measure: Literal["band", "movement"]
    cuts: tuple[int, ...]
    minimum_inputs: int
    missing: Missing
    points: tuple[int, ...]
    services: tuple[str, ...] = ()
    weights: Mapping[str, int] | None = None
    held_at_best: int = 0
    rounding: Rounding = "down"
    rounded_to: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One of the judgements that a rating is made of.

    Attributes:
        name: short name, unique in its method, such as `children_serving`.
        title: for sentences, such as `serving people well for children`.
        service: what it is about; parts of one service stand together. Blank where a method has no services.
        aspect: the question it answers; names its scale.
        rule: how it is computed; None where the regulator recorded it.
    """

    name: str
    title: str
    service: str
    aspect: str
    rule: PartRule | None = None


@dataclass(frozen=True, slots=True)
class JudgementRules:
    """Where a method's judgements come from.

    Attributes:
        basis: `recorded` by the regulator, or `computed` from bands.
        rounds: rating round -> day it was published (recorded only).
    """

    basis: Literal["recorded", "computed"]
    rounds: Mapping[str, date]


@dataclass(frozen=True, slots=True)
class Cap:
    """A key threshold: where its indicator fails, a part can be no better than a stated level.

    Attributes:
        indicator: code of the key indicator.
        in_catalogue: False where no figures of it are known, so that it is stated but cannot bind.
        part: the part that is capped.
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
    part: str
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


@dataclass(frozen=True, slots=True)
class PartCap:
    """A judgement that caps another: where one part is at a level or below, another is held down.

    Attributes:
        part: the part that is capped.
        level: best level allowed, counted from 0.
        when_part: the part that caps.
        when_level: its level at or below which it does.
        rationale: why.
        source: where it is published; blank for a method's own choice.
    """

    part: str
    level: int
    when_part: str
    when_level: int
    rationale: str
    source: str


def as_recorded(
    recorded: IntoFrameT, wanted: IntoFrameT, parts: Sequence[Part], words: pl.DataFrame
) -> IntoFrameT:
    """Take the regulator's judgements of one round.

    Args:
        recorded: `organisation`, `service`, `aspect`, `judgement`, `published_at`, `position`; of several for
            one part, the one published last counts, then the one recorded last.
        wanted: every (`organisation`, `part`) that shall have a judgement; same engine.
        parts: which service and aspect each part has.
        words: what each word means: `part`, `judgement`, `level` (Parts.words).

    Returns:
        `wanted` with `judgement` as recorded, its `position`, and `level` (null where there is none, or where
        the word is not on the scale).
    """
    key = ["organisation", "part"]
    frame: Frame = as_frame(recorded)
    named = pl.DataFrame(
        [{"part": part.name, "service": part.service, "aspect": part.aspect} for part in parts]
    )
    frame = frame.join(beside(named, frame), on=["service", "aspect"], how="inner")
    frame = frame.select(*key, "judgement", "published_at", "position")
    for time in ("published_at", "position"):
        frame = frame.with_columns(last=nw.col(time).max().over(*key)).filter(nw.col(time) == nw.col("last"))
    grid: Frame = as_frame(wanted)
    joined = grid.join(frame.drop("last", "published_at"), on=key, how="left")
    native: IntoFrameT = nw.to_native(joined.join(beside(words, grid), on=["part", "judgement"], how="left"))
    return native


def capped(judgements: IntoFrameT, key_figures: IntoFrameT, caps: Sequence[Cap]) -> IntoFrameT:
    """Apply key thresholds.

    Args:
        judgements: one row per (thing rated, `part`) with `level` (null stays null).
        key_figures: one row per (thing rated, `indicator`) with `value` and `denominator`; same engine. Where
            `judgements` have a `case` and these have none, they hold in every case.
        caps: the thresholds in force.

    Returns:
        `judgements` with `level_before` (as it was) and `level` (after), and of the cap that bound:
        `capped_by`, `cap_value`, `cap_threshold` (null where none bound); `exempt_from`, `exempt_value`,
        `exempt_threshold` name a threshold that was failed but does not count because of small numbers.
        Where several bind, the lowest level counts; of equal ones, the indicator first in the alphabet.
    """
    frame: Frame = as_frame(judgements)
    figures: Frame = as_frame(key_figures)
    key = [*entity(figures), "part"]
    figures = figures.select(*entity(figures), "indicator", "value", "denominator")
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


def capped_by_parts(judgements: IntoFrameT, caps: Sequence[PartCap]) -> IntoFrameT:
    """Apply the caps that one part puts on another.

    Args:
        judgements: what `capped` gives.
        caps: in an order in which no part caps another before it is capped itself (method files are put in
            it on loading).

    Returns:
        `judgements` with `level` after these caps too; of one that bound, `capped_by` names the part that
        caps, and `cap_value` and `cap_threshold` are null.
    """
    frame: Frame = as_frame(judgements)
    key = entity(frame)
    for cap in caps:
        low = (nw.col("part") == cap.when_part) & (nw.col("level") <= cap.when_level)
        failing = frame.filter(low).select(*key, failing=nw.col("part"))
        frame = frame.join(failing, on=key, how="left")
        binds = (nw.col("part") == cap.part) & ~nw.col("failing").is_null() & (nw.col("level") > cap.level)
        frame = frame.with_columns(binds=nw.when(binds).then(nw.lit(True)).otherwise(nw.lit(False)))
        frame = frame.with_columns(
            level=nw.when(nw.col("binds")).then(nw.lit(cap.level)).otherwise(nw.col("level")).cast(nw.Int64),
            capped_by=nw.when(nw.col("binds")).then(nw.col("failing")).otherwise(nw.col("capped_by")),
            **{name: nw.when(~nw.col("binds")).then(nw.col(name)) for name in ("cap_value", "cap_threshold")},
        ).drop("binds", "failing")
    native: IntoFrameT = nw.to_native(frame)
    return native


def _cap_table(caps: Sequence[Cap]) -> pl.DataFrame:
    """Thresholds as a table, `threshold_micro` in whole millionths."""
    rows: list[dict[str, Any]] = [
        {
            "indicator": cap.indicator,
            "part": cap.part,
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
        "part": pl.String,
        "operator": pl.String,
        "threshold": pl.Float64,
        "threshold_micro": pl.Int64,
        "cap_level": pl.Int64,
        "exempt_below": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)
