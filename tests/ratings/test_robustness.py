"""Robustness: a draw is a rating of the drawn figures, the same for the same seed, whatever the order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from importlib.resources import files

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.cases import Cases
from ratings.draws import NO_STAR, Draws, draw_stars
from ratings.errors import InputError, MethodError
from ratings.judgements import Missing
from ratings.methods import Method, load_method
from ratings.rating import Rating, rate
from ratings.robustness import MARK, Robustness, robustness
from ratings.uncertainty import (
    Uncertainty,
    drawn,
    drawn_weights,
    errors,
    load_uncertainty,
    parse_uncertainty,
    stream,
)
from tests.ratings.made_methods import (
    AT_US,
    BANDINGS,
    CATALOGUE,
    CODES,
    DAY,
    HIGH,
    LOW,
    NAMES,
    NO_JUDGEMENTS,
    PERIOD,
    everywhere,
    figure_frame,
    method_of,
    populations,
    rated,
    star_of,
)

NOTHING = Uncertainty("1", measurement=False, revisions=False, weights=None, percent=90, sha256="")
FIGURES = replace(NOTHING, measurement=True, revisions=True)
WEIGHTS = replace(NOTHING, weights=(0.5, 1.5))
QUALITY = pl.DataFrame(
    {"indicator": CODES, "revised": [5, 0, 3], "figures": [10, 10, 10], "revision_size": [20.0, None, 5.0]}
)
Values = dict[tuple[str, str, str], float | None]


def counted(figures: Values, cases: int = 400) -> pl.DataFrame:
    """Figures with the numbers of cases behind those in percent; the others have a revision at most."""
    share = pl.col("value") / 100 * cases
    percent = pl.col("indicator") != LOW
    return figure_frame(figures).with_columns(
        numerator=pl.when(percent).then(share), denominator=pl.when(percent).then(float(cases))
    )


def drawn_stars(
    method: Method, frame: pl.DataFrame, declared: Uncertainty, *, draws: int = 4, seed: int = 1
) -> Draws:
    return draw_stars(cases_of(method, frame), frame, QUALITY, declared, draws=draws, seed=seed)


def cases_of(method: Method, frame: pl.DataFrame) -> Cases:
    return Cases.of(method, rated(method, frame), CATALOGUE, DAY, None)


def all_drawn(frame: pl.DataFrame, declared: Uncertainty, draws: int, seed: int) -> pl.DataFrame:
    """Every figure of every draw: the rows of `errors` with a column per draw."""
    known = errors(frame, QUALITY, CATALOGUE, declared)
    return known.with_columns(pl.DataFrame(drawn(known, draws, seed), schema=[str(n) for n in range(draws)]))


@settings(max_examples=12)
@given(
    populations(),
    st.sampled_from([kind for kind in BANDINGS if kind != "frozen"]),
    st.sampled_from(["left_out", "worst_band", "no_rating"]),
    st.integers(0, 2**64),
)
def test_a_draw_is_the_rating_of_the_drawn_figures(
    figures: Values, kind: str, missing: Missing, seed: int
) -> None:
    method, frame = method_of(kind, missing), counted(figures)
    found = drawn_stars(method, frame, FIGURES, draws=2, seed=seed)
    values = all_drawn(frame, FIGURES, 2, seed)
    for draw in range(2):
        put = values.select("indicator", "organisation", "period", put=str(draw))
        changed = frame.join(put, on=["indicator", "organisation", "period"], how="left").with_columns(
            value=pl.coalesce("put", "value")
        )
        expected = rated(method, changed.select(frame.columns))
        assert [star_of(expected, name) for name in found.organisations] == [
            None if star == NO_STAR else star for star in found.stars[:, draw]
        ]


@settings(max_examples=3)
@given(populations(), st.integers(0, 99))
def test_edges_that_are_frozen_are_not_drawn(figures: Values, seed: int) -> None:
    method, frame = method_of("frozen"), counted(figures)
    bands_only = tuple(
        replace(part, rule=replace(part.rule, measure="band", cuts=(2000, 3000, 4000)))
        for part in method.parts.all
        if part.rule
    )
    method = replace(method, parts=replace(method.parts, all=bands_only))
    found = drawn_stars(method, frame, FIGURES, draws=1, seed=seed)
    put = all_drawn(frame, FIGURES, 1, seed).filter(pl.col("period") == PERIOD)
    changed = frame.join(
        put.select("indicator", "organisation", "period", put="0"),
        on=["indicator", "organisation", "period"],
        how="left",
    )
    expected = rated(method, changed.with_columns(value=pl.coalesce("put", "value")).select(frame.columns))
    assert [star_of(expected, name) for name in found.organisations] == [
        None if star == NO_STAR else star for star in found.stars[:, 0]
    ]


@settings(max_examples=4)
@given(populations(), st.integers(0, 99))
def test_a_draw_of_weights_is_the_rating_under_these_weights(figures: Values, seed: int) -> None:
    method, frame = method_of("edges"), counted(figures)
    found = drawn_stars(method, frame, WEIGHTS, draws=2, seed=seed)
    inputs = method.inputs(CATALOGUE).select("part", "indicator", "weight").rows()
    weights = drawn_weights({(part, code): w for part, code, w in inputs}, WEIGHTS, 2, seed)
    for draw in range(2):
        parts = tuple(
            replace(
                part, rule=replace(part.rule, weights={c: int(weights[part.name, c][draw]) for c in CODES})
            )
            for part in method.parts.all
            if part.rule
        )
        expected = rated(replace(method, parts=replace(method.parts, all=parts)), frame)
        assert [star_of(expected, name) for name in found.organisations] == [
            None if star == NO_STAR else star for star in found.stars[:, draw]
        ]


def test_weights_of_parts_are_drawn_where_the_star_is_their_mean() -> None:
    method = load_method("aged-care-au")
    chance = stream(3, "a test")
    facilities = [f"f{n}" for n in range(12)]
    values: Values = {
        (f"AGEDCARE:{part}", name, "2024-10-01/P3M"): float(chance.integers(1, 6))
        for part in method.parts.names
        for name in facilities
    }
    frame = figure_frame(values)
    organisations = pl.DataFrame({"id": facilities, "kind": ["facility"] * 12})
    rating = rate(method, frame, NO_JUDGEMENTS, organisations, CATALOGUE, at_us=AT_US)

    def of(declared: Uncertainty) -> Draws:
        cases = Cases.of(method, rating, CATALOGUE, DAY, None)
        return draw_stars(cases, frame, QUALITY, declared, draws=40, seed=5)

    mean = method.table().mean
    assert mean is not None
    weights = drawn_weights({(part, ""): w for part, w in mean.weights.items()}, WEIGHTS, 40, 5)
    found = of(WEIGHTS)
    for draw in range(40):
        theirs = replace(mean, weights={part: int(weights[part, ""][draw]) for part in mean.weights})
        for row, name in enumerate(found.organisations):
            levels = tuple(
                int(values[f"AGEDCARE:{part}", name, "2024-10-01/P3M"] or 0) - 1
                for part in method.parts.names
            )
            assert theirs.star(levels, method.parts)[0] == found.stars[row, draw]
    assert (found.stars != of(NOTHING).stars).any()
    assert of(NOTHING).stars[:, 0].tolist() == rating.stars.sort("organisation")["star"].to_list()


def test_where_nothing_is_uncertain_every_draw_is_the_rating() -> None:
    frame = counted(everywhere(9.0))
    found = summed(method_of("edges"), frame, NOTHING)
    assert set(found.stars["same"]) == {1.0}
    assert found.stars["lowest"].equals(found.stars["star"].rename("lowest"))
    assert set(found.probabilities["probability"]) == {1.0}
    assert (found.uncertain, found.drawn, found.mark) == (0, "nothing is drawn", MARK)


def summed(
    method: Method, frame: pl.DataFrame, declared: Uncertainty, draws: int = 60, seed: int = 1
) -> Robustness:
    return robustness(drawn_stars(method, frame, declared, draws=draws, seed=seed), cases_of(method, frame))


@settings(max_examples=4)
@given(populations(), st.integers(0, 99))
def test_the_same_seed_gives_the_same_whatever_the_order_of_rows(figures: Values, seed: int) -> None:
    method, frame = method_of("quantiles, ties better"), counted(figures)
    one = summed(method, frame, FIGURES, draws=20, seed=seed)
    other = summed(method, frame.sample(fraction=1, shuffle=True, seed=seed), FIGURES, draws=20, seed=seed)
    assert one.stars.equals(other.stars)
    assert one.probabilities.equals(other.probabilities)


def test_another_seed_gives_other_draws_and_a_figure_is_drawn_alike_in_any_company() -> None:
    known = errors(counted(everywhere(9.0)), QUALITY, CATALOGUE, FIGURES)
    assert (drawn(known, 5, 1) != drawn(known, 5, 2)).any()
    assert (drawn(known[3:4], 5, 1) == drawn(known, 5, 1)[3:4]).all()


def test_intervals_and_probabilities_are_those_of_the_draws() -> None:
    method, frame = method_of("edges"), counted(everywhere(8.2), cases=100)
    found, raw = summed(method, frame, FIGURES, draws=200), drawn_stars(method, frame, FIGURES, draws=200)
    each = found.probabilities.group_by("organisation").agg(pl.col("probability").sum())
    assert each["probability"].to_numpy() == pytest.approx(1.0)
    for row, stars in zip(found.stars.sort("organisation").to_dicts(), raw.stars, strict=True):
        assert (row["lowest"], row["highest"]) == (sorted(stars)[10], sorted(stars)[189])
        assert row["same"] == pytest.approx((stars == row["star"]).mean())
        assert row["rank_lowest"] <= row["rank"] <= row["rank_highest"] or row["same"] < 1
    assert 0 < found.stars["same"].min() < 1  # type: ignore[operator]
    assert found.uncertain == 3 * len(NAMES) - len(NAMES)  # LOW has neither cases nor revisions


def test_a_share_has_the_error_of_its_cases_and_stays_within_them() -> None:
    frame = counted({(HIGH, "o1", PERIOD): 20.0}, cases=400)
    declared = replace(NOTHING, measurement=True)
    values = drawn(errors(frame, QUALITY, CATALOGUE, declared), 20_000, 1)[0]
    assert values.mean() == pytest.approx(20.0, abs=0.1)
    assert values.std() == pytest.approx(100 * np.sqrt(0.2 * 0.8 / 400), rel=0.03)
    none = counted({(HIGH, "o1", PERIOD): 0.0}, cases=10)
    assert drawn(errors(none, QUALITY, CATALOGUE, declared), 500, 1).min() >= 0
    bare = figure_frame({(HIGH, "o1", PERIOD): 20.0})
    assert set(drawn(errors(bare, QUALITY, CATALOGUE, declared), 50, 1)[0]) == {20.0}


def test_revisions_are_drawn_as_often_and_as_large_as_they_were() -> None:
    declared = replace(NOTHING, revisions=True)
    values = drawn(
        errors(figure_frame({(HIGH, "o1", PERIOD): 20.0}), QUALITY, CATALOGUE, declared), 20_000, 1
    )[0]
    moved = values != 20.0
    assert moved.mean() == pytest.approx(0.5, abs=0.02)
    assert np.abs(values[moved] - 20.0).mean() == pytest.approx(0.2 * 20.0, rel=0.03)


def test_a_key_threshold_near_a_figure_makes_a_recorded_star_uncertain() -> None:
    method = load_method("ssi-2002")
    assert method.judgements is not None
    words = {"serving": "most", "prospects": "excellent"}
    judged = pl.DataFrame(
        [
            (name, "2002-05", part.service, part.aspect, words[part.aspect], 0, n)
            for name in ("walsall", "bury")
            for n, part in enumerate(method.parts.all)
        ],
        schema=["organisation", "round", "service", "aspect", "judgement", "published_at", "position"],
        orient="row",
    )
    frame = figure_frame(
        {("PAF:A1", "walsall", "2000-04-01/P1Y"): 19.5, ("PAF:A1", "bury", "2000-04-01/P1Y"): 5.0}
    )
    cases = pl.Series([19.5 * 4 if name == "walsall" else 20.0 for name in frame["organisation"]])
    frame = frame.with_columns(numerator=cases, denominator=pl.lit(400.0))
    organisations = pl.DataFrame({"id": ["walsall", "bury"], "kind": ["council"] * 2})
    rating: Rating = rate(method, frame, judged, organisations, CATALOGUE, at_us=AT_US)
    cases = Cases.of(method, rating, CATALOGUE, date(2002, 5, 30), None)
    found = robustness(draw_stars(cases, frame, QUALITY, FIGURES, draws=400, seed=1), cases)
    same = dict(found.stars.select("organisation", "same").iter_rows())
    assert same["bury"] == 1.0
    assert 0.5 < same["walsall"] < 0.7  # half a point below the threshold, with an error of two points
    ranks = {
        row["organisation"]: (row["rank"], row["rank_lowest"], row["rank_highest"])
        for row in found.stars.to_dicts()
    }
    assert ranks == {"bury": (1, 1, 1), "walsall": (1, 1, 2)}


def test_what_cannot_be_drawn_is_refused() -> None:
    frame = counted(everywhere(9.0))
    for draws in (0, -1, 10**9):
        with pytest.raises(InputError, match="draws cannot be made"):
            drawn_stars(method_of("edges"), frame, NOTHING, draws=draws)
    rating = rated(method_of("edges"), frame)
    with pytest.raises(MethodError, match="has no overall star"):
        Cases.of(load_method("lait-quartile"), rating, CATALOGUE, DAY, None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("lowest = 0.75", "lowest = 1.5", "highest: 1.5 to 1.25 does not hold 1"),
        ("lowest = 0.75", "lowest = 0", "highest: 0 to 1.25 does not hold 1"),
        ("percent = 90", "percent = 100", "percent: 100 is not between 0 and 100"),
        ("percent = 90", "percent = 90\nodd = 1", "odd: is not a key"),
        ('version = "1"', "", "version: is missing"),
        ("[measurement]", "[measurements]", "measurement: is missing"),
        ("[interval]", "[interval", "not a TOML file"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    text = (files("ratings") / "uncertainty.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(MethodError, match=r"uncertainty\.toml") as refused:
        parse_uncertainty(text.replace(old, new, 1).encode(), "uncertainty.toml")
    assert says in str(refused.value)
    assert load_uncertainty().weights == (0.75, 1.25)
