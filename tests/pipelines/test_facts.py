"""The bundled facts are what was handed down, cell for cell."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from ratings.catalogue import load_catalogue
from ratings.collections import load_collection

# Told in other words here: remarks, and the name and address of a row that had none of its own.
REWORDED = {
    "published_ratings.csv": {"evidence", "note"},
    "published_totals.csv": {"rating_round", "status", "check_note", "source_url"},
    "a1_placements_2001.csv": set(),
}


def bundled(name: str) -> list[dict[str, str]]:
    with (files("pipelines") / "facts" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", REWORDED)
def test_bundled_facts_equal_those_handed_down(name: str, shared_data: Path) -> None:
    with (shared_data / "facts" / name).open(encoding="utf-8", newline="") as file:
        handed_down = list(csv.DictReader(file))
    ours = bundled(name)
    columns = [c for c in handed_down[0] if c in ours[0] and c not in REWORDED[name]]
    assert len(columns) >= 6
    assert [[row[c] for c in columns] for row in ours] == [[row[c] for c in columns] for row in handed_down]


def test_totals_keep_the_round_and_the_address_of_every_row_that_has_one(shared_data: Path) -> None:
    with (shared_data / "facts" / "published_totals.csv").open(encoding="utf-8", newline="") as file:
        handed_down = list(csv.DictReader(file))
    for ours, theirs in zip(bundled("published_totals.csv"), handed_down, strict=True):
        assert ours["rating_round"][:7] == theirs["rating_round"][:7]
        if theirs["source_url"].startswith("http"):
            assert ours["source_url"] == theirs["source_url"]


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("published_ratings", "published_ratings.csv"),
        ("judgements", "published_ratings.csv"),
        ("published_totals", "published_totals.csv"),
        ("a1_2001", "a1_placements_2001.csv"),
        ("evidence", "evidence.csv"),
    ],
)
def test_bundled_facts_have_every_column_that_their_collection_reads(collection: str, name: str) -> None:
    assert set(load_collection(collection).required_columns()) <= set(bundled(name)[0])


@pytest.mark.parametrize("name", REWORDED)
def test_every_bundled_fact_has_a_source(name: str) -> None:
    assert all(row["source_url"] for row in bundled(name))


def test_every_bundled_piece_of_evidence_is_of_a_known_council_and_has_a_source() -> None:
    rows, catalogue = bundled("evidence.csv"), load_catalogue()
    assert rows
    for row in rows:
        assert catalogue.resolve(row["organisation"]).kind == "council"
        assert row["source"].startswith("http")
