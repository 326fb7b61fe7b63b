"""Counterfactuals: what they promise happens, nothing nearer does it, and the figure's unit is said."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.bands import MICRO
from ratings.counterfactuals import COUNTERFACTUALS, counterfactuals
from ratings.edges import ABOVE, AT_LEAST, AT_MOST, BELOW
from ratings.methods import load_method
from ratings.rating import rate
from tests.ratings.made_methods import (
    AT_US,
    BANDINGS,
    BEFORE,
    CATALOGUE,
    CODES,
    DAY,
    HIGH,
    LOW,
    NAMES,
    PERIOD,
    everywhere,
    figure_frame,
    method_of,
    populations,
    rated,
    star_of,
)

JUST = {ABOVE: 1 / MICRO, BELOW: -1 / MICRO, AT_LEAST: 0.0, AT_MOST: 0.0}


@settings(max_examples=10)
@given(populations(), st.sampled_from(list(BANDINGS)), st.sampled_from(NAMES), st.sampled_from(CODES))
def test_a_figure_that_moves_as_far_as_said_gives_the_star_and_nothing_nearer_does(
    figures: dict[tuple[str, str, str], float | None], kind: str, name: str, code: str
) -> None:
    method = method_of(kind)
    figures[code, name, PERIOD] = now = figures[code, name, PERIOD] or 7.5
    rating = rated(method, figure_frame(figures))
    own = star_of(rating, name)
    found = counterfactuals(method, figure_frame(figures), rating, CATALOGUE, day=DAY)
    mine = found.filter(
        (pl.col("organisation") == name) & (pl.col("input") == code) & (pl.col("kind") == "figure")
    )
    told = {row["direction"]: row for row in mine.to_dicts()}

    def star_with(value: float) -> int | None:
        return star_of(rated(method, figure_frame(figures | {(code, name, PERIOD): value})), name)

    for direction, row in told.items():
        assert star_with(row["figure"] + JUST[row["relation"]]) == row["star"]
        assert own is not None
        assert (row["star"] > own) == (direction == "up")
    # Every value that others have, and values beside them, are tried by rating everything again.
    others = {v for (c, _, p), v in figures.items() if c == code and p == PERIOD and v is not None}
    edges = sorted(others | set(method.bandings[0].edges) | {5.0, 15.0})
    for value in [v + step for v in edges[::4] for step in (-0.25, 0.0, 0.25) if v + step >= 0]:
        star = star_with(value)
        if own is None or star is None or star == own:
            continue
        row = told["up" if star > own else "down"]
        assert abs(row["figure"] - now) <= abs(value - now) + 2 / MICRO


@settings(max_examples=5)
@given(populations(), st.sampled_from(["edges", "quantiles, ties better"]), st.randoms())
def test_the_order_of_rows_does_not_change_them_and_one_of_each_kind_is_nearest(
    figures: dict[tuple[str, str, str], float | None], kind: str, chance: object
) -> None:
    method, frame = method_of(kind), figure_frame(figures)
    rating = rated(method, frame)
    found = counterfactuals(method, frame, rating, CATALOGUE, day=DAY)
    other = frame.sample(fraction=1, shuffle=True, seed=chance.randrange(99))  # type: ignore[attr-defined]
    assert counterfactuals(method, other, rated(method, other), CATALOGUE, day=DAY).equals(found)
    group = ["organisation", "kind", "direction"]
    assert (
        found.filter("nearest").group_by(group).len()["len"].to_list()
        == [1] * found.select(group).unique().height
    )
    for near in found.filter("nearest").to_dicts():
        alike = found.filter(pl.all_horizontal(pl.col(name) == near[name] for name in group))
        assert near["distance"] == alike["distance"].min()


def test_a_judgement_counts_after_its_caps() -> None:
    method, values = method_of("edges"), everywhere(17.0)
    for period in (BEFORE, PERIOD):
        values[HIGH, "o1", period] = 4.0  # fails the threshold of 5, which caps adults_serving at `some`
        values[LOW, "o1", period] = 0.0  # its best band, so that it would be `most`
    frame = figure_frame(values)
    found = counterfactuals(method, frame, rated(method, frame), CATALOGUE, day=DAY)
    mine = found.filter(pl.col("organisation") == "o1")
    # No judgement gets past a threshold that binds; the figure behind it does.
    assert mine.filter(pl.col("input") == "adults_serving")["direction"].to_list() == ["down"]
    [up] = mine.filter((pl.col("input") == HIGH) & (pl.col("direction") == "up"))["says"]
    assert " with ASCOF:1G at least 5 %, against 4 % (then " in up


def test_a_failed_threshold_is_said_in_the_unit_of_the_figure() -> None:
    method = load_method("ssi-2002")
    assert method.judgements is not None
    words = {"serving": "most", "prospects": "excellent"}
    judged = pl.DataFrame(
        [
            ("walsall", "2002-05", part.service, part.aspect, words[part.aspect], 0, n)
            for n, part in enumerate(method.parts.all)
        ],
        schema=["organisation", "round", "service", "aspect", "judgement", "published_at", "position"],
        orient="row",
    )
    frame = figure_frame({("PAF:A1", "walsall", "2000-04-01/P1Y"): 21.0})
    organisations = pl.DataFrame({"id": ["walsall"], "kind": ["council"]})
    rating = rate(method, frame, judged, organisations, CATALOGUE, at_us=AT_US)
    day = method.judgements.rounds["2002-05"]
    found = counterfactuals(method, frame, rating, CATALOGUE, day=day)
    figures = found.filter(pl.col("kind") == "figure")["says"].to_list()
    assert figures == [
        "three stars with PAF:A1 at most 20 %, against 21 % (then serving people well for children: most)"
    ]


def test_a_method_without_stars_has_none() -> None:
    rating = rated(method_of("edges"), figure_frame({(HIGH, "o1", PERIOD): 1.0}))
    found = counterfactuals(load_method("lait-quartile"), figure_frame({}), rating, CATALOGUE, day=DAY)
    assert found.schema == COUNTERFACTUALS
