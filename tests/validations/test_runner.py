"""What is accepted, flagged, quarantined or refused: Great Expectations counts, our own masks find."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
from ratings.reading import read_figures
from validations.runner import Validation, validate_figures
from validations.suites import payload

GOOD = ("LAIT:InfMort", "001", "2022", "3.5", None, None)


def validate(*rows: tuple[str | None, ...], padding: int = 20) -> Validation:
    """Validate rows of the simulated layout after `padding` good ones, so that the file as a whole stands."""
    filler = [("LAIT:InfMort", f"{n + 2:03}", "2022", "3.5", None, None) for n in range(padding)]
    columns = ["indicator", "organisation", "period", "value", "numerator", "denominator"]
    frame = pl.DataFrame(
        [*filler, *rows], schema=dict.fromkeys(columns, pl.String), orient="row"
    ).with_columns(pl.lit(None, pl.String).alias("status"))
    frame = frame.with_row_index("row", 2).cast({"row": pl.Int64})
    return validate_figures(read_figures(frame, load_collection("simulated"), load_catalogue(), "s.csv"))


def result(validation: Validation, check: str) -> Any:
    return next(r for r in validation.results if r.check == check)


def reasons(validation: Validation) -> list[list[str]]:
    return [[r["check"] for r in json.loads(text)] for text in validation.rows["reasons"].drop_nulls()]


def test_good_rows_pass_every_check() -> None:
    validation = validate(GOOD)
    assert all(r.success for r in validation.results)
    assert validation.rows["reasons"].null_count() == validation.rows.height
    assert validation.refusal is None


@pytest.mark.parametrize(
    ("row", "check", "said"),
    [
        (("Nonsense", "001", "2022", "1", None, None), "indicator_known", "unknown indicator Nonsense"),
        (("LAIT:InfMort", "999", "2022", "1", None, None), "organisation_known", "unknown organisation 999"),
        (("LAIT:InfMort", "001", "0", "1", None, None), "period_readable", "period label 0 cannot be read"),
        (("LAIT:InfMort", "001", "2022", "n/a", None, None), "value_readable", "n/a is neither a number"),
        (
            ("LAIT:InfMort", "001", "2022", "-1", None, None),
            "value_not_below_range",
            "value -1.0 is below 0.0",
        ),
        (
            ("LAIT:CIN_Refferals_NFA", "001", "2022", "101", None, None),
            "value_not_above_range",
            "above 100.0",
        ),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(row: tuple[str, ...], check: str, said: str) -> None:
    validation = validate(row)
    assert reasons(validation) == [[check]]
    assert result(validation, check).failed == 1
    assert said in result(validation, check).message
    assert result(validation, check).message.startswith("row 22:")


def test_a_row_with_several_faults_keeps_all_of_them() -> None:
    assert reasons(validate(("Nonsense", "999", "2022", "n/a", None, None))) == [
        ["indicator_known", "organisation_known", "value_readable"]
    ]


def test_rows_that_contradict_each_other_are_all_refused() -> None:
    validation = validate(GOOD, ("LAIT:InfMort", "001", "2022", "4", None, None), GOOD)
    assert reasons(validation) == [["figure_stated_once"]] * 3


def test_rows_that_agree_are_kept_once() -> None:
    validation = validate(GOOD, GOOD, GOOD)
    assert reasons(validation) == []
    assert validation.rows["repeat"].sum() == 2


def test_a_numerator_above_its_denominator_is_a_warning() -> None:
    validation = validate(("LAIT:CIN_Refferals_NFA", "001", "2022", "50", "20", "10"))
    assert reasons(validation) == []
    found = result(validation, "numerator_within_denominator")
    assert (found.failed, found.severity) == (1, "warning")


@pytest.mark.parametrize(("value", "failed"), [("33.3", 0), ("33", 0), ("33.4", 1), ("3.33", 1)])
def test_a_percentage_must_be_what_its_parts_come_to_as_far_as_rounding_lets_it(
    value: str, failed: int
) -> None:
    validation = validate(("LAIT:CIN_Refferals_NFA", "001", "2022", value, "10", "30"))
    assert result(validation, "value_is_its_ratio").failed == failed
    assert reasons(validation) == []


def test_a_file_of_mostly_bad_rows_is_refused_as_a_whole() -> None:
    validation = validate(("Nonsense", "001", "2022", "1", None, None), GOOD, padding=0)
    assert validation.refusal is None, "half is not most"
    validation = validate(*[("Nonsense", "001", "2022", "1", None, None)] * 2, GOOD, padding=0)
    assert validation.refusal is not None
    assert validation.refusal.startswith("2 of 3 rows would be refused, first: unknown indicator Nonsense")
    assert not result(validation, "most_rows_accepted").success


def test_a_check_result_says_which_suite_and_version_counted() -> None:
    found = payload(validate(GOOD).results[0])
    assert found["gx_version"].startswith("1.")
    assert len(found["suite_sha256"]) == 64
    assert found["stage"] == "row"
    assert found["expectation"] == "ExpectColumnValuesToNotBeNull"


def test_a_count_that_differs_from_our_own_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validations.runner._expectation_counts", lambda rows, rules: {rules[0].name: 7})
    with pytest.raises(RuntimeError, match="Great Expectations counts 7 rows, the mask 0"):
        validate(GOOD)
