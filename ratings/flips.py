"""Flips: whether fresh data could change a star, and which values would.

Here: every band, and every side of a key threshold, that an out-of-date or missing input could take, put in
    its place: one by one, and all together.
Not here: which inputs are out of date (freshness.py), the steps from bands to a star (rating.py).

Together, the best and the worst of all that is attainable bound every level, because a better band never
lowers one; the stars of all combinations of levels between the bounds bound the star. Where the star table is
monotone these are the stars of the two corners, and both are attained. One by one, everything is tried.

Held fixed: the edges of bands (where they are quantiles, the figures of other organisations move them), the
bands of the period before, and every input that is neither out of date nor missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from ratings.bands import MICRO
from ratings.catalogue import Catalogue
from ratings.judgements import Cap, part_scores
from ratings.methods import Method
from ratings.rating import Rating, decide

ANSWERS = ("never", "possibly", "certainly")

SUMMARY: Mapping[str, Any] = {
    "organisation": pl.String,
    "could_fresh_data_change_it": pl.String,
    "lowest_star": pl.Int64,
    "highest_star": pl.Int64,
}
VALUES: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "band": pl.Int64,
    "value": pl.Float64,
    "star": pl.Int64,
}
_PAIR = ["organisation", "indicator"]
_BEST, _WORST = "best", "worst"


@dataclass(frozen=True, slots=True)
class Flips:
    """What fresh data could do to the stars of a rating.

    Attributes:
        summary: one row per organisation, columns SUMMARY: the lowest and highest star that the doubtful
            inputs together allow (null where even all of them leave no star), and the answer: `never` (no
            star but its own is attainable), `certainly` (its own is not), else `possibly`.
        values: columns VALUES, one row per doubtful input and band, or value, that alone gives another star.
            A `value` stands for all on its side of the threshold that it touches.
        held: a sentence that says what was held fixed.
    """

    summary: pl.DataFrame
    values: pl.DataFrame
    held: str


def flips(
    method: Method,
    rating: Rating,
    doubtful: pl.DataFrame,
    catalogue: Catalogue,
    *,
    day: date,
    option: str | None = None,
) -> Flips:
    """Ask of every star whether fresh data could change it.

    Args:
        method: a method with stars.
        rating: what it says.
        doubtful: `organisation`, `indicator` of the inputs that are out of date or missing.
        catalogue: bounds of what a value can be.
        day: decides which key thresholds are in force.
        option: the star table that was used.

    Returns:
        The answers. Nothing is doubtful: `never`.
    """
    # A decision is laid over the star that the method gives; figures can change only that one.
    computed = "computed_star" if "computed_star" in rating.stars.columns else "star"
    own = rating.stars.select("organisation", own=computed)
    asked = doubtful.select(_PAIR).unique().join(own, on="organisation", how="semi")
    inputs = method.inputs(catalogue)
    before = _before_caps(method, rating, inputs)
    engine = _Engine(method, rating, catalogue, day, option, inputs, before)
    choices = engine.choices(asked)
    bounds = _together(engine, choices)
    summary = own.join(bounds, on="organisation", how="left").with_columns(
        pl.when(pl.col("asked").is_null()).then("own").otherwise(name).alias(name)
        for name in ("lowest_star", "highest_star")
    )
    low, high, star = pl.col("lowest_star"), pl.col("highest_star"), pl.col("own")
    settled = low.eq_missing(star) & high.eq_missing(star)
    outside = (star.is_null() & low.is_not_null()) | (star < low) | (star > high)
    summary = summary.with_columns(
        could_fresh_data_change_it=pl.when(settled)
        .then(pl.lit("never"))
        .when(outside)
        .then(pl.lit("certainly"))
        .otherwise(pl.lit("possibly"))
    )
    open_ones = summary.filter(pl.col("could_fresh_data_change_it") != "never")
    singles = _alone(engine, choices.join(open_ones, on="organisation", how="semi"))
    values = (
        singles.join(own, on="organisation")
        .filter(pl.col("star").ne_missing(pl.col("own")))
        .select(pl.col(name).cast(kind) for name, kind in VALUES.items())
        .sort(*_PAIR, "band", "value")
    )
    table = summary.select(pl.col(name).cast(kind) for name, kind in SUMMARY.items()).sort("organisation")
    return Flips(table, values, held_fixed(method))


def held_fixed(method: Method) -> str:
    """What the answers take as given, in a sentence."""
    if method.recorded:
        return "held fixed: the recorded judgements"
    edges = "held fixed: the bands of the period before"
    if any(banding.kind == "quantiles" for banding in method.bandings):
        edges += ", and the edges of the bands, which other organisations' figures set"
    return edges


@dataclass(frozen=True, slots=True)
class _Engine:
    """A rating that can be asked what if.

    Attributes:
        method: the method.
        rating: what it says.
        catalogue: bounds of what a value can be.
        day: decides which key thresholds are in force.
        option: the star table.
        inputs: which indicators count for which part.
        before: `organisation`, `part`, `level` before caps.
    """

    method: Method
    rating: Rating
    catalogue: Catalogue
    day: date
    option: str | None
    inputs: pl.DataFrame
    before: pl.DataFrame

    def choices(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Every doubtful input with everything it could be.

        Returns:
            `organisation`, `indicator`, `band` and `value` (one of them null), `kind` (`band` or `cap`), and
            whether it is the `best` or the `worst` of its kind.
        """
        parts = [pl.DataFrame(schema=_CHOICE)]
        if not self.method.recorded:
            counted = self.inputs.select("indicator").unique()
            number = len(self.method.bandings[0].labels)
            options = pl.DataFrame({"band": range(1, number + 1)}, schema={"band": pl.Int64})
            parts.append(
                asked.join(counted, on="indicator", how="semi")
                .join(options, how="cross")
                .select(
                    *_PAIR,
                    "band",
                    value=pl.lit(None, pl.Float64),
                    kind=pl.lit("band"),
                    best=pl.col("band") == number,
                    worst=pl.col("band") == 1,
                )
            )
        rows = [
            row
            for code in sorted(set(asked["indicator"]))
            if (caps := [cap for cap in self.caps() if cap.indicator == code])
            for row in self._sides(code, caps)
        ]
        sides = pl.DataFrame(
            rows, schema={k: v for k, v in _CHOICE.items() if k != "organisation"}, orient="row"
        )
        parts.append(asked.join(sides, on="indicator").select(*_CHOICE))
        return pl.concat(parts)

    def caps(self) -> list[Cap]:
        """The key thresholds in force."""
        return [cap for cap in self.method.caps if cap.in_force(self.day)]

    def _sides(self, code: str, caps: list[Cap]) -> list[tuple[Any, ...]]:
        """One value for each way the thresholds of an indicator can be met or failed."""
        known = self.catalogue.indicators.get(code)
        low, high = (known.valid_min, known.valid_max) if known else (None, None)
        steps = [-1 / MICRO, 0.0, 1 / MICRO]
        touching = sorted({cap.threshold + step for cap in caps for step in steps})
        possible = [v for v in touching if (low is None or v >= low) and (high is None or v <= high)]
        failed = {v: frozenset(n for n, cap in enumerate(caps) if _fails(v, cap)) for v in possible}
        one_each = {fails: value for value, fails in failed.items()}
        # Where no single value fails every threshold, the worst is each that some value fails: still a bound.
        fewest, most = min(map(len, one_each), default=0), frozenset().union(*one_each)
        return [
            (
                code,
                None,
                value,
                "cap",
                len(fails) == fewest,
                bool(fails) and (fails == most or most not in one_each),
            )
            for fails, value in one_each.items()
        ]

    def stars(self, cases: pl.DataFrame, whole: pl.DataFrame | None = None) -> pl.DataFrame:
        """The levels and the star of each case.

        Args:
            cases: `organisation`, `case`, `indicator`, `kind`, `band`, `value`.
            whole: `organisation`, `case` of every case; by default those of `cases`.

        Returns:
            `organisation`, `case`, a level per part, `star`.
        """
        every = cases.select("organisation", "case").unique() if whole is None else whole
        put = cases.filter(pl.col("kind") == "cap").select("organisation", "case", "indicator", "value")
        key = self.rating.bands.filter("key").select(*_PAIR, "value", "denominator")
        key = every.join(key, on="organisation").join(
            put, on=["organisation", "case", "indicator"], how="anti"
        )
        key = pl.concat([key, put.join(self._denominators(), on=_PAIR, how="left")])
        levels = every.join(self.before, on="organisation")
        bands = cases.filter(pl.col("kind") == "band")
        if bands.height:
            scored = self._scored(bands)
            levels = levels.join(scored, on=["organisation", "case", "part"], how="anti")
            levels = pl.concat([levels, scored.select(levels.columns)])
        _, placed = decide(self.method, levels, key, day=self.day, option=self.option)
        assert placed is not None
        return placed.select("organisation", "case", *self.method.parts.names, "star")

    def _scored(self, put: pl.DataFrame) -> pl.DataFrame:
        """The levels of the parts that these bands count for, with the bands in their place.

        Only those parts are reckoned again, from the inputs that count for them: the others stay as they are.
        """
        entity = ["organisation", "case"]
        counts = self.inputs.select("part", "indicator")
        touched = (
            put.select(*entity, "indicator").join(counts, on="indicator").select(*entity, "part").unique()
        )
        bands = self.rating.bands.select(*_PAIR, "band", "previous_band")
        frame = (
            touched.join(counts, on="part")
            .select(*entity, "indicator")
            .unique()
            .join(bands, on=_PAIR, how="left")
            .join(put.select(*entity, "indicator", put="band"), on=[*entity, "indicator"], how="left")
            .with_columns(band=pl.coalesce("put", "band"))
        )
        known = part_scores(frame, self.method.parts.all, self.inputs)
        return known.join(touched, on=[*entity, "part"], how="semi")

    def _denominators(self) -> pl.DataFrame:
        return self.rating.bands.select(*_PAIR, "denominator")


def _before_caps(method: Method, rating: Rating, inputs: pl.DataFrame) -> pl.DataFrame:
    """`organisation`, `part`, `level`: every part before caps, recorded or computed."""
    if not method.recorded:
        scored = part_scores(rating.bands, method.parts.all, inputs)
        return scored.select("organisation", "part", "level")
    scales = {name: method.parts.scale(name) for name in method.parts.names}
    rows = [
        (row["organisation"], row["part"], scales[row["part"]].index(row["computed_judgement"]))
        for row in rating.judgements.iter_rows(named=True)
        if row["computed_judgement"] is not None
    ]
    schema = {"organisation": pl.String, "part": pl.String, "level": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


_CHOICE: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "band": pl.Int64,
    "value": pl.Float64,
    "kind": pl.String,
    "best": pl.Boolean,
    "worst": pl.Boolean,
}


def _fails(value: float, cap: Cap) -> bool:
    return value > cap.threshold if cap.operator == ">" else value < cap.threshold


def _together(engine: _Engine, choices: pl.DataFrame) -> pl.DataFrame:
    """The lowest and highest star that all doubtful inputs together allow.

    Returns:
        `organisation`, `asked` (True), `lowest_star`, `highest_star`.
    """
    none = {"organisation": pl.String, "asked": pl.Boolean, "lowest_star": pl.Int64, "highest_star": pl.Int64}
    if not choices.height:
        return pl.DataFrame(schema=none)
    corners = [choices.filter(name).with_columns(case=pl.lit(name)) for name in (_BEST, _WORST)]
    whole = choices.select("organisation").unique().join(pl.DataFrame({"case": [_BEST, _WORST]}), how="cross")
    placed = engine.stars(pl.concat(corners), whole)
    table = engine.method.table(engine.option)
    if not table.not_monotone:
        return placed.group_by("organisation").agg(
            asked=pl.lit(True), lowest_star=pl.col("star").min(), highest_star=pl.col("star").max()
        )
    parts = list(engine.method.parts.names)
    ends = [
        placed.filter(pl.col("case") == case).select("organisation", pl.col(parts).name.suffix(f" {case}"))
        for case in (_BEST, _WORST)
    ]
    within = pl.all_horizontal(
        *((pl.col(p) >= pl.col(f"{p} {_WORST}")) & (pl.col(p) <= pl.col(f"{p} {_BEST}")) for p in parts)
    )
    boxes = ends[0].join(ends[1], on="organisation").join(table.frame(), how="cross").filter(within)
    found = boxes.group_by("organisation").agg(
        lowest_star=pl.col("star").min(), highest_star=pl.col("star").max()
    )
    return (
        choices.select("organisation")
        .unique()
        .join(found, on="organisation", how="left")
        .with_columns(asked=pl.lit(True))
        .select(list(none))
    )


def _alone(engine: _Engine, choices: pl.DataFrame) -> pl.DataFrame:
    """The star of each choice alone, all else as it is.

    Inputs of one organisation that count for the same parts with the same weights and have the same bands are
    the same to a method of means: one of them is asked, and speaks for the others.

    Returns:
        `organisation`, `indicator`, `band`, `value`, `star`.
    """
    if not choices.height:
        return pl.DataFrame(schema=VALUES)
    counts = (
        engine.inputs.sort("part")
        .group_by("indicator")
        .agg(like=pl.format("{} {}", "part", "weight").str.join("; "))
    )
    now = engine.rating.bands.select(*_PAIR, "previous_band", now="band")
    alike = ["organisation", "like", "now", "previous_band", "band"]
    band = (
        choices.filter(pl.col("kind") == "band")
        .join(counts, on="indicator", how="left")
        .join(now, on=_PAIR, how="left")
        .filter(pl.col("band").ne_missing(pl.col("now")))  # what it is already gives the star there is
        .with_columns(spokesman=pl.col("indicator").min().over(alike))
    )
    asked = band.filter(pl.col("indicator") == pl.col("spokesman")).select(list(_CHOICE))
    cases = pl.concat([asked, choices.filter(pl.col("kind") == "cap")]).with_row_index("case")
    placed = engine.stars(cases)
    stars = cases.join(placed, on=["organisation", "case"])
    spoken = stars.select("organisation", "band", "star", "kind", spokesman="indicator").filter(
        pl.col("kind") == "band"
    )
    return pl.concat(
        [
            band.join(spoken, on=["organisation", "spokesman", "band"]).select(list(VALUES)),
            stars.filter(pl.col("kind") == "cap").select(list(VALUES)),
        ]
    )
