"""As known: the days a reader chooses lead to the rating, and show the figures, that were known then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.web.made_told import Readers, Told

PAGE = "organisations/walsall/figures"


def known(readers: Readers, snapshot: str, audience: str = "public", **asked: str) -> dict[str, Any]:
    answer = readers[audience].get(f"/api/snapshots/{snapshot}/known", params=asked)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("audience", ["public", "internal"])
def test_days_lead_to_the_latest_rating_that_rests_on_nothing_later(
    readers: Readers, told: Told, audience: str
) -> None:
    days = {"2002-05-29": None, "2002-05-30": told.may, "2002-06-30": told.may, "2002-07-01": told.july}
    for here in (told.may, told.july):
        for day, expected in days.items():
            found = known(readers, here, audience, published=day)
            assert (found["found"] or {}).get("snapshot") == expected, day
            assert [each["snapshot"] for each in found["ratings"]][-2:] == [told.july, told.may]
        assert known(readers, here, audience)["found"]["snapshot"] == here  # no day: what this rating knew
        assert known(readers, here, audience, recorded="2002-07-01")["found"] is None  # we kept no log then


def test_the_form_of_a_page_keeps_the_page_and_says_clearly_where_it_leads(
    readers: Readers, told: Told
) -> None:
    reader = readers["public"]
    page = reader.get(f"/snapshots/{told.july}/{PAGE}").text
    assert f'action="/snapshots/{told.july}/known"' in page
    assert f'name="of" value="{PAGE}"' in page
    then = reader.get(f"/snapshots/{told.july}/known", params={"of": PAGE, "published": "2002-06-01"}).text
    assert "Another rating is the latest that rests only on what was published by 1 June 2002" in then
    assert f'href="/snapshots/{told.may}/{PAGE}"' in then
    before = reader.get(f"/snapshots/{told.july}/known", params={"of": PAGE, "published": "2001-01-01"}).text
    assert "No rating rests only on what was published by 1 January 2001" in before
    assert "30 May 2002" in before


def test_a_day_that_a_form_leaves_blank_sets_no_bound(readers: Readers, told: Told) -> None:
    assert known(readers, told.may, published="2002-07-01", recorded="")["found"]["snapshot"] == told.july
    assert known(readers, told.may, published="9999-12-31", recorded="9999-12-31")["found"] is not None
    for page in ("indicators/PAF:A1", "organisations/walsall/figures/PAF:A1"):
        path = f"/snapshots/{told.july}/{page}"
        assert readers["public"].get(path, params={"published": "", "recorded": ""}).status_code == 200
        assert readers["public"].get(path, params={"published": "soon"}).status_code == 422


@pytest.mark.parametrize("of", ["../../etc", "/evil.example", "//evil.example", "a/./b", "a//b", "a\n"])
def test_a_page_that_is_no_part_of_an_address_is_not_understood(
    readers: Readers, told: Told, of: str
) -> None:
    answer = readers["public"].get(f"/snapshots/{told.july}/known", params={"of": of})
    assert answer.status_code == 422


def test_a_rating_that_is_not_out_is_never_where_days_lead_the_public(readers: Readers, told: Told) -> None:
    inside = known(readers, told.july, "internal", published="2002-08-01")
    outside = known(readers, told.july, published="2002-08-01")
    assert inside["found"]["snapshot"] == told.august
    assert outside["found"]["snapshot"] == told.july
    assert told.august not in {each["snapshot"] for each in outside["ratings"]}


def test_a_figure_as_known_then_stood_within_both_days_and_no_later_than_the_rating(
    readers: Readers, told: Told
) -> None:
    def value(snapshot: str, audience: str, **days: str) -> float | None:
        path = f"/api/snapshots/{snapshot}/organisations/walsall/figures/PAF:A1"
        versions = readers[audience].get(path, params=days).json()["versions"]
        return next((v["numerator"] for v in versions if v["known"]), None)

    for audience in ("internal", "public"):
        assert value(told.july, audience, published="2002-02-01") == 57
        assert value(told.july, audience, published="2002-03-01") == 65
        assert value(told.july, audience, published="2001-01-01") is None
        assert value(told.july, audience, recorded="2002-07-01") is None
    assert value(told.may, "internal", published="2002-03-01") == 65
    assert value(told.may, "public", published="2002-03-01") == 57
