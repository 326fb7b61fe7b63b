"""Site: the pages of an archive as files of a folder, to be kept without any server.

Here: following the links from the first page on, and turning each into one between files.
Not here: what a page says (pages/), where the files are put (pipelines/site.py).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from audit.web.addresses import file_of, to_file
from audit.web.pages.about import MOST_ROWS
from ratings.errors import LedgerError

LEFT_OUT = "#left-out"
"""Where a link leads whose page is left out: to the words at the foot of each page that say so."""

_LINK = re.compile(r'\b(href|src)="(/[^"]*)"')
_ROWS = f"rows={MOST_ROWS}"
_ASKED = re.compile(rf"[?&]{_ROWS}$")  # a page repeats to its twin what it was asked
_FORM = re.compile(r"<form\b.*?</form>\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a site: its path from the folder, with forward slashes, and its bytes."""

    path: str
    content: bytes


def site(app: ASGIApp, wanted: Callable[[str], bool]) -> Iterator[File]:
    """Every file that the links of a folder lead to, each once: nearest to the first page first, by address.

    Forms are left out: they ask a server. What a link asks of a page is a file of its own. Lists are as long
    as a server would give them.

    Args:
        app: the pages, mounted at the root, answering to any name.
        wanted: whether the page at a path belongs to the folder; links to others lead to LEFT_OUT.

    Raises:
        LedgerError: something that a link leads to cannot be shown.
    """
    waiting = ["/"]
    seen = {"index.html"}
    with asyncio.Runner() as runner:
        while waiting:
            following: list[str] = []
            for address in waiting:
                path = file_of(address)
                kind, content = runner.run(_get(app, address))
                if kind.startswith("text/html"):
                    text = _FORM.sub("", content.decode())
                    text, links = _between_files(text, path, wanted)
                    content = text.encode()
                    for link in links:
                        if (file := file_of(link)) not in seen:
                            seen.add(file)
                            following.append(link)
                yield File(path, content)
            waiting = sorted(following)  # pages of one organisation together: its rows are in memory


def _between_files(text: str, path: str, wanted: Callable[[str], bool]) -> tuple[str, list[str]]:
    """A page whose links lead to files, and the addresses that they led to."""
    links: list[str] = []

    def turned(found: re.Match[str]) -> str:
        address, hash, heading = unescape(found[2]).partition("#")
        address = _ASKED.sub("", address)
        if not wanted(unquote(address.partition("?")[0])):
            return f'{found[1]}="{LEFT_OUT}"'
        links.append(address)
        return f'{found[1]}="{escape(to_file(address, path) + hash + heading)}"'

    return _LINK.sub(turned, text), links


async def _get(app: ASGIApp, address: str) -> tuple[str, bytes]:
    """The type and the bytes of what stands at an address.

    Raises:
        LedgerError: the answer is anything but good.
    """
    path, _, query = address.partition("?")
    asked = "&".join(filter(None, [query, _ROWS]))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": asked.encode(),
            "headers": [(b"host", b"localhost")],
            "server": ("localhost", 80),
            "client": None,
        },
        receive,
        send,
    )
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    start = next(m for m in sent if m["type"] == "http.response.start")
    if start["status"] != 200:
        raise LedgerError(
            f"the page {address} cannot be written: it is answered with status {start['status']}",
            hint="read why at this address of `starledger serve --audience internal`",
        )
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return headers["content-type"], body
