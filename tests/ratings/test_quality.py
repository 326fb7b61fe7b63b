"""Quality grades: the worst dimension decides, every reason has its number and its threshold."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.errors import MethodError
from ratings.quality import (
    COUNTS,
    DIMENSIONS,
    FILE,
    GRADES,
    evidence,
    grade,
    graded,
    load_quality_rules,
    read_quality_rules,
)

RULES = load_quality_rules()
SOUND: dict[str, Any] = {
    "indicator": "LAIT:FirstYJS",
    "figures": 1000,
    "missing": 0,
    "suppressed": 0,
    "provisional": 0,
    "revised": 0,
    "withdrawn": 0,
    "quarantined": 0,
    "flagged": 0,
    "answered": 0,
    "definitions": 1,
    "organisations": 100,
    "reporting": 100,
    "suppressing": 0,
    "followed": 100,
    "out_of_date": 0,
    "cases_known": 100,
    "small_numbers": 0,
    "revision_size": None,
}


def test_a_sound_indicator_is_green_and_says_so() -> None:
    assert grade(SOUND, RULES) == ("green", ["every dimension assessed is within its thresholds"])


@pytest.mark.parametrize(
    ("changed", "given", "reason"),
    [
        (
            {"reporting": 90},
            "amber",
            "completeness: 10 of 100 organisations have no figure in the newest period they report, or none "
            "at all: 10.0 percent, and more than 5 is amber",
        ),
        ({"reporting": 79}, "red", "21.0 percent, and more than 20 is red"),
        ({"reporting": 80, "suppressing": 20}, "amber", "suppression: 20 of 100 organisations"),
        ({"out_of_date": 51}, "red", "lateness: 51 of 100 newest figures are out of date: 51.0 percent"),
        (
            {"revised": 50, "revision_size": 12.5},
            "red",
            "revisions: 50 of 1,000 figures were revised, on average by 12.5 percent of their value, and "
            "more than 10 is red",
        ),
        ({"small_numbers": 11}, "amber", "newest figures rest on fewer than 20 cases: 11.0 percent"),
        ({"quarantined": 20}, "amber", "checks: 20 of 1,020 rows were refused"),
        ({"flagged": 60}, "red", "checks: 60 of 1,000 rows were refused, or are figures that a warning"),
        ({"flagged": 20, "answered": 3}, "amber", "(3 more were explained, and the answer was accepted)"),
        ({"definitions": 2}, "amber", "definition: it changed 1 time, and more than 0 is amber"),
        ({"definitions": 4}, "red", "definition: it changed 3 times"),
    ],
)
def test_each_dimension_alone_can_lower_the_grade(changed: dict[str, Any], given: str, reason: str) -> None:
    found, reasons = grade(SOUND | changed, RULES)
    assert found == given
    (sentence,) = reasons
    assert reason in sentence


def test_a_threshold_itself_is_still_within() -> None:
    assert grade(SOUND | {"reporting": 95}, RULES)[0] == "green"
    assert grade(SOUND | {"reporting": 80}, RULES)[0] == "amber"


def test_isolated_corrections_do_not_count_however_large() -> None:
    assert grade(SOUND | {"revised": 10, "revision_size": 99.0}, RULES)[0] == "green"


def test_the_worst_dimension_decides_and_comes_first() -> None:
    found, reasons = grade(SOUND | {"reporting": 90, "out_of_date": 60}, RULES)
    assert found == "red"
    assert [reason.partition(":")[0] for reason in reasons] == ["lateness", "completeness"]


def test_what_cannot_be_assessed_is_said() -> None:
    found, reasons = grade(SOUND | {"cases_known": 0, "followed": 0}, RULES)
    assert found == "green"
    assert [reason.partition(":")[0] for reason in reasons[1:]] == ["lateness", "small numbers"]


def test_without_a_figure_the_grade_is_red() -> None:
    assert grade(SOUND | {"figures": 0}, RULES) == ("red", ["no figure is known"])


@given(
    st.fixed_dictionaries(
        {
            "reporting": st.integers(0, 100),
            "out_of_date": st.integers(0, 100),
            "small_numbers": st.integers(0, 100),
            "quarantined": st.integers(0, 200),
            "flagged": st.integers(0, 200),
            "answered": st.integers(0, 200),
            "definitions": st.integers(1, 5),
        }
    ),
    st.sampled_from(["reporting", "out_of_date", "small_numbers", "quarantined", "definitions"]),
)
def test_a_worse_number_never_gives_a_better_grade(row: dict[str, int], name: str) -> None:
    worse = row | {name: row[name] + (-1 if name == "reporting" else 1)}
    before, after = (GRADES.index(grade(SOUND | one, RULES)[0]) for one in (row, worse))
    assert after >= before


def test_evidence_looks_at_the_newest_period_of_each_organisation() -> None:
    rows = [
        ("a", "2021-01-01/P1Y", 1.0, 5.0, "A"),
        ("a", "2022-01-01/P1Y", 2.0, 30.0, "P"),
        ("b", "2021-01-01/P1Y", 1.0, None, "A"),
        ("b", "2022-01-01/P1Y", None, None, "Q"),
        ("c", "2022-01-01/P1Y", None, None, "O"),
        ("d", "2022-01-01/P1Y", 3.0, 19.0, "A"),
    ]
    schema = {
        "organisation": pl.String, "period": pl.String, "value": pl.Float64, "numerator": pl.Float64,
        "obs_status": pl.String,
    }  # fmt: skip
    code = pl.lit("LAIT:FirstYJS").alias("indicator")
    figures = pl.DataFrame(rows, schema=schema, orient="row").with_columns(code)
    counts = pl.DataFrame(
        {"indicator": ["LAIT:FirstYJS"], "revised": [None], "withdrawn": [None], "quarantined": [3],
         "flagged": [None], "answered": [None],
         "definitions": [1], "revision_size": [None]},
        schema_overrides={"revision_size": pl.Float64},
    )  # fmt: skip
    fresh = pl.DataFrame(
        {"organisation": list("abce"), "state": ["fresh", "out_of_date", "missing", "missing"]}
    ).with_columns(code)
    found = evidence(figures, counts, fresh, load_catalogue(), 5, RULES)
    assert found.select(COUNTS).to_dicts() == [
        {
            "figures": 4, "missing": 2, "suppressed": 1, "provisional": 1, "revised": 0, "withdrawn": 0,
            "quarantined": 3, "flagged": 0, "answered": 0, "definitions": 1,
            "organisations": 5, "reporting": 2, "suppressing": 1, "followed": 2, "out_of_date": 1,
            "cases_known": 2, "small_numbers": 1,
        }
    ]  # fmt: skip
    (row,) = graded(found, RULES).rows(named=True)
    assert row["grade"] == "red"
    assert row["reasons"].startswith("completeness: 2 of 5 organisations")


def test_every_dimension_has_its_thresholds_with_a_source() -> None:
    assert set(RULES.thresholds) == set(DIMENSIONS)
    assert all(one.source and one.standard for one in RULES.thresholds.values())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("small_number = 20", "", r"small_number: is missing"),
        ("red = 33", "red = 3", r"\[suppression\] red: 3 is reached before amber \(10\)"),
        ("[checks]", "[cheques]", r"checks: is missing"),
        ("isolated = 1", "isolated = 1\nnew = 2", r"new: is not a key"),
        ('version = "1"', "version =", "not a TOML file"),
    ],
)
def test_a_faulty_file_of_thresholds_is_refused(before: str, after: str, said: str) -> None:
    raw = (files("ratings") / FILE).read_text("utf-8")
    assert before in raw
    with pytest.raises(MethodError, match=rf"quality.toml.*{said}"):
        read_quality_rules(raw.replace(before, after).encode())
