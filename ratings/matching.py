"""Matching: a method held against ratings that were really published.

Here: computed stars beside published ones, round by round.
Not here: computing them (rating.py), where ratings and figures come from (warehouse).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from ratings.calendar import end_of
from ratings.catalogue import Catalogue
from ratings.methods import Method
from ratings.rating import Rating, rate


@dataclass(frozen=True, slots=True)
class Match:
    """Published stars against those that a method computes.

    Attributes:
        method: id of the method, with its option where it was asked for.
        compared: published ratings for which the method has every part.
        matched: those whose computed star is the published one.
        mismatches: for each of the others: organisation, round, published, computed, the word of each part,
            the rule.
    """

    method: str
    compared: int
    matched: int
    mismatches: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The four attributes, for JSON."""
        return {
            "method": self.method,
            "compared": self.compared,
            "matched": self.matched,
            "mismatches": self.mismatches,
        }


def match_published(
    method: Method,
    published: pl.DataFrame,
    judgements: pl.DataFrame,
    figures_on: Callable[[date], pl.DataFrame],
    organisations: pl.DataFrame,
    catalogue: Catalogue,
    *,
    option: str | None = None,
) -> Match:
    """Compute the star of every published rating for which the method has every part, and compare.

    A method of recorded judgements is held against the rounds that it covers, on the day of each; one that
    computes its judgements against what was published on each day on which it is in force, from the figures
    known at the end of that day.

    Args:
        method: a method with stars.
        published: `organisation`, `round`, `stars` (as text or number, null where there was no star),
            `published_at` (microseconds UTC).
        judgements: recorded judgements, as for `rate`.
        figures_on: figures as they were known at the end of a day, as for `rate`.
        organisations: the population, as for `rate`.
        catalogue: the indicators.
        option: star table to use.

    Returns:
        How many were compared and matched, and each that did not. Ratings of rounds that the method does not
        cover, or without a number of stars, are not compared.

    Raises:
        MethodError: the method has no stars.
    """
    method.table(option)
    # Some publishers print `4.0`.
    theirs = published.with_columns(pl.col("stars").cast(pl.Float64).cast(pl.Int64)).drop_nulls("stars")
    theirs = theirs.join(organisations.select(organisation="id"), on="organisation", how="semi")
    compared, mismatches = 0, []
    for day, rows in _occasions(method, theirs):
        rating = rate(
            method,
            figures_on(day),
            judgements,
            organisations,
            catalogue,
            at_us=end_of(day),
            round=rows["round"][0] if method.recorded else None,
            option=option,
        )
        ours = rating.stars.filter(pl.col("rating_status") == "rated").drop("round")
        both = rows.select("organisation", "round", published="stars").join(ours, on="organisation")
        compared += both.height
        different = both.filter(pl.col("published") != pl.col("star")).sort("organisation")
        mismatches += [_mismatch(row, rating) for row in different.iter_rows(named=True)]
    named = f"{method.id} option {option}" if option else method.id
    return Match(named, compared, compared - len(mismatches), mismatches)


def _occasions(method: Method, published: pl.DataFrame) -> list[tuple[date, pl.DataFrame]]:
    """The published ratings that a method can be held against, by the day to rate, oldest first."""
    last = published.sort("published_at").unique(
        ["organisation", "round"] if method.recorded else ["organisation", "published_at"],
        keep="last",
        maintain_order=True,
    )
    if method.recorded and method.judgements is not None:
        rounds = method.judgements.rounds
        names = sorted(set(last["round"].drop_nulls()) & set(rounds), key=lambda name: rounds[name])
        return [(rounds[name], last.filter(pl.col("round") == name)) for name in names]
    dated = last.with_columns(day=pl.from_epoch("published_at", time_unit="us").dt.date())
    return [
        (day, rows.drop("day"))
        for (day,), rows in sorted(dated.group_by("day"), key=lambda pair: pair[0])
        if method.in_force(day)
    ]


def _mismatch(row: dict[str, Any], rating: Rating) -> dict[str, Any]:
    parts = rating.judgements.filter(pl.col("organisation") == row["organisation"])
    return {
        "organisation": row["organisation"],
        "round": row["round"],
        "published": row["published"],
        "computed": row["star"],
        **dict(parts.select("part", "judgement").iter_rows()),
        "rule": row["rule"],
    }
