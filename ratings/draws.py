"""Draws: every star again, with all figures and weights drawn from what is uncertain about them.

Here: the whole way from drawn figures to stars, for as many draws as wanted at once.
Not here: what is uncertain, and drawing it (uncertainty.py); cutting drawn figures into bands
    (drawn_bands.py); what the draws say of a star (robustness.py); the steps from levels to stars
    (rating.decide, which rates all draws in one frame, as cases).

A draw is the rating of the figures with the drawn ones in their place: held by a test. What is missing stays
missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from ratings.bands import Adjustment, Banding, Rounding, adjusted, as_frame
from ratings.cases import Cases
from ratings.drawn_bands import Bands, drawn_bands, frozen_at, stand_in
from ratings.errors import InputError
from ratings.judgements import SCALE, Part
from ratings.rating import cuts, decide, indicators_in_scope
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
        declared: what was drawn.
        seed: what it was drawn with.
    """

    organisations: tuple[str, ...]
    stars: npt.NDArray[np.int16]
    uncertain: int
    figures: int
    declared: Uncertainty
    seed: int


def draw_stars(
    cases: Cases,
    figures: pl.DataFrame,
    quality: pl.DataFrame,
    declared: Uncertainty,
    *,
    draws: int,
    seed: int,
) -> Draws:
    """Every star in every draw.

    Args:
        cases: the rating, as it is.
        figures: what it was made from: as for rating.rate, with `numerator` and `denominator`.
        quality: how often and how much the figures of each indicator were revised (uncertainty.errors).
        declared: what is drawn.
        draws: how many.
        seed: chooses the draws; the same gives the same.

    Raises:
        InputError: the number of draws cannot be.
    """
    method, rating, catalogue = cases.method, cases.rating, cases.catalogue
    if not 1 <= draws <= MOST_DRAWS:
        raise InputError(f"{draws} draws cannot be made", hint=f"ask for 1 to {MOST_DRAWS:,}")
    organisations = tuple(sorted(rating.stars["organisation"]))
    known = errors(figures, quality, catalogue, declared)
    bench = _Bench(cases, organisations, known, draws, seed)
    used = bench.used()
    bench.draw()
    stand_in(method, bench.now)
    table = method.table(cases.option)
    sums = None if method.recorded else _sums(cases, bench, declared)
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
        judged, placed = decide(method, levels, _key_frame(bench, these), day=cases.day, option=cases.option)
        assert placed is not None
        if table.mean and declared.weights:
            _put_means(stars, judged, table.mean, weights)
        else:
            rated = placed.filter(pl.col("star").is_not_null())
            stars[rated["organisation"].to_numpy(), rated["case"].to_numpy()] = rated["star"].to_numpy()
    uncertain = used.filter(pl.col("model").is_not_null() | (pl.col("revised") > 0)).height
    return Draws(organisations, stars, uncertain, used.height, declared, seed)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What is drawn from, and what was drawn so far.

    Attributes:
        cases: the rating, as it is.
        organisations: the rows of everything that is drawn.
        known: the figures with their errors.
        draws: the columns.
        seed: chooses the draws.
        now: indicator -> bands of the figures that count.
        before: indicator -> bands of the period before.
        keys: key indicator -> values of the figures that count; not a number where there is none.
    """

    cases: Cases
    organisations: tuple[str, ...]
    known: pl.DataFrame
    draws: int
    seed: int
    now: dict[str, Bands] = field(default_factory=dict)
    before: dict[str, Bands] = field(default_factory=dict)
    keys: dict[str, Floats] = field(default_factory=dict)

    def needed(self) -> list[str]:
        """The indicators whose figures decide a star."""
        standing_in = {one.alternative for one in self.cases.method.alternatives}
        capping = {cap.indicator for cap in self.cases.caps()}
        return sorted(set(self.cases.inputs["indicator"]) | capping | standing_in)

    def used(self) -> pl.DataFrame:
        """The figures that decide a star, with their errors."""
        current = self.cases.rating.bands.filter(pl.col("indicator").is_in(self.needed()))
        key = ["organisation", "indicator", "period"]
        return self.known.join(current.select(key), on=key, how="semi")

    def draw(self) -> None:
        """Draw every figure that is needed, and cut it into bands among those it is compared with."""
        cases = self.cases
        population = pl.DataFrame({"organisation": self.organisations})
        indicators = indicators_in_scope(cases.method, cases.catalogue, cases.day)
        indicators = indicators.filter(pl.col("indicator").is_in(self.needed())).sort("indicator")
        groups: Iterable[tuple[Banding | None, pl.DataFrame, pl.DataFrame]] = [(None, indicators, population)]
        if cases.method.bandings:
            groups = cuts(cases.method, indicators, population, cases.catalogue)
        for banding, mine, group in groups:
            figures = self.known.join(group, on="organisation", how="semi").sort("organisation")
            frozen = frozen_at(adjusted(figures, self._adjustments()), banding)
            by_period = figures.partition_by("indicator", "period", as_dict=True)
            current = cases.rating.bands.join(group, on="organisation", how="semi").sort("organisation")
            standing = current.filter(pl.col("value").is_not_null()).partition_by("indicator", as_dict=True)
            for code, direction, banded, key in mine.iter_rows():
                if (code,) not in standing:
                    continue
                theirs = standing[code,]
                for period in sorted({*theirs["period"], *theirs["previous_period"].drop_nulls()}):
                    rows = by_period[code, period]
                    values = self._adjusted(code, drawn(rows, self.draws, self.seed))
                    bands = np.zeros(values.shape, np.int8)
                    if banding is not None:
                        bands = drawn_bands(values, banding, direction, frozen.get(code), banded=banded)
                    self._keep(code, period, theirs, rows["organisation"], values, bands, key=key)

    def _keep(
        self,
        code: str,
        period: str,
        theirs: pl.DataFrame,
        drawn_of: pl.Series,
        values: Floats,
        bands: Bands,
        *,
        key: bool,
    ) -> None:
        """Put what was drawn of one period where it counts: now, or as the period before."""
        shape = (len(self.organisations), self.draws)
        drawn_at, row_of = _places(drawn_of), _places(pl.Series(self.organisations))
        for column, store in (("period", self.now), ("previous_period", self.before)):
            names = theirs.filter(pl.col(column) == period)["organisation"]
            to, take = [row_of[name] for name in names], [drawn_at[name] for name in names]
            store.setdefault(code, np.zeros(shape, np.int8))[to] = bands[take]
            if key and store is self.now:
                self.keys.setdefault(code, np.full(shape, np.nan))[to] = values[take]

    def _adjustments(self) -> list[Adjustment]:
        return [one for one in self.cases.method.adjustments if one.in_force(self.cases.day)]

    def _adjusted(self, code: str, values: Floats) -> Floats:
        for one in self._adjustments():
            if one.indicator == code:
                values = values * one.multiply + one.add
        return values


def _places(names: pl.Series) -> dict[str, int]:
    return {name: n for n, name in enumerate(names)}


_SUMS = ("total", "inputs", "weight_now", "asked")


def _sums(cases: Cases, bench: _Bench, declared: Uncertainty) -> dict[str, dict[str, Whole]]:
    """Per part the sums that scores.levelled takes, a row per organisation and a column per draw."""
    inputs = cases.inputs.select("part", "indicator", "weight").rows()
    weights = drawn_weights(
        {(part, code): weight for part, code, weight in inputs}, declared, bench.draws, bench.seed
    )
    shape = (len(bench.organisations), bench.draws)
    nothing = np.zeros(shape, np.int8)
    found = {}
    for part in cases.method.parts.all:
        rule = part.rule
        if rule is None:
            continue
        sums = {name: np.zeros(shape, np.int64) for name in _SUMS}
        points = np.array([0, *rule.points], np.int64) * SCALE
        for code in sorted(set(cases.inputs.filter(pl.col("part") == part.name)["indicator"])):
            band, past = bench.now.get(code, nothing), bench.before.get(code, nothing)
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


def _key_frame(bench: _Bench, these: Whole) -> pl.DataFrame:
    """The drawn values of key indicators."""
    rows = len(bench.organisations)
    at = pl.DataFrame({"organisation": bench.organisations, "row": range(rows)})
    denominators = bench.cases.rating.bands.join(at, on="organisation").select(
        "indicator", "denominator", organisation="row"
    )
    entity = _entity(rows, these)
    empty = entity.clear().with_columns(indicator=pl.lit(None, pl.String), value=pl.lit(None, pl.Float64))
    frames = [
        entity.with_columns(indicator=pl.lit(code), value=pl.Series(values[:, these].ravel())).filter(
            pl.col("value").is_not_nan()
        )
        for code, values in sorted(bench.keys.items())
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
