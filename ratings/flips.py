"""Flips: whether fresh data could change a star, and which values would.

Here: every band, and every side of a key threshold, that an out-of-date or missing input could take, put in
    its place: one by one, and all together.
Not here: which inputs are out of date (freshness.py), putting other inputs into a rating (cases.py).

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
from ratings.cases import Cases, own_stars
from ratings.catalogue import Catalogue
from ratings.judgements import Cap
from ratings.methods import Method
from ratings.rating import Rating

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
    own = own_stars(rating)
    asked = doubtful.select(_PAIR).unique().join(own, on="organisation", how="semi")
    cases = Cases.of(method, rating, catalogue, day, option)
    choices = _choices(cases, asked)
    bounds = _together(cases, choices)
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
    singles = _alone(cases, choices.join(open_ones, on="organisation", how="semi"))
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


_CHOICE: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "band": pl.Int64,
    "value": pl.Float64,
    "kind": pl.String,
    "best": pl.Boolean,
    "worst": pl.Boolean,
}


def _choices(cases: Cases, asked: pl.DataFrame) -> pl.DataFrame:
    """Every doubtful input with everything it could be.

    Returns:
        `organisation`, `indicator`, `band` and `value` (one of them null), `kind` (`band` or `cap`), and
        whether it is the `best` or the `worst` of its kind.
    """
    parts = [pl.DataFrame(schema=_CHOICE)]
    if not cases.method.recorded:
        counted = cases.inputs.select("indicator").unique()
        number = len(cases.method.bandings[0].labels)
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
        if (caps := [cap for cap in cases.caps() if cap.indicator == code])
        for row in _sides(cases.catalogue, code, caps)
    ]
    sides = pl.DataFrame(rows, schema={k: v for k, v in _CHOICE.items() if k != "organisation"}, orient="row")
    parts.append(asked.join(sides, on="indicator").select(*_CHOICE))
    return pl.concat(parts)


def _sides(catalogue: Catalogue, code: str, caps: list[Cap]) -> list[tuple[Any, ...]]:
    """One value for each way the thresholds of an indicator can be met or failed."""
    known = catalogue.indicators.get(code)
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


def _fails(value: float, cap: Cap) -> bool:
    return value > cap.threshold if cap.operator == ">" else value < cap.threshold


def _together(cases: Cases, choices: pl.DataFrame) -> pl.DataFrame:
    """The lowest and highest star that all doubtful inputs together allow.

    Returns:
        `organisation`, `asked` (True), `lowest_star`, `highest_star`.
    """
    none = {"organisation": pl.String, "asked": pl.Boolean, "lowest_star": pl.Int64, "highest_star": pl.Int64}
    if not choices.height:
        return pl.DataFrame(schema=none)
    corners = [choices.filter(name).with_columns(case=pl.lit(name)) for name in (_BEST, _WORST)]
    whole = choices.select("organisation").unique().join(pl.DataFrame({"case": [_BEST, _WORST]}), how="cross")
    put = pl.concat(corners)
    of_kind = [put.filter(pl.col("kind") == kind) for kind in ("band", "cap")]
    placed = cases.together(
        of_kind[0].select("organisation", "case", "indicator", "band"),
        of_kind[1].select("organisation", "case", "indicator", "value"),
        whole,
    )
    table = cases.method.table(cases.option)
    if not table.not_monotone:
        return placed.group_by("organisation").agg(
            asked=pl.lit(True), lowest_star=pl.col("star").min(), highest_star=pl.col("star").max()
        )
    parts = list(cases.method.parts.names)
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


def _alone(cases: Cases, choices: pl.DataFrame) -> pl.DataFrame:
    """The star of each choice alone, all else as it is.

    Returns:
        `organisation`, `indicator`, `band`, `value`, `star`.
    """
    asked = choices.with_row_index("case").with_columns(left_out=pl.lit(False))
    placed = cases.alone(asked).select("organisation", "case", "star")
    return asked.join(placed, on=["organisation", "case"]).select(list(VALUES))
