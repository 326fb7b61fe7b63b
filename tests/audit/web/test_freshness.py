"""Freshness board: what is out of date, by return, organisation and indicator, the worst first."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from fastapi.testclient import TestClient

from pipelines.settings import Settings
from tests.audit.web.test_pages import client
from warehouse.snapshots import SnapshotRef, list_snapshots


@pytest.fixture(scope="module")
def rated(shown: Settings) -> SnapshotRef:
    return list_snapshots(shown.snapshots)[0]


@pytest.fixture(scope="module")
def reader(shown: Settings) -> TestClient:
    return client(shown)


@pytest.mark.parametrize(
    ("by", "column"),
    [("return", "source_return"), ("organisation", "organisation"), ("indicator", "indicator")],
)
def test_every_figure_is_counted_once_whatever_it_is_counted_by(
    reader: TestClient, rated: SnapshotRef, by: str, column: str
) -> None:
    rows = rated.table("freshness")
    asked = {"by": by, "rows": "200"}
    twin = reader.get(f"/api/snapshots/{rated.id}/freshness", params=asked).json()
    groups = twin["found"]["rows"]
    assert {g["id"]: g["figures"] for g in groups} == Counter(rows[column])
    assert sum(g["states"]["missing"] for g in groups) == (rows["state"] == "missing").sum()
    assert {s: n for s, n in twin["states"].items() if n} == Counter(rows["state"])
    behind = [(g["states"]["out_of_date"], g["states"]["missing"]) for g in groups]
    assert behind == sorted(behind, reverse=True)
    assert all(sum(g["states"].values()) == g["figures"] for g in groups)


def test_a_return_leads_to_its_indicators_and_they_to_who_is_behind(
    reader: TestClient, rated: SnapshotRef
) -> None:
    path = f"/snapshots/{rated.id}/freshness"
    page = reader.get(path).text
    assert f'href="{path}?by=indicator&amp;source_return=SSDA903"' in page
    of_return = reader.get(path, params={"by": "indicator", "source_return": "SSDA903"}).text
    assert f'href="/snapshots/{rated.id}/indicators/PAF:A1"' in of_return
    assert "PAF:A3" not in of_return
    assert f'href="{path}?by=organisation&amp;indicator=PAF%3AA1"' in of_return
    behind = reader.get(path, params={"by": "organisation", "indicator": "PAF:A1", "q": "wals"}).text
    assert f'href="/snapshots/{rated.id}/organisations/walsall/figures/PAF:A1"' in behind
    missing = reader.get(path, params={"by": "organisation", "q": "wals"}).text
    assert "/organisations/walsall/figures?state=missing" in missing


def test_the_picture_says_in_words_what_it_draws(reader: TestClient, rated: SnapshotRef) -> None:
    path = f"/snapshots/{rated.id}/freshness"
    asked = {"by": "return", "q": "ss"}
    states = rated.table("freshness").filter(pl.col("source_return") == "SSDA903")["state"]
    drawn = reader.get(f"{path}/states.svg", params=asked)
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    missing = (states == "missing").sum()
    assert f"SSDA903: {len(states)} figures, 0 out of date, {missing} missing, 0 due" in drawn.text
    assert "/states.svg?by=return" in reader.get(path).text
    for nothing_more_to_draw in ({"by": "organisation", "indicator": "PAF:A1"}, {"q": "ssda903"}):
        assert "<img" not in reader.get(path, params=nothing_more_to_draw).text
    assert reader.get(f"{path}/states.svg", params={"q": "no such return"}).status_code == 404


def test_what_does_not_fit_or_lies_past_the_end_is_said(reader: TestClient, rated: SnapshotRef) -> None:
    path = f"/snapshots/{rated.id}/freshness"
    assert "Nothing fits" in reader.get(path, params={"q": "no such return"}).text
    assert "The list ends before this page" in reader.get(path, params={"page": 9}).text
    assert reader.get(path, params={"by": "star"}).status_code == 422
