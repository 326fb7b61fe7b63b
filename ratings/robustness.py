"""Robustness: how far the stars of a rating can be relied on, given what is uncertain about it.

Here: what many draws say of every star: how probable each one is, and between which stars and ranks it lies.
Not here: making the draws (draws.py), what is uncertain (uncertainty.py).

For internal analysis: nothing here is part of a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ratings.cases import Cases
from ratings.draws import NO_STAR, Draws, Whole
from ratings.uncertainty import in_words

MARK = "internal analysis: not part of any snapshot, never to be released"


@dataclass(frozen=True, slots=True)
class Robustness:
    """How far the stars of a rating can be relied on.

    Attributes:
        stars: one row per organisation with a star: `star` (as the method gives it, without decisions),
            `same` (share of the draws that give it), `lowest` and `highest` (the interval; -1 for no star),
            `rank` (1 more than the organisations with more stars), `rank_lowest` and `rank_highest` (its
            interval, the best rank first).
        probabilities: `organisation`, `star`, `probability`, one row for each star that any draw gives it;
            null where it gives none.
        percent: how many percent of the draws an interval holds.
        draws: how many.
        seed: what they were drawn with.
        uncertain: figures with an error, or that are revised now and then.
        figures: figures used.
        drawn: what was drawn, in words.
        mark: that this is internal analysis.
    """

    stars: pl.DataFrame
    probabilities: pl.DataFrame
    percent: int
    draws: int
    seed: int
    uncertain: int
    figures: int
    drawn: str
    mark: str = MARK


def robustness(found: Draws, cases: Cases) -> Robustness:
    """Say of every star how it came out in the draws.

    Args:
        found: the draws.
        cases: the rating that was drawn, as it is.
    """
    names = pl.DataFrame({"organisation": found.organisations}, schema={"organisation": pl.String})
    own = names.join(cases.as_it_is().select("organisation", star="own"), on="organisation", how="left")
    star = own["star"].fill_null(NO_STAR).to_numpy().astype(np.int16)[:, None]
    ranks = _ranks(found.stars)
    low, high = _interval(found.stars, found.declared.percent)
    best, worst = _interval(ranks, found.declared.percent)
    table = own.with_columns(
        pl.Series("same", (found.stars == star).mean(axis=1)),
        pl.Series("lowest", low.astype(np.int64)),
        pl.Series("highest", high.astype(np.int64)),
        pl.Series("rank", _ranks(star)[:, 0].astype(np.int64)),
        pl.Series("rank_lowest", best.astype(np.int64)),
        pl.Series("rank_highest", worst.astype(np.int64)),
    ).filter(pl.col("star").is_not_null())
    return Robustness(
        stars=table,
        probabilities=_probabilities(found),
        percent=found.declared.percent,
        draws=found.stars.shape[1],
        seed=found.seed,
        uncertain=found.uncertain,
        figures=found.figures,
        drawn=in_words(found.declared),
    )


def _ranks(stars: npt.NDArray[np.int16]) -> Whole:
    """1 more than the organisations with more stars, in every draw; without a star, behind all that have."""
    higher = np.zeros(stars.shape, np.int64)
    for star in range(int(stars.max(initial=NO_STAR)) + 1):
        higher += (stars < star) * (stars == star).sum(axis=0)
    return higher + 1


def _interval(values: npt.NDArray[Any], percent: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The values between which so many percent of the draws lie, the same number left out at either end."""
    ordered = np.sort(values, axis=1)
    out = (ordered.shape[1] * (100 - percent)) // 200
    return ordered[:, out], ordered[:, ordered.shape[1] - 1 - out]


def _probabilities(found: Draws) -> pl.DataFrame:
    draws = found.stars.shape[1]
    rows = []
    for name, stars in zip(found.organisations, found.stars, strict=True):
        values, counts = np.unique(stars, return_counts=True)
        rows += [
            (name, None if star == NO_STAR else int(star), int(count) / draws)
            for star, count in zip(values, counts, strict=True)
        ]
    schema = {"organisation": pl.String, "star": pl.Int64, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
