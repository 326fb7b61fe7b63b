"""Decisions: a binding decision on one outcome of a rating, laid over what the method computes.

Here: what a decision says, which decisions stand at a time, and the rating with them: the decided value
    counts, the computed one stays beside it.
Not here: the method (rating.py), entering a decision and the log (pipelines/decide.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ratings.calendar import day_of
from ratings.errors import MethodError
from ratings.methods import Method
from ratings.rating import Rating, overall
from ratings.stars import star_words

STAR = "star"
APPEAL, REVIEW, SET_ASIDE, SUSPENDED, LIFTED = (
    "appeal_upheld",
    "under_review",
    "set_aside",
    "suspended",
    "lifted",
)
OUTCOMES: Mapping[str, str] = {
    APPEAL: "an appeal was upheld",
    REVIEW: "the rating is under review",
    SET_ASIDE: "the rating was set aside",
    SUSPENDED: "the rating is suspended",
    LIFTED: "an earlier decision was lifted",
}
_STATUS = {APPEAL: "rated", REVIEW: REVIEW, SET_ASIDE: SET_ASIDE, SUSPENDED: SUSPENDED}
_WITHOUT_VALUE = (SET_ASIDE, SUSPENDED)

OF_STARS: Mapping[str, Any] = {
    "computed_star": pl.Int64,
    "decision": pl.String,
    "decision_authority": pl.String,
    "decision_expires_at": pl.Int64,
    "decision_position": pl.Int64,
}
OF_JUDGEMENTS: Mapping[str, Any] = {
    "undecided_judgement": pl.String,
    "decision": pl.String,
    "decision_authority": pl.String,
    "decision_expires_at": pl.Int64,
    "decision_position": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """A binding decision on one outcome.

    Attributes:
        organisation: whose rating.
        method: id of the method that it was rated by.
        round: rating round, None where the method has none.
        on: the outcome: `star`, or the name of a part.
        outcome: one of OUTCOMES. An upheld appeal replaces the value; `set_aside` and `suspended` take it
            away; `under_review` leaves it standing; `lifted` ends every earlier decision on the same outcome.
        becomes: of an upheld appeal, the star as a digit or the judgement as a word; else None.
        authority: who decided: a tribunal, a court, the regulator's own panel.
        reason: why, in the words of whoever entered it.
        document: where the decision can be read; blank where not known.
        at: from when it holds, microseconds UTC.
        expires_at: when it ends by itself, microseconds UTC; None where it does not.
        position: of its event in the log; 0 before it is there.
        batch: the batch that holds the event; 0 before it is there.
    """

    organisation: str
    method: str
    round: str | None
    on: str
    outcome: str
    becomes: str | None
    authority: str
    reason: str
    document: str
    at: int
    expires_at: int | None
    position: int = 0
    batch: int = 0

    def says(self, method: Method) -> str:
        """The decision in a sentence."""
        value = f": {self.on} {becomes_words(self, method)}" if self.becomes is not None else ""
        until = f", until {day_of(self.expires_at)}" if self.expires_at is not None else ""
        return (
            f"{OUTCOMES[self.outcome]}{value} (decided by {self.authority}, from {day_of(self.at)}{until}: "
            f"{self.reason})"
        )


def becomes_words(decision: Decision, method: Method) -> str:
    """What an upheld appeal makes of the outcome, for people."""
    if decision.on == STAR:
        return star_words(int(decision.becomes or 0))
    return repr(decision.becomes)


def prove_decision(decision: Decision, method: Method) -> None:
    """Refuse a decision on what the method does not give, or that gives what it does not know.

    Raises:
        MethodError: saying what can be decided instead.
    """
    if decision.outcome not in OUTCOMES:
        raise MethodError(
            f"{decision.outcome!r} is not an outcome of a decision",
            hint=f"choose one of {', '.join(OUTCOMES)}",
        )
    known = ([STAR] if method.stars else []) + list(method.parts.names)
    if decision.on not in known:
        raise MethodError(
            f"{method.id} gives no {decision.on!r} that could be decided on",
            hint=f"choose one of {', '.join(known)}" if known else "choose a method with judgements or stars",
        )
    rounds = method.judgements.rounds if method.judgements else {}
    if method.recorded and decision.round not in rounds:
        named = "no round is named" if decision.round is None else f"it does not cover {decision.round!r}"
        raise MethodError(
            f"{method.id} rates round by round, and {named}", hint=f"give one of {', '.join(rounds)}"
        )
    if not method.recorded and decision.round is not None:
        raise MethodError(f"{method.id} has no rounds", hint="leave the round out")
    if (decision.outcome == APPEAL) != (decision.becomes is not None):
        raise MethodError(
            "an upheld appeal, and only that, says what the outcome becomes",
            hint="give the new star or judgement with the outcome appeal_upheld, and only there",
        )
    if decision.becomes is not None:
        words = _values(decision.on, method)
        if decision.becomes not in words:
            raise MethodError(
                f"{decision.becomes!r} is no {'star' if decision.on == STAR else 'judgement'} of {method.id}",
                hint=f"choose one of {', '.join(words)}",
            )


def _values(on: str, method: Method) -> tuple[str, ...]:
    """What an outcome can become: stars that the method gives, or the words of the judgement's scale."""
    if on == STAR:
        given = {cell.stars for table in method.tables.values() for cell in table.cells}
        return tuple(str(star) for star in sorted(given))
    return method.parts.scale(on)


def standing(
    decisions: Iterable[Decision], method: str, round: str | None, at_us: int
) -> tuple[Decision, ...]:
    """The decisions that hold at a time: per organisation and outcome the last one not yet expired.

    Args:
        decisions: in any order.
        method: id of the method.
        round: rating round, None where the method has none.
        at_us: the time, microseconds UTC. A decision holds from its own time until just before it expires;
            when a later one has expired, an earlier one that has not holds again.

    Returns:
        One for each (organisation, outcome), in that order; none where the last one lifted the others.
    """
    last: dict[tuple[str, str], Decision] = {}
    for decision in sorted(decisions, key=lambda d: (d.at, d.position)):
        mine = (decision.method, decision.round) == (method, round)
        holds = decision.at <= at_us and (decision.expires_at is None or at_us < decision.expires_at)
        if mine and holds:
            last[decision.organisation, decision.on] = decision
    return tuple(last[key] for key in sorted(last) if last[key].outcome != LIFTED)


def decided(
    rating: Rating, decisions: Sequence[Decision], method: Method, *, option: str | None = None
) -> Rating:
    """Lay decisions over a rating.

    A decided judgement is final (no cap lowers it) and the star is computed again from the judgements as
    decided; then the decisions on stars hold.

    Args:
        rating: what the method computes.
        decisions: those that stand, at most one for each (organisation, outcome).
        method: the method.
        option: star table used; by default the method's own choice.

    Returns:
        The rating with the columns OF_STARS and OF_JUDGEMENTS added: `star` and `judgement` are what counts;
        `computed_star` and `undecided_judgement` are what the method alone gives.
    """
    on_stars = {d.organisation: d for d in decisions if d.on == STAR}
    on_judgements = {(d.organisation, d.on): d for d in decisions if d.on != STAR}
    judgements = _judgements(rating.judgements, on_judgements, method)
    stars = rating.stars
    if on_judgements and method.stars:
        stars = overall(method, judgements, rating.round, option)
    computed = dict(rating.stars.select("organisation", "star").iter_rows())
    rows = [
        _star(row, computed[row["organisation"]], on_stars.get(row["organisation"]), on_judgements, method)
        for row in stars.iter_rows(named=True)
    ]
    return replace(
        rating,
        judgements=judgements,
        stars=pl.DataFrame(rows, schema={**rating.stars.schema, **OF_STARS}),
    )


def _judgements(
    judgements: pl.DataFrame, decisions: Mapping[tuple[str, str], Decision], method: Method
) -> pl.DataFrame:
    rows = []
    for row in judgements.iter_rows(named=True):
        found = decisions.get((row["organisation"], row["part"]))
        row |= _marks(found) | {"undecided_judgement": row["judgement"]}
        if found is not None:
            row["rule"] = f"{found.says(method)}; without it: {row['rule']}"
            if found.outcome == APPEAL:
                assert found.becomes is not None
                level = method.parts.scale(row["part"]).index(found.becomes)
                row |= {"judgement": found.becomes, "level": level}
            elif found.outcome in _WITHOUT_VALUE:
                row |= {"judgement": None, "level": None}
            if found.outcome != REVIEW:
                row |= dict.fromkeys(("capped_by", "cap_value", "cap_threshold"))
        rows.append(row)
    return pl.DataFrame(rows, schema={**judgements.schema, **OF_JUDGEMENTS})


def _star(
    row: dict[str, Any],
    computed: int | None,
    decision: Decision | None,
    on_judgements: Mapping[tuple[str, str], Decision],
    method: Method,
) -> dict[str, Any]:
    """A star with what was decided on it, or on the judgements that it stands on."""
    row = row | {"computed_star": computed} | _marks(decision)
    if decision is not None:
        sentence = decision.says(method)
        row |= {
            "rating_status": _STATUS[decision.outcome],
            "rating_status_reason": sentence,
            "rule": f"{sentence}; without it: {row['rule']}",
        }
        if decision.outcome == APPEAL:
            row["star"] = int(decision.becomes or 0)
        elif decision.outcome in _WITHOUT_VALUE:
            row["star"] = None
        return row
    below = [d for (organisation, *_), d in on_judgements.items() if organisation == row["organisation"]]
    flags = [d for d in below if d.outcome != APPEAL]
    if flags:
        worst = min(flags, key=lambda d: (SET_ASIDE, SUSPENDED, REVIEW).index(d.outcome))
        row |= {
            "rating_status": _STATUS[worst.outcome],
            "rating_status_reason": f"{worst.on}: {worst.says(method)}",
        }
    if below:
        row["rule"] += "; decided: " + "; ".join(sorted(f"{d.on}, {d.says(method)}" for d in below))
    return row


def _marks(decision: Decision | None) -> dict[str, Any]:
    """The columns that say what was decided."""
    return {
        "decision": decision.outcome if decision else None,
        "decision_authority": decision.authority if decision else None,
        "decision_expires_at": decision.expires_at if decision else None,
        "decision_position": decision.position if decision else None,
    }
