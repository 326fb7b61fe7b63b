"""Decisions: which stand at a time, and what they make of a rating."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.catalogue import load_catalogue
from ratings.decisions import OUTCOMES, Decision, decided, prove_decision, standing
from ratings.errors import MethodError
from ratings.methods import load_method
from ratings.rating import Rating, rate
from tests.made_ledgers import judgements

ROUND = "2002-05"
DAY = 86_400_000_000


def decision(outcome: str = "suspended", **more: Any) -> Decision:
    made = Decision(
        organisation="camden",
        method="ssi-2002",
        round=ROUND,
        on="star",
        outcome=outcome,
        becomes=None,
        authority="the High Court",
        reason="procedure",
        document="",
        at=10,
        expires_at=None,
        position=1,
    )
    return replace(made, **more)


@pytest.fixture(scope="module")
def rating() -> Rating:
    """Camden has two stars, Hackney none."""
    rows = [
        event["payload"]
        | {"organisation": event["organisation"], "published_at": event["published_at"], "position": n}
        for n, event in enumerate(
            judgements("camden", "most promising most promising")
            + judgements("hackney", "no uncertain most uncertain")
        )
    ]
    organisations = pl.DataFrame({"id": ["camden", "hackney"], "kind": ["council", "council"]})
    figures = pl.DataFrame(
        schema=dict.fromkeys(("indicator", "organisation", "period", "obs_status"), pl.String)
        | dict.fromkeys(("value", "denominator"), pl.Float64)
        | dict.fromkeys(("published_at", "position"), pl.Int64)
    )
    method = load_method("ssi-2002")
    return rate(method, figures, pl.DataFrame(rows), organisations, load_catalogue(), at_us=0, round=ROUND)


def star(rating: Rating, *decisions: Decision, organisation: str = "camden") -> dict[str, Any]:
    with_them = decided(rating, decisions, load_method("ssi-2002"))
    return with_them.stars.filter(pl.col("organisation") == organisation).row(0, named=True)


def test_without_a_decision_the_computed_star_counts(rating: Rating) -> None:
    row = star(rating)
    assert (row["star"], row["computed_star"], row["decision"], row["rating_status"]) == (2, 2, None, "rated")


@pytest.mark.parametrize(
    ("outcome", "becomes", "counts", "status"),
    [
        ("appeal_upheld", "3", 3, "rated"),
        ("under_review", None, 2, "under_review"),
        ("set_aside", None, None, "set_aside"),
        ("suspended", None, None, "suspended"),
    ],
)
def test_each_outcome_leaves_both_values_and_says_who_decided(
    rating: Rating, outcome: str, becomes: str | None, counts: int | None, status: str
) -> None:
    row = star(rating, decision(outcome, becomes=becomes))
    assert (row["star"], row["computed_star"], row["rating_status"]) == (counts, 2, status)
    assert row["decision"] == outcome
    assert "the High Court" in row["rating_status_reason"]
    assert "two stars" in row["rule"]
    assert star(rating, decision(outcome, becomes=becomes), organisation="hackney")["decision"] is None


def test_a_decided_judgement_reaches_the_star(rating: Rating) -> None:
    upheld = decision(
        "appeal_upheld", organisation="hackney", on="children_serving", becomes="yes", position=2
    )
    row = star(rating, upheld, organisation="hackney")
    assert row["computed_star"] == 0
    assert row["star"] > 0
    judged = decided(rating, [upheld], load_method("ssi-2002")).judgements.filter(
        (pl.col("organisation") == "hackney") & (pl.col("service") == "children")
    )
    assert judged.sort("aspect")["judgement"].to_list() == ["uncertain", "yes"]
    assert judged.sort("aspect")["undecided_judgement"].to_list() == ["uncertain", "no"]


def test_a_suspended_judgement_leaves_no_star_and_says_so(rating: Rating) -> None:
    row = star(rating, decision(on="adults_prospects"))
    assert (row["star"], row["computed_star"], row["rating_status"]) == (None, 2, "suspended")
    assert row["rating_status_reason"].startswith("adults_prospects: the rating is suspended")


def test_a_decision_ends_when_it_expires_and_the_one_before_holds_again() -> None:
    appeal = decision("appeal_upheld", becomes="3", at=0)
    for_a_while = decision(at=10, expires_at=20, position=2)
    at = {
        t: [d.outcome for d in standing([for_a_while, appeal], "ssi-2002", ROUND, t)] for t in (9, 10, 19, 20)
    }
    assert at == {9: ["appeal_upheld"], 10: ["suspended"], 19: ["suspended"], 20: ["appeal_upheld"]}


def test_lifting_ends_every_earlier_decision() -> None:
    lifted = decision("lifted", at=20, position=2)
    assert standing([decision(), lifted], "ssi-2002", ROUND, 20) == ()
    assert standing([decision(), lifted], "ssi-2002", ROUND, 19) == (decision(),)


def test_decisions_on_other_methods_and_rounds_do_not_hold() -> None:
    assert standing([decision()], "ssi-2002", "2002-11", 20) == ()
    assert standing([decision()], "stars-illustrative", ROUND, 20) == ()


@given(
    st.lists(st.tuples(st.sampled_from(sorted(OUTCOMES)), st.integers(0, 9), st.integers(1, 9)), max_size=6),
    st.integers(0, 20),
    st.randoms(use_true_random=False),
)
def test_what_stands_does_not_depend_on_the_order_given(
    said: list[tuple[str, int, int]], at: int, random: Any
) -> None:
    made = [
        decision(outcome, at=begins, expires_at=begins + lasts, position=n)
        for n, (outcome, begins, lasts) in enumerate(said)
    ]
    mixed = list(made)
    random.shuffle(mixed)
    found = standing(mixed, "ssi-2002", ROUND, at)
    assert found == standing(made, "ssi-2002", ROUND, at)
    assert all(d.at <= at < (d.expires_at or 0) for d in found)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"outcome": "pardoned"}, "choose one of appeal_upheld"),
        ({"on": "children_leadership"}, "star, children_serving"),
        ({"outcome": "appeal_upheld", "becomes": "4"}, "choose one of 0, 1, 2, 3"),
        ({"outcome": "appeal_upheld", "on": "adults_serving", "becomes": "fine"}, "no, some, most, yes"),
        ({"outcome": "appeal_upheld"}, "says what the outcome becomes"),
        ({"becomes": "2"}, "says what the outcome becomes"),
        ({"round": "1999-01"}, "give one of 2002-05"),
    ],
)
def test_what_the_method_does_not_give_cannot_be_decided(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(MethodError) as raised:
        prove_decision(decision(**wrong), load_method("ssi-2002"))
    assert says in str(raised.value)


def test_a_method_without_stars_has_nothing_to_decide_on() -> None:
    with pytest.raises(MethodError, match="gives no 'star'"):
        prove_decision(decision(method="lait-quartile", round=None), load_method("lait-quartile"))
