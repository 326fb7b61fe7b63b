"""Judgements: levels from bands, recorded words, and key thresholds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.judgements import Cap, Part, PartRule, as_recorded, capped
from ratings.scores import part_scores
from ratings.stars import Parts

POINTS = (1, 2, 3, 4, 5)
SERVING = PartRule("band", (2000, 3000, 4000), 2, "left_out", POINTS, ("children",))
PROSPECTS = PartRule("movement", (-500, 0, 500), 1, "left_out", POINTS, ("children",), held_at_best=1000)
SCALES = {
    "serving": ("no", "some", "most", "yes"),
    "prospects": ("poor", "uncertain", "promising", "excellent"),
}
A1 = Cap("PAF:A1", True, "children_serving", ">", 20.0, 1, None, None, 100, "too many moves", "")
BANDS = st.lists(st.tuples(st.integers(1, 5), st.none() | st.integers(1, 5)), min_size=1, max_size=12)


def banded(bands: list[tuple[int | None, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"organisation": "x", "indicator": str(number), "band": now, "previous_band": before}
            for number, (now, before) in enumerate(bands)
        ],
        schema_overrides={"band": pl.Int64, "previous_band": pl.Int64},
    )


def parts_of(serving: PartRule = SERVING) -> list[Part]:
    return [
        Part("serving", "serving", "children", "serving", serving),
        Part("prospects", "prospects", "children", "prospects", PROSPECTS),
    ]


def counting(weights: dict[str, int] | None = None) -> pl.DataFrame:
    """Which indicators count: `0` to `11` once each, or those named."""
    each = weights or {str(number): 1 for number in range(12)}
    return pl.DataFrame(
        [
            {"part": part, "indicator": code, "weight": weight}
            for part in ("serving", "prospects")
            for code, weight in each.items()
        ]
    )


def judged(
    bands: list[tuple[int | None, int | None]],
    serving: PartRule = SERVING,
    weights: dict[str, int] | None = None,
) -> dict[str, dict[str, Any]]:
    found = part_scores(banded(bands), parts_of(serving), counting(weights))
    return {row["part"]: row for row in found.to_dicts()}


def test_the_mean_band_becomes_a_level_by_the_cuts_it_reaches() -> None:
    found = judged([(3, None), (3, None), (2, None)])["serving"]
    assert (found["score"], found["level"], found["inputs"], found["missing"]) == (2666, 1, 3, 0)
    assert judged([(3, None), (3, None)])["serving"]["level"] == 2


def test_prospects_are_the_mean_movement() -> None:
    found = judged([(4, 2), (3, 3)])["prospects"]
    assert (found["score"], found["level"]) == (1000, 3)
    assert judged([(2, 4), (3, 3)])["prospects"]["level"] == 0


def test_a_falling_mean_is_rounded_down_not_towards_zero() -> None:
    assert judged([(2, 3), (3, 3), (3, 3)])["prospects"]["score"] == -334


def test_holding_the_best_band_counts_as_a_rise() -> None:
    assert judged([(5, 5), (3, 3)])["prospects"]["score"] == 500


def test_an_unknown_earlier_band_counts_as_not_having_moved() -> None:
    found = judged([(5, 4), (3, None), (3, None), (3, None)])["prospects"]
    assert (found["score"], found["inputs"], found["missing"]) == (250, 1, 3)


def test_missing_figures_are_left_out_until_too_few_remain() -> None:
    assert judged([(4, None), (4, None), (None, None)])["serving"]["level"] == 3
    found = judged([(4, None), (None, None), (None, None)])["serving"]
    assert (found["level"], found["inputs"], found["missing"]) == (None, 1, 2)


def test_missing_figures_count_as_the_worst_band_where_the_method_says_so() -> None:
    found = judged([(4, None), (None, None), (None, None)], replace(SERVING, missing="worst_band"))["serving"]
    assert (found["score"], found["level"]) == (2000, 1)


def test_no_figure_may_be_missing_where_the_method_says_so() -> None:
    strict = replace(SERVING, missing="no_rating")
    assert judged([(4, None), (4, None)], strict)["serving"]["level"] == 3
    assert judged([(4, None), (4, None), (None, None)], strict)["serving"]["level"] is None


def test_an_indicator_that_counts_for_no_part_is_not_missing() -> None:
    found = judged([(4, None), (4, None), (None, None)], weights={"0": 1, "1": 1})["serving"]
    assert (found["inputs"], found["missing"]) == (2, 0)


def test_weights_pull_the_mean_and_leave_out_the_weight_of_what_is_missing() -> None:
    found = judged([(5, None), (1, None), (None, None)], weights={"0": 3, "1": 1, "2": 9})["serving"]
    assert (found["score"], found["inputs"], found["missing"]) == (4000, 2, 1)


def test_points_stand_for_bands_where_the_method_gives_them() -> None:
    rule = replace(SERVING, points=(0, 1, 2, 4, 8))
    assert judged([(5, None), (1, None)], rule)["serving"]["score"] == 4000


@pytest.mark.parametrize(
    ("how", "step", "expected"),
    [
        ("down", 1, 2500),
        ("down", 1000, 2000),
        ("half_up", 1000, 3000),
        ("half_even", 1000, 2000),
        ("half_up", 500, 2500),
    ],
)
def test_a_mean_is_rounded_as_the_method_says(how: Any, step: int, expected: int) -> None:
    rule = replace(SERVING, rounding=how, rounded_to=step)
    assert judged([(2, None), (3, None)], rule)["serving"]["score"] == expected


def test_many_cases_are_judged_at_once_as_each_alone() -> None:
    first, second = [(4, 2), (3, 3)], [(2, 4), (None, 3), (5, 5)]
    together = pl.concat(
        [banded(list(rows)).with_columns(case=pl.lit(name)) for name, rows in (("a", first), ("b", second))]
    )
    found = part_scores(together, parts_of(), counting())
    for name, rows in (("a", first), ("b", second)):
        alone = part_scores(banded(list(rows)), parts_of(), counting())
        mine = found.filter(pl.col("case") == name).drop("case")
        assert mine.sort("part").equals(alone.sort("part"))


@given(BANDS, st.integers(0, 11))
def test_a_better_band_never_lowers_a_level(bands: list[tuple[int, int | None]], which: int) -> None:
    which %= len(bands)
    better = list(bands)
    better[which] = (min(5, bands[which][0] + 1), bands[which][1])
    before, after = judged(list(bands)), judged(list(better))
    assert all((after[aspect]["level"] or 0) >= (before[aspect]["level"] or 0) for aspect in before)


@given(BANDS, st.randoms())
def test_lazy_frames_and_shuffled_rows_give_the_same_levels(
    bands: list[tuple[int, int | None]], random: Any
) -> None:
    rows = banded(list(bands)).sample(fraction=1, shuffle=True, seed=random.randrange(2**16))
    found = part_scores(rows.lazy(), parts_of(), counting()).collect().sort("part")
    assert found.to_dicts() == sorted(judged(list(bands)).values(), key=lambda row: str(row["part"]))


def level(value: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"organisation": ["x"], "part": ["children_serving"], "level": [value]},
        schema_overrides={"level": pl.Int64},
    )


def key_figure(
    value: float | None, denominator: float | None = None, indicator: str = "PAF:A1"
) -> dict[str, Any]:
    return {"organisation": "x", "indicator": indicator, "value": value, "denominator": denominator}


def after(before: int | None, figures: list[dict[str, Any]], *caps: Cap) -> dict[str, Any]:
    frame = pl.DataFrame(
        figures,
        schema={
            "organisation": pl.String,
            "indicator": pl.String,
            "value": pl.Float64,
            "denominator": pl.Float64,
        },
    )
    eager = capped(level(before), frame, caps)
    assert capped(level(before).lazy(), frame.lazy(), caps).collect().equals(eager)
    return eager.to_dicts()[0]


def test_a_failed_threshold_caps_the_judgement() -> None:
    found = after(3, [key_figure(23.4, 200)], A1)
    assert (found["level"], found["level_before"], found["capped_by"]) == (1, 3, "PAF:A1")
    assert (found["cap_value"], found["cap_threshold"]) == (23.4, 20.0)


@pytest.mark.parametrize(
    ("value", "expected"), [(20.0, 3), (20.000001, 1), (0.2 * 100, 3), (7.0, 3), (None, 3)]
)
def test_a_figure_at_the_threshold_does_not_fail_it(value: float | None, expected: int) -> None:
    assert after(3, [key_figure(value, 200)], A1)["level"] == expected


def test_a_cap_never_raises_a_judgement() -> None:
    found = after(0, [key_figure(30.0, 200)], A1)
    assert (found["level"], found["capped_by"]) == (0, None)


def test_a_missing_judgement_stays_missing() -> None:
    found = after(None, [key_figure(30.0, 200)], A1)
    assert (found["level"], found["capped_by"]) == (None, None)


def test_small_numbers_are_exempt_and_the_threshold_is_named() -> None:
    found = after(3, [key_figure(25.0, 99)], A1)
    assert (found["level"], found["exempt_from"], found["exempt_value"]) == (3, "PAF:A1", 25.0)
    assert after(3, [key_figure(25.0, 100)], A1)["level"] == 1
    assert after(3, [key_figure(25.0, None)], A1)["level"] == 1


def test_of_several_caps_the_lowest_binds() -> None:
    mild = replace(A1, indicator="PAF:A3", threshold=24.0, level=2)
    found = after(3, [key_figure(30.0), key_figure(30.0, indicator="PAF:A3")], A1, mild)
    assert (found["level"], found["capped_by"]) == (1, "PAF:A1")


def test_of_equal_caps_the_first_in_the_alphabet_is_named() -> None:
    other = replace(A1, indicator="PAF:A3", threshold=24.0)
    found = after(3, [key_figure(30.0, indicator="PAF:A3"), key_figure(30.0)], other, A1)
    assert found["capped_by"] == "PAF:A1"


def test_a_threshold_holds_from_its_first_to_its_last_day() -> None:
    cap = replace(A1, effective_from=date(2002, 5, 30), effective_to=date(2002, 11, 14))
    days = [date(2002, 5, 29), date(2002, 5, 30), date(2002, 11, 14), date(2002, 11, 15)]
    assert [cap.in_force(day) for day in days] == [False, True, True, False]


def recorded(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "organisation": "x",
                "service": "children",
                "aspect": "serving",
                "judgement": word,
                "published_at": published,
                "position": position,
            }
            for word, published, position in rows
        ],
        schema={
            "organisation": pl.String,
            "service": pl.String,
            "aspect": pl.String,
            "judgement": pl.String,
            "published_at": pl.Int64,
            "position": pl.Int64,
        },
    )


def taken(*rows: tuple[str, int, int]) -> tuple[Any, ...]:
    wanted, parts = level(None).drop("level"), [Part("children_serving", "", "children", "serving")]
    words = Parts(tuple(parts), {"serving": SCALES["serving"]}, {"fair": "some"}).words()
    found = as_recorded(recorded(*rows), wanted, parts, words)
    assert as_recorded(recorded(*rows).lazy(), wanted.lazy(), parts, words).collect().equals(found)
    assert found.height == 1
    return found.select("judgement", "level", "position").row(0)


def test_the_judgement_published_last_counts_then_the_one_recorded_last() -> None:
    assert taken(("some", 1, 9), ("most", 2, 1)) == ("most", 2, 1)
    assert taken(("some", 2, 9), ("most", 2, 1)) == ("some", 1, 9)


def test_another_word_is_read_as_the_method_says() -> None:
    assert taken(("fair", 1, 1)) == ("fair", 1, 1)


def test_a_part_that_was_not_judged_is_there_without_a_level() -> None:
    assert taken() == (None, None, None)


def test_a_word_that_is_not_on_the_scale_has_no_level() -> None:
    assert taken(("good", 1, 1)) == ("good", None, 1)
