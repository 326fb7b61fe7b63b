"""Render: a page's value as HTML.

Here: the templates and what they may call; everything a page says is escaped.
Not here: what a page says (pages/), addresses (addresses.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit.web.addresses import Address
from audit.web.pages.about import period_id

_STATES = {
    "fresh": "Up to date",
    "due": "Due",
    "out_of_date": "Out of date",
    "missing": "Missing",
    "discontinued": "Discontinued",
}
_CAUSES = {
    "reorganisation": "Reorganisation",
    "definition": "Figures redefined",
    "withdrawal": "Figures withdrawn",
    "revision": "Figures revised",
    "fresh_data": "Figures newly known",
    "went_stale": "Figures gone out of date",
    "judgement": "Judgements",
    "method": "Method",
    "decision": "Decision",
}
_QUESTIONS = {
    "no_judgement": "No judgement",
    "star_deciding": "Decides the star",
    "contradicted": "Contradicted by evidence",
    "overdue": "Overdue",
    "missing": "Missing",
    "dubious": "Dubious indicator",
    "unanswered": "Asked, not settled",
}


def html(template: str, value: Any, address: Address, path: str, reader: Mapping[str, Any]) -> str:
    """A page.

    Args:
        template: name of its template.
        value: what it says.
        address: makes its links.
        path: its own path.
        reader: `audience`, `user` (who signed in), `query` (what the page was asked), `foot` (words for the
            foot of the page; none where it is absent).
    """
    found = _environment().get_template(template)
    return found.render(page=value, url=address, path=path, reader=reader)


def prepare(template: str) -> None:
    """Read a template now, so that the first reader of its page need not wait for that."""
    _environment().get_template(template)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("audit.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "exact": exact,
        "day": day,
        "time": time,
        "stars": stars,
        "spaced": spaced,
        "plural": plural,
        "state": lambda state: _STATES.get(state, spaced(state)),
        "question": lambda kind: _QUESTIONS.get(kind, spaced(kind)),
        "cause": lambda name: _CAUSES.get(name, spaced(name)),
        "period_id": period_id,
    }
    return environment


def number(value: float | None, decimals: int = 2) -> str:
    """A number as people read it: thousands apart, no zeros that say nothing."""
    if value is None:
        return "none"
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(value: float | None) -> str:
    """A number as it is kept."""
    return "none" if value is None else f"{value:.17g}" if value != round(value, 10) else f"{value:.12g}"


def day(value: date | datetime | None) -> str:
    """A day in words."""
    return "not known" if value is None else f"{value.day} {value:%B %Y}"


def time(value: datetime | None) -> str:
    """A time in words, UTC; a bare day where it is midnight, as most publishers state no more."""
    if value is None:
        return "not known"
    return (
        day(value)
        if (value.hour, value.minute, value.second) == (0, 0, 0)
        else (f"{day(value)}, {value:%H:%M} UTC")
    )


def stars(value: int | None) -> str:
    """A number of stars in words."""
    return "No star" if value is None else "1 star" if value == 1 else f"{value} stars"


def spaced(name: str) -> str:
    """A name of ours as words."""
    return name.replace("_", " ")


def plural(count: int, noun: str, several: str | None = None) -> str:
    """A count and its noun; with its form for several, where that is not the noun and an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"
