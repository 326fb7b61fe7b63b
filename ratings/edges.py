"""Edges: how far a figure would have to move to be in another band, or on the other side of a key threshold.

Here: for every figure that counts, the stretches of values it could take, each with its band.
Not here: banding itself (bands.py), what another band means for the star (counterfactuals.py).

All other figures stay as they are. Of n figures, one that moves lies beyond the m-th of the other n - 1
exactly when at least m of them lie below it; so the edges of its quantile bands are figures of others, and
exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl

from ratings.bands import MICRO, Banding, adjusted, as_frame, frozen_edges
from ratings.catalogue import Catalogue
from ratings.judgements import Cap
from ratings.methods import Method
from ratings.rating import Rating, cuts, indicators_in_scope

STRETCHES: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "now": pl.Float64,
    "relation": pl.String,
    "edge": pl.Float64,
    "value": pl.Float64,
    "band": pl.Int64,
    "spread": pl.Float64,
}
AT_LEAST, ABOVE, AT_MOST, BELOW = "at_least", "above", "at_most", "below"

_PAIR = ["organisation", "indicator"]
_SPLIT: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "edge": pl.Float64,
    "up": pl.Boolean,
    "steps": pl.Int64,
}
"""Where two stretches meet: the `edge` itself belongs to the one above where `up`; `steps` bands apart."""


def stretches(
    method: Method, figures: pl.DataFrame, rating: Rating, catalogue: Catalogue, *, day: date
) -> pl.DataFrame:
    """Every stretch of values that a figure is not in, and what it would take to get there.

    Args:
        method: the method.
        figures: as for rating.rate.
        rating: what the method says of them.
        catalogue: the indicators, and what their values can be.
        day: decides which adjustments and thresholds are in force.

    Returns:
        Columns STRETCHES, one row per figure that counts and stretch it could be in: `now` is the figure; it
        gets there from the nearer side where it is `relation` (at_least, above, at_most or below) the `edge`;
        `value` is a figure in the stretch, next to that edge; `band` is the band it then has, null where it
        has none; `spread` is the distance from the lowest to the highest figure of the indicator in that
        period, null where there is none. Values that the catalogue says cannot be are left out.
    """
    caps = [cap for cap in method.caps if cap.in_force(day)]
    current = rating.bands.filter(pl.col("value").is_not_null())
    if not method.bandings:
        key = current.select(*_PAIR, "value", top=pl.lit(0, pl.Int64), sign=pl.lit(0, pl.Int64))
        spread = _spread(key, "indicator")
        found = _stretches(key, _of_caps(key, caps), {}).join(spread, on="indicator", how="left")
        return _possible(found, catalogue)
    population = rating.bands.select("organisation").unique()
    indicators = indicators_in_scope(method, catalogue, day)
    known = adjusted(figures, [one for one in method.adjustments if one.in_force(day)])
    known = known.filter(pl.col("value").is_not_null()).select(*_PAIR, "period", "value")
    parts = [pl.DataFrame(schema=STRETCHES)]
    for banding, mine, group in cuts(method, indicators, population, catalogue):
        among = known.join(group, on="organisation", how="semi").join(mine, on="indicator", how="semi")
        own = (
            current.join(group, on="organisation", how="semi")
            .select(*_PAIR, "period", "value")
            .join(mine.select("indicator", "direction", "banded"), on="indicator")
        )
        own, splits = _splits(banding, own, among)
        every = pl.concat([splits.select(list(_SPLIT)), _of_caps(own, caps)])
        found = _stretches(own, every, dict(enumerate(banding.stretches)))
        with_spread = found.join(own.select(*_PAIR, "period"), on=_PAIR).join(
            _spread(among, "indicator", "period"), on=["indicator", "period"], how="left"
        )
        parts.append(with_spread.select(list(STRETCHES)))
    return _possible(_stood_in(method, rating, pl.concat(parts)), catalogue)


def _spread(figures: pl.DataFrame, *key: str) -> pl.DataFrame:
    """The distance from the lowest to the highest figure, where there is any."""
    width = pl.col("value").max() - pl.col("value").min()
    return figures.group_by(key).agg(spread=width).filter(pl.col("spread") > 0)


def _splits(banding: Banding, own: pl.DataFrame, among: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where the bands of each figure meet, all others as they are.

    Returns:
        `own` with `top` and `sign`: a stretch with k splits below it is in band top + sign * k (both 0 where
        there is no band); and the splits, columns _SPLIT.
    """
    bands, higher = len(banding.labels), pl.col("direction") == "higher"
    directed = pl.col("banded") & pl.col("direction").is_in(["higher", "lower"])
    if banding.kind == "two_sided":
        directed = pl.col("banded")
    own = own.with_columns(
        sign=pl.when(~directed).then(0).when(higher).then(1).otherwise(-1).cast(pl.Int64),
        top=pl.when(~directed).then(0).when(higher).then(1).otherwise(bands).cast(pl.Int64),
    )
    cut = own.filter(directed)
    tie_up = higher if banding.boundary == "better" else pl.lit(False)
    if banding.kind == "two_sided":
        fixed = [
            (edge, banding.boundary == "better" and above > below)
            for edge, (below, above) in zip(banding.edges, pairwise(banding.stretches), strict=True)
        ]
        return own, pl.concat([_fixed(cut, edge, pl.lit(up)) for edge, up in fixed])
    if banding.kind == "edges":
        return own, pl.concat([_fixed(cut, edge, tie_up) for edge in banding.edges])
    if banding.frozen_period:
        frozen = pl.DataFrame(frozen_edges(as_frame(among), banding).to_native())
        cut = cut.join(frozen, on="indicator")
        return own, pl.concat(
            [
                _fixed(cut, pl.col(f"edge_{k}") / (bands * MICRO), tie_up).drop_nulls("edge")
                for k in range(1, bands)
            ]
        )
    ranked = among.with_columns(
        at=pl.col("value").rank("ordinal").over("indicator", "period").cast(pl.Int64) - 1,
        others=pl.len().over("indicator", "period").cast(pl.Int64) - 1,
    )
    mine = cut.join(ranked.select(*_PAIR, "period", "at", "others"), on=[*_PAIR, "period"])
    alone = mine.filter((pl.col("others") == 0) & tie_up).select(*_PAIR, best=pl.lit(bands, pl.Int64))
    own = own.join(alone, on=_PAIR, how="left").with_columns(top=pl.coalesce("best", "top")).drop("best")
    sorted_values = ranked.select("indicator", "period", wanted="at", edge="value")
    parts = []
    for k in range(1, bands):
        # Beyond the edge lie at least `needed` of the others, counted from the end that a tie belongs to.
        needed = pl.col("others") * k // bands + 1
        from_below = pl.when(tie_up).then(pl.col("others") - needed).otherwise(needed - 1)
        wanted = pl.when(from_below < pl.col("at")).then(from_below).otherwise(from_below + 1)
        parts.append(
            mine.filter(pl.col("others") > 0)
            .with_columns(wanted=wanted, up=tie_up)
            .join(sorted_values, on=["indicator", "period", "wanted"])
            .with_columns(steps=pl.lit(1, pl.Int64))
            .select(list(_SPLIT))
        )
    return own, pl.concat(parts)


def _fixed(cut: pl.DataFrame, edge: float | pl.Expr, up: pl.Expr) -> pl.DataFrame:
    at = pl.lit(edge) if isinstance(edge, int | float) else edge
    return cut.select(*_PAIR, edge=at.cast(pl.Float64), up=up, steps=pl.lit(1, pl.Int64))


def _of_caps(own: pl.DataFrame, caps: Sequence[Cap]) -> pl.DataFrame:
    """The key thresholds as splits between no bands."""
    rows = [(cap.indicator, float(cap.threshold), cap.operator == "<", 0) for cap in caps]
    schema = {name: kind for name, kind in _SPLIT.items() if name != "organisation"}
    table = pl.DataFrame(rows, schema=schema, orient="row").unique()
    return own.select(_PAIR).join(table, on="indicator").select(list(_SPLIT))


def _stretches(own: pl.DataFrame, splits: pl.DataFrame, two_sided: Mapping[int, int]) -> pl.DataFrame:
    """The stretches between the splits of each figure, apart from the one that it is in.

    Args:
        own: `organisation`, `indicator`, `value`, `top`, `sign`.
        splits: columns _SPLIT.
        two_sided: number of edges below -> band; empty where bands rise or fall throughout.

    Returns:
        Columns STRETCHES without `spread`.
    """
    at = (
        splits.group_by(*_PAIR, "edge", "up")
        .agg(pl.col("steps").sum())
        .join(own.select(*_PAIR, "value", "top", "sign"), on=_PAIR)
        .sort(*_PAIR, "edge", pl.col("up").not_())  # `below e | e or more` comes before `e or less | above e`
        .with_columns(
            number=pl.col("edge").cum_count().over(_PAIR).cast(pl.Int64),
            below=pl.col("steps").cum_sum().over(_PAIR),
        )
    )
    figure, edge = _micro(pl.col("value")), _micro(pl.col("edge"))
    beyond = (figure > edge) | (pl.col("up") & (figure == edge))
    # A stretch above the figure is entered at its lower end, one below the figure at its upper end.
    rising = at.filter(~beyond).with_columns(
        relation=pl.when("up").then(pl.lit(AT_LEAST)).otherwise(pl.lit(ABOVE)),
        beneath=pl.col("below"),
        put=pl.when("up").then(pl.col("edge")).otherwise(pl.col("edge") + 1 / MICRO),
    )
    falling = at.filter(beyond).with_columns(
        relation=pl.when("up").then(pl.lit(BELOW)).otherwise(pl.lit(AT_MOST)),
        beneath=pl.col("below") - pl.col("steps"),
        put=pl.when("up").then(pl.col("edge") - 1 / MICRO).otherwise(pl.col("edge")),
    )
    both = pl.concat([rising, falling])
    banded = pl.col("top") + pl.col("sign") * pl.col("beneath")
    if two_sided:
        banded = pl.col("beneath").replace_strict(two_sided, return_dtype=pl.Int64)
    return both.select(
        *_PAIR,
        "relation",
        "edge",
        now=pl.col("value"),
        value=pl.col("put"),
        band=pl.when(pl.col("sign") != 0).then(banded),
    )


def _micro(column: pl.Expr) -> pl.Expr:
    return (column * MICRO + 0.5).floor().cast(pl.Int64)


def _stood_in(method: Method, rating: Rating, found: pl.DataFrame) -> pl.DataFrame:
    """The bands that count where another indicator's stands in; what stands in is not asked by itself."""
    for one in method.alternatives:
        other = rating.bands.filter(pl.col("indicator") == one.alternative).select(
            "organisation", other="band"
        )
        found = (
            found.filter(pl.col("indicator") != one.alternative)
            .join(other, on="organisation", how="left")
            .with_columns(
                band=pl.when(pl.col("indicator") == one.indicator)
                .then(pl.max_horizontal("band", "other"))
                .otherwise("band")
            )
            .drop("other")
        )
    return found


def _possible(found: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Only what the catalogue says can be."""
    bounds = catalogue.frame().select("valid_min", "valid_max", indicator="code")
    within = found.join(bounds, on="indicator", how="left").filter(
        (pl.col("valid_min").is_null() | (pl.col("value") >= pl.col("valid_min")))
        & (pl.col("valid_max").is_null() | (pl.col("value") <= pl.col("valid_max")))
    )
    return within.select(pl.col(name).cast(kind) for name, kind in STRETCHES.items())
