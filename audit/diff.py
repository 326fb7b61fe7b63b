"""Diff: why an outcome changed between two ratings, cause by cause.

Here: the changes between two sets of inputs sorted by cause, applied one cause after another through the
    method, with the outcomes after each: the parts of every change add up to it exactly.
Not here: reading the inputs of a snapshot (pipelines/compare.py), the printing (pipelines/cli).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ratings.catalogue import Catalogue
from ratings.decisions import Decision, decided
from ratings.methods import Method
from ratings.rating import Rating, rate

CAUSES: Mapping[str, str] = {
    "reorganisation": "organisations that came or went, with everything known of them",
    "definition": "figures whose definition or denominator is another",
    "withdrawal": "figures no longer there",
    "revision": "figures whose value is another",
    "fresh_data": "figures that were not there before",
    "judgement": "the regulator's judgements, and their round",
    "method": "the method, its version and option, and what of it is in force on the day",
    "decision": "binding decisions on outcomes",
}
"""Every cause, in the order in which it is applied."""

_KEY = ["indicator", "organisation", "period"]
_SAID = ["value", "obs_status"]
Outcomes = dict[tuple[str, ...], tuple[Any, str]]
"""Value and status by organisation, or by organisation and indicator where a method has no stars."""
NOTHING: tuple[Any, str] = (None, "not there")
"""The outcome of an organisation that is not rated at all, or of a figure without a band."""


@dataclass(frozen=True, slots=True)
class Side:
    """Everything that one rating is made from.

    Attributes:
        method: the method.
        option: its star table; None for its own choice.
        round: rating round of recorded judgements.
        at_us: the day that the rating is for, microseconds UTC.
        organisations: the population, as for `rate`.
        figures: as for `rate`, with `definition` and `numerator`.
        judgements: recorded judgements, as for `rate`.
        decisions: those that stand.
        catalogue: the indicators.
    """

    method: Method
    option: str | None
    round: str | None
    at_us: int
    organisations: pl.DataFrame
    figures: pl.DataFrame
    judgements: pl.DataFrame
    decisions: tuple[Decision, ...]
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause did to an outcome.

    Attributes:
        cause: one of CAUSES.
        before: value before it was applied, None where there was none.
        after: value after it.
        status_before: the outcome's status before it.
        status_after: and after.
        own: changed rows of this cause that are about the organisation itself; 0 where others moved it, by
            moving the edges of bands, or where the method moved it.
    """

    cause: str
    before: int | None
    after: int | None
    status_before: str
    status_after: str
    own: int

    @property
    def change(self) -> int | None:
        """The difference; None where there was no value, or is none."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class Change:
    """An outcome that is another now: its parts lead from `before` to `after` without a gap."""

    organisation: str
    indicator: str | None
    before: int | None
    after: int | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How two ratings differ.

    Attributes:
        outcome: `star`, or `band` where neither method has stars.
        compared: outcomes compared.
        rows: by cause, how many rows of the inputs changed.
        changes: every outcome whose value or status moved at any step, by organisation and indicator. One
            that moved and moved back is among them.
    """

    outcome: str
    compared: int
    rows: Mapping[str, int]
    changes: tuple[Change, ...]


def difference(before: Side, after: Side) -> Difference:
    """Split every change of outcome by cause.

    The causes are applied one after another, in the order of CAUSES, each on top of those before it; the
    outcome is computed after each. What a cause did is the step it made: a different order can share out an
    interaction of two causes differently, the sum is always the whole. Where the methods are different ones
    (not versions of one), judgements and their round change with the method, for neither need know the
    other's rounds.

    Args:
        before: inputs of the first rating.
        after: inputs of the second.

    Raises:
        MethodError: a method is not in force on the day of its own side.
    """
    outcome = "star" if before.method.stars or after.method.stars else "band"
    now = outcomes(before, outcome)
    first, parts = now, dict[tuple[str, ...], list[Part]]()
    rows = {}
    for cause, side, own in _steps(before, after):
        rows[cause] = sum(own.values())
        then, now = now, outcomes(side, outcome)
        for key in then.keys() | now.keys():
            was, became = then.get(key, NOTHING), now.get(key, NOTHING)
            if was != became:
                part = Part(cause, was[0], became[0], was[1], became[1], own.get(key[0], 0))
                parts.setdefault(key, []).append(part)
    changes = tuple(
        Change(
            organisation=key[0],
            indicator=key[1] if len(key) > 1 else None,
            before=first.get(key, NOTHING)[0],
            after=now.get(key, NOTHING)[0],
            parts=tuple(parts[key]),
        )
        for key in sorted(parts)
    )
    return Difference(outcome, len(first.keys() | now.keys()), {c: rows.get(c, 0) for c in CAUSES}, changes)


def rating_of(side: Side) -> Rating:
    """What the method makes of a side, under the decisions on it."""
    computed = rate(
        side.method,
        side.figures,
        side.judgements,
        side.organisations,
        side.catalogue,
        at_us=side.at_us,
        round=side.round,
        option=side.option,
    )
    return decided(computed, side.decisions, side.method, option=side.option)


def outcomes(side: Side, outcome: str) -> Outcomes:
    """The outcomes of a side: `star` or `band`, with their status."""
    rating = rating_of(side)
    if outcome == "band":
        found = rating.bands.select("organisation", "indicator", "band").iter_rows()
        return {(o, i): (band, "banded") for o, i, band in found if band is not None}
    stars = rating.stars
    return {
        (o,): (star, s) for o, star, s in stars.select("organisation", "star", "rating_status").iter_rows()
    }


def _steps(before: Side, after: Side) -> Iterator[tuple[str, Side, Mapping[str, int]]]:
    """Each cause that changed anything, the side once it is applied, and its changed rows by organisation."""
    gone = set(before.organisations["id"]) - set(after.organisations["id"])
    come = set(after.organisations["id"]) - set(before.organisations["id"])
    same_method = before.method.id == after.method.id
    side = before
    if gone or come:
        moved = replace(
            side,
            organisations=after.organisations,
            figures=_swap(side.figures, after.figures, gone | come),
            judgements=_swap(side.judgements, after.judgements, gone | come)
            if same_method
            else side.judgements,
        )
        side = moved
        yield "reorganisation", side, dict.fromkeys(sorted(gone | come), 1)
    # Figures that only one of two methods looks at came or went with the method.
    shared = [
        code
        for code, indicator in {**before.catalogue.indicators, **after.catalogue.indicators}.items()
        if before.method.in_scope(indicator) and after.method.in_scope(indicator)
    ]
    causes = figures_by_cause(side.figures, after.figures).filter(pl.col("indicator").is_in(shared))
    for cause in ("definition", "withdrawal", "revision", "fresh_data"):
        keys = causes.filter(pl.col("cause") == cause).select(_KEY)
        if keys.height:
            kept = side.figures.join(keys, on=_KEY, how="anti")
            put = after.figures.join(keys, on=_KEY, how="semi")
            side = replace(side, figures=pl.concat([kept, put], how="diagonal"))
            yield cause, side, _counted(keys)
    if same_method and (said := _judged(side, after)):
        side = replace(side, judgements=after.judgements, round=after.round)
        yield "judgement", side, said
    if (side.method.sha256, side.option, side.at_us) != (after.method.sha256, after.option, after.at_us):
        side = replace(after, decisions=side.decisions if same_method else ())
        yield "method", side, {}
    if side.decisions != after.decisions:
        touched = {d.organisation for d in set(side.decisions) ^ set(after.decisions)}
        side = after
        yield "decision", side, dict.fromkeys(sorted(touched), 1)


def _swap(old: pl.DataFrame, new: pl.DataFrame, organisations: set[str]) -> pl.DataFrame:
    """The old rows, and of these organisations the new ones."""
    those = pl.col("organisation").is_in(sorted(organisations))
    return pl.concat([old.filter(~those), new.filter(those)], how="diagonal")


def figures_by_cause(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Every figure that changed, and why.

    Args:
        old: figures with `indicator`, `organisation`, `period`, `definition`, `value`, `obs_status`,
            `numerator` and `denominator`.
        new: the same later.

    Returns:
        `indicator`, `organisation`, `period` and `cause`: definition, withdrawal, revision or fresh_data.
    """
    columns = [*_KEY, *_SAID, "definition", "numerator", "denominator"]
    both = old.select(columns, here=True).join(
        new.select(columns, there=True), on=_KEY, how="full", coalesce=True, suffix="_new"
    )
    rebased = pl.col("numerator").eq_missing(pl.col("numerator_new")) & pl.col("denominator").ne_missing(
        pl.col("denominator_new")
    )
    other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _SAID)
    parts = pl.col("numerator").ne_missing(pl.col("numerator_new")) | pl.col("denominator").ne_missing(
        pl.col("denominator_new")
    )
    cause = (
        pl.when(pl.col("there").is_null())
        .then(pl.lit("withdrawal"))
        .when(pl.col("here").is_null())
        .then(pl.lit("fresh_data"))
        .when(pl.col("definition").ne_missing(pl.col("definition_new")) | rebased)
        .then(pl.lit("definition"))
        .when(other | parts)
        .then(pl.lit("revision"))
    )
    return both.select(*_KEY, cause=cause).filter(pl.col("cause").is_not_null())


def _counted(keys: pl.DataFrame) -> dict[str, int]:
    return dict(keys.group_by("organisation").len().iter_rows())


def _judged(old: Side, new: Side) -> dict[str, int]:
    """How many judgements of each organisation are others in the two rounds."""
    parts = ["organisation", "service", "aspect", "judgement"]
    a, b = (
        s.judgements.filter(pl.col("round").eq_missing(pl.lit(s.round))).select(parts) for s in (old, new)
    )
    apart = pl.concat([a.join(b, on=parts, how="anti"), b.join(a, on=parts, how="anti")]).unique(parts[:3])
    return _counted(apart) if apart.height or old.round == new.round else {"": 0}
