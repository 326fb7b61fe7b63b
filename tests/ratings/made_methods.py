"""Small methods and populations for laws: three indicators, every kind of banding, caps and a star table.

Here: what several suites of laws share. Not here: tests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from ratings.bands import Banding, Periods
from ratings.catalogue import load_catalogue
from ratings.judgements import Cap
from ratings.methods import Method, load_method
from ratings.rating import Rating, rate

CATALOGUE = load_catalogue()
ILLUSTRATIVE = load_method("stars-illustrative")
HIGH, LOW, THIRD = "ASCOF:1G", "ASCOF:2A(1)", "ASCOF:1H"  # higher, lower, higher is better
CODES = (HIGH, LOW, THIRD)
PERIOD, BEFORE = "2023-04-01/P1Y", "2022-04-01/P1Y"
DAY = date(2025, 6, 30)
AT_US = int(datetime(2025, 6, 30, tzinfo=UTC).timestamp()) * 1_000_000
NAMES = tuple(f"o{n}" for n in range(7))
NO_JUDGEMENTS = pl.DataFrame(
    schema=dict.fromkeys(("organisation", "round", "service", "aspect", "judgement"), pl.String)
    | {"published_at": pl.Int64, "position": pl.Int64}
)
_LABELS = ("1", "2", "3", "4", "5")
BANDINGS = {
    "quantiles, ties better": Banding("quantiles", _LABELS, "better"),
    "quantiles, ties lower": Banding("quantiles", _LABELS, "lower"),
    "frozen": Banding("quantiles", _LABELS, "better", frozen_period=BEFORE),
    "edges": Banding("edges", _LABELS, "better", (4.0, 8.0, 12.0, 16.0), source="made here"),
    "edges, ties lower": Banding("edges", _LABELS, "lower", (4.0, 8.0, 12.0, 16.0), source="made here"),
    "two-sided": Banding("two_sided", _LABELS, "better", (3.0, 6.0, 9.0, 14.0, 17.0), (2, 4, 5, 4, 3, 1)),
}


def method_of(kind: str, missing: Any = "left_out") -> Method:
    """The illustrative method, cut down to three indicators that all count for both services."""
    weights = {HIGH: 2, LOW: 1, THIRD: 1}
    parts = tuple(
        replace(
            part,
            rule=replace(part.rule, services=(), weights=weights, minimum_inputs=1, missing=missing),
        )
        for part in ILLUSTRATIVE.parts.all
        if part.rule
    )
    cap = Cap(HIGH, True, "adults_serving", "<", 5.0, 1, None, None, 100, "made here", "")
    return replace(
        ILLUSTRATIVE,
        prefixes=("ASCOF:",),
        core=False,
        bandings=(BANDINGS[kind],),
        periods=Periods(minimum=1, kept=1, history=2),
        parts=replace(ILLUSTRATIVE.parts, all=parts),
        caps=(cap, replace(cap, part="children_serving", operator=">", threshold=15.0, level=2)),
    )


def figure_frame(rows: dict[tuple[str, str, str], float | None]) -> pl.DataFrame:
    """Figures as a rating takes them, by (indicator, organisation, period)."""
    made = [(*key, value, None, None, "A", 0, n) for n, (key, value) in enumerate(sorted(rows.items()))]
    names: dict[str, Any] = {
        "indicator": pl.String,
        "organisation": pl.String,
        "period": pl.String,
        "value": pl.Float64,
        "numerator": pl.Float64,
        "denominator": pl.Float64,
        "obs_status": pl.String,
        "published_at": pl.Int64,
        "position": pl.Int64,
    }
    return pl.DataFrame(made, schema=names, orient="row")


def everywhere(value: float) -> dict[tuple[str, str, str], float | None]:
    """The same figure for everybody, in both periods."""
    return {(code, name, period): value for code in CODES for name in NAMES for period in (BEFORE, PERIOD)}


def populations() -> st.SearchStrategy[dict[tuple[str, str, str], float | None]]:
    """Figures of seven organisations in two periods, with ties, gaps and figures on edges."""
    value = st.one_of(st.none(), st.integers(0, 40).map(lambda n: n / 2))
    keys = [(code, name, period) for code in CODES for name in NAMES for period in (BEFORE, PERIOD)]
    return st.lists(value, min_size=len(keys), max_size=len(keys)).map(
        lambda values: dict(zip(keys, values, strict=True))
    )


def rated(method: Method, figures: pl.DataFrame) -> Rating:
    """The whole way from figures to stars."""
    organisations = pl.DataFrame({"id": NAMES, "kind": ["council"] * len(NAMES)})
    return rate(method, figures, NO_JUDGEMENTS, organisations, CATALOGUE, at_us=AT_US)


def star_of(rating: Rating, organisation: str) -> int | None:
    """The star of one organisation."""
    found: int | None = rating.stars.filter(pl.col("organisation") == organisation)["star"][0]
    return found
