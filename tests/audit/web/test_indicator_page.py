"""An indicator's page: every organisation's figure, and how those of one were revised."""

from __future__ import annotations

from typing import Any

from tests.audit.web.made_told import Readers, Told


def page(readers: Readers, snapshot: str, audience: str = "internal", **asked: str) -> dict[str, Any]:
    answer = readers[audience].get(f"/api/snapshots/{snapshot}/indicators/PAF:A1", params=asked)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_the_triangle_says_what_each_publication_left_known_and_which_were_revised(
    readers: Readers, told: Told
) -> None:
    found = page(readers, told.july, organisation="walsall")["triangle"]
    assert [time[:10] for time in found["publications"]] == ["2001-11-19", "2002-03-01"]
    [period] = found["periods"]
    assert [(round(cell["value"], 2), cell["change"]) for cell in period["cells"]] == [
        (14.04, "new"),
        (16.01, "revised"),
    ]
    assert found["revised"] == 1
    shown = readers["internal"].get(f"/snapshots/{told.july}/indicators/PAF:A1?organisation=walsall").text
    assert ">Revised</span>" in shown  # in words, not in colour alone


def test_a_rating_shows_the_revisions_that_it_could_know_and_others_on_days_asked_for(
    readers: Readers, told: Told
) -> None:
    may = page(readers, told.may, organisation="walsall")["triangle"]
    assert [len(may["publications"]), may["revised"]] == [1, 0]
    later = page(readers, told.may, organisation="walsall", published="2002-03-01")["triangle"]
    assert later["revised"] == 1
    assert (
        page(readers, told.may, "public", organisation="walsall", published="2002-03-01")["triangle"] == may
    )
    assert page(readers, told.may, recorded="2002-03-01")["triangle"] is None


def test_the_organisation_most_revised_is_shown_first(readers: Readers, told: Told) -> None:
    found = page(readers, told.july)
    assert found["names"] == {"bolton": "Bolton", "camden": "Camden", "walsall": "Walsall"}
    assert found["triangle"]["organisation"] == "bolton"
    assert page(readers, told.july, q="wals")["found"]["rows"][0]["revised"] == 1


def test_every_organisation_is_listed_with_its_figure_band_and_freshness(
    readers: Readers, told: Told
) -> None:
    found = page(readers, told.july, q="WALS")["found"]
    [row] = found["rows"]
    assert (row["organisation"], round(row["value"], 2), row["known"]) == ("walsall", 16.01, None)
    assert row["state"] == "fresh"
    everyone = page(readers, told.july, rows="10", page="2")["found"]
    assert (len(everyone["rows"]), everyone["total"], everyone["pages"]) == (10, 150, 15)
    then = page(readers, told.july, q="wals", published="2002-02-01")["found"]["rows"][0]["known"]
    assert (round(then["value"], 2), then["period_words"]) == (14.04, "2000-01")


def test_what_is_confidential_is_withheld_in_the_list_and_in_the_triangle(
    readers: Readers, told: Told
) -> None:
    for asked in ({}, {"published": "2002-02-01"}):
        found = page(readers, told.july, "public", q="bolton", organisation="bolton", **asked)
        [row] = found["found"]["rows"]
        assert (row["value"], row["withheld"]) == (None, True)
        assert row["known"] is None or (row["known"]["value"], row["known"]["withheld"]) == (None, True)
        cells = found["triangle"]["periods"][0]["cells"]
        assert [(cell["value"], cell["withheld"]) for cell in cells] == [(None, True)] * len(cells)
    assert page(readers, told.july, q="bolton")["found"]["rows"][0]["value"] > 29


def test_an_organisation_that_the_rating_does_not_hold_has_no_revisions(readers: Readers, told: Told) -> None:
    path = f"/snapshots/{told.july}/indicators/PAF:A1"
    reader = readers["internal"]
    assert reader.get(path, params={"organisation": "nobody"}).status_code == 404
    assert reader.get(path, params={"organisation": "<b>"}).status_code == 422
