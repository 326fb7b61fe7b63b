"""Counterfactuals: the smallest change of one figure, or of one judgement, that would give another star.

Here: for every star, each figure and each judgement that alone could raise or lower it, how far it would have
    to move, and which of them is nearest.
Not here: where the bands of a figure meet (edges.py), putting a change into a rating (cases.py), the words
    (sentences.py).

Held fixed: every other figure and judgement, and the bands of the period before. A figure that moves takes
its own place among the others again, so its edges are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from ratings.cases import Cases, moved_levels
from ratings.catalogue import Catalogue
from ratings.edges import stretches
from ratings.methods import Method
from ratings.rating import Rating
from ratings.sentences import other_figure, other_judgement

COUNTERFACTUALS: Mapping[str, Any] = {
    "organisation": pl.String,
    "kind": pl.String,
    "input": pl.String,
    "direction": pl.String,
    "star": pl.Int64,
    "now": pl.Float64,
    "relation": pl.String,
    "figure": pl.Float64,
    "now_judgement": pl.String,
    "judgement": pl.String,
    "distance": pl.Float64,
    "nearest": pl.Boolean,
    "says": pl.String,
}
FIGURE, JUDGEMENT = "figure", "judgement"
_ONE = ["organisation", "input", "direction"]


def counterfactuals(
    method: Method,
    figures: pl.DataFrame,
    rating: Rating,
    catalogue: Catalogue,
    *,
    day: date,
    option: str | None = None,
) -> pl.DataFrame:
    """What would have had to be a little different for another star.

    Args:
        method: the method; one without stars has none.
        figures: as for rating.rate.
        rating: what the method says of them.
        catalogue: the indicators.
        day: decides which key thresholds are in force.
        option: the star table that was used.

    Returns:
        Columns COUNTERFACTUALS, one row per organisation with a star, input and direction (`up` to more
        stars, `down` to fewer) in which a change of this input alone leads, sorted. `kind` is `figure` (input
        is an indicator; `now` would have to be `relation` `figure`, in its unit; `distance` is the share of
        the way from the lowest to the highest figure of that period) or `judgement` (input is a part;
        `distance` in levels). `nearest` marks the smallest distance of an organisation, kind and direction.
    """
    if not method.stars:
        return pl.DataFrame(schema=COUNTERFACTUALS)
    cases = Cases.of(method, rating, catalogue, day, option)
    own = cases.as_it_is()
    found = pl.concat([_figures(cases, own, figures), _judgements(cases, own)])
    nearest = pl.struct(pl.col("distance").fill_null(float("inf")), "input").rank("ordinal") == 1
    found = found.with_columns(nearest=nearest.over("organisation", "kind", "direction"))
    units = {code: known.unit for code, known in catalogue.indicators.items()}
    says = [
        other_figure(row, units.get(row["input"], ""))
        if row["kind"] == FIGURE
        else other_judgement(row, method.part(row["input"]).title)
        for row in found.iter_rows(named=True)
    ]
    return (
        found.with_columns(pl.Series("says", says, pl.String))
        .select(pl.col(name).cast(kind) for name, kind in COUNTERFACTUALS.items())
        .sort("organisation", "kind", "input", "direction")
    )


def _figures(cases: Cases, own: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    pair = ["organisation", "indicator"]
    possible = stretches(cases.method, figures, cases.rating, cases.catalogue, day=cases.day)
    bands = cases.rating.bands.select(*pair, "key", own_band="band")
    changes = (
        possible.join(cases.asked(), on=pair, how="semi")
        .join(bands, on=pair)
        .filter(pl.col("key") | pl.col("band").ne_missing(pl.col("own_band")))
        .with_row_index("case")
        .with_columns(left_out=pl.lit(False))
    )
    placed = cases.alone(changes).join(changes.drop("band"), on=["organisation", "case"])
    step = (pl.col("edge") - pl.col("now")).abs()
    return (
        _another(placed.rename({"indicator": "input"}), own, cases.method)
        .with_columns(
            kind=pl.lit(FIGURE),
            figure=pl.col("edge"),
            now_judgement=pl.lit(None, pl.String),
            judgement=pl.lit(None, pl.String),
            step=step,
            distance=step / pl.col("spread"),
        )
        .sort(*_ONE, "step", "edge", "relation")
        .unique(_ONE, keep="first", maintain_order=True)
        .select(_FOUND)
    )


def _judgements(cases: Cases, own: pl.DataFrame) -> pl.DataFrame:
    parts = cases.method.parts
    steps = [(name, level) for name in parts.names for level in range(len(parts.scale(name)))]
    table = pl.DataFrame(steps, schema={"input": pl.String, "put": pl.Int64}, orient="row")
    asked = own.select("organisation").join(table, how="cross").with_row_index("case")
    levels = (
        asked.join(cases.before, on="organisation")
        .with_columns(level=pl.when(pl.col("part") == pl.col("input")).then("put").otherwise("level"))
        .select("organisation", "case", "part", "level")
    )
    placed = cases.levels(levels).join(asked, on=["organisation", "case"])
    words = {f"{name} {n}": word for name in parts.names for n, word in enumerate(parts.scale(name))}

    def of_input(suffix: str) -> pl.Expr:
        """The level of the part that is changed; each row has a column for every part."""
        return pl.coalesce(
            *(pl.when(pl.col("input") == name).then(pl.col(f"{name}{suffix}")) for name in parts.names)
        )

    def word(level: str) -> pl.Expr:
        return pl.format("{} {}", "input", level).replace_strict(words, default=None, return_dtype=pl.String)

    return (
        _another(placed, own, cases.method)
        .with_columns(before=of_input("_now"), after=of_input(""))
        .filter(pl.col("after") == pl.col("put"))  # a cap that binds lets no judgement through
        .with_columns(
            kind=pl.lit(JUDGEMENT),
            now=pl.lit(None, pl.Float64),
            relation=pl.lit(None, pl.String),
            figure=pl.lit(None, pl.Float64),
            now_judgement=word("before"),
            judgement=word("after"),
            distance=(pl.col("after") - pl.col("before")).abs().cast(pl.Float64),
        )
        .sort(*_ONE, "distance", "put")
        .unique(_ONE, keep="first", maintain_order=True)
        .select(_FOUND)
    )


_FOUND = [name for name in COUNTERFACTUALS if name not in ("nearest", "says")] + ["moved"]


def _another(placed: pl.DataFrame, own: pl.DataFrame, method: Method) -> pl.DataFrame:
    """The cases that give a rated organisation another star, with their direction."""
    return (
        placed.join(own, on="organisation")
        .filter(pl.col("star") != pl.col("own"))
        .with_columns(
            direction=pl.when(pl.col("star") > pl.col("own")).then(pl.lit("up")).otherwise(pl.lit("down")),
            moved=moved_levels(method),
        )
    )
