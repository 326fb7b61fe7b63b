"""Cases: a rating asked what would be if some of its inputs were others.

Here: putting bands and values in the place of others, many cases at once, and the levels and stars that the
    method then gives.
Not here: which cases are worth asking (flips.py, influence.py, counterfactuals.py), the steps from bands to a
    star (rating.py).

Edges of bands stay as they are, and so do the bands of the period before; decisions are left out: they are
laid over the star that the method gives, and figures can change only that one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import polars as pl

from ratings.catalogue import Catalogue
from ratings.judgements import Cap
from ratings.methods import Method
from ratings.rating import Rating, decide
from ratings.scores import part_scores, rescored

_PAIR = ["organisation", "indicator"]
_CASE = ["organisation", "case"]


@dataclass(frozen=True, slots=True)
class Cases:
    """A rating that can be asked what if.

    Attributes:
        method: a method with stars.
        rating: what it says.
        catalogue: bounds of what a value can be.
        day: decides which key thresholds are in force.
        option: the star table; None for the method's own choice.
        inputs: which indicators count for which part.
        before: `organisation`, `part`, `level`: every part before caps, recorded or computed.
    """

    method: Method
    rating: Rating
    catalogue: Catalogue
    day: date
    option: str | None
    inputs: pl.DataFrame
    before: pl.DataFrame

    @classmethod
    def of(cls, method: Method, rating: Rating, catalogue: Catalogue, day: date, option: str | None) -> Cases:
        """A rating with what is needed to ask it.

        Raises:
            MethodError: the method has no stars, or no such option.
        """
        method.table(option)
        inputs = method.inputs(catalogue)
        return cls(method, rating, catalogue, day, option, inputs, _before_caps(method, rating, inputs))

    def caps(self) -> list[Cap]:
        """The key thresholds in force."""
        return [cap for cap in self.method.caps if cap.in_force(self.day)]

    def asked(self) -> pl.DataFrame:
        """Every input of every organisation that has, or could have, a star: `organisation`, `indicator`."""
        codes = {cap.indicator for cap in self.caps() if cap.in_catalogue} | set(self.inputs["indicator"])
        return self.rating.stars.select("organisation").join(
            pl.DataFrame({"indicator": sorted(codes)}, schema={"indicator": pl.String}), how="cross"
        )

    def as_it_is(self) -> pl.DataFrame:
        """Without any change: `organisation`, a level per part (`_now` after its name), `own` (the star)."""
        placed = self._placed(self.before, self._key_figures())
        return placed.rename({name: f"{name}_now" for name in self.method.parts.names} | {"star": "own"})

    def levels(self, levels: pl.DataFrame) -> pl.DataFrame:
        """The levels and the star of each case, given the levels of its parts before caps.

        Args:
            levels: `organisation`, `case`, `part`, `level`; every part of every case.

        Returns:
            `organisation`, `case`, a level per part after caps, `star`.
        """
        return self._placed(levels, self._key_figures())

    def without(self, indicators: Collection[str]) -> pl.DataFrame:
        """The star of every organisation if the method had never asked for these: `organisation`, `star`."""
        gone = pl.col("indicator").is_in(sorted(indicators))
        levels = self.before
        if not self.method.recorded:
            kept = self.rating.bands.filter(~gone)
            levels = part_scores(kept, self.method.parts.all, self.inputs).select(levels.columns)
        placed = self._placed(levels, self._key_figures().filter(~gone))
        return self.rating.stars.select("organisation").join(
            placed.select("organisation", "star"), on="organisation", how="left"
        )

    def alone(self, changes: pl.DataFrame) -> pl.DataFrame:
        """The levels and the star of cases in each of which one input is another.

        Args:
            changes: one row per case: `organisation`, `case`, `indicator`, `band` and `value` (put in the
                place of what is there; null leaves it), `left_out` (True: as if it had not been asked for).

        Returns:
            `organisation`, `case`, a level per part after caps, `star`.
        """
        levels = changes.select(_CASE).join(self.before, on="organisation")
        if not self.method.recorded:
            bands = self.rating.bands.select(*_PAIR, "band", "previous_band")
            told = changes.filter(pl.col("band").is_not_null() | pl.col("left_out"))
            scored = rescored(bands, told, self.method.parts.all, self.inputs)
            levels = pl.concat(
                [
                    levels.join(scored, on=[*_CASE, "part"], how="anti"),
                    scored.select(levels.columns),
                ]
            )
        key = self._key_figures()
        capping = {cap.indicator for cap in self.caps()}
        tested = changes.filter(
            pl.col("indicator").is_in(sorted(capping)) & (pl.col("value").is_not_null() | pl.col("left_out"))
        )
        put = tested.filter(~pl.col("left_out")).select(*_CASE, "indicator", "value")
        theirs = self._put(tested.select(_CASE), tested.select(*_CASE, "indicator"), put)
        return pl.concat(
            [
                self._placed(levels.join(tested, on=_CASE, how="anti"), key),
                self._placed(levels.join(tested, on=_CASE, how="semi"), theirs),
            ]
        )

    def together(self, bands: pl.DataFrame, values: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
        """The levels and the star of cases in each of which any number of inputs are others.

        Args:
            bands: `organisation`, `case`, `indicator`, `band`.
            values: `organisation`, `case`, `indicator`, `value` of key indicators.
            whole: `organisation`, `case` of every case.

        Returns:
            `organisation`, `case`, a level per part after caps, `star`.
        """
        levels = whole.join(self.before, on="organisation")
        if bands.height:
            scored = self._scored(bands)
            levels = pl.concat(
                [levels.join(scored, on=[*_CASE, "part"], how="anti"), scored.select(levels.columns)]
            )
        return self._placed(levels, self._put(whole, values.select(*_CASE, "indicator"), values))

    def _placed(self, levels: pl.DataFrame, key_figures: pl.DataFrame) -> pl.DataFrame:
        _, placed = decide(self.method, levels, key_figures, day=self.day, option=self.option)
        assert placed is not None
        entity = [name for name in _CASE if name in levels.columns]
        return placed.select(*entity, *self.method.parts.names, "star")

    def _key_figures(self) -> pl.DataFrame:
        return self.rating.bands.filter("key").select(*_PAIR, "value", "denominator")

    def _put(self, whole: pl.DataFrame, gone: pl.DataFrame, put: pl.DataFrame) -> pl.DataFrame:
        """The key figures of each case, some gone and others put in."""
        key = whole.join(self._key_figures(), on="organisation").join(
            gone, on=[*_CASE, "indicator"], how="anti"
        )
        denominators = self.rating.bands.select(*_PAIR, "denominator")
        return pl.concat([key, put.join(denominators, on=_PAIR, how="left").select(key.columns)])

    def _scored(self, put: pl.DataFrame) -> pl.DataFrame:
        """The levels of the parts that these bands count for, with the bands in their place.

        Only those parts are reckoned again, from the inputs that count for them: the others stay as they are.
        """
        counts = self.inputs.select("part", "indicator")
        touched = put.select(*_CASE, "indicator").join(counts, on="indicator").select(*_CASE, "part").unique()
        bands = self.rating.bands.select(*_PAIR, "band", "previous_band")
        frame = (
            touched.join(counts, on="part")
            .select(*_CASE, "indicator")
            .unique()
            .join(bands, on=_PAIR, how="left")
            .join(put.select(*_CASE, "indicator", put="band"), on=[*_CASE, "indicator"], how="left")
            .with_columns(band=pl.coalesce("put", "band"))
        )
        known = part_scores(frame, self.method.parts.all, self.inputs)
        return known.join(touched, on=[*_CASE, "part"], how="semi")


def moved_levels(method: Method) -> pl.Expr:
    """Which judgements are others, in words: `serving people well for adults: most`; null where none is.

    Of a frame with a level per part, and with its level as it is under the same name and `_now`.
    """
    told = []
    for part in method.parts.all:
        words = dict(enumerate(method.parts.scale(part.name)))
        word = pl.col(part.name).replace_strict(words, default="none", return_dtype=pl.String)
        other = pl.col(part.name).ne_missing(pl.col(f"{part.name}_now"))
        told.append(pl.when(other).then(pl.format("{}: {}", pl.lit(part.title), word)))
    said = pl.concat_str(told, separator="; ", ignore_nulls=True)
    return pl.when(said != "").then(said)


def own_stars(rating: Rating) -> pl.DataFrame:
    """The star that the method gives each organisation, without any decision: `organisation`, `own`."""
    computed = "computed_star" if "computed_star" in rating.stars.columns else "star"
    return rating.stars.select("organisation", own=computed)


def _before_caps(method: Method, rating: Rating, inputs: pl.DataFrame) -> pl.DataFrame:
    """`organisation`, `part`, `level`: every part before caps, recorded or computed."""
    if not method.recorded:
        scored = part_scores(rating.bands, method.parts.all, inputs)
        return scored.select("organisation", "part", "level")
    scales = {name: method.parts.scale(name) for name in method.parts.names}
    rows = [
        (row["organisation"], row["part"], scales[row["part"]].index(row["computed_judgement"]))
        for row in rating.judgements.iter_rows(named=True)
        if row["computed_judgement"] is not None
    ]
    schema = {"organisation": pl.String, "part": pl.String, "level": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
