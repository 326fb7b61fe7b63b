"""Indicator blocks: in which blocks of 256 events of a batch an indicator is spoken of.

Here: the blocks of a batch's events, and the events of figures found through them.
Not here: when they are written (event_log.py, copying.py) and verified (verification.py).

A file lists its figures by indicator, more or less, so that a batch has about one row here for a hundred
events. An index of every figure took as long to write as the events themselves.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
from sqlalchemy import TextClause, bindparam, text

from warehouse import schema
from warehouse.merkle import SUBTREE_LEAVES

BLOCK = SUBTREE_LEAVES


def blocks_of(events: pl.DataFrame, begins: pl.Expr) -> pl.DataFrame:
    """The blocks that lead to events.

    Args:
        events: columns `batch`, `position` (ascending) and `indicator`, null where an event speaks of none.
        begins: the position at which an event's batch begins.

    Returns:
        Columns `batch`, `indicator`, `first_position` (of a block), each combination once.
    """
    block = begins + (pl.col("position") - begins) // BLOCK * BLOCK
    placed = events.select("batch", pl.col("indicator").cast(pl.String), block.alias("first_position"))
    anew = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in placed.columns)
    return placed.filter(anew & pl.col("indicator").is_not_null()).unique()


# Batch by batch, as the key has it: a key that began with the indicator would touch a page for each of
# them with every append to a long log. SQLite keeps to the order of a CROSS JOIN; left to itself it reads
# every event of the log to find those of an organisation.
_EVENTS = f"""
    SELECT {", ".join(f"event.{column.name}" for column in schema.event.columns)}
    FROM indicator_block AS block CROSS JOIN event
    WHERE block.batch IN (SELECT id FROM batch) AND block.indicator IN :indicators
    AND event.position BETWEEN block.first_position AND block.first_position + {BLOCK - 1}
    AND event.batch = block.batch AND event.indicator = block.indicator
"""


def events_of_figures(indicators: Collection[str], organisation: str | None = None) -> TextClause:
    """Every event about some indicators, of one organisation or of all, in no particular order."""
    query = _EVENTS if organisation is None else f"{_EVENTS} AND event.organisation = :organisation"
    found = text(query).bindparams(bindparam("indicators", list(indicators), expanding=True))
    return found if organisation is None else found.bindparams(organisation=organisation)
