"""Cross-foot: totals of a snapshot's tables that must agree, taken from two of them or in two ways.

Here: the totals, from the rows alone, so that anybody who has the tables can take them again.
Not here: published totals of others (ratings/crossfoot.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl


def cross_foot(tables: Mapping[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """Totals that must agree.

    Args:
        tables: the tables of a snapshot by name.

    Returns:
        For each `says`, a sentence, and `one` and `other`, the two counts. Those of which a side has no rows,
        as the stars of a method without any, are left out.
    """
    stars, quality, bands = tables["stars"], tables["quality"], tables["bands"]
    organisations, observations = tables["organisations"], tables["observations"]
    counted = tables["lineage"].filter(
        pl.col("from_kind") == "judgement", pl.col("to_kind").is_in(["band", "cap"])
    )
    taken = [
        (
            "organisations with a row in stars; organisations",
            stars.join(organisations, on="organisation", how="semi").height,
            organisations.height if stars.height else 0,
        ),
        (
            "figures that counted over all stars; figures that lineage leads to from judgements",
            int(stars["inputs"].sum()),
            counted.select("organisation", "to_id").unique().height,
        ),
        (
            "figures and missing figures by indicator in quality; rows of observations",
            int(quality["figures"].sum()) + int(quality["missing"].sum()),
            observations.height,
        ),
        (
            "bands with a position; of these, with an observation of that period at that position",
            bands["position"].drop_nulls().len(),
            bands.filter(pl.col("position").is_not_null())
            .join(observations, on=["position", "organisation", "indicator", "period"], how="semi")
            .height,
        ),
    ]
    sides = (
        (stars, organisations),
        (stars, tables["lineage"]),
        (quality, observations),
        (bands, observations),
    )
    return [
        {"says": says, "one": one, "other": other}
        for (says, one, other), both in zip(taken, sides, strict=True)
        if all(side.height for side in both) and (one or other)
    ]
