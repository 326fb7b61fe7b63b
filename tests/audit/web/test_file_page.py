"""A file's page: whose it is, what became of its rows, which stars rest on it, and who may know of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.web.made_told import RATINGS, Readers, Told
from warehouse.batches import Batch


def batch(told: Told, collection: str, number: int = 0) -> Batch:
    return told.settings.ledger().batches(collection, "vintage")[number]


def page(
    readers: Readers, told: Told, collection: str, audience: str = "internal", number: int = 0
) -> dict[str, Any]:
    sha256 = batch(told, collection, number).file_sha256
    answer = readers[audience].get(f"/api/snapshots/{told.july}/files/{sha256}")
    assert answer.status_code == 200, collection
    found: dict[str, Any] = answer.json()
    return found


def test_a_file_of_figures_says_what_became_of_its_rows_and_which_stars_rest_on_it(
    readers: Readers, told: Told
) -> None:
    newer = page(readers, told, "a1_2001", number=1)
    assert newer["names"] == ["file.csv"]
    assert newer["problem"] is None
    [read] = newer["batches"]
    assert read["publisher"].startswith("House of Commons")
    assert (read["rows"], read["events"], read["unchanged"], read["refused"]) == (4, 3, 0, 1)
    assert newer["known"] == {"observation": 3}
    assert newer["indicators"] == [
        {"indicator": "PAF:A1", "title": newer["indicators"][0]["title"], "figures": 3}
    ]
    assert [(star["organisation"], star["indicators"]) for star in newer["stars"]["rows"]] == [
        ("bolton", ["PAF:A1"]),
        ("camden", ["PAF:A1"]),
        ("walsall", ["PAF:A1"]),
    ]
    assert (
        page(readers, told, "a1_2001", number=0)["stars"]["rows"] == []
    )  # revised since: nothing rests on it


def test_a_file_read_twice_as_judgements_and_as_published_ratings_has_one_page(
    readers: Readers, told: Told
) -> None:
    found = page(readers, told, "judgements")
    assert [read["collection"] for read in found["batches"]] == ["published_ratings", "judgements"]
    assert found["byte_size"] == len(RATINGS.encode())
    assert found["known"] == {"judgement": 12, "published_rating": 3}
    walsall = next(star for star in found["stars"]["rows"] if star["organisation"] == "walsall")
    assert (walsall["star"], walsall["indicators"]) == (0, [])
    assert "children_serving" in walsall["parts"]


def test_a_file_of_evidence_moves_no_star_and_is_reached_from_the_evidence(
    readers: Readers, told: Told
) -> None:
    found = page(readers, told, "evidence")
    assert (found["known"], found["stars"]["total"]) == ({"evidence": 1}, 0)
    walsall = readers["internal"].get(f"/snapshots/{told.july}/organisations/walsall").text
    assert f'href="/snapshots/{told.july}/files/{found["sha256"]}"' in walsall


def test_the_pages_of_a_figure_and_of_an_event_lead_to_its_file(readers: Readers, told: Told) -> None:
    reader = readers["public"]
    whose = f"/snapshots/{told.july}/organisations/walsall"
    figure = reader.get(f"{whose}/figures/PAF:A1").text
    judgement = reader.get("/api" + whose).json()["judgements"][0]["event"]
    event = reader.get(f"/snapshots/{told.july}/events/{judgement}").text
    assert f'/snapshots/{told.july}/files/{batch(told, "a1_2001").file_sha256}"' in figure
    assert f'/snapshots/{told.july}/files/{batch(told, "judgements").file_sha256}"' in event
    assert "Stars of this rating that rest on this event" in event


def test_who_recorded_and_delivered_a_file_is_not_for_the_public(readers: Readers, told: Told) -> None:
    [inside] = page(readers, told, "evidence")["batches"]
    [outside] = page(readers, told, "evidence", "public")["batches"]
    assert inside["actor"] == "tester"
    assert (outside["actor"], outside["supplier"]) == (None, None)
    assert outside["recorded_at"] == inside["recorded_at"]


def test_a_file_whose_kept_bytes_changed_is_shown_as_such_at_once(readers: Readers, told: Told) -> None:
    reader, sha256 = readers["internal"], batch(told, "evidence").file_sha256 or ""
    path = f"/snapshots/{told.july}/files/{sha256}"
    assert "Not as received" not in reader.get(path).text
    kept = told.settings.landing.path(sha256)
    whole = kept.read_bytes()
    kept.chmod(0o644)
    try:
        kept.write_bytes(whole + b"\n")
        assert "Not as received" in reader.get(path).text
        outside = readers["public"].get(path).text
        assert "Not as received" in outside
        assert str(told.settings.warehouse) not in outside
    finally:
        kept.write_bytes(whole)
    assert "Not as received" not in reader.get(path).text


@pytest.mark.parametrize(("sha256", "status"), [("0" * 64, 404), ("ABC", 422), ("..%2F" * 8, 404)])
def test_an_unknown_file_is_not_there_and_a_malformed_hash_is_not_understood(
    readers: Readers, told: Told, sha256: str, status: int
) -> None:
    for audience in ("internal", "public"):
        assert readers[audience].get(f"/snapshots/{told.july}/files/{sha256}").status_code == status


def test_a_file_that_came_after_a_rating_does_not_exist_for_its_public(readers: Readers, told: Told) -> None:
    reader, later = readers["public"], batch(told, "a1_2001", 1).file_sha256
    assert reader.get(f"/snapshots/{told.july}/files/{later}").status_code == 200
    unknown = reader.get(f"/snapshots/{told.may}/files/{'0' * 64}")
    hidden = reader.get(f"/snapshots/{told.may}/files/{later}")
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert readers["internal"].get(f"/snapshots/{told.may}/files/{later}").status_code == 200


def test_refused_rows_are_counted_for_all_and_shown_to_those_who_work_here(
    readers: Readers, told: Told
) -> None:
    [row] = page(readers, told, "a1_2001")["refused"]["rows"]
    assert (row["row"], row["indicator"]) == (1000, "PAF:A1")
    outside = page(readers, told, "a1_2001", "public")
    assert (outside["batches"][0]["refused"], outside["refused"]["rows"]) == (1, [])
