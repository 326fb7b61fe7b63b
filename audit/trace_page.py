"""Trace page: a trace, or a trace back, as one HTML page that needs nothing else.

Here: what the templates are given beside the trace. They are in audit/templates, one for each direction.
Not here: finding the steps (trace.py, trace_back.py), the pages of a server (web).

A page holds no script and loads nothing; every text of a source is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from audit.trace_lines import counted, day_of, decided, number_of, part_title, visible, why


def page(found: dict[str, Any]) -> str:
    """The page of what `trace`, `resting_on_file` or `resting_on_event` gives."""
    back = "organisation" not in found
    template = _environment().get_template("trace_back.html" if back else "trace.html")
    return template.render(found if back else found | {"trace": found, "files": list(_files(found))})


def _moment(time: str | None) -> str:
    """A time to the second; those who need more find it in the JSON."""
    return re.sub(r"\.\d+", "", day_of(time))


def render(template: str, values: dict[str, Any]) -> str:
    """Another page in the manner of the traces, from a template beside theirs."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("audit"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda value: "" if value is None else number_of(value),
        "day": _moment,
        "visible": visible,
        "words": lambda text: (text or "").replace("_", " "),
    }
    environment.globals |= {
        "counted": counted,
        "decided": decided,
        "part_title": part_title,
        "why": lambda trace: list(why(trace)),
    }
    return environment


def _sources(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every source that a trace names, in the order of the page."""
    for fact in (found["published"], found["decision"]):
        if fact:
            yield fact["source"]
    for judgement in found["judgements"]:
        for fact in (judgement["event"], judgement["decision"]):
            if fact:
                yield fact["source"]
    for figure in found["figures"]:
        if figure["source"]:
            yield figure["source"]
        for version in figure["history"] or []:
            yield version["source"]
    for item in found["evidence"]:
        yield item["source"]


def _files(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every file that a trace leads to, once, with the batches that were read from it."""
    files: dict[str, dict[str, Any]] = {}
    for source in _sources(found):
        if source["file"] is None:
            continue
        file = files.setdefault(source["file"]["sha256"], source["file"] | {"batches": {}})
        file["batches"][source["batch"]["id"]] = source["batch"]
    for file in sorted(files.values(), key=lambda each: min(each["batches"])):
        yield file | {"batches": [file["batches"][number] for number in sorted(file["batches"])]}
