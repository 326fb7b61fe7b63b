"""Matching: methods held against what was really published."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from ratings.calendar import end_of
from ratings.catalogue import load_catalogue
from ratings.errors import MethodError
from ratings.matching import match_published
from ratings.methods import load_method

CATALOGUE = load_catalogue()
PARTS = ("residents_experience", "compliance", "staffing", "quality_measures")
NO_JUDGEMENTS = pl.DataFrame(
    schema=dict.fromkeys(("organisation", "round", "service", "aspect", "judgement"), pl.String)
    | {"published_at": pl.Int64, "position": pl.Int64}
)


def quarters(folder: Path) -> pl.DataFrame:
    """All quarters given, one row per published line: a facility that stands twice in one counts twice."""
    files = sorted(folder.glob("star_ratings_*.csv"))
    frames = [
        pl.read_csv(file, infer_schema_length=0)
        .with_row_index("row")
        .select(
            organisation=pl.format("{} #{}", "facility_id", "row"),
            day=pl.lit(date.fromisoformat(file.stem.removeprefix("star_ratings_"))),
            stars=pl.col("overall_star_rating").cast(pl.Float64).cast(pl.Int64),
            **{part: pl.col(f"{part}_rating").cast(pl.Float64) for part in PARTS},
        )
        for file in files
    ]
    return pl.concat(frames).with_columns(
        published_at=(pl.col("day") - date(1970, 1, 1)).dt.total_microseconds(),
        round=pl.col("day").cast(pl.String),
    )


def figures(rows: pl.DataFrame) -> pl.DataFrame:
    """The published parts as figures."""
    long = rows.unpivot(PARTS, index=["organisation", "published_at", "round"], variable_name="part")
    return long.drop_nulls("value").select(
        "organisation",
        "value",
        "published_at",
        indicator=pl.format("AGEDCARE:{}", "part"),
        period=pl.format("{}/P3M", "round"),
        denominator=pl.lit(None, pl.Float64),
        obs_status=pl.lit("A"),
        position=pl.int_range(pl.len(), dtype=pl.Int64),
    )


def test_the_aged_care_formula_gives_all_but_three_of_19746_published_stars(shared_data: Path) -> None:
    published = quarters(shared_data / "aged_care_au")
    assert published.height == 20_922
    facilities = published.select(id="organisation", kind=pl.lit("facility")).unique()
    found = match_published(
        load_method("aged-care-au"),
        published,
        NO_JUDGEMENTS,
        lambda day: figures(published.filter(pl.col("day") == day)),
        facilities,
        CATALOGUE,
    )
    assert (found.compared, found.matched) == (19_746, 19_743)
    known = {
        ("2023-05-01", 4, 3, "Catholic Healthcare St Mary"),
        ("2023-05-01", 4, 3, "Prom Country Aged Care"),
        ("2023-12-01", 2, 3, "Morrie Evans Wing"),
    }
    shown = {(m["round"], m["published"], m["computed"]) for m in found.mismatches}
    assert shown == {row[:3] for row in known}
    for row in known:
        assert any(m["organisation"].startswith(row[3]) for m in found.mismatches)


def test_what_was_published_before_the_method_is_not_compared() -> None:
    method = load_method("aged-care-au")
    before = end_of(method.effective_from - timedelta(days=1))
    published = pl.DataFrame(
        {"organisation": ["f"], "round": ["r"], "stars": ["3"], "published_at": [before]}
    )
    facilities = pl.DataFrame({"id": ["f"], "kind": ["facility"]})
    found = match_published(
        method, published, NO_JUDGEMENTS, lambda day: pl.DataFrame(), facilities, CATALOGUE
    )
    assert found.as_dict() == {"method": "aged-care-au", "compared": 0, "matched": 0, "mismatches": []}


def test_a_method_without_stars_cannot_be_matched() -> None:
    with pytest.raises(MethodError, match="no overall star"):
        match_published(
            load_method("lait-quartile"),
            pl.DataFrame(),
            NO_JUDGEMENTS,
            lambda day: pl.DataFrame(),
            pl.DataFrame(),
            CATALOGUE,
        )
