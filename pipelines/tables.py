"""Tables: what a rating and its inputs become in a snapshot.

Here: one pure function per table of a snapshot, and the age and freshness of what each star rests on.
Not here: the rating itself (ratings), the steps from a star to its files (lineage.py), the columns and their
    meanings (warehouse/snapshot_tables.py), writing.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from pipelines.inputs import Inputs
from pipelines.lineage import lineage_table
from ratings.counterfactuals import counterfactuals
from ratings.flips import SUMMARY, VALUES, Flips, flips
from ratings.freshness import freshness
from ratings.influence import influence, without
from ratings.periods import period_bounds
from ratings.quality import evidence, graded, load_quality_rules
from ratings.rating import Rating
from ratings.roster import return_name

_PAIR = ["organisation", "indicator"]


def snapshot_tables(inputs: Inputs, rating: Rating, *, option: str | None = None) -> dict[str, pl.DataFrame]:
    """Every table of the snapshot of a rating.

    Args:
        inputs: what it was made from.
        rating: what the method said.
        option: the star table that was used; by default the method's own choice.

    Returns:
        A frame per table of `warehouse.snapshot_tables.TABLES`, with its columns, in any order.
    """
    asked = asked_pairs(inputs, rating)
    fresh = freshness_table(inputs, rating, asked)
    quality = quality_table(inputs, fresh)
    change = what_would_change(inputs, rating, asked, fresh, option)
    return {
        "stars": on_red(
            inputs, rating, stars_table(inputs, rating, asked, fresh, change), asked, quality, option
        ),
        "judgements": rating.judgements,
        "bands": bands_table(inputs, rating, fresh),
        "observations": observations_table(inputs),
        "freshness": fresh_with_flips(inputs, fresh, change),
        "quality": quality,
        "influence": influence_table(inputs, rating, quality, option),
        "counterfactuals": counterfactuals(
            inputs.method,
            inputs.figures,
            rating,
            inputs.catalogue,
            day=rating_day(inputs, rating),
            option=option,
        ),
        "organisations": organisations_table(inputs),
        "lineage": lineage_table(inputs, rating, asked),
    }


def rating_day(inputs: Inputs, rating: Rating) -> date:
    """The day that decides which caps are in force: the round's, else that of `as_published`."""
    rounds = inputs.method.judgements.rounds if inputs.method.judgements else {}
    return rounds[rating.round] if rating.round else inputs.day


def asked_pairs(inputs: Inputs, rating: Rating) -> pl.DataFrame:
    """What the stars rest on: every figure that the method asks for, whether it is known or not.

    Returns:
        `organisation`, `indicator`, `part` that it counts for, `as` (`band` or `cap`: counted by its band, or
        held against a key threshold), and of the figure `period`, `value`, `position`, `previous_period`;
        `known` where it counts. Empty for a method without judgements.
    """
    method = inputs.method
    names = ["part", "indicator", "as"]
    wanted = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    if method.judgements is not None:
        day = rating_day(inputs, rating)
        caps = [
            (cap.part, cap.indicator, "cap") for cap in method.caps if cap.in_catalogue and cap.in_force(day)
        ]
        counted = (
            method.inputs(inputs.catalogue)
            .select("part", "indicator")
            .with_columns(pl.lit("band").alias("as"))
        )
        wanted = pl.concat([pl.DataFrame(caps, schema=wanted.schema, orient="row"), counted]).unique()
    figures = rating.bands.select(*_PAIR, "period", "value", "band", "position", "previous_period")
    counts = (
        pl.when(pl.col("as") == "cap")
        .then(pl.col("value").is_not_null())
        .otherwise(pl.col("band").is_not_null())
    )
    return (
        inputs.organisations.select(organisation="id")
        .join(wanted, how="cross")
        .join(figures, on=_PAIR, how="left")
        .with_columns(known=counts)
    )


def freshness_table(inputs: Inputs, rating: Rating, asked: pl.DataFrame) -> pl.DataFrame:
    """How far behind its calendar each figure is that the method looks at, those never reported included."""
    pairs = pl.concat([rating.bands.select(_PAIR), asked.select(_PAIR)]).unique()
    figures = inputs.figures.select("indicator", "organisation", "period", "value")
    return freshness(
        figures, inputs.catalogue, inputs.as_published, pairs.select("indicator", "organisation")
    )


def _counted(asked: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Every figure that a star asks for, once: `known`, `period` and, of its freshness, `state`."""
    return (
        asked.group_by(_PAIR)
        .agg(pl.col("known").any(), pl.col("period").first())
        .join(fresh.select(*_PAIR, "state"), on=_PAIR, how="left")
    )


def what_would_change(
    inputs: Inputs, rating: Rating, asked: pl.DataFrame, fresh: pl.DataFrame, option: str | None
) -> Flips | None:
    """What fresh figures in place of those that are out of date or missing could do; None without stars."""
    method = inputs.method
    if not method.stars or method.judgements is None:
        return None
    doubtful = _counted(asked, fresh).filter(~pl.col("known") | (pl.col("state") == "out_of_date"))
    day = rating_day(inputs, rating)
    return flips(method, rating, doubtful.select(_PAIR), inputs.catalogue, day=day, option=option)


def fresh_with_flips(inputs: Inputs, fresh: pl.DataFrame, change: Flips | None) -> pl.DataFrame:
    """Freshness with the return that feeds each figure, and the values of it that alone give another star."""
    returns = {code: return_name(indicator) for code, indicator in inputs.catalogue.indicators.items()}
    with_return = fresh.with_columns(
        source_return=pl.col("indicator").replace_strict(returns, default=None, return_dtype=pl.String)
    )
    if change is None:
        return with_return.with_columns(other_stars=pl.lit(None, pl.String))
    what = (
        pl.when(pl.col("band").is_not_null())
        .then(pl.format("band {}", "band"))
        .otherwise(pl.format("a value of {}", "value"))
    )
    told = change.values.with_columns(value=pl.col("value").cast(pl.String)).with_columns(
        says=pl.format("{} gives {}", what, pl.col("star").cast(pl.String).fill_null("no star"))
    )
    each = told.group_by(_PAIR, maintain_order=True).agg(other_stars=pl.col("says").str.join("; "))
    return with_return.join(each, on=_PAIR, how="left")


def stars_table(
    inputs: Inputs, rating: Rating, asked: pl.DataFrame, fresh: pl.DataFrame, change: Flips | None
) -> pl.DataFrame:
    """Stars with the age and freshness of what they rest on, and whether fresh data could change them."""
    figures = (
        _counted(asked, fresh)
        .join(_ends(asked["period"]), on="period", how="left")
        .with_columns(age=(pl.lit(inputs.day) - pl.col("period_end")).dt.total_days())
    )
    known = figures.filter("known")
    oldest = (
        known.sort("organisation", "age", "indicator", descending=[False, True, False])
        .unique("organisation", keep="first", maintain_order=True)
        .select("organisation", oldest_deciding_age_days="age", oldest_deciding_indicator="indicator")
    )
    counted = figures.group_by("organisation").agg(
        inputs=pl.col("known").sum().cast(pl.Int64),
        out_of_date_inputs=(pl.col("known") & (pl.col("state") == "out_of_date")).sum().cast(pl.Int64),
        missing_inputs=(~pl.col("known")).sum().cast(pl.Int64),
        out_of_date_indicators=pl.col("indicator")
        .filter(pl.col("known") & (pl.col("state") == "out_of_date"))
        .sort()
        .str.join(", "),
    )
    summary = pl.DataFrame(schema=SUMMARY) if change is None else change.summary
    alone = pl.DataFrame(schema=VALUES) if change is None else change.values
    flipping = alone.group_by("organisation").agg(
        flipping_inputs=pl.col("indicator").n_unique().cast(pl.Int64)
    )
    return (
        rating.stars.join(
            inputs.organisations.select("name", organisation="id"), on="organisation", how="left"
        )
        .join(oldest, on="organisation", how="left")
        .join(counted, on="organisation", how="left")
        .join(summary, on="organisation", how="left")
        .join(flipping, on="organisation", how="left")
        .with_columns(
            pl.col("inputs", "out_of_date_inputs", "missing_inputs", "flipping_inputs").fill_null(0),
            pl.col("out_of_date_indicators").fill_null(""),
            held_fixed=pl.lit(None if change is None else change.held, pl.String),
        )
        .with_columns(
            out_of_date_share=pl.when(pl.col("inputs") > 0).then(
                pl.col("out_of_date_inputs") / pl.col("inputs")
            ),
            method_status=pl.lit(inputs.method.status),
            simulated=pl.lit(inputs.simulated),
        )
    )


def bands_table(inputs: Inputs, rating: Rating, fresh: pl.DataFrame) -> pl.DataFrame:
    """Bands with unit, age and freshness of the figure."""
    units = inputs.catalogue.frame().select("unit", indicator="code")
    return (
        rating.bands.join(units, on="indicator", how="left")
        .join(_ends(rating.bands["period"]), on="period", how="left")
        .with_columns(age_days=(pl.lit(inputs.day) - pl.col("period_end")).dt.total_days())
        .join(fresh.select(*_PAIR, freshness="state"), on=_PAIR, how="left")
    )


def observations_table(inputs: Inputs) -> pl.DataFrame:
    """The figures, with the days that their periods begin and end."""
    return inputs.figures.join(_ends(inputs.figures["period"]), on="period", how="left")


def quality_table(inputs: Inputs, fresh: pl.DataFrame) -> pl.DataFrame:
    """Per indicator how many figures there are, what happened to them, and the grade that this gives."""
    rules = load_quality_rules()
    counted = evidence(
        inputs.figures, inputs.counts, fresh, inputs.catalogue, inputs.organisations.height, rules
    )
    return graded(counted, rules)


def influence_table(
    inputs: Inputs, rating: Rating, quality: pl.DataFrame, option: str | None
) -> pl.DataFrame:
    """Every star with each indicator left out, and how far that indicator can be relied on."""
    day = rating_day(inputs, rating)
    found = influence(inputs.method, rating, inputs.catalogue, day=day, option=option)
    return found.join(quality.select("indicator", "grade"), on="indicator", how="left")


def on_red(
    inputs: Inputs,
    rating: Rating,
    stars: pl.DataFrame,
    asked: pl.DataFrame,
    quality: pl.DataFrame,
    option: str | None,
) -> pl.DataFrame:
    """Stars with how much of them rests on indicators that are graded red."""
    red = quality.filter(pl.col("grade") == "red")
    counted = asked.filter("known").join(red, on="indicator", how="semi")
    counted = counted.group_by("organisation").agg(red_inputs=pl.col("indicator").n_unique().cast(pl.Int64))
    left = without(
        inputs.method,
        rating,
        inputs.catalogue,
        red["indicator"].to_list(),
        day=rating_day(inputs, rating),
        option=option,
    )
    return (
        stars.join(counted, on="organisation", how="left")
        .join(left.rename({"star": "star_without_red"}), on="organisation", how="left")
        .with_columns(pl.col("red_inputs").fill_null(0))
    )


def organisations_table(inputs: Inputs) -> pl.DataFrame:
    """The population, with the codes others know it by on the day of the rating."""
    table = inputs.organisations.rename({"id": "organisation"})
    for scheme, column in (("LA", "la_code"), ("GSS", "gss_code")):
        codes = inputs.catalogue.code_frame(scheme, inputs.day).unique(
            "organisation", keep="last", maintain_order=True
        )
        table = table.join(codes.rename({"code": column}), on="organisation", how="left")
    return table


def _ends(periods: pl.Series) -> pl.DataFrame:
    """First and last day of each period that occurs."""
    each = periods.drop_nulls().unique().to_list()
    bounds = [period_bounds(period) for period in each]
    return pl.DataFrame(
        {"period": each, "period_start": [b[0] for b in bounds], "period_end": [b[1] for b in bounds]},
        schema={"period": pl.String, "period_start": pl.Date, "period_end": pl.Date},
    )
