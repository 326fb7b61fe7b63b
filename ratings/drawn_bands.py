"""Drawn bands: figures of many draws cut into bands at once, as bands.py cuts those of one.

Here: the same rules on arrays, a row per organisation and a column per draw.
Not here: drawing figures (uncertainty.py), what bands make of a star (draws.py).

A figure has at least m others strictly below it exactly when it lies above the m-th smallest of all: so a few
order statistics cut a quantile banding.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from ratings.bands import MICRO, Banding, as_frame, frozen_edges, micro_of
from ratings.methods import Method
from ratings.uncertainty import Floats

Bands = npt.NDArray[np.int8]
"""A row per organisation, a column per draw; 0 where there is no band."""


def frozen_at(figures: pl.DataFrame, banding: Banding | None) -> dict[str, list[int]]:
    """Edges that are frozen, by indicator: they were set by figures as they are and are not drawn."""
    if banding is None or not banding.frozen_period:
        return {}
    edges = pl.DataFrame(nw.to_native(frozen_edges(as_frame(figures), banding)))
    names = [f"edge_{k}" for k in range(1, len(banding.labels))]
    return {row["indicator"]: [row[name] for name in names] for row in edges.to_dicts()}


def drawn_bands(
    values: Floats, banding: Banding, direction: str, frozen: Sequence[int] | None, *, banded: bool
) -> Bands:
    """The bands of figures that are compared with one another, in every draw: as bands.place cuts them.

    Args:
        values: a row per organisation with a figure, a column per draw.
        banding: how to cut.
        direction: which end is good.
        frozen: the edges of a frozen banding, in whole millionths times the number of bands.
        banded: False where the catalogue forbids it.

    Returns:
        Bands in the shape of the values; 0 where there is none.
    """
    number, higher = len(banding.labels), direction == "higher"
    if not banded or (banding.kind != "two_sided" and direction not in ("higher", "lower")):
        return np.zeros(values.shape, np.int8)
    figure = np.floor(values * MICRO + 0.5)
    if banding.kind == "two_sided":
        band = np.full(values.shape, banding.stretches[0], np.int8)
        for edge, (below, above) in zip(banding.edges, pairwise(banding.stretches), strict=True):
            tie_up = banding.boundary == "better" and above > below
            band += _beyond(figure, micro_of(edge), tie_up=tie_up) * np.int8(above - below)
        return band
    tie_up = banding.boundary == "better" and higher
    piece = np.ones(values.shape, np.int8)
    if banding.frozen_period:
        if frozen is None:
            return np.zeros(values.shape, np.int8)
        for frozen_edge in frozen:
            piece += _beyond(figure * number, frozen_edge, tie_up=tie_up)
        upwards = higher
    elif banding.kind == "edges":
        for edge in banding.edges:
            piece += _beyond(figure, micro_of(edge), tie_up=tie_up)
        upwards = higher
    else:
        others = values.shape[0] - 1
        if others:
            oriented = -values if tie_up else values
            at = [others * k // number for k in range(1, number)]
            for edge_row in np.partition(oriented, at, axis=0)[at]:
                piece += oriented > edge_row
        upwards = higher and not tie_up
    return piece if upwards else np.int8(number + 1) - piece


def _beyond(figure: Floats, edge: int, *, tie_up: bool) -> Bands:
    return (figure >= edge if tie_up else figure > edge).astype(np.int8)


def stand_in(method: Method, now: dict[str, Bands]) -> None:
    """The better of two bands in the place of the first: as bands.better_of_two."""
    for one in method.alternatives:
        if one.indicator in now and one.alternative in now:
            first, other = now[one.indicator], now[one.alternative]
            takes = (other > first) & (other > 0)
            if not one.when_missing:
                takes &= first > 0
            now[one.indicator] = np.where(takes, other, first)
