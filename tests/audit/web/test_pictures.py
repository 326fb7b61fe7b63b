"""Pictures: drawn on the server, with a text alternative that says what the table says."""

from __future__ import annotations

import re

from tests.audit.web.made_told import Readers, Told


def described(svg: str) -> str:
    [found] = re.findall(r'<desc id="desc">(.*?)</desc>', svg)
    return str(found)


def test_the_stars_of_a_rating_are_drawn_as_its_table_counts_them(readers: Readers, told: Told) -> None:
    reader = readers["public"]
    picture = reader.get(f"/snapshots/{told.july}/stars.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert described(picture.text) == (
        "Organisations by star. No stars (0): 1; 2 stars: 1; 3 stars: 1; Not rated: 147."
    )
    page = reader.get(f"/snapshots/{told.july}").text
    assert f'src="/snapshots/{told.july}/stars.svg"' in page
    assert re.search(r'Not rated</th><td class="n">147<', page)


def test_the_history_of_stars_is_drawn_from_the_ratings_that_a_reader_may_see(
    readers: Readers, told: Told
) -> None:
    path = f"/snapshots/{told.july}/organisations/walsall"
    outside = described(readers["public"].get(f"{path}/history.svg").text)
    assert outside == (
        f"Stars by rating, the oldest first. 30 May 2002 ({told.may[-12:]}): No stars (0); "
        f"1 July 2002 ({told.july[-12:]}): No stars (0)."
    )
    inside = described(readers["internal"].get(f"{path}/history.svg").text)
    assert inside == f"{outside[:-1]}; 1 August 2002 ({told.august[-12:]}): No stars (0)."
    assert f'src="{path}/history.svg"' in readers["public"].get(path).text
    assert readers["public"].get(path.replace("walsall", "nobody") + "/history.svg").status_code == 404
