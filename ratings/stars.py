"""Stars: how the parts of a rating become one star, and what is known about each of their combinations.

Here: star rules in order (the first that fits holds) and weighted means with their limits, both written out
    into one cell per combination of levels; the proof that the cells are complete, monotone and agree with
    what was observed; the join from parts to stars.
Not here: where the levels of the parts come from (judgements.py), reading a method file (method_file.py).

Whatever a method writes, its overall star is one table with a cell for every combination, so that proving,
looking up, and asking what would be if are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, Rounding, as_frame, beside, entity
from ratings.errors import MethodError
from ratings.judgements import Part

SERVICE_WORDS = {"children": "children's services", "adults": "adults' services"}
STAR_WORDS = ("zero", "one star", "two stars", "three stars", "four stars", "five stars")
MOST_COMBINATIONS = 100_000
"""A method whose parts can be combined in more ways cannot be proved by trying them all."""

Levels = tuple[int, ...]
"""One level (0 is worst) for each part of the method, in the order of its parts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a method with the words of their levels: what a combination is a combination of.

    Attributes:
        all: the parts in order.
        scales: aspect -> the words of its levels, worst first.
        synonyms: other words that the regulator used -> the word of a scale that each is read as.
    """

    all: tuple[Part, ...]
    scales: Mapping[str, tuple[str, ...]]
    synonyms: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(part.name for part in self.all)

    @property
    def services(self) -> tuple[str, ...]:
        """The services they are about, in the order they first occur."""
        return tuple(dict.fromkeys(part.service for part in self.all))

    def scale(self, name: str) -> tuple[str, ...]:
        """The words of the levels of one part."""
        return next(self.scales[part.aspect] for part in self.all if part.name == name)

    def words(self) -> pl.DataFrame:
        """What each word means: a row per part and word, `part`, `judgement` (the word), `level`."""
        rows = [
            (part.name, word, level)
            for part in self.all
            for level, scale_word in enumerate(self.scales[part.aspect])
            for word in (
                scale_word,
                *(other for other, means in self.synonyms.items() if means == scale_word),
            )
        ]
        schema = {"part": pl.String, "judgement": pl.String, "level": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def every_combination(self) -> list[Levels]:
        """All combinations of levels, worst first (256 for four scales of four words)."""
        return list(product(*(range(len(self.scales[part.aspect])) for part in self.all)))

    def in_words(self, levels: Levels) -> str:
        """A combination as people read it, for messages."""
        return ", ".join(
            f"{part.service} {part.aspect} {self.scales[part.aspect][level]!r}".strip()
            for part, level in zip(self.all, levels, strict=True)
        )

    def swapped(self, levels: Levels) -> Levels:
        """The same combination with the two services exchanged; itself where there are not two alike."""
        first = [part.aspect for part in self.all if part.service == self.services[0]]
        second = [part.aspect for part in self.all if part.service == self.services[-1]]
        if len(self.services) != 2 or first != second:
            return levels
        return levels[len(first) :] + levels[: len(first)]


@dataclass(frozen=True, slots=True)
class StarRule:
    """A star and the conditions under which it is given; all conditions named must hold.

    Attributes:
        stars: the star.
        says: why, for people; `{who}` becomes the services that made an `any` condition true.
        any_at_most: aspect -> level that at least one service does not rise above, for every aspect named.
        any_at_least: aspect -> level that at least one service reaches, for every aspect named.
        all_at_least: aspect -> level that every service reaches.
        points_at_least: least sum of points, None where points do not matter.
        points: aspect -> points for each level above the worst.
    """

    stars: int
    says: str
    any_at_most: Mapping[str, int]
    any_at_least: Mapping[str, int]
    all_at_least: Mapping[str, int]
    points_at_least: int | None = None
    points: Mapping[str, int] | None = None

    def fits(self, levels: Levels, parts: Parts) -> bool:
        """Whether the rule holds for this combination."""
        enough = self.points_at_least is None or self.sum_of_points(levels, parts) >= self.points_at_least
        return (
            enough
            and all(
                level >= self.all_at_least.get(part.aspect, 0)
                for part, level in zip(parts.all, levels, strict=True)
            )
            and (not (self.any_at_most or self.any_at_least) or bool(self.who(levels, parts)))
        )

    def who(self, levels: Levels, parts: Parts) -> tuple[str, ...]:
        """The services that alone make the `any` conditions true."""
        level = {(part.service, part.aspect): n for part, n in zip(parts.all, levels, strict=True)}
        return tuple(
            service
            for service in parts.services
            if all(level[service, aspect] <= most for aspect, most in self.any_at_most.items())
            and all(level[service, aspect] >= least for aspect, least in self.any_at_least.items())
        )

    def sum_of_points(self, levels: Levels, parts: Parts) -> int:
        """Points of this combination: whole numbers, so that no engine can round them differently."""
        points = self.points or {}
        return sum(points.get(part.aspect, 0) * n for part, n in zip(parts.all, levels, strict=True))

    def sentence(self, levels: Levels, parts: Parts) -> str:
        """The rule in words, for this combination."""
        who = self.who(levels, parts)
        if len(who) == len(parts.services) > 1:
            name = "both services" if len(who) == 2 else "all services"
        else:
            name = " and ".join(SERVICE_WORDS.get(service, service) for service in who)
        reason = self.says.format(who=name, points=self.sum_of_points(levels, parts))
        return f"{star_words(self.stars)} because {reason}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A part's level that caps the star: at or below `level` it can be no more than `stars`."""

    part: str
    level: int
    stars: int


@dataclass(frozen=True, slots=True)
class Mean:
    """A star that is the weighted mean of the parts, rounded to a whole star, within limits.

    Attributes:
        weights: part -> its weight.
        points: what each level is worth, worst first.
        rounding: where the mean lies between two stars.
        limits: caps that a part puts on the star; the lowest that holds counts.
    """

    weights: Mapping[str, int]
    points: tuple[int, ...]
    rounding: Rounding
    limits: tuple[Limit, ...]

    def star(self, levels: Levels, parts: Parts) -> tuple[int, str]:
        """The star of a combination, and why."""
        worth = {
            part.name: self.points[level] * self.weights[part.name]
            for part, level in zip(parts.all, levels, strict=True)
        }
        total, over = sum(worth.values()), sum(self.weights.values())
        star = round_whole(total, over, self.rounding)
        mean = 1000 * total // over
        says = f"the weighted mean of the {len(worth)} parts is {mean // 1000}.{mean % 1000:03d}"
        level = dict(zip(parts.names, levels, strict=True))
        holding = [limit for limit in self.limits if level[limit.part] <= limit.level and limit.stars < star]
        if not holding:
            return star, f"{star_words(star)} because {says}, to the nearest star"
        limit = min(holding, key=lambda one: one.stars)
        word = parts.scale(limit.part)[level[limit.part]]
        return limit.stars, (
            f"{star_words(limit.stars)} because {limit.part} is {word!r}, which allows no more; "
            f"{says}, which alone would give {star_words(star)}"
        )


def round_whole(numerator: int, denominator: int, how: Rounding) -> int:
    """One whole quotient, by the rule of bands.rounded."""
    if how == "down":
        return numerator // denominator
    twice, double = 2 * numerator + denominator, 2 * denominator
    nearest = twice // double
    return nearest - 1 if how == "half_even" and nearest * double == twice and nearest % 2 else nearest


def star_words(star: int) -> str:
    """`zero`, `one star`, ... as people say it."""
    return STAR_WORDS[star] if star < len(STAR_WORDS) else f"{star} stars"


@dataclass(frozen=True, slots=True)
class StarCell:
    """One combination of levels.

    Attributes:
        levels: the combination.
        stars: its star.
        lowest: least star that the observed ratings and the stated principles allow.
        highest: greatest such star; `lowest == highest` means the cell is determined.
        says: the sentence for this cell.
    """

    levels: Levels
    stars: int
    lowest: int
    highest: int
    says: str


@dataclass(frozen=True, slots=True)
class StarTable:
    """A proven star table: one cell for every combination, in order of the combinations.

    Attributes:
        option: name of this table within the method, such as `A`.
        title: what it is, for people.
        parts: names of the parts, in the order of the levels of a cell.
        cells: all of them.
        not_monotone: why a better level may lower a star; blank where it never does, which is proved.
        mean: the weighted mean that it was written out from; None where it was not.
    """

    option: str
    title: str
    parts: tuple[str, ...]
    cells: tuple[StarCell, ...]
    not_monotone: str = ""
    mean: Mean | None = None

    def star(self, *levels: int) -> int:
        """The star of one combination of levels, in the order of the parts."""
        return self.cell(*levels).stars

    def cell(self, *levels: int) -> StarCell:
        """The cell of one combination of levels, in the order of the parts."""
        return next(cell for cell in self.cells if cell.levels == levels)

    def frame(self) -> pl.DataFrame:
        """One row per cell: a column of levels per part, `star`, `lowest`, `highest`, `says`."""
        columns = {name: [cell.levels[i] for cell in self.cells] for i, name in enumerate(self.parts)}
        return pl.DataFrame(
            columns
            | {
                "star": [cell.stars for cell in self.cells],
                "lowest": [cell.lowest for cell in self.cells],
                "highest": [cell.highest for cell in self.cells],
                "says": [cell.says for cell in self.cells],
            }
        )


@dataclass(frozen=True, slots=True)
class StarScale:
    """The stars there are, and where a table of them is being read from, for messages."""

    lowest: int
    highest: int
    option: str
    title: str
    file: str
    not_monotone: str = ""

    @property
    def where(self) -> str:
        """The table's place in its file."""
        return f"[stars.tables.{self.option}]"


def bounds(
    levels: Levels, observed: Mapping[Levels, int], parts: Parts, scale: StarScale, *, fails: bool
) -> tuple[int, int]:
    """The stars that published ratings allow for a combination.

    Three principles are used: a failure is the lowest star and nothing else is; two services weigh the same,
    so an observed row also holds with them exchanged; better judgements never lower a star.

    Args:
        levels: the combination.
        observed: published star by combination.
        parts: the parts combined.
        scale: the stars there are.
        fails: whether the combination is a failure by the rules for the lowest star.

    Returns:
        Lowest and highest star allowed.
    """
    if fails:
        return scale.lowest, scale.lowest
    lowest, highest = scale.lowest + 1, scale.highest
    for seen, star in observed.items():
        for row in (seen, parts.swapped(seen)):
            if all(a <= b for a, b in zip(row, levels, strict=True)):
                lowest = max(lowest, star)
            if all(a >= b for a, b in zip(row, levels, strict=True)):
                highest = min(highest, star)
    return lowest, highest


def expand(
    rules: Sequence[StarRule], parts: Parts, observed: Mapping[Levels, int], scale: StarScale
) -> StarTable:
    """Turn ordered rules into a proven table.

    Args:
        rules: first that fits holds.
        parts: the parts combined.
        observed: published stars by combination; the table must give them.
        scale: the stars there are, and the name of the table.

    Returns:
        One cell per combination.

    Raises:
        MethodError: a combination without a star, a rule that is never reached, a better judgement that
            lowers the star, or a contradiction of an observed rating; each with the combination that shows
            it.
    """
    given: dict[Levels, int] = {}
    for levels in parts.every_combination():
        number = next((n for n, rule in enumerate(rules) if rule.fits(levels, parts)), None)
        if number is None:
            raise MethodError(
                f"{scale.where} rules: no rule gives a star to {parts.in_words(levels)}",
                file=scale.file,
                hint="end the rules with one that has no condition",
            )
        given[levels] = number
    for number in range(len(rules)):
        if number not in given.values():
            raise MethodError(
                f"{scale.where} rules: rule {number + 1} is never reached",
                file=scale.file,
                hint="remove it, or move it before the rules that take its cases",
            )
    return prove(
        {levels: rules[number].stars for levels, number in given.items()},
        {levels: rules[number].sentence(levels, parts) for levels, number in given.items()},
        parts,
        observed,
        scale,
        failures={levels for levels, number in given.items() if rules[number].stars == scale.lowest},
    )


def write_out(mean: Mean, parts: Parts, scale: StarScale) -> StarTable:
    """Turn a weighted mean with limits into a proven table.

    Raises:
        MethodError: a mean outside the stars there are, a limit that never binds, or a better level that
            lowers the star; each with what shows it.
    """
    said = {levels: mean.star(levels, parts) for levels in parts.every_combination()}
    without = Mean(mean.weights, mean.points, mean.rounding, ())
    for number, limit in enumerate(mean.limits, start=1):
        at = parts.names.index(limit.part)
        if not any(
            star > limit.stars
            for levels in said
            if levels[at] <= limit.level
            for star, _ in [without.star(levels, parts)]
        ):
            raise MethodError(
                f"{scale.where} limits {number}: it never lowers a star",
                file=scale.file,
                hint="remove it, or lower its stars",
            )
    proved = prove(
        {levels: star for levels, (star, _) in said.items()},
        {levels: says for levels, (_, says) in said.items()},
        parts,
        {},
        scale,
        failures=(),
    )
    return replace(proved, mean=mean)


def prove(
    stars: Mapping[Levels, int],
    says: Mapping[Levels, str],
    parts: Parts,
    observed: Mapping[Levels, int],
    scale: StarScale,
    *,
    failures: Collection[Levels],
) -> StarTable:
    """Prove that every combination has a star, and note how far the evidence determines it.

    Args:
        stars: star by combination.
        says: sentence by combination.
        parts: the parts combined.
        observed: published stars by combination; empty where the method is its own authority.
        scale: the stars there are, and the name of the table.
        failures: combinations that are a failure by principle.

    Returns:
        The table.

    Raises:
        MethodError: with the combination that shows the fault.
    """
    cells = []
    for levels in parts.every_combination():
        if levels not in stars:
            raise MethodError(
                f"{scale.where} no star for {parts.in_words(levels)}", file=scale.file, hint="add this row"
            )
        star = stars[levels]
        if not scale.lowest <= star <= scale.highest:
            raise MethodError(
                f"{scale.where} {parts.in_words(levels)} gives {star}, "
                f"which is not a star from {scale.lowest} to {scale.highest}",
                file=scale.file,
            )
        for i in range(len(levels) if not scale.not_monotone else 0):
            worse = (*levels[:i], levels[i] - 1, *levels[i + 1 :])
            if levels[i] and stars[worse] > star:
                raise MethodError(
                    f"{scale.where} a better judgement lowers the star: "
                    f"{parts.in_words(worse)} gives {stars[worse]}, {parts.in_words(levels)} gives {star}",
                    file=scale.file,
                    hint="mend the rules, or say why in not_monotone",
                )
        lowest, highest = star, star
        if observed:
            lowest, highest = bounds(levels, observed, parts, scale, fails=levels in failures)
        if not lowest <= star <= highest:
            raise MethodError(
                f"{scale.where} {parts.in_words(levels)} gives {star}, "
                f"but published ratings allow only {lowest} to {highest}",
                file=scale.file,
            )
        sentence = says[levels]
        if lowest < highest:
            sentence += (
                f"; what is published leaves {lowest} to {highest} open here, "
                f"and table {scale.option} takes {star}"
            )
        cells.append(StarCell(levels, star, lowest, highest, sentence))
    return StarTable(scale.option, scale.title, parts.names, tuple(cells), scale.not_monotone)


def stars(judgements: IntoFrameT, table: StarTable) -> IntoFrameT:
    """Give everything rated the star of its parts.

    Args:
        judgements: one row per (thing rated, `part`) with `level` (0 is worst, null where there is no
            judgement); the thing rated is named by `organisation` and, where there is one, `case`.
        table: a proven star table.

    Returns:
        One row per thing rated: its levels, a column per part; `star`, `lowest`, `highest` and `says`, all
        null where a judgement is missing.
    """
    frame: Frame = as_frame(judgements)
    wide = (
        frame.with_columns(
            **{name: nw.when(nw.col("part") == name).then(nw.col("level")) for name in table.parts}
        )
        .group_by(*entity(frame))
        .agg(*(nw.col(name).max().alias(name) for name in table.parts))
    )
    joined = wide.join(beside(table.frame(), wide), on=list(table.parts), how="left")
    native: IntoFrameT = nw.to_native(joined)
    return native
