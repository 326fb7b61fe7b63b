"""The life of a query: its events come to a state, and an accepted answer holds while the figure stands."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.errors import InputError
from ratings.queries import (
    ACCEPTED,
    ANSWERED,
    OPEN,
    RAISED,
    REOPENED,
    STATES,
    about,
    accepted_findings,
    figure_says,
    fold,
    prove_act,
)

FIGURE = {"indicator": "LAIT:InfMort", "organisation": "leeds", "period": "2022-01-01/P1Y"}


def event(position: int, act: str, actor: str = "ann", **says: Any) -> dict[str, Any]:
    return {
        "position": position,
        "collection": "lait",
        "actor": actor,
        "recorded_at": position * 1000,
        "payload": {"act": act, **says},
        **FIGURE,
    }


def raised(position: int, says: str = "86.0") -> dict[str, Any]:
    about = {"batch": 3, "check": "values_plausible", "says": says, "found": "row 4: 86"}
    return event(position, RAISED, question="is it 8.6?", asked_of="Leeds", **about)


def test_a_query_is_open_then_answered_then_accepted_and_says_by_whom_and_when() -> None:
    acts = [
        raised(7),
        event(9, ANSWERED, "bob", query=7, answer="no, a flood", by="Leeds, statistics"),
        event(12, ACCEPTED, "cleo", query=7, reason="the flood was real"),
    ]
    states = [fold(acts[:n])[0].state for n in (1, 2, 3)]
    assert states == [OPEN, ANSWERED, ACCEPTED] == list(STATES)
    (query,) = fold(acts)
    assert (query.number, query.raised_by, query.raised_at) == (7, "ann", 7000)
    assert (query.answer, query.answered_by, query.answered_at) == ("no, a flood", "Leeds, statistics", 9000)
    assert (query.accepted_by, query.accepted_at, query.reason) == ("cleo", 12000, "the flood was real")


def test_a_query_opened_again_keeps_its_answer_and_is_accepted_by_nobody() -> None:
    answered = event(9, ANSWERED, query=7, answer="no", by="Leeds")
    accepted = event(12, ACCEPTED, query=7, reason="fine")
    (query,) = fold([raised(7), answered, accepted, event(20, REOPENED, query=7, reason="it was 8.6")])
    assert (query.state, query.answer, query.accepted_by, query.reason) == (OPEN, "no", None, "it was 8.6")
    assert accepted_findings([query], "lait").is_empty()


@pytest.mark.parametrize(
    ("state", "act", "next_step"),
    [
        (OPEN, ACCEPTED, "starledger queries answer 7"),
        (OPEN, REOPENED, "starledger queries answer 7"),
        (ACCEPTED, ANSWERED, "starledger queries reopen 7"),
        (ACCEPTED, ACCEPTED, "starledger queries reopen 7"),
    ],
)
def test_an_act_that_does_not_follow_is_refused_with_the_one_that_does(
    state: str, act: str, next_step: str
) -> None:
    answered = event(9, ANSWERED, query=7, answer="no", by="Leeds")
    accepted = event(12, ACCEPTED, query=7, reason="fine")
    (query,) = fold([raised(7), answered, accepted][: STATES.index(state) + 1])
    with pytest.raises(InputError, match=f"query 7 is {state}") as refused:
        prove_act(query, act)
    assert next_step in str(refused.value.hint)


def test_an_act_on_a_query_whose_raising_was_purged_is_left_out() -> None:
    assert fold([event(9, ANSWERED, query=7, answer="no", by="Leeds")]) == ()


@given(st.lists(st.sampled_from([ANSWERED, ACCEPTED, REOPENED]), max_size=8))
def test_whatever_acts_are_allowed_only_an_answer_that_stands_accepted_silences(acts: list[str]) -> None:
    events = [raised(1)]
    words = {
        ANSWERED: {"answer": "no", "by": "Leeds"},
        ACCEPTED: {"reason": "fine"},
        REOPENED: {"reason": ""},
    }
    for position, act in enumerate(acts, start=2):
        try:
            prove_act(fold(events)[0], act)
        except InputError:
            continue
        events.append(event(position, act, query=1, **words[act]))
    (query,) = fold(events)
    silenced = accepted_findings([query], "lait").height
    assert silenced == (events[-1]["payload"]["act"] == ACCEPTED)
    assert (query.accepted_by is not None) == bool(silenced)
    assert accepted_findings([query], "ascof").is_empty()


def test_a_figure_says_its_value_and_its_parts() -> None:
    figures = pl.DataFrame(
        {"value": [5.0, 50.0, None], "numerator": [None, 1.0, 3.0], "denominator": [None, 2.0, None]}
    )
    assert figures.select(figure_says()).to_series().to_list() == [
        "5.0",
        "50.0 (1.0 of 2.0)",
        "nothing (3.0 of nothing)",
    ]


def test_a_query_is_about_a_figure_its_series_or_its_indicator() -> None:
    (query,) = fold([raised(1)])
    assert about([query], "LAIT:InfMort", "leeds", "2022-01-01/P1Y") == (query,)
    assert about([query], "LAIT:InfMort", "leeds", "2021-01-01/P1Y") == ()
    assert about([query], "LAIT:InfMort", "kent", None) == ()
