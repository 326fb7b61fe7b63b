"""Rating: one method applied to figures and judgements, from bands to stars with their reasons.

Here: which steps a method has and in what order; the frames of bands, judgements and stars that a snapshot
    holds; the comparison of computed stars with published ones.
Not here: each step (bands.py, judgements.py, stars.py), the words (sentences.py), where figures come from
    (warehouse).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from ratings.bands import bands
from ratings.catalogue import Catalogue
from ratings.errors import MethodError
from ratings.judgements import as_recorded, capped, from_bands
from ratings.methods import Method
from ratings.sentences import band_reasons, judgement_rule, missing_judgements, star_rule
from ratings.stars import ASPECTS, PART_NAMES, PARTS, stars

BANDS: Mapping[str, Any] = {
    "organisation": pl.String,
    "indicator": pl.String,
    "period": pl.String,
    "value": pl.Float64,
    "band": pl.Int64,
    "band_label": pl.String,
    "band_reason": pl.String,
    "position": pl.Int64,
    "key": pl.Boolean,
    "previous_period": pl.String,
    "previous_band": pl.Int64,
    "movement": pl.Int64,
}
JUDGEMENTS: Mapping[str, Any] = {
    "organisation": pl.String,
    "service": pl.String,
    "aspect": pl.String,
    "judgement": pl.String,
    "level": pl.Int64,
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
    **dict.fromkeys(PART_NAMES, pl.String),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rating:
    """What a method says.

    Attributes:
        bands: one row per (organisation, indicator), columns BANDS.
        judgements: one row per (organisation, service, aspect), columns JUDGEMENTS; none without judgements.
        stars: one row per organisation, columns STARS; none where the method has no overall star.
        round: the rating round of recorded judgements; None for computed ones, or where none is known.
    """

    bands: pl.DataFrame
    judgements: pl.DataFrame
    stars: pl.DataFrame
    round: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """Published stars against those that a method computes.

    Attributes:
        method: id of the method, with its option where it was asked for.
        compared: published ratings that have all four judgements.
        matched: those whose computed star is the published one.
        mismatches: for each of the others: organisation, round, published, computed, the judgements, the
            rule.
    """

    method: str
    compared: int
    matched: int
    mismatches: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The four attributes, for JSON."""
        return {
            "method": self.method,
            "compared": self.compared,
            "matched": self.matched,
            "mismatches": self.mismatches,
        }


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
    table = method.table(option) if method.stars or option else None
    day = (EPOCH + timedelta(microseconds=at_us)).date()
    known_round = None
    if method.recorded:
        known_round, day = _round(method, judgements, round, day)
    else:
        method.check_in_force(day)
    population = (
        organisations.filter(pl.col("kind").is_in(method.population)).select(organisation="id").unique()
    )
    banded = _bands(method, figures, population, catalogue, day)
    if method.judgements is None:
        return Rating(
            _frame(banded, BANDS), pl.DataFrame(schema=JUDGEMENTS), pl.DataFrame(schema=STARS), None
        )
    judged = _judgements(method, banded, judgements, population, catalogue, known_round or "", day)
    rated = overall(method, judged, known_round, option) if table else pl.DataFrame(schema=STARS)
    return Rating(_frame(banded, BANDS), _frame(judged, JUDGEMENTS), rated, known_round)


def overall(
    method: Method, judgements: pl.DataFrame, round: str | None, option: str | None = None
) -> pl.DataFrame:
    """The stars of judgements as they stand.

    Args:
        method: a method with stars.
        judgements: one row per (organisation, service, aspect): columns JUDGEMENTS.
        round: the rating round of recorded judgements.
        option: star table to use; by default the method's own choice.

    Returns:
        One row per organisation, columns STARS, sorted.

    Raises:
        MethodError: the method has no stars, or no such option.
    """
    placed = stars(judgements, method.table(option))
    return _frame(_in_words(method, placed, judgements, round), STARS)


def match_published(
    method: Method,
    published: pl.DataFrame,
    judgements: pl.DataFrame,
    figures_on: Callable[[date], pl.DataFrame],
    organisations: pl.DataFrame,
    catalogue: Catalogue,
    *,
    option: str | None = None,
) -> Match:
    """Compute the star of every published rating that has all four judgements, and compare.

    Args:
        method: a method of recorded judgements with stars.
        published: `organisation`, `round`, `stars`.
        judgements: recorded judgements, as for `rate`.
        figures_on: figures as they were known at the end of a day, as for `rate`.
        organisations: the population, as for `rate`.
        catalogue: the indicators.
        option: star table to use.

    Returns:
        How many were compared and matched, and each that did not. Ratings of rounds that the method does not
        cover, or without a number of stars, are not compared.

    Raises:
        MethodError: the method computes its judgements, or has no stars.
    """
    if not method.recorded:
        raise MethodError(f"{method.id} has no recorded judgements to match", file=method.file)
    method.table(option)
    compared, mismatches = 0, []
    rounds = method.judgements.rounds if method.judgements else {}
    for name in sorted(set(published["round"].drop_nulls()) & set(rounds)):
        rating = rate(
            method,
            figures_on(rounds[name]),
            judgements,
            organisations,
            catalogue,
            at_us=0,
            round=name,
            option=option,
        )
        ours = rating.stars.filter(pl.col("rating_status") == "rated")
        theirs = published.filter((pl.col("round") == name) & pl.col("stars").is_not_null())
        both = theirs.select("organisation", published=pl.col("stars").cast(pl.Int64)).join(
            ours, on="organisation"
        )
        compared += both.height
        for row in (
            both.filter(pl.col("published") != pl.col("star")).sort("organisation").iter_rows(named=True)
        ):
            mismatches.append(
                {
                    "organisation": row["organisation"],
                    "round": name,
                    "published": row["published"],
                    "computed": row["star"],
                    **{part: row[part] for part in PART_NAMES},
                    "rule": row["rule"],
                }
            )
    named = f"{method.id} option {option}" if option else method.id
    return Match(named, compared, compared - len(mismatches), mismatches)


def _frame(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Only the columns of a schema, sorted by the key columns that it begins with."""
    keys = [name for name in ("organisation", "indicator", "service", "aspect") if name in schema]
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
    known = set(judgements["round"].drop_nulls()) if judgements.height else set()
    covered = sorted(known & set(rounds), key=lambda name: rounds[name])
    return (covered[-1], rounds[covered[-1]]) if covered else (None, day)


def _indicators(method: Method, catalogue: Catalogue, day: date) -> pl.DataFrame:
    """The indicators in scope: service as rated, direction, banded or not, key or not, and which banding."""
    services = method.judgements.services if method.judgements else {}
    rated = {member: service for service, members in services.items() for member in members}
    keys = {cap.indicator for cap in method.caps if cap.in_force(day)}
    named = {code: number for number, banding in enumerate(method.bandings) for code in banding.indicators}
    default = next((number for number, banding in enumerate(method.bandings) if not banding.indicators), None)
    rows = [
        {
            "indicator": indicator.code,
            "service": rated.get(indicator.service, ""),
            "direction": indicator.polarity,
            "banded": indicator.banded,
            "key": indicator.code in keys,
            "banding": named.get(indicator.code, default),
        }
        for indicator in catalogue.indicators.values()
        if method.in_scope(indicator)
    ]
    schema = {
        "indicator": pl.String,
        "service": pl.String,
        "direction": pl.String,
        "banded": pl.Boolean,
        "key": pl.Boolean,
        "banding": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


def _bands(
    method: Method, figures: pl.DataFrame, population: pl.DataFrame, catalogue: Catalogue, day: date
) -> pl.DataFrame:
    """Bands of every indicator in scope; for a method without bands, the figures of its key indicators."""
    indicators = _indicators(method, catalogue, day)
    figures = figures.join(population, on="organisation", how="semi")
    if not method.bandings:
        return _key_figures(figures, indicators, day)
    parts = []
    for number, banding in enumerate(method.bandings):
        mine = indicators.filter(pl.col("banding") == number).drop("banding")
        placed = bands(figures, population, mine, banding, method.periods)
        parts.append(
            placed.with_columns(
                band_label=pl.col("band").replace_strict(
                    dict(enumerate(banding.labels, start=1)), default=None, return_dtype=pl.String
                ),
                band_reason=band_reasons(banding),
                best_band=pl.lit(len(banding.labels), pl.Int64),
            )
        )
    countable = pl.col("banded") & (pl.col("direction") != "none") & (pl.col("service") != "")
    return pl.concat(parts).with_columns(countable=countable)


def _key_figures(figures: pl.DataFrame, indicators: pl.DataFrame, day: date) -> pl.DataFrame:
    """The latest figure of each key indicator that was published by the end of `day`; no bands."""
    end_us = int(
        (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - EPOCH)
        / timedelta(microseconds=1)
    )
    known = figures.join(indicators.filter("key"), on="indicator").filter(
        (pl.col("published_at") < end_us) & pl.col("value").is_not_null()
    )
    latest = known.filter(pl.col("period") == pl.col("period").max().over("organisation", "indicator"))
    return latest.with_columns(
        band=pl.lit(None, pl.Int64),
        band_label=pl.lit(None, pl.String),
        band_reason=pl.lit("no band: the method compares this key indicator with its threshold"),
        previous_period=pl.lit(None, pl.String),
        previous_band=pl.lit(None, pl.Int64),
        movement=pl.lit(None, pl.Int64),
    )


def _judgements(
    method: Method,
    banded: pl.DataFrame,
    judgements: pl.DataFrame,
    population: pl.DataFrame,
    catalogue: Catalogue,
    round: str,
    day: date,
) -> pl.DataFrame:
    """The judgements, after caps, in words and with their rule."""
    rules = method.judgements
    assert rules is not None
    parts = population.join(
        pl.DataFrame(PARTS, schema={"service": pl.String, "aspect": pl.String}, orient="row"), how="cross"
    )
    if rules.basis == "recorded":
        mine = judgements.filter(pl.col("round") == round)
        found = as_recorded(mine, parts, method.scales).with_columns(
            score=pl.lit(None, pl.Int64),
            inputs=pl.col("level").is_not_null().cast(pl.Int64),
            missing=pl.col("level").is_null().cast(pl.Int64),
        )
    else:
        found = parts.join(
            from_bands(banded, rules), on=["organisation", "service", "aspect"], how="left"
        ).with_columns(
            pl.col("inputs", "missing").fill_null(0),
            judgement=pl.lit(None, pl.String),
            position=pl.lit(None, pl.Int64),
        )
    caps = [cap for cap in method.caps if cap.in_force(day)]
    after = capped(found, banded.filter("key"), caps)
    rows = after.iter_rows(named=True)
    spoken = pl.Series(
        "rule", [judgement_rule(row, rules, method.scales, catalogue, round) for row in rows], pl.String
    )
    return after.with_columns(
        spoken,
        judgement=_word("level", method.scales),
        computed_judgement=_word("level_before", method.scales),
        basis=pl.lit(rules.basis),
    )


def _word(level: str, scales: Mapping[str, tuple[str, ...]]) -> pl.Expr:
    """The word of a level on the scale of its aspect."""
    words = {f"{aspect} {number}": word for aspect in ASPECTS for number, word in enumerate(scales[aspect])}
    return pl.format("{} {}", pl.col("aspect"), pl.col(level)).replace_strict(
        words, default=None, return_dtype=pl.String
    )


def _in_words(method: Method, placed: pl.DataFrame, judged: pl.DataFrame, round: str | None) -> pl.DataFrame:
    """Stars in words: status, rule, and the judgements they stand on."""
    caps: dict[str, list[dict[str, Any]]] = {}
    for row in (
        judged.filter(pl.col("capped_by").is_not_null()).sort("service", "aspect").iter_rows(named=True)
    ):
        caps.setdefault(row["organisation"], []).append(row)
    status, reason, rule = [], [], []
    for row in placed.iter_rows(named=True):
        rated = row["star"] is not None
        status.append("rated" if rated else "not_rated")
        why = "" if rated else missing_judgements(row, recorded=method.recorded, round=round or "")
        reason.append("all four judgements are known" if rated else why)
        rule.append(star_rule(row["says"], caps.get(row["organisation"], [])) if rated else f"no star: {why}")
    words = [
        pl.col(name).replace_strict(
            dict(enumerate(method.scales[aspect])), default=None, return_dtype=pl.String
        )
        for name, (_, aspect) in zip(PART_NAMES, PARTS, strict=True)
    ]
    return placed.with_columns(
        *words,
        round=pl.lit(round, pl.String),
        rating_status=pl.Series(status, dtype=pl.String),
        rating_status_reason=pl.Series(reason, dtype=pl.String),
        rule=pl.Series(rule, dtype=pl.String),
    )
