"""Influence: which stars hang on which indicators, and which of those are dubious, as a snapshot says.

Here: the rows of `influence` summed up by indicator, and the stars that rest on red ones.
Not here: leaving an indicator out (ratings/influence.py), grading one (ratings/quality.py), drawing
    (charts.py).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from ratings.catalogue import Organisation, load_catalogue
from ratings.errors import InputError
from warehouse.snapshots import SnapshotRef

_ORDER = {"red": 0, "amber": 1, "green": 2}


def influence_of(found: SnapshotRef, organisation: str | None = None) -> dict[str, Any]:
    """How much of the stars of a snapshot hangs on single indicators.

    Args:
        found: the snapshot.
        organisation: id, name or code; adds `rows`: its star with each indicator left out.

    Returns:
        Plain values: `snapshot`; `rated` (organisations with a star), `inputs` (figures that count for them),
        `hanging` (stars that one input alone could change by being left out), `hanging_on_red` (of these, on
        one that is graded red) and `other_without_red` (stars that are others without all red indicators).
        `indicators`: of each its `grade`, how many stars it counts for and `decides`, and whether there would
        be `more`, `fewer` or `none`; those that decide most first. `stars_on_red`: stars that a red indicator
        decides, or all of them together.

    Raises:
        InputError: the snapshot has no stars, or is older than this table.
        NotFoundError: there is no such organisation.
    """
    catalogue = load_catalogue().plus(
        Organisation(**row)
        for row in found.table("organisations")
        .select("name", "kind", "region", "opened", "closed", id="organisation")
        .to_dicts()
    )
    body = catalogue.resolve(organisation) if organisation else None
    if "influence" not in found.manifest["tables"]:
        raise InputError(
            f"{found.id} was built before snapshots held the influence of each indicator",
            hint="build it again with this version: starledger rate",
        )
    rows = found.table("influence")
    if rows.is_empty():
        raise InputError(
            f"{found.manifest['method']['id']} gives no stars, so nothing hangs on its indicators",
            hint="choose a snapshot with stars: starledger snapshots list",
        )
    rated = rows.filter(pl.col("star").is_not_null())
    deciding = rated.filter("decides")
    star, without = pl.col("star"), pl.col("star_without")
    by_indicator = (
        rated.group_by("indicator", "grade")
        .agg(
            counts=pl.col("known").sum(),
            decides=pl.col("decides").sum(),
            more=(without > star).sum(),
            fewer=(without < star).sum(),
            none=without.is_null().sum(),
        )
        .sort("decides", "indicator", descending=[True, False])
    )
    on_red = _stars_on_red(found, deciding.filter(pl.col("grade") == "red"))
    result: dict[str, Any] = {
        "snapshot": found.id,
        "rated": rated["organisation"].n_unique(),
        "inputs": rated.filter("known").height,
        "hanging": deciding["organisation"].n_unique(),
        "hanging_on_red": sum(bool(one["indicators"]) for one in on_red),
        "other_without_red": sum(one["star_without_red"] != one["star"] for one in on_red),
        "indicators": [
            {"title": catalogue.indicator(row["indicator"]).title} | row for row in by_indicator.to_dicts()
        ],
        "stars_on_red": on_red,
    }
    if body is not None:
        own = rows.filter(pl.col("organisation") == body.id)
        if own.is_empty():
            raise InputError(
                f"{body.name} is not rated in {found.id}", hint="run `starledger snapshots list`"
            )
        ordered = sorted(
            own.to_dicts(), key=lambda row: (not row["decides"], _ORDER[row["grade"]], row["indicator"])
        )
        result["organisation"] = {"id": body.id, "name": body.name}
        result["rows"] = [
            {name: value for name, value in row.items() if name != "organisation"} for row in ordered
        ]
    return result


def _stars_on_red(found: SnapshotRef, deciding: pl.DataFrame) -> list[dict[str, Any]]:
    """The stars that a red indicator decides alone, or that all red ones decide together."""
    codes = deciding.group_by("organisation").agg(indicators=pl.col("indicator").sort())
    stars = (
        found.table("stars")
        .select("organisation", "name", "red_inputs", "star_without_red", star="computed_star")
        .join(codes, on="organisation", how="left")
        .filter(
            pl.col("star").is_not_null()
            & (pl.col("indicators").is_not_null() | pl.col("star").ne_missing(pl.col("star_without_red")))
        )
        .sort("organisation")
    )
    return [row | {"indicators": row["indicators"] or []} for row in stars.to_dicts()]
