"""Engines: the same rating functions give the same rows on Polars and on PySpark, to the last bit.

Needs the extra `spark` and Java; `make test-spark` has both. Elsewhere these tests are skipped, saying so.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from ratings.bands import Adjustment, Alternative, Banding, Periods, adjusted, bands, better_of_two
from ratings.judgements import Part, PartCap, PartRule, as_recorded, capped_by_parts
from ratings.methods import load_method
from ratings.rating import decide
from ratings.scores import part_scores, rescored

pyspark = pytest.importorskip("pyspark", reason="needs the extra spark: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java (on Debian and Ubuntu: default-jre-headless)", allow_module_level=True)

LABELS = ("worst", "poor", "fair", "good", "best")
PERIODS = Periods(minimum=3, kept=2, history=3)
YEARS = tuple(f"{year}-04-01/P1Y" for year in (2020, 2021, 2022))
QUANTILES = Banding("quantiles", LABELS, "better")
BANDINGS = {
    "quantiles, ties better": QUANTILES,
    "quantiles, ties lower": replace(QUANTILES, boundary="lower"),
    "frozen": replace(QUANTILES, frozen_period=YEARS[0]),
    "edges": Banding("edges", LABELS, "better", (2.0, 4.0, 5.5, 8.0)),
    "two-sided": Banding("two_sided", LABELS, "better", (1.0, 3.0, 6.0, 8.0, 9.0), (2, 4, 5, 4, 3, 1)),
}
POINTS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A local Spark of two threads."""
    session = (
        pyspark.sql.SparkSession.builder.master("local[2]")
        .appName("starledger tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def there(spark: Any, frame: pl.DataFrame) -> Any:
    """A frame as Spark has it."""
    return spark.createDataFrame(frame.to_arrow())


def rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame of either engine, in an order of their own: a star never depends on it."""
    found = frame.to_dicts() if isinstance(frame, pl.DataFrame) else [r.asDict() for r in frame.collect()]
    return sorted(found, key=lambda row: repr(sorted(row.items(), key=lambda pair: pair[0])))


def figures() -> pl.DataFrame:
    """Figures of 14 organisations, with ties, gaps and figures on edges."""
    chance = random.Random(7)
    made = [
        {
            "indicator": f"I{indicator}",
            "organisation": f"o{organisation}",
            "period": period,
            "value": chance.choice([None, *(n / 2 for n in range(20))]),
            "denominator": float(chance.choice([40, 400])),
            "obs_status": "A",
            "position": 1000 * indicator + 10 * organisation + number,
        }
        for indicator in range(4)
        for organisation in range(14)
        for number, period in enumerate(YEARS)
    ]
    return pl.DataFrame(
        made, schema_overrides={"value": pl.Float64, "denominator": pl.Float64, "position": pl.Int64}
    )


INDICATORS = pl.DataFrame(
    {
        "indicator": ["I0", "I1", "I2", "I3"],
        "direction": ["higher", "lower", "higher", "none"],
        "banded": [True, True, False, True],
    }
)
POPULATION = pl.DataFrame({"organisation": [f"o{n}" for n in range(15)]})


@pytest.mark.parametrize("name", BANDINGS)
def test_bands_are_the_same(spark: Any, name: str) -> None:
    here = bands(figures(), POPULATION, INDICATORS, BANDINGS[name], PERIODS)
    also = bands(there(spark, figures()), there(spark, POPULATION), INDICATORS, BANDINGS[name], PERIODS)
    assert here["band"].n_unique() > 2
    assert rows(also) == rows(here)


def banded() -> pl.DataFrame:
    """Bands of 10 organisations in 3 cases, some missing."""
    chance = random.Random(3)
    made = [
        {
            "organisation": f"o{organisation}",
            "case": f"c{case}",
            "indicator": f"I{indicator}",
            "band": chance.choice([None, *POINTS]),
            "previous_band": chance.choice([None, *POINTS]),
        }
        for organisation in range(10)
        for case in range(3)
        for indicator in range(5)
    ]
    return pl.DataFrame(made, schema_overrides={"band": pl.Int64, "previous_band": pl.Int64})


def scored_parts() -> tuple[list[Part], pl.DataFrame]:
    """Parts with every rounding, weight and rule for what is missing."""
    even = PartRule("band", (2000, 3000, 4000), 1, "left_out", POINTS, rounding="half_even", rounded_to=1000)
    worst = replace(even, missing="worst_band", rounding="half_up", rounded_to=500, points=(0, 1, 3, 4, 9))
    strict = replace(even, missing="no_rating", rounding="down", rounded_to=1)
    moved = PartRule("movement", (-500, 0, 500), 2, "left_out", POINTS, held_at_best=1000)
    parts = [
        Part(name, name, "", name, rule)
        for name, rule in (("even", even), ("worst", worst), ("strict", strict), ("moved", moved))
    ]
    counts = [(part.name, f"I{n}", weight) for part in parts for n, weight in enumerate((3, 1, 1, 2))]
    return parts, pl.DataFrame(counts, schema=["part", "indicator", "weight"], orient="row")


def test_scores_and_levels_are_the_same(spark: Any) -> None:
    parts, inputs = scored_parts()
    here = part_scores(banded(), parts, inputs)
    assert here["level"].n_unique() > 3
    assert rows(part_scores(there(spark, banded()), parts, inputs)) == rows(here)


def test_scores_with_one_input_changed_or_left_out_are_the_same(spark: Any) -> None:
    (parts, inputs), chance = scored_parts(), random.Random(13)
    bands_now = banded().filter(pl.col("case") == "c0").drop("case")
    changes = bands_now.select("organisation", "indicator").with_row_index("case")
    changes = changes.with_columns(
        pl.col("case").cast(pl.Int64),
        band=pl.Series([chance.choice([None, *POINTS]) for _ in range(changes.height)], dtype=pl.Int64),
        left_out=pl.Series([chance.random() < 0.3 for _ in range(changes.height)]),
    )
    here = rescored(bands_now, changes, parts, inputs)
    assert here["level"].n_unique() > 3
    assert rows(rescored(there(spark, bands_now), there(spark, changes), parts, inputs)) == rows(here)


def test_the_better_of_two_and_adjusted_figures_are_the_same(spark: Any) -> None:
    two = [Alternative("I0", "I1", True, "why"), Alternative("I2", "I3", False, "why")]
    assert rows(better_of_two(there(spark, banded()), two)) == rows(better_of_two(banded(), two))
    changes = [Adjustment("I0", -0.3, 1.1, None, None, "why")]
    assert rows(adjusted(there(spark, figures()), changes)) == rows(adjusted(figures(), changes))


def levels(method_id: str) -> pl.DataFrame:
    """A level for every part of a method, of 40 organisations in 2 cases, some missing."""
    method, chance = load_method(method_id), random.Random(5)
    made = [
        {
            "organisation": f"o{organisation}",
            "case": case,
            "part": name,
            "level": chance.choice(
                [None, *range(len(method.parts.scale(name)))]
                if chance.random() < 0.1
                else list(range(len(method.parts.scale(name))))
            ),
        }
        for organisation in range(40)
        for case in ("a", "b")
        for name in method.parts.names
    ]
    return pl.DataFrame(made, schema_overrides={"level": pl.Int64})


@pytest.mark.parametrize("method_id", ["ssi-2002", "stars-illustrative"])
def test_caps_and_stars_are_the_same(spark: Any, method_id: str) -> None:
    method, chance = load_method(method_id), random.Random(11)
    codes = sorted({cap.indicator for cap in method.caps})
    made = [
        {
            "organisation": f"o{organisation}",
            "indicator": code,
            "value": float(chance.randint(5, 100)),
            "denominator": chance.choice([None, 50.0, 500.0]),
        }
        for organisation in range(40)
        for code in codes
    ]
    keys = pl.DataFrame(made, schema_overrides={"denominator": pl.Float64})
    day = date(2002, 11, 15) if method.recorded else date(2024, 1, 1)
    judged, starred = decide(method, levels(method_id), keys, day=day)
    also_judged, also_starred = decide(method, there(spark, levels(method_id)), there(spark, keys), day=day)
    assert starred is not None
    assert judged["capped_by"].n_unique() > 2
    assert starred["star"].n_unique() > 2
    assert rows(also_judged) == rows(judged)
    assert rows(also_starred) == rows(starred)


def test_caps_between_parts_are_the_same(spark: Any) -> None:
    caps = [
        PartCap("children_prospects", 1, "children_serving", 0, "why", ""),
        PartCap("adults_prospects", 0, "children_prospects", 1, "why", ""),
    ]
    before = levels("ssi-2002").with_columns(
        capped_by=pl.lit(None, pl.String), cap_value=pl.lit(None, pl.Float64), cap_threshold=pl.lit(1.0)
    )
    here = capped_by_parts(before, caps)
    assert set(here["capped_by"].drop_nulls()) == {"children_serving", "children_prospects"}
    assert rows(capped_by_parts(there(spark, before), caps)) == rows(here)


def test_recorded_judgements_are_the_same(spark: Any) -> None:
    method = load_method("ssi-2002")
    said = [
        ("o1", "children", "serving", "some", 1, 9),
        ("o1", "children", "serving", "most", 2, 1),
        ("o1", "adults", "serving", "splendid", 1, 2),
        ("o2", "adults", "prospects", "poor", 1, 3),
        ("o2", "adults", "prospects", "excellent", 1, 4),
    ]
    names = ["organisation", "service", "aspect", "judgement", "published_at", "position"]
    recorded = pl.DataFrame(said, schema=names, orient="row")
    wanted = pl.DataFrame({"organisation": ["o1", "o2"]}).join(
        pl.DataFrame({"part": method.parts.names}), how="cross"
    )
    here = as_recorded(recorded, wanted, method.parts.all, method.parts.words())
    also = as_recorded(there(spark, recorded), there(spark, wanted), method.parts.all, method.parts.words())
    assert rows(also) == rows(here)
