"""Stars: how four judgements become one star, and what is known about each of the combinations.

Here: star rules in order (the first that fits holds), their expansion into one cell per combination, the
    proof that the cells are complete, monotone and agree with what was observed, and the join from judgements
    to stars.
Not here: where judgements come from (judgements.py), reading a method file (method_file.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from ratings.bands import Frame, as_frame, beside
from ratings.errors import MethodError

SERVICES = ("children", "adults")
ASPECTS = ("serving", "prospects")
PARTS = tuple((service, aspect) for service in SERVICES for aspect in ASPECTS)
PART_NAMES = tuple(f"{service}_{aspect}" for service, aspect in PARTS)
SERVICE_WORDS = {"children": "children's services", "adults": "adults' services"}
ASPECT_WORDS = {"serving": "serving people well", "prospects": "prospects for improvement"}
STAR_WORDS = ("zero", "one star", "two stars", "three stars")

Levels = tuple[int, ...]
"""One level (0 is worst) for each of PARTS, in that order."""


@dataclass(frozen=True, slots=True)
class StarRule:
    """A star and the conditions under which it is given; all conditions named must hold.

    Attributes:
        stars: the star, 0 to 3.
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

    def fits(self, levels: Levels) -> bool:
        """Whether the rule holds for this combination."""
        enough = self.points_at_least is None or self.sum_of_points(levels) >= self.points_at_least
        return (
            enough
            and all(
                levels[i] >= self.all_at_least[aspect]
                for i, (_, aspect) in enumerate(PARTS)
                if aspect in self.all_at_least
            )
            and (not (self.any_at_most or self.any_at_least) or bool(self.who(levels)))
        )

    def who(self, levels: Levels) -> tuple[str, ...]:
        """The services that alone make the `any` conditions true."""
        level = dict(zip(PARTS, levels, strict=True))
        return tuple(
            service
            for service in SERVICES
            if all(level[service, aspect] <= most for aspect, most in self.any_at_most.items())
            and all(level[service, aspect] >= least for aspect, least in self.any_at_least.items())
        )

    def sum_of_points(self, levels: Levels) -> int:
        """Points of this combination: whole numbers, so that no engine can round them differently."""
        points = self.points or {}
        return sum(points.get(aspect, 0) * levels[i] for i, (_, aspect) in enumerate(PARTS))

    def sentence(self, levels: Levels) -> str:
        """The rule in words, for this combination."""
        who = self.who(levels)
        name = (
            "both services"
            if len(who) == len(SERVICES)
            else "".join(SERVICE_WORDS[service] for service in who)
        )
        reason = self.says.format(who=name, points=self.sum_of_points(levels))
        return f"{STAR_WORDS[self.stars]} because {reason}"


@dataclass(frozen=True, slots=True)
class StarCell:
    """One combination of judgements.

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
    """A proven star table: one cell for every combination, in order of the combinations."""

    option: str
    title: str
    cells: tuple[StarCell, ...]

    def star(self, *levels: int) -> int:
        """The star of one combination of levels, in the order of PARTS."""
        return self.cell(*levels).stars

    def cell(self, *levels: int) -> StarCell:
        """The cell of one combination of levels, in the order of PARTS."""
        return next(cell for cell in self.cells if cell.levels == levels)

    def frame(self) -> pl.DataFrame:
        """One row per cell: the four levels, `star`, `lowest`, `highest`, `says`."""
        columns = {name: [cell.levels[i] for cell in self.cells] for i, name in enumerate(PART_NAMES)}
        return pl.DataFrame(
            columns
            | {
                "star": [cell.stars for cell in self.cells],
                "lowest": [cell.lowest for cell in self.cells],
                "highest": [cell.highest for cell in self.cells],
                "says": [cell.says for cell in self.cells],
            }
        )


def in_words(levels: Levels, scales: Mapping[str, Sequence[str]]) -> str:
    """A combination as people read it, for messages."""
    return ", ".join(
        f"{service} {aspect} {scales[aspect][level]!r}"
        for (service, aspect), level in zip(PARTS, levels, strict=True)
    )


def every_combination(scales: Mapping[str, Sequence[str]]) -> list[Levels]:
    """All combinations of levels, worst first (256 for four scales of four words)."""
    return list(product(*(range(len(scales[aspect])) for _, aspect in PARTS)))


def bounds(levels: Levels, observed: Mapping[Levels, int], *, fails: bool) -> tuple[int, int]:
    """The stars that published ratings allow for a combination.

    Three principles are used: a failure is zero and nothing else is; adults and children weigh the same, so
        an
    observed row also holds with the services swapped; better judgements never lower a star.

    Args:
        levels: the combination.
        observed: published star by combination.
        fails: whether the combination is a failure by the rules for zero.

    Returns:
        Lowest and highest star allowed.
    """
    if fails:
        return 0, 0
    lowest, highest = 1, len(STAR_WORDS) - 1
    for seen, star in observed.items():
        for row in (seen, seen[2:] + seen[:2]):
            if all(a <= b for a, b in zip(row, levels, strict=True)):
                lowest = max(lowest, star)
            if all(a >= b for a, b in zip(row, levels, strict=True)):
                highest = min(highest, star)
    return lowest, highest


def expand(
    rules: Sequence[StarRule],
    scales: Mapping[str, Sequence[str]],
    observed: Mapping[Levels, int],
    *,
    option: str,
    title: str,
    file: str,
) -> StarTable:
    """Turn ordered rules into a proven table.

    Args:
        rules: first that fits holds.
        scales: the words of each aspect, worst first.
        observed: published stars by combination; the table must give them.
        option: name of this table within the method, such as `A`.
        title: what the table is, for people.
        file: the method file, for messages.

    Returns:
        One cell per combination.

    Raises:
        MethodError: a combination without a star, a rule that is never reached, a better judgement that
            lowers the star, or a contradiction of an observed rating; each with the combination that shows
            it.
    """
    given: dict[Levels, int] = {}
    for levels in every_combination(scales):
        number = next((n for n, rule in enumerate(rules) if rule.fits(levels)), None)
        if number is None:
            raise MethodError(
                f"[stars.tables.{option}] rules: no rule gives a star to {in_words(levels, scales)}",
                file=file,
                hint="end the rules with one that has no condition",
            )
        given[levels] = number
    for number in range(len(rules)):
        if number not in given.values():
            raise MethodError(
                f"[stars.tables.{option}] rules: rule {number + 1} is never reached",
                file=file,
                hint="remove it, or move it before the rules that take its cases",
            )
    return prove(
        {levels: rules[number].stars for levels, number in given.items()},
        {levels: rules[number].sentence(levels) for levels, number in given.items()},
        scales,
        observed,
        failures={levels for levels, number in given.items() if rules[number].stars == 0},
        option=option,
        title=title,
        file=file,
    )


def prove(
    stars: Mapping[Levels, int],
    says: Mapping[Levels, str],
    scales: Mapping[str, Sequence[str]],
    observed: Mapping[Levels, int],
    *,
    failures: Collection[Levels],
    option: str,
    title: str,
    file: str,
) -> StarTable:
    """Prove that every combination has a star, and note how far the evidence determines it.

    Args:
        stars: star by combination.
        says: sentence by combination.
        scales: the words of each aspect, worst first.
        observed: published stars by combination; empty where the method is its own authority.
        failures: combinations that are a failure by principle.
        option: name of the table.
        title: what it is.
        file: the method file, for messages.

    Returns:
        The table.

    Raises:
        MethodError: with the combination that shows the fault.
    """
    where = f"[stars.tables.{option}]"
    cells = []
    for levels in every_combination(scales):
        if levels not in stars:
            raise MethodError(
                f"{where} no star for {in_words(levels, scales)}", file=file, hint="add this row"
            )
        star = stars[levels]
        for i in range(len(PARTS)):
            worse = (*levels[:i], levels[i] - 1, *levels[i + 1 :])
            if levels[i] and stars[worse] > star:
                raise MethodError(
                    f"{where} a better judgement lowers the star: "
                    f"{in_words(worse, scales)} gives {stars[worse]}, "
                    f"{in_words(levels, scales)} gives {star}",
                    file=file,
                )
        lowest, highest = bounds(levels, observed, fails=levels in failures) if observed else (star, star)
        if not lowest <= star <= highest:
            raise MethodError(
                f"{where} {in_words(levels, scales)} gives {star}, "
                f"but published ratings allow only {lowest} to {highest}",
                file=file,
            )
        sentence = says[levels]
        if lowest < highest:
            sentence += (
                f"; what is published leaves {lowest} to {highest} open here, and table {option} takes {star}"
            )
        cells.append(StarCell(levels, star, lowest, highest, sentence))
    return StarTable(option, title, tuple(cells))


def stars(judgements: IntoFrameT, table: StarTable) -> IntoFrameT:
    """Give every organisation the star of its four judgements.

    Args:
        judgements: one row per (organisation, service, aspect) with `level` (0 is worst, null where there is
            no judgement).
        table: a proven star table.

    Returns:
        One row per organisation: the four levels, `star`, `lowest`, `highest` and `says`; all null where a
        judgement is missing.
    """
    frame: Frame = as_frame(judgements)
    part = {
        name: (nw.col("service") == service) & (nw.col("aspect") == aspect)
        for name, (service, aspect) in zip(PART_NAMES, PARTS, strict=True)
    }
    wide = (
        frame.with_columns(**{name: nw.when(here).then(nw.col("level")) for name, here in part.items()})
        .group_by("organisation")
        .agg(*(nw.col(name).max().alias(name) for name in PART_NAMES))
    )
    joined = wide.join(beside(table.frame(), wide), on=list(PART_NAMES), how="left")
    native: IntoFrameT = nw.to_native(joined)
    return native
