"""Rating: the published stars of 2002-2005 come out, caps bind, and no better figure lowers a star."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.errors import MethodError
from ratings.matching import match_published
from ratings.methods import load_method, shipped_ids
from ratings.rating import BANDS, JUDGEMENTS, STARS, Rating, rate

HERE = Path(__file__).parent / "data"
CATALOGUE = load_catalogue()
FIGURES = {
    "indicator": pl.String,
    "organisation": pl.String,
    "period": pl.String,
    "value": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "obs_status": pl.String,
    "published_at": pl.Int64,
    "position": pl.Int64,
}
RECORDED = {
    "organisation": pl.String,
    "round": pl.String,
    "service": pl.String,
    "aspect": pl.String,
    "judgement": pl.String,
    "published_at": pl.Int64,
    "position": pl.Int64,
}
PARTS = load_method("ssi-2002").parts
NO_JUDGEMENTS = pl.DataFrame(schema=RECORDED)


def us(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


NOW = us(2026, 1, 1)
HANSARD = us(2001, 11, 19)


def figure_frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    blank = {"numerator": None, "denominator": None, "obs_status": "A", "published_at": HANSARD}
    return pl.DataFrame([blank | {"position": n} | row for n, row in enumerate(rows)], schema=FIGURES)


def a1(organisation: str, moved: float, looked_after: float, **more: Any) -> dict[str, Any]:
    return {
        "indicator": "PAF:A1",
        "organisation": organisation,
        "period": "2000-04-01/P1Y",
        "value": 100 * moved / looked_after,
        "numerator": moved,
        "denominator": looked_after,
    } | more


def judgement_frame(published: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "organisation": row["organisation"],
            "round": row["round"],
            "service": part.service,
            "aspect": part.aspect,
            "judgement": row[part.name],
            "published_at": us(2002, 5, 30),
        }
        for row in published.to_dicts()
        for part in PARTS.all
        if row[part.name] is not None
    ]
    return pl.DataFrame([row | {"position": n} for n, row in enumerate(rows)], schema=RECORDED)


def councils(*ids: str, kind: str = "council") -> pl.DataFrame:
    return pl.DataFrame(
        {"id": ids, "name": ids, "kind": [kind] * len(ids)}, schema_overrides={"id": pl.String}
    )


def published_2002() -> pl.DataFrame:
    published = pl.read_csv(HERE / "published_2002_2005.csv")
    return published.with_columns(published_at=pl.lit(us(2002, 5, 30)))


def a1_2001() -> pl.DataFrame:
    rows = pl.read_csv(HERE / "a1_2001.csv").to_dicts()
    return figure_frame([a1(row["organisation"], row["numerator"], row["denominator"]) for row in rows])


def four(*words: str | None, organisation: str = "walsall", round: str = "2002-05") -> pl.DataFrame:
    row = {"organisation": organisation, "round": round} | dict(zip(PARTS.names, words, strict=True))
    return judgement_frame(pl.DataFrame([row], schema_overrides=dict.fromkeys(PARTS.names, pl.String)))


def rated_2002(judgements: pl.DataFrame, figures: Sequence[dict[str, Any]] = (), **more: Any) -> Rating:
    return rate(
        load_method("ssi-2002"),
        figure_frame(figures),
        judgements,
        councils("walsall"),
        CATALOGUE,
        **({"at_us": NOW} | more),
    )


def only(frame: pl.DataFrame) -> dict[str, Any]:
    assert frame.height == 1
    return frame.to_dicts()[0]


def part(rating: Rating, service: str, aspect: str) -> dict[str, Any]:
    return only(rating.judgements.filter((pl.col("service") == service) & (pl.col("aspect") == aspect)))


@pytest.mark.parametrize("option", [None, "A", "B"])
def test_all_24_complete_published_ratings_come_out_with_caps_and_known_figures(option: str | None) -> None:
    published = published_2002()
    found = match_published(
        load_method("ssi-2002"),
        published,
        judgement_frame(published),
        lambda _: a1_2001(),
        councils(*published["organisation"].unique()),
        CATALOGUE,
        option=option,
    )
    assert (found.compared, found.matched, found.mismatches) == (24, 24, [])


def test_all_24_come_out_of_the_files_with_the_figures_of_76_councils(shared_data: Path) -> None:
    facts = shared_data / "facts"
    ids = {
        name: CATALOGUE.resolve(name, at=date(2002, 5, 30)).id
        for file in ("published_ratings.csv", "a1_placements_2001.csv")
        for name in pl.read_csv(facts / file)["council"].unique()
    }
    published = pl.read_csv(facts / "published_ratings.csv").with_columns(
        organisation=pl.col("council").replace_strict(ids),
        round=pl.col("rating_round"),
        published_at=pl.lit(us(2002, 5, 30)),
    )
    moves = pl.read_csv(facts / "a1_placements_2001.csv").to_dicts()
    figures = figure_frame(
        [
            a1(ids[r["council"]], r["children_with_3plus_placements"], r["children_looked_after"])
            for r in moves
        ]
    )
    assert figures.height == 76
    assert figures["value"].max() < 17  # type: ignore[operator]  # the answer listed those that met the target of 16 %
    found = match_published(
        load_method("ssi-2002"),
        published,
        judgement_frame(published),
        lambda _: figures,
        councils(*sorted(set(ids.values()))),
        CATALOGUE,
    )
    assert (found.compared, found.matched) == (24, 24)


def test_a_rating_that_differs_from_what_was_published_is_shown_with_its_rule() -> None:
    published = published_2002().filter(pl.col("organisation") == "walsall").with_columns(stars=pl.lit(2))
    found = match_published(
        load_method("ssi-2002"),
        published,
        judgement_frame(published),
        lambda _: a1_2001(),
        councils("walsall"),
        CATALOGUE,
    ).as_dict()
    assert (found["method"], found["compared"], found["matched"]) == ("ssi-2002", 1, 0)
    (mismatch,) = found["mismatches"]
    assert (mismatch["published"], mismatch["computed"], mismatch["adults_serving"]) == (2, 0, "no")
    assert mismatch["rule"] == "zero because both services serve no people well"


def test_a_failed_key_threshold_caps_the_judgement_and_the_star_says_so() -> None:
    found = rated_2002(four("most", "excellent", "most", "excellent"), [a1("walsall", 117, 500)])
    judged = part(found, "children", "serving")
    assert (judged["judgement"], judged["computed_judgement"], judged["basis"]) == (
        "some",
        "most",
        "recorded",
    )
    assert (judged["capped_by"], judged["cap_value"], judged["cap_threshold"]) == ("PAF:A1", 23.4, 20.0)
    assert judged["rule"] == (
        "serving people well for children is capped at 'some' because PAF:A1 was 23.4 %, above 20 % "
        "(recorded as 'most' in round 2002-05)"
    )
    star = only(found.stars)
    assert star["star"] == 2
    assert star["rule"].endswith("; serving people well for children is capped at 'some' by PAF:A1")


def test_without_the_figure_the_same_judgements_are_three_stars() -> None:
    found = rated_2002(four("most", "excellent", "most", "excellent"))
    assert only(found.stars)["star"] == 3
    assert only(found.stars)["rating_status"] == "rated"


def test_a_small_council_is_exempt_and_its_rule_says_so() -> None:
    found = rated_2002(four("most", "excellent", "most", "excellent"), [a1("walsall", 20, 80)])
    assert only(found.stars)["star"] == 3
    assert (
        "PAF:A1 was 25 %, above 20 %, but the numbers are too small"
        in part(found, "children", "serving")["rule"]
    )


def test_the_figure_compared_with_a_threshold_is_shown_without_a_band() -> None:
    found = only(rated_2002(four("most", "excellent", "most", "excellent"), [a1("walsall", 20, 200)]).bands)
    assert (found["indicator"], found["value"], found["key"], found["band"]) == ("PAF:A1", 10.0, True, None)


def test_a_figure_published_after_the_round_does_not_reach_back() -> None:
    late = [a1("walsall", 117, 500, published_at=us(2002, 5, 31))]
    assert only(rated_2002(four("most", "excellent", "most", "excellent"), late).stars)["star"] == 3


def test_the_thresholds_of_2002_are_not_carried_into_later_rounds() -> None:
    judged = four("most", "excellent", "most", "excellent", round="2004-11")
    assert only(rated_2002(judged, [a1("walsall", 117, 500)]).stars)["star"] == 3


def test_the_latest_known_round_is_rated_unless_another_is_asked_for() -> None:
    judged = pl.concat(
        [four("no", "poor", "no", "poor"), four("some", "promising", "some", "promising", round="2003-11")]
    )
    assert only(rated_2002(judged).stars).items() >= {"round": "2003-11", "star": 1}.items()
    assert only(rated_2002(judged, round="2002-05").stars).items() >= {"round": "2002-05", "star": 0}.items()


def test_a_round_that_the_method_does_not_cover_is_refused() -> None:
    with pytest.raises(MethodError, match=r"does not cover round '2006-11'.*2002-05, 2002-11"):
        rated_2002(four("no", "poor", "no", "poor"), round="2006-11")


def test_fewer_than_four_judgements_are_not_rated_and_the_missing_ones_are_named() -> None:
    star = only(rated_2002(four("most", None, "some", None)).stars)
    assert (star["star"], star["rating_status"]) == (None, "not_rated")
    assert star["rating_status_reason"] == (
        "no judgement in round 2002-05 of prospects for improvement for children, "
        "prospects for improvement for adults"
    )
    assert star["rule"] == f"no star: {star['rating_status_reason']}"


def test_an_organisation_that_was_never_judged_is_not_rated() -> None:
    star = only(rated_2002(NO_JUDGEMENTS).stars)
    assert (star["rating_status"], star["rating_status_reason"]) == (
        "not_rated",
        "no judgement of any round is known",
    )


def test_a_word_that_is_not_on_the_scale_is_named() -> None:
    found = rated_2002(four("good", "poor", "no", "poor"))
    assert only(found.stars)["rating_status"] == "not_rated"
    assert "'good', which is none of no, some, most, yes" in part(found, "children", "serving")["rule"]


def test_the_frames_have_their_columns_even_when_there_is_nothing() -> None:
    for identifier in shipped_ids():
        found = rate(
            load_method(identifier),
            figure_frame([]),
            NO_JUDGEMENTS,
            councils("walsall"),
            CATALOGUE,
            at_us=NOW,
        )
        assert dict(found.bands.schema) == dict(BANDS)
        assert dict(found.judgements.schema) == dict(JUDGEMENTS)
        assert dict(found.stars.schema) == dict(STARS)


def test_regions_and_the_nation_are_never_banded() -> None:
    both = pl.concat([councils("a", "b"), councils("england", kind="aggregate")])
    rows = [
        {"indicator": "LAIT:ReReferral", "organisation": name, "period": "2024-04-01/P1Y", "value": value}
        for name, value in (("a", 10.0), ("b", 30.0), ("england", 20.0))
    ]
    found = rate(
        load_method("lait-quartile"), figure_frame(rows), NO_JUDGEMENTS, both, CATALOGUE, at_us=NOW
    ).bands
    assert set(found["organisation"]) == {"a", "b"}
    labels = dict(found.drop_nulls("band").select("organisation", "band_label").iter_rows())
    assert labels == {"a": "A", "b": "D"}
    reason = found.filter((pl.col("indicator") == "LAIT:ReReferral") & (pl.col("organisation") == "b"))[
        "band_reason"
    ]
    assert reason.item() == "1 of the other 1 figures of this period are lower, and lower is better"


def test_a_method_of_recorded_judgements_is_refused_before_its_first_day() -> None:
    with pytest.raises(MethodError, match=r"ssi-2002 is not in force on 2001-12-31, only from 2002-05-30"):
        rated_2002(four(None, None, None, None), at_us=us(2001, 12, 31))


def test_a_method_of_computed_judgements_is_refused_before_it_is_in_force() -> None:
    with pytest.raises(MethodError, match="not in force on 2009-12-31"):
        rate(
            load_method("stars-illustrative"),
            figure_frame([]),
            NO_JUDGEMENTS,
            councils("x"),
            CATALOGUE,
            at_us=us(2010, 1, 1) - 1,
        )


RATED = [
    indicator
    for indicator in CATALOGUE.core()
    if indicator.service in ("children", "adults") and indicator.polarity != "none" and indicator.banded
]
SCOPE = [i for i in RATED if i.service == "children"][:14] + [i for i in RATED if i.service == "adults"][:14]
KEYS = {cap.indicator for cap in load_method("stars-illustrative").caps}
SCOPE += [i for i in RATED if i.code in KEYS and i not in SCOPE]
PEOPLE = [f"sim-{number:02d}" for number in range(30)]
YEARS = ("2023-04-01/P1Y", "2024-04-01/P1Y")


def population_figures(seed: int) -> pl.DataFrame:
    """Two years of figures of 30 organisations; the last digits of a product stand in for chance."""
    return figure_frame(
        [
            {
                "indicator": indicator.code,
                "organisation": person,
                "period": period,
                "value": float((seed + 7919 * (i + 1) * (p + 3) + 104729 * (p + 1) * (y + 1)) % 101),
                "denominator": 500.0,
                "published_at": us(2025, 1, 1),
            }
            for i, indicator in enumerate(SCOPE)
            for p, person in enumerate(PEOPLE)
            for y, period in enumerate(YEARS)
        ]
    )


def illustrative(figures: pl.DataFrame) -> Rating:
    return rate(
        load_method("stars-illustrative"),
        figures,
        NO_JUDGEMENTS,
        councils(*PEOPLE, kind="simulated"),
        CATALOGUE,
        at_us=NOW,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(SCOPE), st.sampled_from(PEOPLE), st.floats(0.01, 100))
def test_a_better_figure_never_lowers_a_star(seed: int, indicator: Any, person: str, gain: float) -> None:
    figures = population_figures(seed)
    mine = (
        (pl.col("indicator") == indicator.code)
        & (pl.col("organisation") == person)
        & (pl.col("period") == YEARS[-1])
    )
    step = gain if indicator.polarity == "higher" else -gain
    better = figures.with_columns(value=pl.when(mine).then(pl.col("value") + step).otherwise(pl.col("value")))
    before = illustrative(figures).stars.filter(pl.col("organisation") == person)
    after = illustrative(better).stars.filter(pl.col("organisation") == person)
    assert before["star"].item() is not None
    assert after["star"].item() >= before["star"].item()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_order_of_rows_does_not_change_a_rating(seed: int, shuffle: int) -> None:
    figures = population_figures(seed)
    one, other = illustrative(figures), illustrative(figures.sample(fraction=1, shuffle=True, seed=shuffle))
    assert one.bands.equals(other.bands)
    assert one.judgements.equals(other.judgements)
    assert one.stars.equals(other.stars)


def test_computed_judgements_say_their_mean_and_their_cuts() -> None:
    found = illustrative(population_figures(1))
    plain = found.judgements.filter(pl.col("capped_by").is_null() & (pl.col("aspect") == "serving"))
    assert plain["rule"].str.contains(r"mean band \d\.\d{3} of \d+ indicators").all()
    assert (found.judgements["basis"] == "computed").all()
    capped = found.judgements.filter(pl.col("capped_by").is_not_null())
    assert capped.height > 0
    assert (capped["judgement"] != capped["computed_judgement"]).all()
    assert set(found.bands.filter("key")["indicator"]) == KEYS


def test_too_few_indicators_leave_an_organisation_unrated_with_the_reason() -> None:
    figures = population_figures(1).filter(
        (pl.col("organisation") != "sim-03") | ~pl.col("indicator").str.starts_with("ASCOF")
    )
    found = illustrative(figures)
    star = only(found.stars.filter(pl.col("organisation") == "sim-03"))
    assert star["rating_status_reason"] == (
        "no judgement possible of serving people well for adults, prospects for improvement for adults"
    )
    rules = found.judgements.filter((pl.col("organisation") == "sim-03") & (pl.col("service") == "adults"))[
        "rule"
    ]
    assert all("cannot be judged: 0 of 29 indicators can be used" in rule for rule in rules)
