"""History: a batch held against what was known before it.

Here: what no single row shows - a file that goes back to an earlier state, a measure or a period that
    vanished, many figures gone or revised, a jump that a council's own past makes implausible, and councils
    that hold each other's series. Pure functions on frames.
Not here: single rows (rules.py), a batch by itself (coverage.py), what was known (warehouse/observations.py).

Every check here is a warning: the source may be right, and the figures are accepted. The thresholds stand
together below; they were set on the eleven releases of LAIT, so that what is said is little, and true.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ratings.queries import NOTHING_ACCEPTED, figure_says
from validations.check_result import CheckResult
from validations.findings import conclude, findings, single, some

KEY = ["indicator", "organisation", "period"]
SERIES = ["indicator", "organisation"]

REVERTED_SHARE = 0.5
"""Of the figures changed, those that say again what an earlier release said, for a file to have gone back."""
REVERTED_LEAST = 20
"""Fewer figures than this may go back by chance."""
WITHDRAWN_SHARE = 0.02
"""Of the figures known, those gone that are not older than all the file holds."""
REVISED_SHARE = 0.05
"""Of the figures known before and now, those whose number differs."""
MEASURE_REVISED_SHARE = 0.5
"""The same of one indicator: beyond it, the indicator was computed anew."""
MEASURE_LEAST = 20
"""An indicator of fewer figures than this is not looked at on its own."""
JUMP = 25.0
"""How many of its own usual steps a council's figure may leave the road that all councils took."""
JUMP_FACTOR = 3.0
"""How far beyond everything the council had before, as a factor of its widest range, the figure must lie."""
JUMP_HISTORY = 6
"""Fewer earlier figures than this are no history."""
SWAP_BITS = 25.0
"""How unlikely, as a power of two, that a series agrees with another council's by chance."""
SWAP_SHARE = 0.8
"""Of a council's changed numbers, those that must be another council's."""
SWAP_CHANGED = 0.5
"""Of a council's known numbers, those that must have changed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A batch beside what was known when it came out.

    Attributes:
        figures: accepted rows: KEY, `value`, `numerator`, `denominator`, `old_value`, `known` (the key had a
            figure), `same` (it says what was known), `source_row`.
        gone: keys known and no longer in the file: KEY and `reason` (withdrawn, rolled_off, quarantined).
        before: every figure known before: KEY, `value`.
        earlier: what was ever said of the keys that change, before: KEY, `value`, in the order it was said.
        same_bytes: the earlier release that has the very bytes of this file, where another came out in
            between: its name and publish time, None where there is none.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).
    """

    figures: pl.DataFrame
    gone: pl.DataFrame
    before: pl.DataFrame
    earlier: pl.DataFrame
    same_bytes: str | None = None
    accepted: pl.DataFrame = field(default_factory=lambda: NOTHING_ACCEPTED)


def validate_history(batch: Comparison) -> list[CheckResult]:
    """Hold a batch against what was known before it.

    Args:
        batch: the two side by side.

    Returns:
        One result per check; none where nothing was known before.
    """
    if batch.before.is_empty():
        return []
    changed = batch.figures.filter(~pl.col("same"))
    again = said_before(batch, changed)
    return [
        not_reverted(batch, changed, again),
        measures_present(batch),
        periods_present(batch),
        few_withdrawn(batch),
        few_revised(batch, changed),
        measures_not_computed_anew(batch, changed.join(again, on=KEY, how="anti")),
        values_plausible(batch, changed),
        own_series(changed, batch),
    ]


def said_before(batch: Comparison, changed: pl.DataFrame) -> pl.DataFrame:
    """The changed figures that say again what was said before the figure they replace.

    Returns:
        KEY and `restored`: whether the figure replaced had itself gone back, which is put right now.
    """
    both = changed.filter(pl.col("known"))
    said = batch.earlier.join(both.select(*KEY, pl.col("value").alias("now")), on=KEY).with_columns(
        (pl.int_range(pl.len()).over(KEY) == pl.len().over(KEY) - 1).alias("last")
    )
    current = pl.col("value").filter("last").first()
    older = pl.col("value").filter(~pl.col("last"))
    return (
        said.group_by(KEY)
        .agg(
            older.eq_missing(pl.col("now").first()).any().alias("again"),
            older.eq_missing(current).any().alias("restored"),
        )
        .filter("again")
        .drop("again")
    )


def not_reverted(batch: Comparison, changed: pl.DataFrame, again: pl.DataFrame) -> CheckResult:
    """A file must not go back to what an earlier release said, unless that is being put right."""
    back = again.filter(~pl.col("restored")).height
    lost = _lost(batch).height
    reverted = back >= REVERTED_LEAST and back >= REVERTED_SHARE * changed.height
    message = ""
    if batch.same_bytes or reverted:
        what = f"the very bytes of {batch.same_bytes}" if batch.same_bytes else "an earlier state"
        message = (
            f"the file goes back to {what}: {back:,} of {changed.height:,} changed figures say again what was"
            f" said before, {lost:,} known since are gone"
        )
    return _of_file(batch, "file_not_reverted", changed.height, message, back + lost or 1, REVERTED_SHARE)


def measures_present(batch: Comparison) -> CheckResult:
    """No indicator may vanish whole."""
    here = batch.figures.select("indicator").unique()
    lost = _lost(batch).join(here, on="indicator", how="anti")
    gone = lost.select(pl.col("indicator").cast(pl.String)).unique().sort("indicator")
    return conclude(
        "measures_present",
        batch.before["indicator"].n_unique(),
        findings(gone, pl.lit("nothing"), pl.col("indicator")),
        lambda found: f"{_counted(found.height, 'indicator')} vanished: {some(found['sentence'].to_list())}",
        batch.accepted,
    )


def periods_present(batch: Comparison) -> CheckResult:
    """No period of an indicator that goes on may vanish for all, unless it left the source's window."""
    here = batch.figures.select("indicator", "period").unique()
    lost = (
        _lost(batch)
        .join(batch.figures.select("indicator").unique(), on="indicator", how="semi")
        .join(here, on=["indicator", "period"], how="anti")
    )
    gone = lost.select(pl.col("indicator", "period").cast(pl.String)).unique().sort("indicator", "period")
    return conclude(
        "periods_present",
        batch.before.select("indicator", "period").n_unique(),
        findings(gone, pl.lit("nothing"), pl.format("{} of {}", "indicator", "period")),
        lambda found: (
            f"{_counted(found.height, 'whole period')} of an indicator vanished: "
            f"{some(found['sentence'].to_list())}"
        ),
        batch.accepted,
    )


def few_withdrawn(batch: Comparison) -> CheckResult:
    """Not many figures may be gone at once."""
    lost, known = _lost(batch).height, batch.before.height
    many = lost > WITHDRAWN_SHARE * known
    message = f"{lost:,} of {known:,} known figures are gone ({lost / known:.1%})" if many else ""
    return _of_file(batch, "few_withdrawn", known, message, lost, WITHDRAWN_SHARE)


def few_revised(batch: Comparison, changed: pl.DataFrame) -> CheckResult:
    """Not many numbers may be revised at once."""
    known, revised = batch.figures.filter(_both()).height, changed.filter(_revised()).height
    many = revised >= MEASURE_LEAST and revised > REVISED_SHARE * known
    message = f"{revised:,} of {known:,} known numbers are revised ({revised / known:.1%})" if many else ""
    return _of_file(batch, "few_revised", known, message, revised, REVISED_SHARE)


def measures_not_computed_anew(batch: Comparison, changed: pl.DataFrame) -> CheckResult:
    """An indicator most of whose numbers change at once was computed anew: is it still the same indicator?"""
    known = batch.figures.filter(_both()).group_by("indicator").agg(pl.len().alias("known"))
    revised = changed.filter(_revised()).group_by("indicator").agg(pl.len().alias("revised"))
    anew = (
        known.join(revised, on="indicator")
        .filter(
            (pl.col("known") >= MEASURE_LEAST) & (pl.col("revised") > MEASURE_REVISED_SHARE * pl.col("known"))
        )
        .with_columns(pl.col("indicator").cast(pl.String))
        .sort("indicator")
    )
    counted = pl.format("{} of {} numbers", "revised", "known")
    return conclude(
        "measures_not_computed_anew",
        known.height,
        findings(anew, counted, pl.format("{} ({})", "indicator", counted)),
        lambda found: (
            f"{_counted(found.height, 'indicator')} computed anew, so it seems: "
            f"{some(found['sentence'].to_list())}"
        ),
        batch.accepted,
        threshold=MEASURE_REVISED_SHARE,
    )


def values_plausible(batch: Comparison, changed: pl.DataFrame) -> CheckResult:
    """A council's new figure must lie where its own past and the road of all councils let it lie.

    A step is the difference of two neighbouring periods, less the median step that all councils took between
    them. A council's usual step is the scaled median absolute deviation of its own steps, and no less than
    half of the councils' in that indicator. The figure is implausible when its step is beyond JUMP usual
    ones and it, less that median step, lies beyond the council's earlier range by JUMP_FACTOR times the width
    of that range.
    """
    new = changed.filter(pl.col("value").is_not_null() & ~_revised())
    touched = new.select(SERIES).unique()
    past = batch.before.join(new.select("indicator").unique(), on="indicator", how="semi")
    past = past.filter(pl.col("value").is_not_null())
    series = pl.concat(
        [
            past.join(new.select(KEY), on=KEY, how="anti").select(
                *KEY, "value", pl.lit(None, pl.Int64).alias("source_row")
            ),
            new.select(*KEY, "value", "source_row"),
        ]
    ).sort(*SERIES, pl.col("period").cast(pl.String))
    stepped = series.with_columns(
        (pl.col("value") - pl.col("value").shift(1).over(SERIES)).alias("step")
    ).with_columns(pl.col("step").median().over("indicator", "period").fill_null(0).alias("all_took"))
    stepped = stepped.with_columns(pl.col("step") - pl.col("all_took"))
    old = stepped.filter(pl.col("source_row").is_null())
    usual = old.group_by(SERIES).agg(
        pl.len().alias("periods"),
        (1.4826 * (pl.col("step") - pl.col("step").median()).abs().median()).alias("own"),
        pl.col("value").min().alias("least"),
        pl.col("value").max().alias("most"),
    )
    usual = usual.with_columns(pl.col("own").median().over("indicator").alias("common"))
    looked = (
        stepped.filter(pl.col("source_row").is_not_null())
        .join(usual.join(touched, on=SERIES, how="semi"), on=SERIES)
        .filter((pl.col("periods") >= JUMP_HISTORY) & pl.col("step").is_not_null())
    )
    scale = pl.max_horizontal("own", "common")
    width = pl.max_horizontal(pl.col("most") - pl.col("least"), "common")
    alone = pl.col("value") - pl.col("all_took")
    beyond = pl.max_horizontal(alone - pl.col("most"), pl.col("least") - alone)
    jumps = looked.filter(
        (scale > 0) & (pl.col("step").abs() > JUMP * scale) & (beyond > JUMP_FACTOR * width)
    ).sort("source_row")
    sentences = [
        f"row {row}: {indicator} of {organisation}, {period}: {value:g}, where it had {least:g} to {most:g}"
        for row, indicator, organisation, period, value, least, most in jumps.select(
            "source_row", *KEY, "value", "least", "most"
        ).iter_rows()
    ]
    named = jumps.select(*KEY, pl.Series("sentence", sentences, dtype=pl.String)).join(
        new.select(*KEY, "value", "numerator", "denominator"), on=KEY, maintain_order="left"
    )
    return conclude(
        "values_plausible",
        looked.height,
        findings(named, figure_says(), pl.col("sentence")),
        lambda found: some(found["sentence"].to_list(), "; "),
        batch.accepted,
        threshold=JUMP,
    )


def own_series(changed: pl.DataFrame, batch: Comparison) -> CheckResult:
    """A council must not hold the series that another council held: values that sit on the wrong rows.

    Each changed number that another council had for the same indicator and period speaks for that council, by
    as many bits as it is rare among the councils. A series of a few common numbers so proves nothing.
    """
    moved = changed.filter(_revised()).select(*KEY, "value")
    shared = batch.figures.filter(_both()).group_by(SERIES).agg(pl.len().alias("shared"))
    inside = (
        moved.join(shared, on=SERIES)
        .with_columns(pl.len().over(SERIES).alias("moved"))
        .filter(pl.col("moved") >= SWAP_CHANGED * pl.col("shared"))
    )
    old = batch.before.filter(pl.col("value").is_not_null()).join(
        inside.select("indicator", "period").unique(), on=["indicator", "period"], how="semi"
    )
    rarity = old.group_by("indicator", "period", "value").agg(pl.len().alias("holders"))
    councils = old.group_by("indicator", "period").agg(pl.len().alias("councils"))
    agreeing = (
        inside.join(rarity, on=["indicator", "period", "value"])
        .join(councils, on=["indicator", "period"])
        .with_columns((pl.col("councils") / pl.col("holders")).log(2).alias("bits"))
        .join(old.rename({"organisation": "other"}), on=["indicator", "period", "value"])
        .group_by(*SERIES, "other")
        .agg(
            pl.len().alias("agree"),
            pl.col("bits").sum(),
            pl.col("moved").first(),
            pl.format("{} {}", pl.col("period").cast(pl.String), "value").sort().alias("numbers"),
        )
        .filter((pl.col("bits") >= SWAP_BITS) & (pl.col("agree") >= SWAP_SHARE * pl.col("moved")))
        .sort("bits", descending=True)
        .unique(SERIES, keep="first", maintain_order=True)
    )
    wrong = agreeing.select(
        pl.col("organisation", "other", "indicator").cast(pl.String), pl.col("numbers").list.join(", ")
    ).sort("organisation", "other", "indicator")
    return conclude(
        "own_series",
        shared.height,
        findings(
            wrong,
            pl.format("as {}: {}", "other", "numbers"),
            pl.format("{} holds the series that {} had of {}", "organisation", "other", "indicator"),
        ),
        lambda found: _whose(found.join(wrong, on=SERIES)),
        batch.accepted,
        threshold=SWAP_BITS,
    )


def _whose(wrong: pl.DataFrame) -> str:
    """Which councils hold whose series: `organisation`, `other`, `indicator`; an exchange is said once."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for organisation, other, indicator in wrong.select("organisation", "other", "indicator").iter_rows():
        pairs.setdefault((organisation, other), []).append(indicator)
    sentences = []
    for (organisation, other), indicators in pairs.items():
        mutual = set(indicators) & set(pairs.get((other, organisation), []))
        if mutual and organisation < other:
            sentences.append(f"{organisation} and {other} hold each other's series of {some(sorted(mutual))}")
        if one_way := sorted(set(indicators) - mutual):
            sentences.append(f"{organisation} holds the series that {other} had of {some(one_way)}")
    return some(sentences, "; ")


def _both() -> pl.Expr:
    return pl.col("value").is_not_null() & pl.col("old_value").is_not_null()


def _revised() -> pl.Expr:
    return (_both() & (pl.col("value") != pl.col("old_value"))).fill_null(False)


def _lost(batch: Comparison) -> pl.DataFrame:
    """Keys gone that the source took away: neither rolled off nor refused here."""
    return batch.gone.filter(pl.col("reason") == "withdrawn")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _of_file(
    batch: Comparison, check: str, checked: int, message: str, counts: int, threshold: float
) -> CheckResult:
    """The result of a check that finds one thing about the file as a whole, or nothing."""
    return conclude(
        check,
        checked,
        single(message, message, counts),
        lambda _: message,
        batch.accepted,
        threshold=threshold,
    )
