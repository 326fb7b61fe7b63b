"""Rating: one method applied to figures and judgements, from bands to stars with their reasons.

Here: which steps a method has and in what order; the frames of bands, judgements and stars that a snapshot
    holds.
Not here: each step (bands.py, judgements.py, stars.py), the words (sentences.py), published ratings
    (matching.py), where figures come from (warehouse).

The numbers and the words are apart. `band_figures`, `judge` and `decide` give levels and stars as numbers
only; `rate` runs them once for real and says why in sentences. To ask what would be if, take the bands of a
rating, put others in their place under as many values of a column `case` as wanted, and call `judge` (or
`decide`, with levels put in place): one call rates organisations x cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Banding, adjusted, bands, better_of_two
from ratings.calendar import day_of, end_of
from ratings.catalogue import Catalogue, Succession
from ratings.errors import MethodError
from ratings.judgements import as_recorded, capped, capped_by_parts
from ratings.methods import Method
from ratings.periods import period_bounds
from ratings.scores import part_scores
from ratings.sentences import (
    band_reasons,
    judgement_rule,
    missing_judgements,
    number_word,
    star_rule,
    stood_in_reason,
)
from ratings.stars import stars

BANDS: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "period": pl.String,
    "value": pl.Float64,
    "denominator": pl.Float64,
    "band": pl.Int64,
    "band_label": pl.String,
    "band_reason": pl.String,
    "position": pl.Int64,
    "key": pl.Boolean,
    "previous_period": pl.String,
    "previous_band": pl.Int64,
    "movement": pl.Int64,
    "stood_in": pl.String,
}
JUDGEMENTS: Mapping[str, Any] = {
    "organisation": pl.String,
    "part": pl.String,
    "service": pl.String,
    "aspect": pl.String,
    "judgement": pl.String,
    "level": pl.Int64,
    "score": pl.Int64,
    "basis": pl.String,
    "computed_judgement": pl.String,
    "rule": pl.String,
    "capped_by": pl.String,
    "cap_value": pl.Float64,
    "cap_threshold": pl.Float64,
    "position": pl.Int64,
    "inputs": pl.Int64,
    "missing": pl.Int64,
}
STARS: Mapping[str, Any] = {
    "organisation": pl.String,
    "round": pl.String,
    "star": pl.Int64,
    "rating_status": pl.String,
    "rating_status_reason": pl.String,
    "rule": pl.String,
}
_TOLD = (
    *("part", "level", "level_before", "judgement", "score", "inputs", "missing"),
    *("capped_by", "cap_value", "cap_threshold", "exempt_from", "exempt_value", "exempt_threshold"),
)
"""What the sentence of a judgement is written from."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What a method says.

    Attributes:
        bands: one row per (organisation, indicator), columns BANDS.
        judgements: one row per (organisation, part), columns JUDGEMENTS; none without judgements.
        stars: one row per organisation, columns STARS; none where the method has no overall star.
        round: the rating round of recorded judgements; None for computed ones, or where none is known.
    """

    bands: pl.DataFrame
    judgements: pl.DataFrame
    stars: pl.DataFrame
    round: str | None


def judge(
    method: Method,
    bands: IntoFrameT,
    key_figures: IntoFrameT,
    inputs: pl.DataFrame,
    *,
    day: date,
    option: str | None = None,
) -> tuple[IntoFrameT, IntoFrameT | None]:
    """Bands of computed judgements -> judgements after caps -> stars, as numbers.

    Args:
        method: a method of computed judgements.
        bands: one row per (thing rated, indicator): `organisation`, perhaps `case`, `indicator`, `band`,
            `previous_band`.
        key_figures: `organisation`, perhaps `case`, `indicator`, `value`, `denominator`; same engine.
        inputs: which indicators count for which part (Method.inputs).
        day: decides which caps are in force.
        option: star table to use; by default the method's own choice.

    Returns:
        What `decide` gives.
    """
    return decide(method, part_scores(bands, method.parts.all, inputs), key_figures, day=day, option=option)


def decide(
    method: Method,
    judgements: IntoFrameT,
    key_figures: IntoFrameT,
    *,
    day: date,
    option: str | None = None,
) -> tuple[IntoFrameT, IntoFrameT | None]:
    """Levels before caps -> levels after caps -> stars, as numbers.

    Args:
        method: any method with judgements.
        judgements: one row per (thing rated, part): `organisation`, perhaps `case`, `part`, `level`, and
            whatever else shall be carried along.
        key_figures: `organisation`, perhaps `case`, `indicator`, `value`, `denominator`; same engine.
        day: decides which caps are in force.
        option: star table to use; by default the method's own choice.

    Returns:
        Judgements with what the caps did to them (judgements.capped), and one row per thing rated with its
        star (stars.stars); None for a method without stars.
    """
    after = capped(judgements, key_figures, [cap for cap in method.caps if cap.in_force(day)])
    after = capped_by_parts(after, method.part_caps)
    return after, stars(after, method.table(option)) if method.stars else None


def rate(
    method: Method,
    figures: pl.DataFrame,
    judgements: pl.DataFrame,
    organisations: pl.DataFrame,
    catalogue: Catalogue,
    *,
    at_us: int,
    round: str | None = None,
    option: str | None = None,
) -> Rating:
    """Rate a population.

    Args:
        method: the method.
        figures: figures as known, columns of the observation state (`indicator`, `organisation`, `period`,
            `value`, `denominator`, `obs_status`, `published_at`, `position`), one row per (indicator,
            organisation, period).
        judgements: recorded judgements, perhaps none: `organisation`, `round`, `service`, `aspect`,
            `judgement`, `published_at`, `position`.
        organisations: the population: `id`, `kind`; kinds that the method does not rate are left out.
        catalogue: the indicators.
        at_us: the day that the rating is for, microseconds UTC. Decides whether a method of computed
            judgements and its thresholds are in force; recorded judgements have the day of their round.
        round: rating round of the recorded judgements; by default the latest that the method covers and that
            is known.
        option: star table to use; by default the method's own choice.

    Returns:
        Bands, judgements and stars, each sorted by its key.

    Raises:
        MethodError: the method is not in force, does not cover the round, or has no such option.
    """
    if method.stars or option:
        method.table(option)
    day = day_of(at_us)
    known_round = None
    if method.recorded:
        known_round, day = _round(method, judgements, round, day)
        if known_round is None and day < method.effective_from:
            method.check_in_force(day)
    else:
        method.check_in_force(day)
    population = (
        organisations.filter(pl.col("kind").is_in(method.population)).select(organisation="id").unique()
    )
    if method.periods.inherited:
        figures = inherited(figures, catalogue.successions)
    banded = band_figures(method, figures, population, catalogue, day=day)
    if method.judgements is None:
        return Rating(
            _frame(banded, BANDS), pl.DataFrame(schema=JUDGEMENTS), pl.DataFrame(schema=STARS), None
        )
    before = _levels(method, banded, judgements, population, catalogue, known_round or "")
    after, placed = decide(method, before, banded.filter("key"), day=day, option=option)
    judged = _judgements(method, after, catalogue, known_round or "")
    rated = pl.DataFrame(schema=STARS)
    if placed is not None:
        rated = _frame(_in_words(method, placed, judged, known_round), STARS)
    return Rating(_frame(banded, BANDS), _frame(judged, JUDGEMENTS), rated, known_round)


def overall(
    method: Method, judgements: pl.DataFrame, round: str | None, option: str | None = None
) -> pl.DataFrame:
    """The stars of judgements as they stand.

    Args:
        method: a method with stars.
        judgements: one row per (organisation, part): columns JUDGEMENTS.
        round: the rating round of recorded judgements.
        option: star table to use; by default the method's own choice.

    Returns:
        One row per organisation, columns STARS, sorted.

    Raises:
        MethodError: the method has no stars, or no such option.
    """
    placed = stars(judgements, method.table(option))
    return _frame(_in_words(method, placed, judgements, round), STARS)


def inherited(figures: pl.DataFrame, successions: tuple[Succession, ...]) -> pl.DataFrame:
    """Figures with those of an only predecessor as the successor's past.

    What a merged organisation would have reported is not known, so nobody inherits from two.

    Args:
        figures: `organisation`, `indicator`, `period`, ...; the predecessors' among them.
        successions: what became of whom.

    Returns:
        `figures`, and for each successor a copy of its only predecessor's figures of periods that ended
        before it began, where it has none of its own.
    """
    before: dict[str, set[Succession]] = {}
    for one in successions:
        if one.predecessor != one.successor:
            before.setdefault(one.successor, set()).add(one)
    only = [next(iter(ones)) for ones in before.values() if len(ones) == 1]
    ends = {period: period_bounds(period)[1] for period in figures["period"].unique()}
    parts = [figures]
    for one in only:
        theirs = figures.filter(pl.col("organisation") == one.predecessor).filter(
            pl.col("period").replace_strict(ends, return_dtype=pl.Date) < one.date
        )
        own = figures.filter(pl.col("organisation") == one.successor)
        parts.append(
            theirs.join(own, on=["indicator", "period"], how="anti").with_columns(
                organisation=pl.lit(one.successor)
            )
        )
    return pl.concat(parts)


def _frame(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Only the columns of a schema, sorted by the key columns that it begins with."""
    keys = [name for name in ("organisation", "indicator", "part") if name in schema]
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).sort(keys)


def _round(method: Method, judgements: pl.DataFrame, round: str | None, day: date) -> tuple[str | None, date]:
    """The rating round and its day; the round is None where the method covers none of those known."""
    rounds = method.judgements.rounds if method.judgements else {}
    if round is not None:
        if round not in rounds:
            raise MethodError(
                f"{method.id} does not cover round {round!r}",
                file=method.file,
                hint=f"ask for one of {', '.join(rounds)}",
            )
        return round, rounds[round]
    latest = latest_round(method, judgements)
    return (latest, rounds[latest]) if latest else (None, day)


def latest_round(method: Method, judgements: pl.DataFrame) -> str | None:
    """The latest round that a method covers and of which judgements are known; None where there is none."""
    rounds = method.judgements.rounds if method.judgements else {}
    known = set(judgements["round"].drop_nulls()) & set(rounds)
    return max(known, key=lambda name: rounds[name], default=None)


def indicators_in_scope(method: Method, catalogue: Catalogue, day: date) -> pl.DataFrame:
    """The indicators in scope: `indicator`, `direction`, `banded`, and whether it is a `key` indicator."""
    keys = {cap.indicator for cap in method.caps if cap.in_force(day)}
    rows = [
        {
            "indicator": indicator.code,
            "direction": indicator.polarity,
            "banded": indicator.banded,
            "key": indicator.code in keys,
        }
        for indicator in catalogue.indicators.values()
        if method.in_scope(indicator)
    ]
    schema = {"indicator": pl.String, "direction": pl.String, "banded": pl.Boolean, "key": pl.Boolean}
    return pl.DataFrame(rows, schema=schema)


def band_figures(
    method: Method, figures: pl.DataFrame, population: pl.DataFrame, catalogue: Catalogue, *, day: date
) -> pl.DataFrame:
    """Bands of every indicator in scope; for a method without bands, the figures of its key indicators.

    Args:
        method: the method.
        figures: as for `rate`.
        population: column `organisation`.
        catalogue: the indicators, and the region of each organisation.
        day: decides which adjustments and key thresholds are in force.

    Returns:
        One row per (organisation, indicator): what bands.bands gives, with `key`, `band_label`,
        `band_reason`, `stood_in`.
    """
    indicators = indicators_in_scope(method, catalogue, day)
    figures = figures.join(population, on="organisation", how="semi")
    if not method.bandings:
        return _key_figures(figures, indicators, day)
    figures = adjusted(figures, [one for one in method.adjustments if one.in_force(day)])
    parts = []
    for banding, mine, group in cuts(method, indicators, population, catalogue):
        placed = bands(figures, group, mine, banding, method.periods)
        parts.append(placed.with_columns(band_reason=band_reasons(banding)))
    together = better_of_two(pl.concat(parts), method.alternatives)
    labels = dict(enumerate(method.bandings[0].labels, start=1))
    return together.with_columns(
        band_label=pl.col("band").replace_strict(labels, default=None, return_dtype=pl.String),
        band_reason=stood_in_reason(),
    )


def cuts(
    method: Method, indicators: pl.DataFrame, population: pl.DataFrame, catalogue: Catalogue
) -> Iterator[tuple[Banding, pl.DataFrame, pl.DataFrame]]:
    """Every banding of a method, with the indicators and the organisations that it cuts.

    Args:
        method: the method.
        indicators: what indicators_in_scope gives.
        population: column `organisation`.
        catalogue: the region of each organisation.
    """
    for number, banding in enumerate(method.bandings):
        mine = indicators.filter(pl.col("indicator").is_in(list(_codes(method, number, indicators))))
        yield banding, mine, _group(method, number, population, catalogue)


def _codes(method: Method, number: int, indicators: pl.DataFrame) -> set[str]:
    """The indicators that a banding cuts: those it names, or all that none names."""
    if method.bandings[number].indicators:
        return set(method.bandings[number].indicators)
    named = {code for banding in method.bandings for code in banding.indicators}
    return set(indicators["indicator"]) - named


def _group(method: Method, number: int, population: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The organisations that a banding cuts: those of its regions, or all that no other one of them has."""
    banding = method.bandings[number]
    region = {name: body.region for name, body in catalogue.organisations.items()}
    taken = {r for other in method.bandings if other.indicators == banding.indicators for r in other.regions}
    if not taken:
        return population
    wanted = [
        (region.get(name) in banding.regions) if banding.regions else (region.get(name) not in taken)
        for name in population["organisation"]
    ]
    return population.filter(pl.Series(wanted, dtype=pl.Boolean))


def _key_figures(figures: pl.DataFrame, indicators: pl.DataFrame, day: date) -> pl.DataFrame:
    """The latest figure of each key indicator that was published by the end of `day`; no bands."""
    known = figures.join(indicators.filter("key"), on="indicator").filter(
        (pl.col("published_at") <= end_of(day)) & pl.col("value").is_not_null()
    )
    latest = known.filter(pl.col("period") == pl.col("period").max().over("organisation", "indicator"))
    return latest.with_columns(
        band=pl.lit(None, pl.Int64),
        band_label=pl.lit(None, pl.String),
        band_reason=pl.lit("no band: the method compares this key indicator with its threshold"),
        previous_period=pl.lit(None, pl.String),
        previous_band=pl.lit(None, pl.Int64),
        movement=pl.lit(None, pl.Int64),
        stood_in=pl.lit(None, pl.String),
    )


def _levels(
    method: Method,
    banded: pl.DataFrame,
    judgements: pl.DataFrame,
    population: pl.DataFrame,
    catalogue: Catalogue,
    round: str,
) -> pl.DataFrame:
    """The level of every part of every organisation before caps, recorded or computed."""
    assert method.judgements is not None
    wanted = population.join(pl.DataFrame({"part": method.parts.names}), how="cross")
    if method.judgements.basis == "recorded":
        mine = judgements.filter(pl.col("round") == round)
        return as_recorded(mine, wanted, method.parts.all, method.parts.words()).with_columns(
            score=pl.lit(None, pl.Int64),
            inputs=pl.col("level").is_not_null().cast(pl.Int64),
            missing=pl.col("level").is_null().cast(pl.Int64),
        )
    found = part_scores(banded, method.parts.all, method.inputs(catalogue))
    return wanted.join(found, on=["organisation", "part"], how="left").with_columns(
        pl.col("inputs", "missing").fill_null(0),
        judgement=pl.lit(None, pl.String),
        position=pl.lit(None, pl.Int64),
    )


def _judgements(method: Method, after: pl.DataFrame, catalogue: Catalogue, round: str) -> pl.DataFrame:
    """The judgements after caps, in words and with their rule."""
    assert method.judgements is not None
    basis = method.judgements.basis
    # Many rows say the same: each sentence is written once.
    told = after.select(_TOLD).unique()
    rules = [judgement_rule(row, method.parts, basis, catalogue, round) for row in told.iter_rows(named=True)]
    told = told.with_columns(pl.Series("rule", rules, pl.String))
    after = after.join(told, on=_TOLD, how="left", nulls_equal=True)
    part = pl.col("part")
    return after.with_columns(
        judgement=_word("level", method),
        computed_judgement=_word("level_before", method),
        basis=pl.lit(basis),
        service=part.replace_strict({one.name: one.service for one in method.parts.all}),
        aspect=part.replace_strict({one.name: one.aspect for one in method.parts.all}),
    )


def _word(level: str, method: Method) -> pl.Expr:
    """The word of a level on the scale of its part."""
    words = {
        f"{name} {number}": word
        for name in method.parts.names
        for number, word in enumerate(method.parts.scale(name))
    }
    return pl.format("{} {}", pl.col("part"), pl.col(level)).replace_strict(
        words, default=None, return_dtype=pl.String
    )


def _in_words(method: Method, placed: pl.DataFrame, judged: pl.DataFrame, round: str | None) -> pl.DataFrame:
    """Stars in words: status, rule, and the judgements they stand on."""
    caps: dict[str, list[dict[str, Any]]] = {}
    order = {name: number for number, name in enumerate(method.parts.names)}
    bound = judged.filter(pl.col("capped_by").is_not_null())
    for row in sorted(bound.iter_rows(named=True), key=lambda row: order[row["part"]]):
        caps.setdefault(row["organisation"], []).append(row)
    status, reason, rule = [], [], []
    for row in placed.iter_rows(named=True):
        rated = row["star"] is not None
        status.append("rated" if rated else "not_rated")
        why = "" if rated else missing_judgements(row, method.parts, recorded=method.recorded, round=round)
        reason.append(f"all {number_word(len(method.parts.all))} judgements are known" if rated else why)
        rule.append(
            star_rule(row["says"], caps.get(row["organisation"], []), method.parts)
            if rated
            else f"no star: {why}"
        )
    return placed.with_columns(
        round=pl.lit(round, pl.String),
        rating_status=pl.Series(status, dtype=pl.String),
        rating_status_reason=pl.Series(reason, dtype=pl.String),
        rule=pl.Series(rule, dtype=pl.String),
    )
