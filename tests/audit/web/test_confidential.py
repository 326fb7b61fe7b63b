"""Confidential: a figure that is not for anybody is in nothing that the public can reach."""

from __future__ import annotations

import html as markup
import io
import re
from collections.abc import Iterable, Iterator

import polars as pl
from fastapi.testclient import TestClient

from tests.audit.web.made_told import SECRETS, Readers, Told

_LINK = re.compile(r'(?:href|src|action)="(/[^"#]*)')
_TAG = re.compile(r"<[^>]*>")
_OTHERS = re.compile(r"/organisations/(?!bolton|camden|walsall)")
KINDS = (
    "/figures/PAF:A1",
    "/indicators/PAF:A1",
    "/events/",
    "/files/",
    "/freshness",
    "/ledger",
    "/compare/",
    "/figures?kind=revision",
    "/ratings.parquet",
    "/proof.json",
    ".svg",
)


def test_a_confidential_figure_is_in_nothing_that_the_public_can_reach(readers: Readers, told: Told) -> None:
    days = "published=2002-02-01"
    filled = [
        f"{api}/snapshots/{snapshot}/{page}"
        for api in ("", "/api")
        for snapshot in (told.may, told.july)
        for page in (
            f"indicators/PAF:A1?organisation=bolton&{days}",
            f"organisations/bolton/figures/PAF:A1?{days}",
            f"known?of=organisations/bolton&{days}",
        )
    ]
    seen = dict(crawled(readers["public"], filled))
    for kind in KINDS:
        assert any(kind in path for path in seen), kind
    assert any(f"/api/snapshots/{told.may}/organisations/bolton" in path for path in seen)
    assert told.august not in "".join(seen.values())  # nor does a draft exist
    for path, text in seen.items():
        found = [secret for secret in SECRETS if secret in text]
        assert not found, f"{path} says {found}"


def test_who_works_here_sees_the_same_figure_where_the_public_does_not(readers: Readers, told: Told) -> None:
    path = f"/snapshots/{told.july}/organisations/bolton/figures/PAF:A1"
    inside, anybody = readers["internal"].get(path).text, readers["public"].get(path).text
    assert all(secret in inside for secret in ("7,351,947", "7,352,323", "29.69"))
    assert "Withheld: confidential" in anybody
    near = readers["internal"].get(f"/snapshots/{told.july}/organisations/camden").text
    assert (
        "with PAF:A1 above 20 %, against 18.74 %" in near
    )  # a counterfactual, which says the figure as it is


def crawled(reader: TestClient, filled: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is reached from the first page and filled forms by links, pictures and forms, and what it says.

    Of the many organisations, three: Bolton and Camden with a secret, and Walsall without. Of each page as it
    stands, and of the many questions it may be asked, the first.
    """
    waiting = ["/", *filled]
    known = set(waiting)
    asked: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        answer = reader.get(path)
        assert answer.status_code < 500, path
        parquet = answer.headers["Content-Type"] == "application/vnd.apache.parquet"
        text = pl.read_parquet(io.BytesIO(answer.content)).write_csv() if parquet else answer.text
        if path.endswith(".svg"):
            text = _TAG.sub(" ", text)  # where a line is drawn is no figure
        yield path, text
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        for link in map(markup.unescape, _LINK.findall(text)):
            page, _, question = link.partition("?")
            if _OTHERS.search(page) or link in known or (question and page in asked):
                continue
            if question:
                asked.add(page)
            known.add(link)
            waiting.append(link)
            if not page.startswith("/api") and (twin := f"/api{link}".rstrip("/")) not in known:
                known.add(twin)
                waiting.append(twin)
