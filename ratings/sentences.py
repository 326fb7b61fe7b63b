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
from ratings.judgements import SCALE, JudgementRules
from ratings.stars import ASPECT_WORDS, PARTS, SERVICE_WORDS

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
    late = pl.format("{}; {} behind the indicator's latest period", place, counted("period", pl.col("age")))
    status = pl.col("obs_status").replace_strict(STATUS_WORDS, default=None, return_dtype=pl.String)
    return (
        pl.when(pl.col("direction") == "none")
        .then(pl.lit("no band: the indicator has no good end"))
        .when(~pl.col("banded"))
        .then(pl.lit("no band: its publisher does not compare organisations by it"))
        .when(pl.col("value").is_null() & status.is_not_null())
        .then(pl.format("no band: no figure, {}", status))
        .when(pl.col("value").is_null())
        .then(pl.lit("no band: no figure in the periods that count"))
        .when(pl.col("age") > 0)
        .then(late)
        .otherwise(place)
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


def judgement_rule(
    row: Mapping[str, Any],
    rules: JudgementRules,
    scales: Mapping[str, Sequence[str]],
    catalogue: Catalogue,
    round: str,
) -> str:
    """The rule that bound one judgement.

    Args:
        row: a judgement with `service`, `aspect`, `level`, `level_before`, `judgement` as recorded or None,
            `score`, `inputs`, `missing`, and what a cap did to it.
        rules: how the method judges.
        scales: the words of each aspect, worst first.
        catalogue: for units.
        round: the rating round of recorded judgements.

    Returns:
        One sentence.
    """
    service, aspect = row["service"], row["aspect"]
    what = f"{ASPECT_WORDS[aspect]} for {service}"
    scale = scales[aspect]
    before = None if row["level_before"] is None else scale[row["level_before"]]
    if rules.basis == "recorded":
        if row["judgement"] is None:
            return (
                f"no judgement of {what} is recorded in round {round}"
                if round
                else f"{what} was never judged"
            )
        if before is None:
            return f"{what} was recorded as {row['judgement']!r}, which is none of {', '.join(scale)}"
        how = f"recorded as {before!r} in round {round}"
    else:
        rule = rules.aspects[aspect]
        mean = "mean band" if aspect == "serving" else "mean movement of bands"
        asked = row["inputs"] + row["missing"]
        if before is None:
            return (
                f"{what} cannot be judged: {row['inputs']} of {asked} indicators can be used, "
                f"{rule.minimum_inputs} are needed"
            )
        how = f"{mean} {thousandths(row['score'])} of {row['inputs']} indicators"
        how += f" ({row['missing']} missing)" if row["missing"] else ""
        below = (
            f"below {thousandths(rule.cuts[row['level_before']])}"
            if row["level_before"] < len(rule.cuts)
            else ""
        )
        above = f"at least {thousandths(rule.cuts[row['level_before'] - 1])}" if row["level_before"] else ""
        how += f" is {' and '.join(part for part in (above, below) if part)}: {before!r}"
    if row["capped_by"] is not None:
        return (
            f"{what} is capped at {scale[row['level']]!r} because {row['capped_by']} was "
            f"{failed(row['capped_by'], row['cap_value'], row['cap_threshold'], catalogue)} ({how})"
        )
    sentence = f"{what} is {before!r}: {how}"
    if row["exempt_from"] is not None:
        failing = failed(row["exempt_from"], row["exempt_value"], row["exempt_threshold"], catalogue)
        sentence += f"; {row['exempt_from']} was {failing}, but the numbers are too small for it to count"
    return sentence


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


def missing_judgements(row: Mapping[str, Any], *, recorded: bool, round: str) -> str:
    """Why an organisation has no star: which of its judgements are missing."""
    missing = [
        f"{ASPECT_WORDS[aspect]} for {service}"
        for service, aspect in PARTS
        if row[f"{service}_{aspect}"] is None
    ]
    if recorded and not round:
        return "no judgement of any round is known"
    verb = f"no judgement in round {round}" if recorded else "no judgement possible"
    return (
        f"{verb} of {', '.join(missing)}" if len(missing) < len(PARTS) else f"{verb} of any of the four parts"
    )


def star_rule(says: str, caps: Sequence[Mapping[str, Any]]) -> str:
    """The rule that bound a star, and the caps that stand behind it."""
    behind = [
        f"{SERVICE_WORDS[cap['service']]} are capped at {cap['judgement']!r} "
        f"for {ASPECT_WORDS[cap['aspect']]} by {cap['capped_by']}"
        for cap in caps
    ]
    return "; ".join([says, *behind])
