"""Sentences: why a band, a judgement or a star is what it is, for people.

Here: the wording of `band_reason`, of the `rule` of a judgement and of a star, and of why there is none.
Not here: the decisions (bands.py, judgements.py, stars.py); these functions read what was decided, they
    decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ratings.bands import Banding, micro_of
from ratings.catalogue import Catalogue
from ratings.judgements import SCALE, PartRule
from ratings.stars import Parts, star_words

STATUS_WORDS = {
    "M": "it cannot exist",
    "L": "it was not collected",
    "O": "it is missing",
    "Q": "it is suppressed",
}


def band_reasons(banding: Banding) -> pl.Expr:
    """Why each row of bands() has its band, or none."""
    top = pl.col("counted_from_top")
    place = pl.format(
        "{} of the other {} figures of this period are {}, and {} is better",
        pl.col("beyond"),
        pl.col("compared") - 1,
        pl.when(top).then(pl.lit("higher")).otherwise(pl.lit("lower")),
        pl.col("direction"),
    )
    if banding.kind == "edges":
        place = pl.format(
            "fixed edges {}, and {} is better", pl.lit(list_of(banding.edges)), pl.col("direction")
        )
    if banding.frozen_period:
        place = pl.format(
            "edges frozen at the figures of {}, and {} is better",
            pl.lit(banding.frozen_period),
            pl.col("direction"),
        )
    has_no_end = pl.col("direction") == "none"
    if banding.kind == "two_sided":
        bands = ", ".join(banding.labels[band - 1] for band in banding.stretches)
        place = pl.lit(f"fixed edges {list_of(banding.edges)}, and between them from below {bands}")
        has_no_end = pl.lit(False)
    late = pl.format("{}; {} behind the indicator's latest period", place, counted("period", pl.col("age")))
    status = pl.col("obs_status").replace_strict(STATUS_WORDS, default=None, return_dtype=pl.String)
    return (
        pl.when(has_no_end)
        .then(pl.lit("no band: the indicator has no good end"))
        .when(~pl.col("banded"))
        .then(pl.lit("no band: its publisher does not compare organisations by it"))
        .when(pl.col("value").is_null() & status.is_not_null())
        .then(pl.format("no band: no figure, {}", status))
        .when(pl.col("value").is_null())
        .then(pl.lit("no band: no figure in the periods that count"))
        .when(pl.col("band").is_null())
        .then(pl.lit("no band: the period that sets the edges has no figures of this indicator"))
        .when(pl.col("age") > 0)
        .then(late)
        .otherwise(place)
    )


def stood_in_reason() -> pl.Expr:
    """The reason of a band, changed where another indicator's band counts instead of the figure's own."""
    return (
        pl.when(pl.col("stood_in").is_not_null())
        .then(pl.format("the better band of the two is that of {} ({})", "stood_in", "band_reason"))
        .otherwise(pl.col("band_reason"))
    )


def counted(noun: str, number: pl.Expr) -> pl.Expr:
    """`1 period`, `2 periods`."""
    return pl.when(number == 1).then(pl.lit(f"1 {noun}")).otherwise(pl.format("{} " + noun + "s", number))


def list_of(numbers: Sequence[float]) -> str:
    """Numbers as people list them."""
    return ", ".join(f"{number:g}" for number in numbers)


def figure(value: float, unit: str, beside: float | None = None) -> str:
    """A figure with its unit, in as few digits as tell it apart from the number beside it."""
    text = next(
        text
        for digits in (4, 6, 8, 10, 17)
        if (text := f"{value:.{digits}g}")
        and (beside is None or digits == 17 or micro_of(value) == micro_of(beside) or float(text) != beside)
    )
    return f"{text} %" if unit == "percent" else f"{text} ({unit})" if unit else text


def judgement_rule(row: Mapping[str, Any], parts: Parts, basis: str, catalogue: Catalogue, round: str) -> str:
    """The rule that bound one judgement.

    Args:
        row: a judgement with `part`, `level`, `level_before`, `judgement` as recorded or None, `score`,
            `inputs`, `missing`, and what a cap did to it.
        parts: the parts of the method.
        basis: `recorded` or `computed`.
        catalogue: for units.
        round: the rating round of recorded judgements.

    Returns:
        One sentence.
    """
    part = next(part for part in parts.all if part.name == row["part"])
    what, scale = part.title, parts.scales[part.aspect]
    before = None if row["level_before"] is None else scale[row["level_before"]]
    if basis == "recorded":
        if row["judgement"] is None:
            return (
                f"no judgement of {what} is recorded in round {round}"
                if round
                else f"{what} was never judged"
            )
        if before is None:
            return f"{what} was recorded as {row['judgement']!r}, which is none of {', '.join(scale)}"
        how = f"recorded as {row['judgement']!r} in round {round}"
        how += "" if row["judgement"] == before else f", which is read as {before!r}"
    else:
        assert part.rule is not None
        if before is None:
            return f"{what} cannot be judged: {_too_few(row, part.rule)}"
        how = _mean(row, part.rule) + f": {before!r}"
    if row["capped_by"] is not None:
        return f"{what} is capped at {scale[row['level']]!r} because {_cap(row, parts, catalogue)} ({how})"
    sentence = f"{what} is {before!r}: {how}"
    if row["exempt_from"] is not None:
        failing = failed(row["exempt_from"], row["exempt_value"], row["exempt_threshold"], catalogue)
        sentence += f"; {row['exempt_from']} was {failing}, but the numbers are too small for it to count"
    return sentence


def _too_few(row: Mapping[str, Any], rule: PartRule) -> str:
    asked = row["inputs"] + row["missing"]
    used = f"{row['inputs']} of {asked} indicators can be used"
    needed = "all" if rule.missing == "no_rating" else str(rule.minimum_inputs)
    return f"{used}, {needed} are needed"


def _mean(row: Mapping[str, Any], rule: PartRule) -> str:
    """The mean of a computed judgement, and the cuts it lies between."""
    level, weighted = row["level_before"], "weighted " if rule.weights and len(rule.weights) > 1 else ""
    noun = "band" if rule.points == tuple(range(1, len(rule.points) + 1)) else "points of bands"
    mean = f"{weighted}mean {noun}" if rule.measure == "band" else f"{weighted}mean movement of bands"
    how = (
        f"{mean} {thousandths(row['score'])} of {row['inputs']} indicator{'s' if row['inputs'] != 1 else ''}"
    )
    how += f" ({row['missing']} missing)" if row["missing"] else ""
    above = f"at least {thousandths(rule.cuts[level - 1])}" if level else ""
    below = f"below {thousandths(rule.cuts[level])}" if level < len(rule.cuts) else ""
    return f"{how} is {' and '.join(part for part in (above, below) if part)}"


def _cap(row: Mapping[str, Any], parts: Parts, catalogue: Catalogue) -> str:
    """What bound a capped judgement: a key indicator, or another part."""
    if row["capped_by"] in parts.names:
        title = next(part.title for part in parts.all if part.name == row["capped_by"])
        return f"{title} caps it"
    failing = failed(row["capped_by"], row["cap_value"], row["cap_threshold"], catalogue)
    return f"{row['capped_by']} was {failing}"


def failed(indicator: str, value: float, threshold: float, catalogue: Catalogue) -> str:
    """`23.4 %, above 20 %`."""
    known = catalogue.indicators.get(indicator)
    unit = known.unit if known else ""
    side = "above" if value > threshold else "below"
    return f"{figure(value, unit, threshold)}, {side} {figure(threshold, unit)}"


def thousandths(number: int) -> str:
    """A whole number of thousandths as a decimal number."""
    sign = "-" if number < 0 else ""
    return f"{sign}{abs(number) // SCALE}.{abs(number) % SCALE:03d}"


def number_word(number: int) -> str:
    """`two`, `four`, ... as people write small numbers."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def missing_judgements(row: Mapping[str, Any], parts: Parts, *, recorded: bool, round: str | None) -> str:
    """Why an organisation has no star: which of its judgements are missing."""
    missing = [part.title for part in parts.all if row[part.name] is None]
    if recorded and not round:
        return "no judgement of any round is known"
    verb = f"no judgement in round {round}" if recorded else "no judgement possible"
    if len(missing) < len(parts.all):
        return f"{verb} of {', '.join(missing)}"
    return f"{verb} of any of the {number_word(len(parts.all))} parts"


def star_rule(says: str, caps: Sequence[Mapping[str, Any]], parts: Parts) -> str:
    """The rule that bound a star, and the caps that stand behind it."""
    titles = {part.name: part.title for part in parts.all}
    behind = [
        f"{titles[cap['part']]} is capped at {cap['judgement']!r} by {cap['capped_by']}" for cap in caps
    ]
    return "; ".join([says, *behind])


def other_figure(row: Mapping[str, Any], unit: str) -> str:
    """What one figure would have had to be for another star: `two stars with X at least 98 %, against 97 %`.

    Args:
        row: a row of counterfactuals.COUNTERFACTUALS, with `moved`: the judgements that are others then.
        unit: of the figure.
    """
    relation = row["relation"].replace("_", " ")
    short = unit if unit == "percent" else ""
    needed, now = figure(row["figure"], short, row["now"]), figure(row["now"], short, row["figure"])
    of = f" ({unit})" if unit and not short else ""
    moved = f" (then {row['moved']})" if row["moved"] else ""
    return f"{star_words(row['star'])} with {row['input']} {relation} {needed}, against {now}{of}{moved}"


def other_judgement(row: Mapping[str, Any], title: str) -> str:
    """What one judgement would have had to be for another star.

    Args:
        row: a row of counterfactuals.COUNTERFACTUALS.
        title: of the part that is judged.
    """
    return f"{star_words(row['star'])} with {title} {row['judgement']!r}, against {row['now_judgement']!r}"
