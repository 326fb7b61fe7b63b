"""Cross-foot: a total that has nothing to agree with is a contradiction, unless its table is empty."""

from __future__ import annotations

import polars as pl

from warehouse.cross_foot import cross_foot

BAND = {"position": 7, "organisation": "bury", "indicator": "T:1", "period": "2023-04-01/P1Y"}


def tables(*, of_observation: int) -> dict[str, pl.DataFrame]:
    """One band, and one observation at a position."""
    return {
        "stars": pl.DataFrame(schema={"organisation": pl.String, "inputs": pl.Int64}),
        "organisations": pl.DataFrame({"organisation": ["bury"]}),
        "quality": pl.DataFrame({"figures": [1], "missing": [0]}),
        "bands": pl.DataFrame([BAND]),
        "observations": pl.DataFrame([BAND | {"position": of_observation}]),
        "lineage": pl.DataFrame(
            schema=dict.fromkeys(("from_kind", "to_kind", "organisation", "to_id"), pl.String)
        ),
    }


def taken(of_observation: int) -> list[tuple[int, int]]:
    return [(total["one"], total["other"]) for total in cross_foot(tables(of_observation=of_observation))]


def test_totals_that_agree_are_said_and_those_of_an_empty_table_left_out() -> None:
    assert taken(7) == [(1, 1), (1, 1)]


def test_bands_of_which_none_has_its_observation_are_a_contradiction() -> None:
    assert taken(8) == [(1, 1), (1, 0)]
