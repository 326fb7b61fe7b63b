"""Diff: the parts of every change lead from one rating to the other, without a gap."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.diff import CAUSES, NOTHING, Difference, Side, difference, outcomes
from ratings.catalogue import load_catalogue
from ratings.decisions import Decision
from ratings.methods import load_method
from tests.made_ledgers import EARLIER, MEASURE, PERIOD, judgements
from warehouse.snapshot_manifest import microseconds

DAY = microseconds("2024-06-01")
NAMES = ("camden", "hackney", "islington", "lambeth", "southwark")
FIGURES = {
    "indicator": pl.String,
    "definition": pl.String,
    "organisation": pl.String,
    "period": pl.String,
    "value": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "obs_status": pl.String,
    "published_at": pl.Int64,
    "position": pl.Int64,
}


def figures(*rows: dict[str, Any]) -> pl.DataFrame:
    blank = {"indicator": MEASURE, "definition": "1", "period": PERIOD, "obs_status": "A"}
    return pl.DataFrame(
        [blank | {"published_at": 1, "position": n} | row for n, row in enumerate(rows)], schema=FIGURES
    )


def banded(*values: float, **more: Any) -> Side:
    """Figures of the first councils, rated by quartiles."""
    rows = [{"organisation": name, "value": value} for name, value in zip(NAMES, values, strict=False)]
    side = Side(
        method=load_method("lait-quartile"),
        option=None,
        round=None,
        at_us=DAY,
        organisations=pl.DataFrame({"id": NAMES, "kind": ["council"] * len(NAMES)}),
        figures=figures(*rows),
        judgements=pl.DataFrame(
            schema=dict.fromkeys(("organisation", "round", "service", "aspect", "judgement"), pl.String)
            | dict.fromkeys(("published_at", "position"), pl.Int64)
        ),
        decisions=(),
        catalogue=load_catalogue(),
    )
    return replace(side, **more)


def rated(words: str, **more: Any) -> Side:
    """Camden's judgements of May 2002."""
    rows = [
        e["payload"] | {"organisation": "camden", "published_at": 1, "position": n}
        for n, e in enumerate(judgements("camden", words))
    ]
    return replace(
        banded(),
        method=load_method("ssi-2002"),
        round="2002-05",
        organisations=pl.DataFrame({"id": ["camden"], "kind": ["council"]}),
        judgements=pl.DataFrame(rows),
        **more,
    )


def check(found: Difference, before: Side, after: Side) -> None:
    """Every part begins where the one before it ended, and the whole is what the two ratings say."""
    was, became = outcomes(before, found.outcome), outcomes(after, found.outcome)
    told = {(c.organisation, c.indicator) if c.indicator else (c.organisation,): c for c in found.changes}
    for key in was.keys() | became.keys():
        first, last = was.get(key, NOTHING), became.get(key, NOTHING)
        if key not in told:
            assert first == last, key
            continue
        change = told[key]
        assert (change.before, change.after) == (first[0], last[0])
        ends = [first, *((part.after, part.status_after) for part in change.parts)]
        assert [(part.before, part.status_before) for part in change.parts] == ends[:-1]
        assert ends[-1] == last
        order = [list(CAUSES).index(part.cause) for part in change.parts]
        assert order == sorted(set(order))
        if all(part.change is not None for part in change.parts):
            assert sum(part.change or 0 for part in change.parts) == last[0] - first[0]


def causes(found: Difference, organisation: str = "camden") -> list[str]:
    return [p.cause for c in found.changes if c.organisation == organisation for p in c.parts]


def test_nothing_changed_gives_no_change() -> None:
    found = difference(banded(1, 2, 3, 4, 5), banded(1, 2, 3, 4, 5))
    assert found.changes == ()
    assert not any(found.rows.values())


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ({"value": 9.0}, "revision"),
        ({"value": 9.0, "definition": "2"}, "definition"),
        ({"value": 9.0, "denominator": 50.0}, "definition"),
        (None, "withdrawal"),
    ],
)
def test_each_kind_of_change_of_a_figure_is_told_apart(row: dict[str, Any] | None, cause: str) -> None:
    before = banded(1, 2, 3, 4, 5)
    others = before.figures.filter(pl.col("organisation") != "camden")
    new = figures({"organisation": "camden"} | row) if row else figures()
    after = replace(before, figures=pl.concat([others, new]))
    found = difference(before, after)
    check(found, before, after)
    assert causes(found) == [cause]
    moved = {c.organisation: c.parts[0].own for c in found.changes}
    assert moved["camden"] == 1
    if row is not None:
        assert set(moved.values()) == {0, 1}  # the edges moved for others


def test_a_new_period_is_fresh_data() -> None:
    before = banded(1, 2, 3, 4, 5, figures=banded(1, 2, 3, 4, 5).figures.with_columns(period=pl.lit(EARLIER)))
    after = replace(before, figures=pl.concat([before.figures, banded(5, 4, 3, 2, 1).figures]))
    found = difference(before, after)
    check(found, before, after)
    assert causes(found) == ["fresh_data"]


def test_judgement_decision_and_option_are_told_apart() -> None:
    before = rated("most uncertain most promising", option="A")
    decision = Decision(
        "camden", "ssi-2002", "2002-05", "star", "suspended", None, "court", "why", "", 1, None, 9
    )
    after = replace(rated("no poor most promising", option="B"), decisions=(decision,))
    found = difference(before, after)
    check(found, before, after)
    assert causes(found)[0] == "judgement"
    assert causes(found)[-1] == "decision"
    assert found.rows["judgement"] == 2


def test_an_organisation_that_came_is_a_reorganisation() -> None:
    after = banded(1, 2, 3, 4, 5)
    gone = pl.col("organisation") != "southwark"
    before = replace(after, organisations=after.organisations.filter(pl.col("id") != "southwark"))
    before = replace(before, figures=before.figures.filter(gone))
    found = difference(before, after)
    check(found, before, after)
    assert causes(found, "southwark") == ["reorganisation"]


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_the_parts_add_up_whatever_changed(seed: int) -> None:
    chance = random.Random(seed)

    def some() -> Side:
        rows = [
            {
                "organisation": name,
                "period": period,
                "value": float(chance.randrange(6)),
                "definition": chance.choice("112"),
                "denominator": chance.choice([None, 10.0, 20.0]),
            }
            for name in NAMES
            for period in (EARLIER, PERIOD)
            if chance.random() < 0.8
        ]
        here = [name for name in NAMES if chance.random() < 0.9]
        return banded(
            figures=figures(*[row for row in rows if row["organisation"] in here]),
            organisations=pl.DataFrame(
                {"id": here, "kind": ["council"] * len(here)},
                schema_overrides={"id": pl.String, "kind": pl.String},
            ),
        )

    before, after = some(), some()
    check(difference(before, after), before, after)
