"""Addresses: where each page is, on a server and in a folder of files.

Here: one function from the parts of an address to a link, for each of the two.
Not here: which pages there are (app.py), writing the files (export.py).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

Address = Callable[..., str]
_PLAIN = ":()+,"  # signs that stand in codes of indicators and mean nothing in a path


def on_server(root: str = "") -> Address:
    """Links from the root of the server, or from where a proxy mounts it."""

    def address(*parts: object, **query: Any) -> str:
        return root + path_of(parts) + _asked(query)

    return address


def in_folder(here: str) -> Address:
    """Links from one file to others of the same folder; what a file cannot answer is left out.

    Args:
        here: path of the page that holds the links, as `path_of` gives it.
    """

    def address(*parts: object, **query: Any) -> str:
        start = posixpath.dirname(file_of(here))
        return quote(posixpath.relpath(file_of(path_of(parts)), start or "."), safe="/~.-_" + "()+,")

    return address


def path_of(parts: tuple[object, ...]) -> str:
    """The path of an address: each part quoted, so that none can leave its place."""
    return "/" + "/".join(quote(str(part), safe=_PLAIN) for part in parts)


def file_of(path: str) -> str:
    """The file that holds a page: a folder each; some signs cannot stand in a name."""
    from urllib.parse import unquote

    parts = [unquote(part) for part in path.strip("/").split("/") if part]
    data = parts[:1] == ["api"]
    named = [part.translate(_NAMES) for part in (parts[1:] if data else parts)]
    if named and named[-1].rpartition(".")[2] in ("svg", "css", "json", "csv", "parquet"):
        return "/".join(named)
    return "/".join([*named, "index.json" if data else "index.html"])


_NAMES = str.maketrans({sign: "~" for sign in '<>:"|?*\\/ '})


def _asked(query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return "?" + urlencode(given) if given else ""
