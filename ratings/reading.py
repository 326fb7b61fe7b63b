"""Reading: what each row of a source file says, in the platform's words.

Here: from text to figure or fact - indicator, organisation, period, value and status by the rules of the
collection - with a null and the printed text where a part cannot be understood.
Not here: the bytes (warehouse/readers.py); whether a row is accepted (validations); organisations that no
register knows (named_organisations.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from ratings.catalogue import Catalogue
from ratings.collections import COUNTED, NOTE, Collection
from ratings.errors import InputError
from ratings.named_organisations import named_organisation
from ratings.periods import Period, parse_period, period_of_month

_WORD = pl.Categorical
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def read_figures(
    rows: pl.DataFrame, collection: Collection, catalogue: Catalogue, file_name: str
) -> pl.DataFrame:
    """Say what each row means.

    Args:
        rows: text columns as the collection names them, and `row`.
        collection: the rules.
        catalogue: the indicators and organisations that are known.
        file_name: the name the file came under; some collections print the period there.

    Returns:
        One row per figure: per row of `rows`, in its order, or where each row has a column for each
        indicator, per such cell, row by row. Words that come again and again are Categorical:
        `source_row`; `out_of_scope` (why the row is not read, null where it is);
        `indicator_printed`, `organisation_code`, `period_label` as in the file;
        `indicator`, `organisation`, `period` (canonical), null where not understood; `definition`;
        `value`, `numerator`, `denominator` (in the indicator's unit); `obs_status`, `conf_status`;
        `value_fault` (why the value is neither a number nor a known marker);
        `valid_min`, `valid_max`, `unit` of the indicator.
        Where the file's own names are the register: `namesake`, which of the rows of that name it is; null
        where the name stands there once.
    """
    columns = collection.columns
    common = [
        pl.col("row").alias("source_row"),
        _out_of_scope(collection),
        _organisation_printed(collection),
        _period_label(collection, file_name).cast(_WORD).alias("period_label"),
        _text(columns.status).fill_null("").cast(_WORD).alias("status_printed"),
    ]
    if collection.measures:
        read = pl.concat(
            rows.select(
                *common,
                pl.lit(measure.indicator, _WORD).alias("indicator_printed"),
                *_printed(measure.value, measure.numerator, measure.denominator),
            )
            for measure in collection.measures
        ).sort("source_row", maintain_order=True)
    else:
        read = rows.select(
            *common,
            _indicator_printed(collection),
            *_printed(columns.value, columns.numerator, columns.denominator),
        )
    if collection.pivot:
        read = _with_components(rows, read, collection)
    read = read.join(
        _indicators(read, collection, catalogue), on="indicator_printed", how="left", nulls_equal=True
    )
    read = _with_organisations(read, collection, catalogue, ["indicator_printed", "period_label"])
    read = read.join(
        _periods(read, collection), on=["period_label", "period_rule"], how="left", nulls_equal=True
    )
    return _values(read, collection)


def read_facts(rows: pl.DataFrame, collection: Collection, catalogue: Catalogue) -> pl.DataFrame:
    """Say what each row of a file of facts is about, and whether its words are known ones.

    Returns:
        One row per row of `rows`, in its order:
        `source_row`, `out_of_scope`, `round`, `organisation_code` as printed;
        `organisation`, null where not understood;
        `word_fault`: which cell holds a word that the collection does not know;
        `conflict`: which other row says something else of the same organisation and round;
        `repeat`: an earlier row says the same.
        `indicator` that evidence is about, null where it is about none; `says`: its words.
        Evidence has no round: rows that differ are different evidence, never a conflict.
        `namesake` as for figures, where the file's own names are the register.
    """
    evidence = collection.event == "evidence"
    read = rows.select(
        pl.col("row").alias("source_row"),
        _out_of_scope(collection),
        _organisation_printed(collection),
        _text(collection.columns.round).alias("round"),
        _word_fault(collection, catalogue),
        _indicator_of_fact(collection),
        _text("says" if evidence else None).replace("", None).alias("says"),
        pl.concat_str(
            [pl.col(c).fill_null("") for c in rows.columns if c not in (COUNTED, NOTE)], separator="\x1f"
        ).alias("said"),
    )
    read = _with_organisations(read.with_columns(words=pl.col("said")), collection, catalogue, ["round"])
    key = ["words"] if evidence else ["organisation_code", "round"]
    if collection.organisations_named_as:
        key = ["organisation", "round"]
    versions = read.group_by(key).agg(
        pl.col("said").n_unique().alias("versions"), pl.col("source_row").min().alias("first_row")
    )
    read = read.join(versions, on=key, how="left", nulls_equal=True, maintain_order="left")
    return read.with_columns(
        pl.when(pl.col("versions") > 1)
        .then(pl.format("row {} and others say different things of the same round", "first_row"))
        .alias("conflict"),
        ((pl.col("versions") == 1) & (pl.col("source_row") > pl.col("first_row"))).alias("repeat"),
    ).drop("said", "words", "versions", "first_row")


def _indicator_of_fact(collection: Collection) -> pl.Expr:
    """The catalogue code of the indicator that a fact is about; null where it is about none."""
    printed = _text(collection.columns.indicator).replace("", None)
    code = printed.replace(dict(collection.indicator_codes)) if collection.indicator_codes else printed
    return pl.concat_str(pl.lit(collection.indicator_prefix), code).alias("indicator")


def _word_fault(collection: Collection, catalogue: Catalogue) -> pl.Expr:
    """The first cell whose word is none of those allowed, as a sentence; null where all are."""
    code = _indicator_of_fact(collection)
    known = code.is_null() | code.is_in(list(catalogue.indicators))
    faults: list[pl.Expr] = [
        pl.when(~known).then(pl.format("indicator {} stands in no catalogue", code)).otherwise(None)
    ]
    for column, words in collection.allowed.items():
        cell = pl.col(column).str.strip_chars().fill_null("")
        sentence = pl.format(
            f"{column} is {{}}, which is none of {', '.join(w or 'blank' for w in words)}", cell
        )
        faults.append(pl.when(~cell.is_in(list(words))).then(sentence))
    return pl.coalesce(*faults).alias("word_fault")


def _indicator_printed(collection: Collection) -> pl.Expr:
    columns = collection.columns
    name = _text(columns.indicator, collection.indicator_fixed)
    if columns.group:
        name = pl.concat_str(_text(columns.group), name, separator=" | ")
    return name.cast(_WORD).alias("indicator_printed")


def _organisation_printed(collection: Collection) -> pl.Expr:
    """The code as printed, from the first of its columns that is not blank."""
    first = _text(collection.columns.organisation, collection.organisation_fixed)
    others = [_text(column) for column in collection.organisation_otherwise]
    code = pl.coalesce(*(c.replace("", None) for c in (first, *others))) if others else first
    return code.cast(_WORD).alias("organisation_code")


def _printed(value: str | None, numerator: str | None, denominator: str | None) -> list[pl.Expr]:
    return [
        _text(value).alias("value_printed"),
        _text(numerator).alias("numerator_printed"),
        _text(denominator).alias("denominator_printed"),
    ]


def _text(column: str | None, fixed: str | None = None) -> pl.Expr:
    return pl.col(column).str.strip_chars() if column else pl.lit(fixed, pl.String)


def _word(column: str | None, fixed: str | None = None) -> pl.Expr:
    return _text(column, fixed).cast(_WORD)


def _out_of_scope(collection: Collection) -> pl.Expr:
    """The first reason that applies; null where the row is in scope."""
    reason: pl.Expr = pl.lit(None, pl.String)
    for rule in reversed(collection.out_of_scope):
        hit = pl.col(rule.column).fill_null("").str.strip_chars().is_in(list(rule.values))
        reason = pl.when(~hit if rule.negated else hit).then(pl.lit(rule.reason)).otherwise(reason)
    if collection.file.notes:
        reason = pl.when(pl.col(NOTE)).then(pl.lit("a note below the table")).otherwise(reason)
    return reason.cast(_WORD).alias("out_of_scope")


def _period_label(collection: Collection, file_name: str) -> pl.Expr:
    if collection.period is None or collection.period.source == "column":
        return _text(collection.columns.period)
    label = collection.period.from_file_name(file_name)
    if label is None:
        raise InputError(
            f"the period of a file of collection {collection.id} stands in its name, and this name has none",
            file=file_name,
            hint=f"name the file so that {collection.period.pattern} finds its year",
        )
    return pl.lit(label)


def _with_components(rows: pl.DataFrame, read: pl.DataFrame, collection: Collection) -> pl.DataFrame:
    """Bring numerator and denominator, which stand on lines of their own, to the line of their figure."""
    pivot = collection.pivot
    assert pivot is not None
    group = collection.columns.group
    read = read.with_columns(
        rows.select(
            _text(pivot.column).fill_null("").alias("line"),
            _text(pivot.part or collection.columns.value).alias("part"),
            _word(group).alias("group") if group else read["indicator_printed"].alias("group"),
        )
    )
    key = ["group", "organisation_code", "period_label"]
    inside = read.filter(pl.col("out_of_scope").is_null())
    for part, says in (("numerator", pivot.numerator), ("denominator", pivot.denominator)):
        if not says:
            continue
        # Lines that contradict each other are all shown, so that none of them is taken for a number.
        every = pl.col("part").unique(maintain_order=True).str.join(" or ").alias(f"{part}_printed")
        lines = inside.filter(pl.col("line").is_in(says)).group_by(key, maintain_order=True).agg(every)
        read = read.drop(f"{part}_printed")
        read = read.join(lines, on=key, how="left", nulls_equal=True, maintain_order="left")
    is_figure = (
        pl.col("line").is_in(pivot.value)
        if pivot.value
        else ~pl.col("line").is_in([*pivot.numerator, *pivot.denominator])
    )
    component = pl.when(~is_figure).then(pl.lit(pivot.reason, _WORD))
    return read.with_columns(pl.coalesce("out_of_scope", component).alias("out_of_scope")).drop(
        "line", "part", "group"
    )


def _indicators(read: pl.DataFrame, collection: Collection, catalogue: Catalogue) -> pl.DataFrame:
    printed = read["indicator_printed"].unique().cast(pl.String)
    codes = [None if p is None else collection.indicator_code(p) for p in printed]
    if collection.indicator_fixed:
        codes = [collection.indicator_fixed] * len(codes)
    known = catalogue.frame().select(
        "code", "definition", "unit", "valid_min", "valid_max", pl.col("period_rule").alias("indicator_rule")
    )
    found = pl.DataFrame({"indicator_printed": printed, "code": pl.Series(codes, dtype=pl.String)}).join(
        known, on="code", how="left"
    )
    by_indicator = collection.period is None or collection.period.rule == "indicator"
    rule = (
        pl.col("indicator_rule")
        if by_indicator
        else pl.lit(collection.period.rule if collection.period else "")
    )
    return (
        found.with_columns(
            pl.when(pl.col("definition").is_not_null()).then("code").alias("indicator"),
            rule.alias("period_rule"),
        )
        .drop("code", "indicator_rule")
        .cast({pl.String: _WORD})
    )


def _with_organisations(
    read: pl.DataFrame, collection: Collection, catalogue: Catalogue, once: list[str]
) -> pl.DataFrame:
    """Say whom each row is about, by the register, or where there is none by the name that the file gives.

    Args:
        read: with `organisation_code`.
        collection: says which.
        catalogue: the register.
        once: columns within whose every value a name stands once, unless two bodies have it.
    """
    if collection.organisations_named_as:
        return named_organisation(read, collection.organisation_scheme, once)
    found = _organisations(read, collection, catalogue)
    return read.join(found, on="organisation_code", how="left", nulls_equal=True, maintain_order="left")


def _organisations(read: pl.DataFrame, collection: Collection, catalogue: Catalogue) -> pl.DataFrame:
    printed = read["organisation_code"].unique().cast(pl.String)
    if collection.organisation_fixed:
        fixed = pl.lit(collection.organisation_fixed).alias("organisation")
        return pl.DataFrame({"organisation_code": printed}).with_columns(fixed).cast(_WORD)
    codes = catalogue.code_frame(collection.organisation_scheme, collection.organisations_at)
    found = pl.DataFrame({"organisation_code": printed}).join(
        codes, left_on="organisation_code", right_on="code", how="left"
    )
    return found.cast(_WORD)


def _periods(read: pl.DataFrame, collection: Collection) -> pl.DataFrame:
    """Every label under every rule it occurs with, read once."""
    pairs = read.select("period_label", "period_rule").unique()
    source = collection.period
    parse: Callable[[str, str], Period] = parse_period
    if source is not None and source.label == "month":
        parse = partial(period_of_month, before=source.before)
    periods: list[str | None] = []
    statuses: list[str | None] = []
    for label, rule in pairs.iter_rows():
        try:
            period = parse(label, rule) if label is not None and rule is not None else None
        except InputError:
            period = None
        periods.append(period.canonical if period else None)
        statuses.append(period.status if period else None)
    return pairs.with_columns(
        pl.Series("period", periods, dtype=_WORD), pl.Series("period_status", statuses, dtype=_WORD)
    )


def _values(read: pl.DataFrame, collection: Collection) -> pl.DataFrame:
    """Numbers, statuses and faults from the printed cells."""
    markers = pl.DataFrame(
        {
            "marker": list(collection.markers),
            "marker_status": [m.obs_status for m in collection.markers.values()],
            "marker_conf": [m.conf_status for m in collection.markers.values()],
        },
        schema={"marker": pl.String, "marker_status": _WORD, "marker_conf": _WORD},
    )
    computed, thousands = collection.ratio is not None, collection.file.thousands
    number = _number("numerator_printed" if computed else "value_printed", thousands)
    printed = "numerator_printed" if computed else "value_printed"
    read = read.with_columns(pl.col(printed).fill_null("").alias("marker")).join(
        markers, on="marker", how="left", maintain_order="left"
    )
    said_of = list(collection.statuses.items())
    statuses = pl.DataFrame(said_of, schema=["status_printed", "stated"], orient="row").cast(_WORD)
    read = read.join(statuses, on="status_printed", how="left", maintain_order="left")
    marked = pl.col("marker_status").is_not_null()
    parts = {part: _number(f"{part}_printed", thousands) for part in ("numerator", "denominator")}
    if collection.ratio:
        number = pl.when(parts["denominator"] > 0).then(
            parts["numerator"] * collection.ratio.scale / parts["denominator"]
        )
    # The number minus zero is written as zero: both engines then return what they were given.
    plain = (pl.when(marked).then(None).otherwise(number) + 0.0).alias("value")
    letter, stated = pl.col("status_printed"), pl.col("stated")
    unknown = (letter != "") & stated.is_null()
    wrong: Any = pl.when(unknown).then(pl.format("status {} is none that the collection knows", letter))
    said = [pl.coalesce(wrong), *(_part_fault(part, collection) for part in parts)]
    if not computed:
        empty = pl.when(pl.col("marker") == "").then(pl.lit("the cell is empty"))
        neither = pl.format("{} is neither a number nor a known marker", pl.col("marker").str.slice(0, 40))
        said.insert(0, pl.when(~marked & number.is_null()).then(pl.coalesce(empty, neither)))
    fault = pl.coalesce(*said)
    return read.with_columns(
        plain,
        *(((expression + 0.0).alias(part)) for part, expression in parts.items()),
        pl.coalesce("marker_status", stated, "period_status").alias("obs_status"),
        pl.col("marker_conf").alias("conf_status"),
        fault.alias("value_fault"),
    ).drop(
        "marker", "marker_status", "marker_conf", "value_printed", "numerator_printed",
        "denominator_printed", "status_printed", "stated", "period_status", "period_rule",
    )  # fmt: skip


def _part_fault(part: str, collection: Collection) -> pl.Expr:
    """Why a numerator or denominator cannot be what it is printed as; null where it can, or is not given."""
    printed = pl.col(f"{part}_printed").fill_null("")
    number = _number(f"{part}_printed", collection.file.thousands)
    unreadable = (printed != "") & ~printed.is_in(list(collection.markers)) & number.is_null()
    fault: Any = pl.when(unreadable).then(pl.format(f"{part} {{}} is no number", printed.str.slice(0, 40)))
    if collection.ratio is None:
        return pl.coalesce(fault)
    fault = fault.when(printed == "").then(pl.lit(f"there is no {part}"))
    if part == "denominator":
        fault = fault.when(number <= 0).then(
            pl.format("denominator {}: there is nothing to divide by", printed)
        )
    return pl.coalesce(fault)


def _number(column: str, thousands: str | None) -> pl.Expr:
    """A printed number as one, null where it is none; `1e309` and `NaN` are none.

    `1,234` is one where `thousands` is the comma, and `12,34` is none even then.
    """
    text = pl.col(column)
    if thousands:
        mark = re.escape(thousands)
        grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+(\.\d*)?$")
        text = pl.when(grouped).then(text.str.replace_all(thousands, "", literal=True)).otherwise(text)
    number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)
