"""Addresses: where each page is.

Here: from the parts of an address to a link, on a server or between the files of a folder.
Not here: which pages there are (app.py).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

Address = Callable[..., str]
_PLAIN = ":()+,"  # signs that stand in codes of indicators and mean nothing in a path
_FILES = (".css", ".csv", ".json", ".parquet", ".svg", "checkpoint")


def on_server(root: str = "") -> Address:
    """Links from the root of the server, or from where a proxy mounts it."""

    def address(*parts: object, **query: Any) -> str:
        return root + _path(parts) + _asked(query)

    return address


def file_of(address: str) -> str:
    """The file of a folder that holds what is at an address of a server mounted at the root.

    A page is the `index.html` of a folder of its own, and its twin an `index.json`; a query stands in the
    name of the file.
    """
    path, _, query = address.partition("?")
    parts = [_name(unquote(part)) for part in path.split("/") if part]
    asked = [_name(f"{name}-{value}") for name, value in parse_qsl(query)]
    if parts and parts[-1].endswith(_FILES):
        *stem, end = parts.pop().split(".")
        return "/".join([*parts, ".".join([*stem, *asked, end])])
    end = "json" if parts[:1] == ["api"] else "html"
    return "/".join([*parts, ".".join(asked or ["index"]) + "." + end])


def to_file(address: str, at: str) -> str:
    """The link from a file to the file that holds what is at an address."""
    return posixpath.relpath(file_of(address), posixpath.dirname(at) or ".")


def _name(text: str) -> str:
    """A text as the name of a file on any system, and in a link: `~` and two digits for an unsafe sign."""
    return quote(text, safe="").replace("~", "%7E").replace("%", "~")


def _path(parts: tuple[object, ...]) -> str:
    """The path of an address: each part quoted, so that none can leave its place."""
    return "/" + "/".join(quote(str(part), safe=_PLAIN) for part in parts)


def _asked(query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return "?" + urlencode(given) if given else ""
