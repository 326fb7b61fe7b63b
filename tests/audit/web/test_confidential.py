"""Confidential: a figure that is not for anybody is in nothing that the public can reach."""

from __future__ import annotations

import html as markup
import io
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import polars as pl
from fastapi.testclient import TestClient

from tests.audit.web.made_told import SECRETS, Told
from tests.audit.web.test_pages import client

_LINK = re.compile(r'(?:href|src|action)="(/[^"#]*)')
_OTHERS = re.compile(r"/organisations/(?!bolton|walsall)")
KINDS = (
    "/figures/PAF:A1",
    "/indicators/PAF:A1",
    "/events/",
    "/files/",
    "/ratings.parquet",
    "/proof.json",
    ".svg",
)


def test_a_confidential_figure_is_in_nothing_that_the_public_can_reach(told: Told) -> None:
    seen = dict(crawled(client(told.settings, "public")))
    for kind in KINDS:
        assert any(kind in path for path in seen), kind
    assert any(f"/api/snapshots/{told.may}/organisations/bolton" in path for path in seen)
    for path, text in seen.items():
        found = [secret for secret in SECRETS if secret in text]
        assert not found, f"{path} says {found}"


def test_who_works_here_sees_the_same_figure_where_the_public_does_not(told: Told) -> None:
    path = f"/snapshots/{told.july}/organisations/bolton/figures/PAF:A1"
    inside, anybody = client(told.settings).get(path).text, client(told.settings, "public").get(path).text
    assert all(secret in inside for secret in ("7,351,947", "7,352,323", "29.69"))
    assert "Withheld: confidential" in anybody


def crawled(reader: TestClient) -> Iterator[tuple[str, str]]:
    """Every address that is reached from the first page by links, pictures and forms, and what it says.

    Of the many organisations, two: Bolton with a secret, and Walsall without.
    """
    waiting, known = ["/"], {"/"}
    while waiting:
        path = waiting.pop()
        answer = reader.get(path)
        assert answer.status_code < 500, path
        content = answer.content
        parquet = answer.headers["Content-Type"] == "application/vnd.apache.parquet"
        text = pl.read_parquet(io.BytesIO(content)).write_csv() if parquet else answer.text
        yield path, text
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        for link in map(markup.unescape, _LINK.findall(text)):
            address = urlsplit(link)
            for each in (link, f"/api{address.path}".rstrip("/")):
                if each not in known and not _OTHERS.search(each) and not each.startswith("/api/api"):
                    known.add(each)
                    waiting.append(each)
