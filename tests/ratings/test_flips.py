"""Flips: whether fresh data could change a star, against every combination tried by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.flips import ANSWERS, Flips, flips, held_fixed
from ratings.methods import Method, load_method
from ratings.rating import BANDS, JUDGEMENTS, STARS, Rating, judge

CATALOGUE = load_catalogue()
ILLUSTRATIVE = load_method("stars-illustrative")
DAY = date(2025, 6, 30)
INPUTS = ILLUSTRATIVE.inputs(CATALOGUE)
BY_SERVICE = {
    service: sorted(set(INPUTS.filter(pl.col("service") == service)["indicator"]))
    for service in sorted(set(INPUTS["service"]))
}
NO_FIGURES = pl.DataFrame(
    schema={
        "organisation": pl.String,
        "case": pl.String,
        "indicator": pl.String,
        "value": pl.Float64,
        "denominator": pl.Float64,
    }
)


def bands_of(rows: list[tuple[str, int | None, int | None]], organisation: str = "a") -> pl.DataFrame:
    """Bands of one organisation: indicator, band, previous band."""
    frame = pl.DataFrame(
        rows, schema={"indicator": pl.String, "band": pl.Int64, "previous_band": pl.Int64}, orient="row"
    )
    return frame.with_columns(
        organisation=pl.lit(organisation),
        key=pl.lit(False),
        **{n: pl.lit(None, t) for n, t in BANDS.items() if n not in (*frame.columns, "organisation", "key")},
    ).select(list(BANDS))


def rated(method: Method, bands: pl.DataFrame) -> Rating:
    """The rating of these bands."""
    _, placed = judge(method, bands, NO_FIGURES.drop("case"), method.inputs(CATALOGUE), day=DAY)
    assert placed is not None
    stars = placed.select("organisation", "star").with_columns(
        pl.lit(None, kind).alias(name) for name, kind in STARS.items() if name not in ("organisation", "star")
    )
    return Rating(bands, pl.DataFrame(schema=JUDGEMENTS), stars, None)


def asked(rating: Rating, doubtful: list[str], method: Method = ILLUSTRATIVE) -> Flips:
    pairs = pl.DataFrame(
        {"organisation": ["a"] * len(doubtful), "indicator": doubtful},
        schema={"organisation": pl.String, "indicator": pl.String},
    )
    return flips(method, rating, pairs, CATALOGUE, day=DAY)


def every_star(method: Method, bands: pl.DataFrame, doubtful: list[str]) -> set[int | None]:
    """The stars of every combination of bands of the doubtful inputs, each tried."""
    number = len(method.bandings[0].labels)
    frames = []
    for case, combination in enumerate(product(range(1, number + 1), repeat=len(doubtful))):
        put = dict(zip(doubtful, combination, strict=True))
        frames.append(
            bands.select("organisation", "indicator", "band", "previous_band").with_columns(
                case=pl.lit(str(case)),
                band=pl.col("indicator").replace_strict(put, default=pl.col("band"), return_dtype=pl.Int64),
            )
        )
    _, placed = judge(method, pl.concat(frames), NO_FIGURES, method.inputs(CATALOGUE), day=DAY)
    assert placed is not None
    return set(placed["star"])


def few(service: str, number: int) -> list[str]:
    return BY_SERVICE[service][:number]


@st.composite
def populations(draw: st.DrawFn) -> tuple[pl.DataFrame, list[str]]:
    """Bands near a cut point, with up to three doubtful inputs."""
    number = len(ILLUSTRATIVE.bandings[0].labels)
    band = st.one_of(st.none(), st.integers(1, number))
    rows: list[tuple[str, int | None, int | None]] = []
    for service in BY_SERVICE:
        level = draw(st.integers(1, number))
        for code in few(service, 12):
            rows.append((code, draw(st.sampled_from([level, level, level, None])), draw(band)))
    capping = {cap.indicator for cap in ILLUSTRATIVE.caps}  # a value can flip the star beside its band: below
    codes = [code for code, _, _ in rows if code not in capping]
    doubtful = draw(st.lists(st.sampled_from(codes), max_size=3, unique=True))
    return bands_of(rows), doubtful


def test_a_figure_that_could_miss_its_key_threshold_can_flip_the_star_whatever_its_band() -> None:
    levels = {"adults": 4, "children": 3}  # each a band better than before
    bands = bands_of([(c, n, n - 1) for service, n in levels.items() for c in few(service, 12)])
    found = asked(rated(ILLUSTRATIVE, bands), ["ASCOF:1C(1A)"])
    assert every_star(ILLUSTRATIVE, bands, ["ASCOF:1C(1A)"]) == {3}
    assert found.summary["could_fresh_data_change_it"].to_list() == ["possibly"]
    [flip] = found.values.to_dicts()
    assert (flip["star"], flip["band"]) == (2, None)
    assert flip["value"] < 70


@given(populations())
@settings(max_examples=40)
def test_the_answer_is_what_trying_every_combination_gives(case: tuple[pl.DataFrame, list[str]]) -> None:
    bands, doubtful = case
    rating = rated(ILLUSTRATIVE, bands)
    own = rating.stars["star"][0]
    found = asked(rating, doubtful)
    answer = found.summary.row(0, named=True)
    stars = every_star(ILLUSTRATIVE, bands, doubtful) if doubtful else {own}

    assert answer["could_fresh_data_change_it"] in ANSWERS
    if answer["could_fresh_data_change_it"] == "never":
        assert stars == {own}
    elif answer["could_fresh_data_change_it"] == "certainly":
        assert own not in stars
    else:
        assert stars - {own}
    known = {star for star in stars if star is not None}
    assert answer["lowest_star"] == min(known, default=None)
    assert answer["highest_star"] == max(known, default=None)

    alone = {
        (code, band, star)
        for code in doubtful
        for band in range(1, len(ILLUSTRATIVE.bandings[0].labels) + 1)
        for star in every_star(ILLUSTRATIVE, _put(bands, code, band), [])
        if star != own
    }
    assert set(found.values.select("indicator", "band", "star").rows()) == alone


def _put(bands: pl.DataFrame, code: str, band: int) -> pl.DataFrame:
    put = pl.when(pl.col("indicator") == code).then(pl.lit(band, pl.Int64)).otherwise(pl.col("band"))
    return bands.with_columns(band=put)


def test_nothing_doubtful_never_changes_a_star() -> None:
    bands = bands_of([(code, 3, 3) for service in BY_SERVICE for code in few(service, 12)])

    answer = asked(rated(ILLUSTRATIVE, bands), []).summary.row(0, named=True)

    assert answer["could_fresh_data_change_it"] == "never"
    assert answer["lowest_star"] == answer["highest_star"] is not None


def test_a_star_that_is_absent_for_want_of_figures_would_certainly_change() -> None:
    codes = [code for service in BY_SERVICE for code in BY_SERVICE[service]]
    rating = rated(ILLUSTRATIVE, bands_of([(code, None, 3) for code in codes]))

    found = asked(rating, codes)

    assert rating.stars["star"][0] is None
    assert found.summary["could_fresh_data_change_it"][0] == "certainly"
    assert (found.summary["lowest_star"][0], found.summary["highest_star"][0]) == (0, 3)


def test_a_table_that_is_not_monotone_is_bounded_by_all_between_its_corners() -> None:
    table = ILLUSTRATIVE.table()
    method = replace(
        ILLUSTRATIVE, tables={ILLUSTRATIVE.default_option: replace(table, not_monotone="a test")}
    )
    codes = [code for service in BY_SERVICE for code in few(service, 12)]
    bands = bands_of([(code, 3, 3) for code in codes])

    plain, boxed = (asked(rated(m, bands), codes, m).summary for m in (ILLUSTRATIVE, method))

    assert plain.rows() == boxed.rows()  # this table is in truth monotone, so both ways agree


def test_the_answer_says_what_it_held_fixed() -> None:
    assert "edges of the bands" in held_fixed(ILLUSTRATIVE)
    assert held_fixed(load_method("ssi-2002")) == "held fixed: the recorded judgements"
