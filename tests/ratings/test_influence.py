"""Influence: a star with an input left out is the star that the method gives without that input."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.influence import INFLUENCE, influence, without
from ratings.judgements import Missing
from ratings.methods import load_method
from ratings.rating import Rating, judge
from tests.ratings.made_methods import (
    BANDINGS,
    CATALOGUE,
    CODES,
    DAY,
    HIGH,
    ILLUSTRATIVE,
    NAMES,
    PERIOD,
    everywhere,
    figure_frame,
    method_of,
    populations,
    rated,
)

MISSING: tuple[Missing, ...] = ("left_out", "worst_band", "no_rating")
KEY = ["organisation", "indicator", "value", "denominator"]


@settings(max_examples=12)
@given(populations(), st.sampled_from(list(BANDINGS)), st.sampled_from(MISSING), st.randoms())
def test_a_star_without_an_input_is_what_the_method_gives_without_it(
    figures: dict[tuple[str, str, str], float | None], kind: str, missing: Missing, chance: object
) -> None:
    method = method_of(kind, missing)
    rating = rated(method, figure_frame(figures))

    shuffled = Rating(
        rating.bands.sample(fraction=1, shuffle=True, seed=chance.randrange(99)),  # type: ignore[attr-defined]
        rating.judgements,
        rating.stars,
        None,
    )
    found = influence(method, shuffled, CATALOGUE, day=DAY)

    assert found.height == len(NAMES) * len(CODES)
    assert found.equals(influence(method, rating, CATALOGUE, day=DAY))
    for code in CODES:
        kept = rating.bands.filter(pl.col("indicator") != code)
        _, placed = judge(method, kept, kept.filter("key").select(KEY), method.inputs(CATALOGUE), day=DAY)
        assert placed is not None
        expected = dict(placed.select("organisation", "star").iter_rows())
        alone = found.filter(pl.col("indicator") == code)
        assert dict(alone.select("organisation", "star_without").iter_rows()) == expected
        together = without(method, rating, CATALOGUE, [code], day=DAY)
        assert dict(together.iter_rows()) == expected
    own = dict(rating.stars.select("organisation", "star").iter_rows())
    assert dict(found.select("organisation", "star").iter_rows()) == own
    assert found.filter("decides").equals(found.filter(pl.col("star").ne_missing(pl.col("star_without"))))


def test_without_any_indicator_there_is_no_star() -> None:
    method = method_of("edges")
    rating = rated(method, figure_frame(everywhere(9.0)))
    assert rating.stars["star"].null_count() == 0
    left = without(method, rating, CATALOGUE, list(CODES), day=DAY)
    assert left["star"].null_count() == len(NAMES)


def test_a_threshold_that_binds_is_named_with_what_the_judgement_would_be() -> None:
    method = method_of("edges")
    values = everywhere(17.0)
    values[HIGH, "o1", PERIOD] = 4.9  # below 5: capped at `some`
    found = influence(method, rated(method, figure_frame(values)), CATALOGUE, day=DAY)
    row = found.filter((pl.col("organisation") == "o1") & (pl.col("indicator") == HIGH)).to_dicts()[0]
    assert row["counts_for"] == "adults_prospects, adults_serving, children_prospects, children_serving"
    assert row["star_without"] > row["star"]
    assert "serving people well for adults: most" in row["judgements_without"]


@pytest.mark.parametrize("method", ["lait-quartile"])
def test_a_method_without_stars_has_no_influence(method: str) -> None:
    bare = load_method(method)
    rating = rated(ILLUSTRATIVE, figure_frame({(HIGH, "o1", PERIOD): 1.0}))
    assert influence(bare, rating, CATALOGUE, day=DAY).schema == INFLUENCE
    assert without(bare, rating, CATALOGUE, [HIGH], day=DAY).is_empty()
