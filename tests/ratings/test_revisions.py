"""Revisions: told apart and measured, against a naive reader that keeps one dictionary per publication."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.revisions import KINDS, STAGES, by_indicator, by_publication, changes, triangle

PERIODS = ("2020-01-01/P1Y", "2021-01-01/P1Y")
SCHEMA = {
    "indicator": pl.String,
    "organisation": pl.String,
    "period": pl.String,
    "type": pl.String,
    "published_at": pl.Int64,
    "stated_by": pl.Int64,
    "position": pl.Int64,
    "value": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "obs_status": pl.String,
    "conf_status": pl.String,
    "definition": pl.String,
    "reason": pl.String,
}


def frame(*events: dict[str, Any]) -> pl.DataFrame:
    base = {"indicator": "i", "organisation": "o", "period": PERIODS[0], "type": "observation"}
    base |= {"obs_status": "A", "definition": "1"}
    rows = [
        {name: (base | {"stated_by": n, "position": n} | event).get(name) for name in SCHEMA}
        for n, event in enumerate(events)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def said(at: int, value: float | None, **more: Any) -> dict[str, Any]:
    return {"published_at": at, "value": value} | more


def gone(at: int, reason: str = "withdrawn", **more: Any) -> dict[str, Any]:
    return {"published_at": at, "type": "withdrawal", "reason": reason, "obs_status": None} | more


def kinds(*events: dict[str, Any]) -> list[tuple[int, str]]:
    return changes(frame(*events)).sort("published_at").select("published_at", "kind").rows()


def test_the_life_of_a_figure_is_told_in_kinds() -> None:
    assert kinds(
        said(1, 5.0, obs_status="P"),
        said(2, 6.0, obs_status="P"),
        said(3, 6.0),
        gone(4),
        said(5, 6.0),
        said(6, 6.0, definition="2"),
        gone(7, "rolled_off"),
    ) == [
        (1, "new"), (2, "revised"), (3, "status"), (4, "withdrawn"), (5, "restored"), (6, "redefined"),
        (7, "rolled_off"),
    ]  # fmt: skip


def test_a_repetition_is_no_change() -> None:
    assert kinds(said(1, 5.0), said(2, 5.0), gone(3), gone(4, "rolled_off")) == [(1, "new"), (3, "withdrawn")]


def test_a_withdrawal_of_what_was_never_known_is_no_change() -> None:
    assert kinds(gone(1), gone(2), said(3, 1.0)) == [(3, "new")]


def test_a_late_file_and_its_repair_are_what_the_world_saw() -> None:
    """The file of time 2 came last: it says 6, and 5 is said again in the name of the file of time 3."""
    late = [said(1, 5.0), said(3, 5.0, position=11), said(2, 6.0, position=10)]
    assert kinds(*late) == kinds(said(1, 5.0), said(2, 6.0), said(3, 5.0))


def test_of_one_time_the_last_word_counts() -> None:
    """A file read again under corrected definitions: our correction, not the source's revision."""
    assert kinds(said(1, 5.0), said(1, 6.0), said(2, 6.0)) == [(1, "new")]


def test_of_one_time_what_is_said_late_for_an_early_file_is_not_the_last_word() -> None:
    repair = said(2, 5.0, stated_by=1, position=9)
    assert kinds(said(1, 7.0), said(2, 6.0, stated_by=2), repair) == [(1, "new"), (2, "revised")]
    changed = changes(frame(said(1, 7.0), said(2, 6.0, stated_by=2), repair))
    assert changed.filter(kind="revised")["later"].to_list() == [6.0]


def test_a_value_that_becomes_missing_is_revised_and_not_measured() -> None:
    changed = changes(frame(said(1, 5.0), said(2, None, obs_status="Q")))
    (row,) = by_indicator(changed).rows(named=True)
    assert (row["revised"], row["measured"], row["mean_revision"]) == (1, 0, None)


def test_measures_are_those_of_a_revisions_analysis() -> None:
    events = []
    for body, before, after, status in (("a", 10.0, 12.0, "P"), ("b", 20.0, 19.0, "A"), ("c", 5.0, 9.0, "P")):
        events += [said(1, before, organisation=body, obs_status=status), said(2, after, organisation=body)]
    both, final = by_indicator(changes(frame(*events))).rows(named=True)
    assert (both["stage"], final["stage"]) == STAGES
    assert (both["measured"], final["measured"]) == (3, 2)
    assert both["mean_revision"] == pytest.approx((2 - 1 + 4) / 3)
    assert both["mean_absolute_revision"] == pytest.approx(7 / 3)
    assert both["relative_absolute_revision"] == pytest.approx(100 * 7 / 40)
    assert final["mean_revision"] == pytest.approx(3)


def test_a_publication_that_changes_nothing_is_a_row_of_zeros() -> None:
    changed = changes(frame(said(1, 5.0), said(3, 6.0)))
    first, second, third = by_publication(changed, [1, 2, 3]).rows(named=True)
    assert sum(second[kind] for kind in KINDS) == 0
    assert (first["new"], third["revised"]) == (1, 1)
    assert [row["known"] for row in (first, second, third)] == [1, 1, 1]


def test_the_triangle_begins_where_a_period_was_first_known() -> None:
    changed = changes(frame(said(1, 5.0), said(2, 7.0, period=PERIODS[1]), said(3, 6.0)))
    cells = triangle(changed, [1, 2, 3]).select("period", "published_at", "revised", "mean_revision").rows()
    assert cells == [
        (PERIODS[0], 1, 0, None),
        (PERIODS[0], 2, 0, None),
        (PERIODS[0], 3, 1, 1.0),
        (PERIODS[1], 2, 0, None),
        (PERIODS[1], 3, 0, None),
    ]


FIGURES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from(PERIODS)),
    st.tuples(st.sampled_from([None, 1.0, 2.0]), st.sampled_from("AP"), st.sampled_from("12")),
)


@given(st.lists(FIGURES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_counts_are_those_of_a_naive_comparison_of_whole_files(
    files: list[dict[Any, Any]], random: Any
) -> None:
    events, expected, seen = [], [], set()
    for at, (before, after) in enumerate(pairwise([{}, *files]), start=1):
        tally = dict.fromkeys(KINDS, 0)
        for key in sorted(before.keys() | after.keys()):
            where = {"organisation": key[0], "period": key[1]}
            if key not in after:
                events.append(gone(at, **where))
                tally["withdrawn"] += 1
                continue
            value, status, definition = after[key]
            events.append(said(at, value, obs_status=status, definition=definition, **where))
            if key not in before:
                tally["restored" if key in seen else "new"] += 1
            elif before[key] != after[key]:
                was = before[key]
                tally[
                    "redefined" if was[2] != definition else "revised" if was[0] != value else "status"
                ] += 1
        seen |= after.keys()
        expected.append(tally | {"known": len(after)})
    table = frame(*events)
    shuffled = table[random.sample(range(table.height), table.height)]
    times = list(range(1, len(files) + 1))
    found = by_publication(changes(shuffled), times)
    assert found.select(*KINDS, "known").to_dicts() == expected
    cells = triangle(changes(shuffled), times)
    assert cells.select(pl.sum(*KINDS)).row(0) == found.select(pl.sum(*KINDS)).row(0)
