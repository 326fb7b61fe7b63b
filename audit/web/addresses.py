"""Addresses: where each page is.

Here: from the parts of an address to a link.
Not here: which pages there are (app.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

Address = Callable[..., str]
_PLAIN = ":()+,"  # signs that stand in codes of indicators and mean nothing in a path


def on_server(root: str = "") -> Address:
    """Links from the root of the server, or from where a proxy mounts it."""

    def address(*parts: object, **query: Any) -> str:
        return root + _path(parts) + _asked(query)

    return address


def _path(parts: tuple[object, ...]) -> str:
    """The path of an address: each part quoted, so that none can leave its place."""
    return "/" + "/".join(quote(str(part), safe=_PLAIN) for part in parts)


def _asked(query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return "?" + urlencode(given) if given else ""
