"""Draws: every star again, with all figures and weights drawn from what is uncertain about them.

Here: the whole way from drawn figures to stars, for as many draws as wanted at once.
Not here: what is uncertain, and drawing it (uncertainty.py); cutting drawn figures into bands
    (drawn_bands.py); what the draws say of a star (robustness.py); the steps from levels to stars
    (rating.decide, which rates all draws in one frame, as cases).

A draw is the rating of the figures with the drawn ones in their place: held by a test. What is missing stays
missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from ratings.bands import Banding, Rounding, as_frame
from ratings.cases import Cases
from ratings.catalogue import Catalogue
from ratings.drawn_bands import Bands, drawn_bands, frozen_at, stand_in
from ratings.errors import InputError, MethodError
from ratings.judgements import SCALE, Part
from ratings.methods import Method
from ratings.rating import Rating, cuts, decide, indicators_in_scope
from ratings.scores import levelled
from ratings.stars import Mean
from ratings.uncertainty import Floats, Uncertainty, drawn, drawn_weights, errors

MOST_DRAWS = 100_000
NO_STAR = -1
_AT_ONCE = 300_000
"""Organisations times draws that are judged in one frame: bounds the memory."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draws:
    """Every star in every draw.

    Attributes:
        organisations: the rows, in order of their ids.
        stars: a row per organisation and a column per draw; NO_STAR where there is none.
        uncertain: how many of the figures used have an error or are revised now and then.
        figures: how many figures were used.
    """

    organisations: tuple[str, ...]
    stars: npt.NDArray[np.int16]
    uncertain: int
    figures: int


def draw_stars(
    method: Method,
    figures: pl.DataFrame,
    rating: Rating,
    catalogue: Catalogue,
    quality: pl.DataFrame,
    declared: Uncertainty,
    *,
    day: date,
    draws: int,
    seed: int,
    option: str | None = None,
) -> Draws:
    """Every star in every draw.

    Args:
        method: a method with stars.
        figures: as for rating.rate, with `numerator` and `denominator`.
        rating: what the method says of them.
        catalogue: the indicators.
        quality: how often and how much the figures of each indicator were revised (uncertainty.errors).
        declared: what is drawn.
        day: decides which key thresholds are in force.
        draws: how many.
        seed: chooses the draws; the same gives the same.
        option: the star table that was used.

    Raises:
        InputError: the number of draws cannot be.
        MethodError: the method has no stars.
    """
    if not 1 <= draws <= MOST_DRAWS:
        raise InputError(f"{draws} draws cannot be made", hint=f"ask for 1 to {MOST_DRAWS:,}")
    if not method.stars:
        raise MethodError(f"{method.id} has no overall star", file=method.file)
    organisations = tuple(sorted(rating.stars["organisation"]))
    known = errors(figures, quality, catalogue, declared)
    bench = _Bench(method, rating, catalogue, day, organisations, known, draws, seed)
    used = bench.used()
    now, before, keys = bench.bands_and_keys()
    stand_in(method, now)
    cases = Cases.of(method, rating, catalogue, day, option)
    table = method.table(option)
    sums = None if method.recorded else _sums(cases, now, before, len(organisations), declared, draws, seed)
    weights = drawn_weights(
        {(part, ""): weight for part, weight in (table.mean.weights if table.mean else {}).items()},
        declared,
        draws,
        seed,
    )
    stars = np.full((len(organisations), draws), NO_STAR, np.int16)
    step = max(1, _AT_ONCE // max(1, len(organisations)))
    for first in range(0, draws, step):
        these = np.arange(first, min(first + step, draws))
        levels = (
            _recorded(cases, organisations, these)
            if sums is None
            else _scored(method.parts.all, sums, len(organisations), these)
        )
        judged, placed = decide(method, levels, _key_frame(bench, keys, these), day=day, option=option)
        assert placed is not None
        if table.mean and declared.weights:
            _put_means(stars, judged, table.mean, weights)
        else:
            rated = placed.filter(pl.col("star").is_not_null())
            stars[rated["organisation"].to_numpy(), rated["case"].to_numpy()] = rated["star"].to_numpy()
    uncertain = used.filter(pl.col("model").is_not_null() | (pl.col("revised") > 0)).height
    return Draws(organisations, stars, uncertain, used.height)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What is drawn from: a rating, its organisations in rows, and the errors of its figures."""

    method: Method
    rating: Rating
    catalogue: Catalogue
    day: date
    organisations: tuple[str, ...]
    known: pl.DataFrame
    draws: int
    seed: int

    def caps(self) -> set[str]:
        """The key indicators."""
        return {cap.indicator for cap in self.method.caps if cap.in_force(self.day)}

    def needed(self) -> set[str]:
        """The indicators whose figures decide a star."""
        counted = set(self.method.inputs(self.catalogue)["indicator"])
        return counted | self.caps() | {one.alternative for one in self.method.alternatives}

    def used(self) -> pl.DataFrame:
        """The figures that decide a star, with their errors."""
        current = self.rating.bands.filter(pl.col("indicator").is_in(sorted(self.needed())))
        return self.known.join(
            current.select("organisation", "indicator", "period"),
            on=["organisation", "indicator", "period"],
            how="semi",
        )

    def rows(self, names: pl.Series) -> Whole:
        """The rows of organisations."""
        at = {name: n for n, name in enumerate(self.organisations)}
        return np.array([at[name] for name in names], dtype=np.int64)

    def bands_and_keys(self) -> tuple[dict[str, Bands], dict[str, Bands], dict[str, Floats]]:
        """Of each indicator needed the bands now and in the period before, and the values of key indicators.

        A value that is not there is not a number.
        """
        now: dict[str, Bands] = {}
        before: dict[str, Bands] = {}
        keys: dict[str, Floats] = {}
        population = pl.DataFrame({"organisation": self.organisations})
        indicators = indicators_in_scope(self.method, self.catalogue, self.day)
        indicators = indicators.filter(pl.col("indicator").is_in(sorted(self.needed()))).sort("indicator")
        groups: Iterator[tuple[Banding | None, pl.DataFrame, pl.DataFrame]] = iter(
            [(None, indicators, population)]
            if not self.method.bandings
            else cuts(self.method, indicators, population, self.catalogue)
        )
        for banding, mine, group in groups:
            figures = self.known.join(group, on="organisation", how="semi")
            frozen = frozen_at(figures, banding)
            by_period = figures.sort("organisation").partition_by("indicator", "period", as_dict=True)
            current = self.rating.bands.join(group, on="organisation", how="semi").sort("organisation")
            by_code = current.partition_by("indicator", as_dict=True)
            for code, direction, banded, key in mine.iter_rows():
                if (code,) not in by_code:
                    continue
                standing = by_code[code,].filter(pl.col("value").is_not_null())
                shape = (len(self.organisations), self.draws)
                here, past = (store.setdefault(code, np.zeros(shape, np.int8)) for store in (now, before))
                if key:
                    keys.setdefault(code, np.full(shape, np.nan))
                periods = {*standing["period"], *standing["previous_period"].drop_nulls()}
                for period in sorted(periods):
                    rows = by_period[code, period]
                    values = self._adjusted(code, drawn(rows, self.draws, self.seed))
                    at = {name: n for n, name in enumerate(rows["organisation"])}
                    cut = (
                        np.zeros(values.shape, np.int8)
                        if banding is None
                        else drawn_bands(values, banding, direction, frozen.get(code), banded=banded)
                    )
                    for column, store in (("period", here), ("previous_period", past)):
                        theirs = standing.filter(pl.col(column) == period)["organisation"]
                        take = [at[name] for name in theirs]
                        store[self.rows(theirs)] = cut[take]
                        if key and column == "period":
                            keys[code][self.rows(theirs)] = values[take]
        return now, before, keys

    def _adjusted(self, code: str, values: Floats) -> Floats:
        for one in self.method.adjustments:
            if one.indicator == code and one.in_force(self.day):
                values = values * one.multiply + one.add
        return values


_SUMS = ("total", "inputs", "weight_now", "asked")


def _sums(
    cases: Cases,
    now: Mapping[str, Bands],
    before: Mapping[str, Bands],
    rows: int,
    declared: Uncertainty,
    draws: int,
    seed: int,
) -> dict[str, dict[str, Whole]]:
    """Per part the sums that scores.levelled takes, a row per organisation and a column per draw."""
    weights = drawn_weights(
        {
            (part, code): weight
            for part, code, weight in cases.inputs.select("part", "indicator", "weight").rows()
        },
        declared,
        draws,
        seed,
    )
    found = {}
    for part in cases.method.parts.all:
        rule = part.rule
        if rule is None:
            continue
        sums = {name: np.zeros((rows, draws), np.int64) for name in _SUMS}
        points = np.array([0, *rule.points], np.int64) * SCALE
        for code in sorted(set(cases.inputs.filter(pl.col("part") == part.name)["indicator"])):
            nothing = np.zeros((rows, draws), np.int8)
            band, past = now.get(code, nothing), before.get(code, nothing)
            if rule.missing == "worst_band":
                band = np.maximum(band, np.int8(1))
            there = band > 0
            measure, known = points[band], there
            if rule.measure == "movement":
                best = len(rule.points)
                known = there & (past > 0)
                measure = np.where((band == best) & (past == best), rule.held_at_best, measure - points[past])
            weight = weights[part.name, code]
            sums["total"] += np.where(known, measure, 0) * weight
            sums["inputs"] += known
            sums["weight_now"] += there * weight
            sums["asked"] += 1
        found[part.name] = sums
    return found


def _scored(
    parts: Sequence[Part], sums: Mapping[str, Mapping[str, Whole]], rows: int, these: Whole
) -> pl.DataFrame:
    """The levels of some draws before caps."""
    entity = _entity(rows, these)
    frames = [
        entity.with_columns(
            pl.lit(name).alias("part"),
            *(pl.Series(column, values[:, these].ravel()) for column, values in of.items()),
        )
        for name, of in sums.items()
    ]
    scored: pl.DataFrame = nw.to_native(levelled(as_frame(pl.concat(frames)), parts))
    return scored


def _recorded(cases: Cases, organisations: Sequence[str], these: Whole) -> pl.DataFrame:
    """The recorded levels, the same in every draw."""
    at = pl.DataFrame({"organisation": organisations, "row": range(len(organisations))})
    levels = cases.before.join(at, on="organisation").select("part", "level", organisation="row")
    return levels.join(pl.DataFrame({"case": these}), how="cross")


def _entity(rows: int, these: Whole) -> pl.DataFrame:
    return pl.DataFrame(
        {"organisation": np.repeat(np.arange(rows), len(these)), "case": np.tile(these, rows)}
    )


def _key_frame(bench: _Bench, keys: Mapping[str, Floats], these: Whole) -> pl.DataFrame:
    """The drawn values of key indicators."""
    rows = len(bench.organisations)
    at = pl.DataFrame({"organisation": bench.organisations, "row": range(rows)})
    denominators = bench.rating.bands.join(at, on="organisation").select(
        "indicator", "denominator", organisation="row"
    )
    entity = _entity(rows, these)
    empty = entity.clear().with_columns(indicator=pl.lit(None, pl.String), value=pl.lit(None, pl.Float64))
    frames = [
        entity.with_columns(indicator=pl.lit(code), value=pl.Series(values[:, these].ravel())).filter(
            pl.col("value").is_not_nan()
        )
        for code, values in sorted(keys.items())
    ]
    return pl.concat([empty, *frames]).join(denominators, on=["organisation", "indicator"], how="left")


def _put_means(
    stars: npt.NDArray[np.int16], judged: pl.DataFrame, mean: Mean, weights: Mapping[tuple[str, str], Whole]
) -> None:
    """The stars of drawn weights of the parts: as Mean.star gives them."""
    wide = judged.pivot("part", index=["organisation", "case"], values="level").drop_nulls()
    rows, draws = wide["organisation"].to_numpy(), wide["case"].to_numpy()
    points = np.array(mean.points, np.int64)
    total = np.zeros(wide.height, np.int64)
    over = np.zeros(wide.height, np.int64)
    for part in mean.weights:
        weight = weights[part, ""][draws]
        total += points[wide[part].to_numpy()] * weight
        over += weight
    star = _rounded(total, over, mean.rounding)
    for limit in mean.limits:
        holds = wide[limit.part].to_numpy() <= limit.level
        star = np.where(holds, np.minimum(star, limit.stars), star)
    stars[rows, draws] = star


def _rounded(total: Whole, over: Whole, how: Rounding) -> Whole:
    """Whole quotients, by the rule of bands.rounded."""
    if how == "down":
        return total // over
    twice, double = 2 * total + over, 2 * over
    nearest = twice // double
    if how == "half_even":
        nearest = nearest - ((nearest * double == twice) & (nearest % 2 == 1))
    return np.asarray(nearest)
