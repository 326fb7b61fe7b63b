"""Lineage: every step from a star to the files it rests on, as a table of a snapshot.

Here: star -> judgement -> band or cap -> event -> batch and file, with row and column.
Not here: walking these steps (audit/trace.py, audit/trace_back.py), the other tables (tables.py).
"""

from __future__ import annotations

import polars as pl

from pipelines.inputs import Inputs
from ratings.collections import list_collections
from ratings.decisions import STAR
from ratings.rating import Rating

_PAIR = ["organisation", "indicator"]
_EDGE = ["organisation", "from_kind", "from_id", "to_kind", "to_id"]


def lineage_table(inputs: Inputs, rating: Rating, asked: pl.DataFrame) -> pl.DataFrame:
    """Every step from a star to the files it rests on; for a method without stars, from the bands on.

    Args:
        inputs: what the rating was made from.
        rating: what the method said.
        asked: the figures that the stars rest on (tables.asked_pairs).

    Returns:
        The columns of the snapshot's table `lineage`, each step once.
    """
    known = asked.filter("known")
    earlier = inputs.figures.select(*_PAIR, previous_period="period", earlier="position")
    banded = rating.bands.join(earlier, on=[*_PAIR, "previous_period"], how="left")
    events = pl.concat(
        [
            inputs.figures.join(_value_columns(), on=["collection", "indicator"], how="left")
            .join(_one_column(), on="collection", how="left")
            .with_columns(column=pl.coalesce("column", "one_column"))
            .select(
                "organisation", "position", pl.col("source_batch").alias("batch"), "source_row", "column"
            ),
            inputs.judgements.join(
                _judgement_columns(), on=["collection", "service", "aspect"], how="left"
            ).select("organisation", "position", "batch", "source_row", "column"),
            _decision_events(inputs),
        ]
    )
    judged = rating.judgements.filter(pl.col("level").is_not_null())
    recorded = judged.filter(pl.col("position").is_not_null())
    steps = [
        _edges(judged, ("star", "organisation"), ("judgement", "part")),
        _edges(recorded, ("judgement", "part"), ("event", "position")),
        _edges(known, ("judgement", "part"), (pl.col("as"), "indicator")),
        _edges(known.filter(pl.col("as") == "cap"), ("cap", "indicator"), ("event", "position")),
        _edges(banded.filter(pl.col("position").is_not_null()), ("band", "indicator"), ("event", "position")),
        _edges(banded.filter(pl.col("earlier").is_not_null()), ("band", "indicator"), ("event", "earlier")),
    ]
    if not rating.stars.height:
        del steps[0]
    for d in inputs.decisions:
        outcome = ("star", d.organisation) if d.on == STAR else ("judgement", d.on)
        step = (d.organisation, *outcome, "event", str(d.position), None, None)
        steps.append(pl.DataFrame([step], schema=steps[0].schema, orient="row"))
    reached = pl.concat(steps).filter(pl.col("to_kind") == "event").select("to_id").unique()
    files = pl.DataFrame(
        {"batch": list(inputs.files), "sha256": list(inputs.files.values())},
        schema={"batch": pl.Int64, "sha256": pl.String},
    )
    used = (
        events.with_columns(to_id=pl.col("position").cast(pl.String))
        .join(reached, on="to_id", how="semi")
        .join(files, on="batch", how="left")
    )
    steps += [
        _edges(used, ("event", "position"), ("batch", "batch")),
        _edges(
            used.filter(pl.col("sha256").is_not_null()),
            ("event", "position"),
            ("file", "sha256"),
            "source_row",
            "column",
        ),
    ]
    return pl.concat(steps).unique(_EDGE)


def _decision_events(inputs: Inputs) -> pl.DataFrame:
    """The events of the decisions that stand; they were entered by hand, so that no file holds them."""
    rows = [(d.organisation, d.position, d.batch, None, None) for d in inputs.decisions]
    names = {
        "organisation": pl.String,
        "position": pl.Int64,
        "batch": pl.Int64,
        "source_row": pl.Int64,
        "column": pl.String,
    }
    return pl.DataFrame(rows, schema=names, orient="row")


def _one_column() -> pl.DataFrame:
    """Of each collection the one column of its files that holds every figure."""
    rows = [(c.id, c.columns.value) for c in list_collections()]
    return pl.DataFrame(rows, schema={"collection": pl.String, "one_column": pl.String}, orient="row")


def _value_columns() -> pl.DataFrame:
    """Of collections with a column for each indicator that of each."""
    rows = [(c.id, c.indicator_code(m.indicator), m.value) for c in list_collections() for m in c.measures]
    names = dict.fromkeys(("collection", "indicator", "column"), pl.String)
    return pl.DataFrame(rows, schema=names, orient="row")


def _judgement_columns() -> pl.DataFrame:
    """Of each collection the column of its files that holds the judgement of a service's aspect."""
    rows = [(c.id, j.service, j.aspect, j.column) for c in list_collections() for j in c.judgements]
    names = dict.fromkeys(("collection", "service", "aspect", "column"), pl.String)
    return pl.DataFrame(rows, schema=names, orient="row")


def _edges(
    frame: pl.DataFrame,
    source: tuple[str, str | pl.Expr],
    target: tuple[str | pl.Expr, str | pl.Expr],
    row: str | None = None,
    column: str | None = None,
) -> pl.DataFrame:
    """Steps of one kind: from (kind, id) to (kind, id); a kind that is text stands for itself."""

    def of(what: str | pl.Expr) -> pl.Expr:
        return (pl.col(what) if isinstance(what, str) else what).cast(pl.String)

    to_kind = pl.lit(target[0]) if isinstance(target[0], str) else target[0]
    return frame.select(
        "organisation",
        from_kind=pl.lit(source[0]),
        from_id=of(source[1]),
        to_kind=to_kind,
        to_id=of(target[1]),
        row=pl.col(row) if row else pl.lit(None, pl.Int64),
        column=pl.col(column) if column else pl.lit(None, pl.String),
    )
