"""Bands: quantiles by counting, on every engine, and which period counts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.bands import Banding, Periods, bands, micro_of

QUARTILES = Banding("quantiles", ("D", "C", "B", "A"), "lower")
QUINTILES = Banding("quantiles", ("1", "2", "3", "4", "5"), "better")
ANY_PERIOD = Periods(minimum=1, kept=2, history=3)
VALUES = st.lists(
    st.one_of(st.integers(0, 12).map(float), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0)),
    min_size=1,
    max_size=25,
)
DIRECTIONS = st.sampled_from(["higher", "lower"])


def figure_rows(
    values: list[float | None], period: str = "2024-04-01/P1Y", indicator: str = "X:1"
) -> list[dict[str, Any]]:
    return [
        {
            "indicator": indicator,
            "organisation": f"o{number}",
            "period": period,
            "value": value,
            "denominator": None,
            "obs_status": "A" if value is not None else "Q",
            "position": number,
        }
        for number, value in enumerate(values)
    ]


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "indicator": pl.String,
            "organisation": pl.String,
            "period": pl.String,
            "value": pl.Float64,
            "denominator": pl.Float64,
            "obs_status": pl.String,
            "position": pl.Int64,
        },
    )


def band_of(
    rows: list[dict[str, Any]],
    banding: Banding = QUARTILES,
    direction: str = "higher",
    banded: bool = True,
    periods: Periods = ANY_PERIOD,
) -> pl.DataFrame:
    figures = frame(rows)
    population = figures.select("organisation").unique()
    indicators = figures.select("indicator").unique()
    indicators = indicators.with_columns(direction=pl.lit(direction), banded=pl.lit(banded))
    return bands(figures, population, indicators, banding, periods).sort("organisation", "indicator")


def interpolated_edge(values: list[float], k: int, q: int) -> Fraction:
    """The k-th of q quantile edges by linear interpolation (R type 7, Excel QUARTILE.INC), exactly."""
    ordered = sorted(Fraction(value) for value in values)
    place = Fraction((len(ordered) - 1) * k, q)
    low = place.numerator // place.denominator
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@given(VALUES, DIRECTIONS)
def test_counting_gives_the_same_quarter_as_interpolated_edges(values: list[float], direction: str) -> None:
    edges = [interpolated_edge(values, k, 4) for k in (1, 2, 3)]
    found = {
        r["organisation"]: r["band"]
        for r in band_of(figure_rows(list(values)), QUARTILES, direction).to_dicts()
    }
    for number, value in enumerate(values):
        quarter = 1 + sum(Fraction(value) > edge for edge in edges)  # up to and including the upper edge
        assert found[f"o{number}"] == (quarter if direction == "higher" else 5 - quarter)


@given(VALUES, DIRECTIONS)
def test_a_figure_on_an_edge_is_in_the_better_fifth_where_the_method_says_so(
    values: list[float], direction: str
) -> None:
    sign = 1 if direction == "higher" else -1
    edges = [interpolated_edge([sign * value for value in values], k, 5) for k in (1, 2, 3, 4)]
    found = {
        r["organisation"]: r["band"]
        for r in band_of(figure_rows(list(values)), QUINTILES, direction).to_dicts()
    }
    for number, value in enumerate(values):
        # A single figure lies on every edge at once: the better side of all of them is the best band.
        assert found[f"o{number}"] == 1 + sum(sign * Fraction(value) >= edge for edge in edges)


@given(VALUES, DIRECTIONS, st.sampled_from([QUARTILES, QUINTILES]), st.floats(0.001, 1e6), st.integers(0, 24))
def test_a_better_figure_never_has_a_worse_band(
    values: list[float], direction: str, banding: Banding, gain: float, which: int
) -> None:
    which %= len(values)
    better = list(values)
    better[which] += gain if direction == "higher" else -gain
    before = band_of(figure_rows(list(values)), banding, direction).filter(
        pl.col("organisation") == f"o{which}"
    )
    after = band_of(figure_rows(list(better)), banding, direction).filter(
        pl.col("organisation") == f"o{which}"
    )
    assert after["band"].item() >= before["band"].item()


@given(VALUES, st.randoms())
def test_the_order_of_rows_does_not_matter(values: list[float], random: Any) -> None:
    rows = figure_rows(list(values))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert band_of(rows).equals(band_of(shuffled))


@settings(max_examples=15, deadline=None)
@given(VALUES, VALUES, DIRECTIONS, st.sampled_from([QUARTILES, QUINTILES]))
def test_every_engine_gives_the_same_bands(
    latest: list[float], earlier: list[float], direction: str, banding: Banding
) -> None:
    figures = frame(figure_rows(list(latest)) + figure_rows([*earlier, None], "2023-04-01/P1Y"))
    population = figures.select("organisation").unique()
    indicators = pl.DataFrame({"indicator": ["X:1"], "direction": [direction], "banded": [True]})
    eager = bands(figures, population, indicators, banding, ANY_PERIOD)
    lazy = bands(figures.lazy(), population.lazy(), indicators, banding, ANY_PERIOD).collect()
    connection = duckdb.default_connection()
    connection.register("band_figures", figures.to_arrow())
    connection.register("band_population", population.to_arrow())
    tables = (connection.table("band_figures"), connection.table("band_population"))
    sql = pl.DataFrame(
        nw.from_native(bands(*tables, indicators, banding, ANY_PERIOD)).collect("pyarrow").to_native()
    )
    expected = eager.sort("organisation").to_dicts()
    assert lazy.sort("organisation").select(eager.columns).to_dicts() == expected
    assert sql.sort("organisation").select(eager.columns).to_dicts() == expected


def test_equal_figures_at_the_good_end_are_all_in_the_best_fifth() -> None:
    found = band_of(figure_rows([100.0] * 6 + [50.0, 40.0, 30.0, 20.0]), QUINTILES)
    assert found["band"].to_list()[:6] == [5] * 6


def test_an_indicator_without_direction_or_that_may_not_be_compared_has_no_band() -> None:
    assert band_of(figure_rows([1.0, 2.0]), direction="none")["band"].to_list() == [None, None]
    assert band_of(figure_rows([1.0, 2.0]), banded=False)["band"].to_list() == [None, None]


def test_a_missing_figure_keeps_its_marker_and_has_no_band() -> None:
    row = band_of(figure_rows([1.0, None, 3.0]), periods=Periods(1, 1, 2)).to_dicts()[1]
    assert (row["band"], row["obs_status"], row["period"], row["position"]) == (
        None,
        "Q",
        "2024-04-01/P1Y",
        1,
    )


def test_a_missing_figure_does_not_count_among_the_others() -> None:
    assert set(band_of(figure_rows([1.0, None, 3.0])).drop_nulls("band")["compared"]) == {2}


def test_an_organisation_without_any_row_is_there_without_a_band() -> None:
    rows = figure_rows([1.0, 2.0]) + figure_rows([5.0], indicator="X:2")
    found = band_of(rows).filter((pl.col("organisation") == "o1") & (pl.col("indicator") == "X:2"))
    assert found.select("band", "value", "period").rows() == [(None, None, None)]


def late_rows() -> list[dict[str, Any]]:
    """o0 to o3 with two years; o3's latest figure is not there yet."""
    return figure_rows([1.0, 2.0, 3.0, 4.0], "2023-04-01/P1Y") + figure_rows(
        [4.0, 3.0, 2.0], "2024-04-01/P1Y"
    )


def test_a_late_figure_counts_in_its_own_period_and_says_its_age() -> None:
    row = band_of(late_rows(), QUARTILES).to_dicts()[3]
    assert (row["period"], row["age"], row["band"], row["compared"]) == ("2023-04-01/P1Y", 1, 4, 4)


def test_where_only_the_latest_period_counts_a_late_organisation_has_no_band() -> None:
    row = band_of(late_rows(), periods=Periods(minimum=1, kept=1, history=2)).to_dicts()[3]
    assert (row["value"], row["band"]) == (None, None)


def test_the_movement_is_from_the_period_before() -> None:
    row = band_of(late_rows(), QUARTILES).to_dicts()[0]
    assert (row["band"], row["previous_period"], row["previous_band"], row["movement"]) == (
        4,
        "2023-04-01/P1Y",
        1,
        3,
    )


def test_a_period_that_few_have_returned_has_not_begun() -> None:
    row = band_of(late_rows(), periods=Periods(minimum=4, kept=1, history=2)).to_dicts()[0]
    assert row["period"] == "2023-04-01/P1Y"


@pytest.mark.parametrize(
    ("boundary", "direction", "expected"),
    [
        ("lower", "higher", [1, 1, 2, 2, 3]),
        ("better", "higher", [1, 2, 2, 3, 3]),
        ("lower", "lower", [3, 3, 2, 2, 1]),
        ("better", "lower", [3, 3, 2, 2, 1]),
    ],
)
def test_fixed_edges_send_a_figure_on_an_edge_where_the_banding_says(
    boundary: Literal["lower", "better"], direction: str, expected: list[int]
) -> None:
    banding = Banding("edges", ("low", "middle", "high"), boundary, edges=(10.0, 20.0))
    found = band_of(figure_rows([9.9, 10.0, 15.0, 20.0, 20.1]), banding, direction)
    assert found["band"].to_list() == expected


def test_millionths_forgive_what_floating_point_adds() -> None:
    assert micro_of(0.07 * 100) == micro_of(7.0)
    assert micro_of(-1.5) == -1_500_000
