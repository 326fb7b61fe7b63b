"""A batch held against what was known: what is found, what is named, and what is left in peace."""

from __future__ import annotations

import polars as pl
import pytest

from validations.check_result import WARNING, CheckResult
from validations.coverage import councils_present, decimals_as_declared
from validations.history import KEY, Comparison, validate_history

Figures = dict[tuple[str, str, str], float | None]
COUNCILS = [f"council-{n:02}" for n in range(30)]
YEARS = [f"{year}-01-01/P1Y" for year in range(2012, 2022)]


def usual(indicators: tuple[str, ...] = ("A", "B")) -> Figures:
    """Every council has a level of its own, and steps that differ a little from year to year."""
    return {
        (indicator, council, year): round(10 + 3.7 * c + 0.3 * ((7 * c + 3 * y) % 5) + 0.01 * y * c, 2)
        for indicator in indicators
        for c, council in enumerate(COUNCILS)
        for y, year in enumerate(YEARS)
    }


def frame(figures: Figures, name: str = "value") -> pl.DataFrame:
    rows = [(*key, value) for key, value in figures.items()]
    return pl.DataFrame(rows, schema={**dict.fromkeys(KEY, pl.Categorical), name: pl.Float64}, orient="row")


def found(
    before: Figures,
    now: Figures,
    earlier: list[Figures] | None = None,
    same_bytes: str | None = None,
    *,
    wide: bool = False,
) -> dict[str, CheckResult]:
    """What the checks that fail say of a file that follows; `wide`: one row has all of a council and year."""
    row = pl.struct("organisation", "period").rank("dense").cast(pl.Int64) if wide else pl.int_range(pl.len())
    old = frame(before, "old_value").with_columns(pl.lit(True).alias("known"))
    rows = (
        frame(now)
        .join(old, on=KEY, how="left", maintain_order="left")
        .with_columns(pl.col("known").fill_null(False))
        .with_columns(
            (pl.col("known") & pl.col("value").eq_missing(pl.col("old_value"))).alias("same"),
            (row + 2).alias("source_row"),
            pl.lit(None, pl.Float64).alias("numerator"),
            pl.lit(None, pl.Float64).alias("denominator"),
        )
    )
    gone = (
        frame(before).join(frame(now), on=KEY, how="anti").with_columns(pl.lit("withdrawn").alias("reason"))
    )
    said = pl.concat([frame(figures) for figures in [*(earlier or []), before]])
    results = validate_history(Comparison(rows, gone, frame(before), said, same_bytes))
    assert all(result.severity == WARNING for result in results)
    return {result.check: result for result in results if not result.success}


def test_a_file_that_repeats_what_is_known_and_adds_a_year_raises_nothing() -> None:
    now = usual()
    before = {key: value for key, value in now.items() if key[2] != YEARS[-1]}
    assert found(before, now) == {}
    assert found(now, now) == {}


def test_nothing_is_said_where_nothing_was_known() -> None:
    assert found({}, usual()) == {}


def test_a_file_that_goes_back_to_an_earlier_state_is_found_and_one_that_mends_it_is_not() -> None:
    first = usual()
    second = first | {key: (value or 0) + 0.11 for key, value in first.items() if key[0] == "A"}
    newer = {("A", council, "2022-01-01/P1Y"): 50.0 for council in COUNCILS}
    reverted = found(second | newer, first, [first])["file_not_reverted"]
    assert (
        "300 of 300 changed figures say again what was said before, 30 known since are gone"
        in reverted.message
    )
    assert reverted.failed == 330
    assert "file_not_reverted" not in found(first, second | newer, [first, second | newer])
    assert "file_not_reverted" not in found(first, second, [])


def test_the_bytes_of_an_earlier_release_are_named() -> None:
    now = usual()
    result = found(now, now, same_bytes="old.csv, published 2025-01-29")["file_not_reverted"]
    assert "the very bytes of old.csv, published 2025-01-29" in result.message


def test_a_measure_and_a_period_that_vanish_are_named() -> None:
    before = usual()
    without = {key: value for key, value in before.items() if key[0] != "B"}
    assert "vanished: B" in found(before, without)["measures_present"].message
    lost = {key: value for key, value in before.items() if key[:1] != ("B",) or key[2] != YEARS[4]}
    assert f"B of {YEARS[4]}" in found(before, lost)["periods_present"].message


def test_many_figures_gone_or_revised_at_once_are_counted() -> None:
    before = usual()
    some = {key: value for n, (key, value) in enumerate(before.items()) if n % 20}
    assert found(before, some)["few_withdrawn"].failed == len(before) - len(some)
    revised = before | {key: (before[key] or 0) + 0.1 for n, key in enumerate(before) if n % 10 == 0}
    assert found(before, revised)["few_revised"].failed == 60
    anew = before | {key: (value or 0) + 0.1 for key, value in before.items() if key[0] == "A"}
    assert "A (300 of 300 numbers)" in found(before, anew)["measures_not_computed_anew"].message


@pytest.mark.parametrize("factor", [10.0, 0.0])
def test_a_council_that_leaves_its_own_road_is_named_with_its_row(factor: float) -> None:
    now = usual()
    before = {key: value for key, value in now.items() if key[2] != YEARS[-1]}
    key = ("A", "council-25", YEARS[-1])
    result = found(before, now | {key: (now[key] or 0) * factor})["values_plausible"]
    assert result.failed == 1
    assert "A of council-25" in result.message
    assert result.message.startswith("row ")


def test_a_jump_in_a_row_of_several_figures_is_one_finding_with_its_own_value() -> None:
    now = usual()
    key = ("A", "council-25", YEARS[-1])
    before = {k: value for k, value in now.items() if k[2] != YEARS[-1]}
    result = found(before, now | {key: (now[key] or 0) * 10}, wide=True)["values_plausible"]
    assert result.failed == 1
    [finding] = result.findings
    assert str((now[key] or 0) * 10) in str(finding)


def test_a_step_that_all_councils_take_is_no_jump() -> None:
    now = usual()
    before = {key: value for key, value in now.items() if key[2] != YEARS[-1]}
    shifted = {k: (v or 0) + (500 if k[2] == YEARS[-1] else 0) for k, v in now.items()}
    assert "values_plausible" not in found(before, shifted)


def swapped(figures: Figures, one: str, other: str, indicator: str) -> Figures:
    places = {one: other, other: one}
    return {
        key: figures[(key[0], places.get(key[1], key[1]), key[2])] if key[0] == indicator else value
        for key, value in figures.items()
    }


def test_two_councils_that_hold_each_others_series_are_both_named() -> None:
    before = usual()
    result = found(before, swapped(before, "council-03", "council-17", "A"))["own_series"]
    assert result.message == "council-03 and council-17 hold each other's series of A"
    assert result.failed == 2


def test_a_series_copied_to_another_council_is_named_with_its_owner() -> None:
    before = usual()
    copied = before | {("A", "council-05", year): before["A", "council-09", year] for year in YEARS}
    assert (
        found(before, copied)["own_series"].message == "council-05 holds the series that council-09 had of A"
    )


def test_series_of_a_few_common_numbers_prove_nothing() -> None:
    before: Figures = {
        ("A", council, year): float((c + y) % 2)
        for c, council in enumerate(COUNCILS)
        for y, year in enumerate(YEARS)
    }
    assert "own_series" not in found(before, swapped(before, "council-03", "council-10", "A"))


def test_a_newest_period_with_few_councils_is_named() -> None:
    whole = usual(("A",))
    thin = {key: value for key, value in whole.items() if key[2] != YEARS[-1] or key[1] < "council-10"}
    assert councils_present(frame(whole)).success
    result = councils_present(frame(thin))
    assert result.message == f"A of {YEARS[-1]} has 10 of 30 councils"


def test_numbers_with_more_places_than_the_dictionary_says_are_one_finding_an_indicator() -> None:
    rows: Figures = {("LAIT:CPP_Total_NumRef", council, YEARS[0]): 3.25 for council in COUNCILS}
    result = decimals_as_declared(frame(rows))
    assert result.message == "LAIT:CPP_Total_NumRef shows 2 decimal places, declared 0"
    assert decimals_as_declared(frame({key: 3.0 for key in rows})).success
