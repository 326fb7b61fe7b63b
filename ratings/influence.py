"""Influence: what each star owes to each of its inputs.

Here: every star again with one indicator left out, for every indicator and organisation; and with all of
    certain indicators left out together.
Not here: leaving an input out of a rating (cases.py), how far an indicator can be relied on (quality.py).

Left out means: as if the method had never asked for it. Its band counts for no mean and its key threshold
binds nobody; a part that then has too few inputs has no level, and its star is none. Where another
indicator's band stands in, the two are one input.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import polars as pl

from ratings.cases import Cases, moved_levels
from ratings.catalogue import Catalogue
from ratings.methods import Method
from ratings.rating import Rating

INFLUENCE: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "counts_for": pl.String,
    "known": pl.Boolean,
    "star": pl.Int64,
    "star_without": pl.Int64,
    "decides": pl.Boolean,
    "judgements_without": pl.String,
}


def influence(
    method: Method,
    rating: Rating,
    catalogue: Catalogue,
    *,
    day: date,
    option: str | None = None,
) -> pl.DataFrame:
    """Leave out every indicator of every organisation, one at a time.

    Args:
        method: the method; one without stars has no influence to show.
        rating: what it says.
        catalogue: the indicators.
        day: decides which key thresholds are in force.
        option: the star table that was used.

    Returns:
        Columns INFLUENCE, one row per organisation and indicator that its method asks for, sorted:
        `counts_for` (its parts, by name), `known` (it has a figure that counts), `star` (as the method gives
        it, without any decision), `star_without`, `decides` (the two differ), and the judgements that are
        others without it, in words.
    """
    if not method.stars:
        return pl.DataFrame(schema=INFLUENCE)
    cases = Cases.of(method, rating, catalogue, day, option)
    asked = cases.asked()
    changes = asked.with_columns(
        case=pl.col("indicator"),
        band=pl.lit(None, pl.Int64),
        value=pl.lit(None, pl.Float64),
        left_out=pl.lit(True),
    )
    caps = [(cap.indicator, cap.part) for cap in cases.caps()]
    counts = pl.concat(
        [
            cases.inputs.select("indicator", "part"),
            pl.DataFrame(caps, schema={"indicator": pl.String, "part": pl.String}, orient="row"),
        ]
    )
    counts_for = counts.unique().sort("part").group_by("indicator", maintain_order=True)
    own = rating.bands.select(
        "organisation",
        "indicator",
        known=pl.col("band").is_not_null() | (pl.col("key") & pl.col("value").is_not_null()),
    )
    placed = cases.alone(changes).rename({"case": "indicator", "star": "star_without"})
    found = (
        asked.join(placed, on=["organisation", "indicator"], how="left")
        .join(cases.as_it_is(), on="organisation", how="left")
        .join(counts_for.agg(counts_for=pl.col("part").str.join(", ")), on="indicator", how="left")
        .join(own, on=["organisation", "indicator"], how="left")
        .with_columns(
            pl.col("known").fill_null(False),
            star=pl.col("own"),
            decides=pl.col("own").ne_missing(pl.col("star_without")),
            judgements_without=moved_levels(method),
        )
    )
    return found.select(pl.col(name).cast(kind) for name, kind in INFLUENCE.items()).sort(
        "organisation", "indicator"
    )


def without(
    method: Method,
    rating: Rating,
    catalogue: Catalogue,
    indicators: Collection[str],
    *,
    day: date,
    option: str | None = None,
) -> pl.DataFrame:
    """Leave out all of these indicators together.

    Returns:
        One row per organisation with its `star` if the method had never asked for any of them; no rows for a
        method without stars.
    """
    if not method.stars:
        return pl.DataFrame(schema={"organisation": pl.String, "star": pl.Int64})
    return Cases.of(method, rating, catalogue, day, option).without(indicators)
