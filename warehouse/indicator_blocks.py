"""Indicator blocks: in which blocks of 256 events of a batch an indicator is spoken of.

Here: the blocks of a batch's events, and the events of figures found through them.
Not here: when they are written (event_log.py, copying.py) and verified (verification.py).

A file lists its figures by indicator, more or less, so that a batch has about one row here for a hundred
events. An index of every figure took as long to write as the events themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl
from sqlalchemy import Select, select

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


def events_of_figures(indicators: Collection[str], organisation: str | None = None) -> Select[Any]:
    """Every event about some indicators, of one organisation or of all, in no particular order."""
    block, event = schema.indicator_block.c, schema.event.c
    in_block = event.position.between(block.first_position, block.first_position + (BLOCK - 1))
    found = (
        select(schema.event)
        .join(
            schema.indicator_block,
            in_block & (event.batch == block.batch) & (event.indicator == block.indicator),
        )
        # Batch by batch, as the key has it: one that began with the indicator would touch a page for each of
        # them with every append to a long log.
        .where(block.batch.in_(select(schema.batch.c.id)), block.indicator.in_(indicators))
    )
    return found if organisation is None else found.where(event.organisation == organisation)
