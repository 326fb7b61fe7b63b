"""What if: the same data under another method, another vintage, or with a file before it is accepted.

Here: the inputs as they are and as supposed, and the outcomes that would be others, with the reasons.
Not here: the split by cause (audit/diff.py), what a file would add to the log (ingest.py).

Nothing is written: no event, no snapshot, no landed file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from audit.diff import CAUSES, Side, difference, outcomes, rating_of
from audit.method_versions import method_named
from pipelines.compare import as_dict, side_of
from pipelines.ingest import proposed
from pipelines.inputs import Inputs, read_inputs
from pipelines.rate import start_of_today
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.errors import InputError, MethodError, StarledgerError
from ratings.methods import Method
from warehouse.event_log import Ledger
from warehouse.snapshot_manifest import iso, microseconds


@dataclass(frozen=True, slots=True)
class Supposition:
    """What is supposed to be otherwise; at least one of them.

    Attributes:
        method: another method: `ID`, `ID@VERSION` or a file. None for the same.
        option: star table of that method; None for its own choice, or that of the method as it is.
        as_published: what the sources had put out by then, microseconds UTC. None for the same time.
        file: a file of figures, as if it had been accepted.
        collection: what kind of file it is.
        scope: what the file replaces; None for what its collection says.
    """

    method: str | None = None
    option: str | None = None
    as_published: int | None = None
    file: Path | None = None
    collection: str | None = None
    scope: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _World:
    """One of the two ratings that are compared."""

    side: Side
    says: dict[str, Any]
    notes: tuple[str, ...]


def whatif(
    settings: Settings,
    method: str,
    supposed: Supposition,
    *,
    as_published: int | None = None,
    round: str | None = None,
    option: str | None = None,
    simulated: bool = False,
) -> dict[str, Any]:
    """What would be if.

    Args:
        settings: where the log is.
        method: the method as it is: `ID`, `ID@VERSION` or a file.
        supposed: what is otherwise.
        as_published: what the sources had put out by then, microseconds UTC; default: the start of today.
        round: rating round of recorded judgements; default: the latest known.
        option: star table; default: the method's own choice.
        simulated: the invented councils.

    Returns:
        Plain values: `as_it_is` and `supposed` (method, version, times, option, round, and `stars`: how many
        of each), `notes` (what was assumed), `file` (the report of a dry run, null without one), `order` (the
        causes as they were applied), and what compare.as_dict says of the difference; of stars, each change
        has the `rule_before` and the `rule_after`.

    Raises:
        InputError: nothing is supposed, or the file cannot be tried out.
        MethodError: the method is not in force then, or the two rate different kinds of organisations.
        NotFoundError: there is no such method or version, or nothing is known to rate.
    """
    if (supposed.file is None) != (supposed.collection is None):
        raise InputError("a file and its collection go together", hint="give --file F and --collection C")
    if supposed.scope is not None and supposed.file is None:
        raise InputError("a scope is of a file", hint="give --file F and --collection C with --scope")
    if supposed == Supposition():
        raise InputError(
            "nothing is supposed to be otherwise",
            hint="give --against METHOD, --against-option O, --vintage TIME, or --file F with --collection C",
        )
    ledger = settings.ledger()
    at = start_of_today() if as_published is None else as_published
    then = at if supposed.as_published is None else supposed.as_published
    report, events = None, None
    if supposed.file is not None and supposed.collection is not None:
        report, events = proposed(
            settings, supposed.file, supposed.collection, published_at=then, scope=supposed.scope
        )
    one = _world(ledger, method_named(ledger, method), at, round, option, simulated)
    another = one.side.method if supposed.method is None else method_named(ledger, supposed.method)
    same = another.id == one.side.method.id
    other = _world(
        ledger,
        another,
        then,
        round if same else None,
        supposed.option or (option if supposed.method is None else None),
        simulated,
        as_if=True,
        events=events,
    )
    bodies = [set(world.side.organisations["id"]) for world in (one, other)]
    if not bodies[0] & bodies[1]:
        raise MethodError(
            f"{another.id} rates none of the organisations that {one.side.method.id} rates",
            file=another.file,
            hint="compare methods for the same kind of organisation: starledger methods show",
        )
    found = difference(one.side, other.side)
    unheard = []
    if report is not None and not any(found.rows.values()):
        until = f", as known on the day of its round {other.side.round}" if other.side.round else ""
        unheard = [f"the file changes no figure that {another.id} looks at{until}"]
    said = as_dict(found, {**one.side.catalogue.organisations, **other.side.catalogue.organisations})
    if found.outcome == "star":
        rules = [_rules(world.side) for world in (one, other)]
        for change in said["changes"]:
            change["rule_before"] = rules[0].get(change["organisation"])
            change["rule_after"] = rules[1].get(change["organisation"])
    return {
        "as_it_is": one.says,
        "supposed": other.says,
        "notes": [*one.notes, *other.notes, *unheard],
        "file": None if report is None else report.counts() | {"file": report.file},
        "order": list(CAUSES),
        **said,
    }


def matrix(
    settings: Settings,
    methods: Sequence[str],
    times: Sequence[int],
    *,
    simulated: bool = False,
) -> dict[str, Any]:
    """Every method on every vintage.

    Args:
        settings: where the log is.
        methods: each `ID`, `ID@VERSION` or a file.
        times: what the sources had put out by then, microseconds UTC.
        simulated: the invented councils.

    Returns:
        `cells`: one for each method and time with `method`, `version`, `as_published`, `stars` (how many of
        each), `rated`, `up` and `down` (outcomes above and below those of the first cell), `other` (outcomes
        that only one of the two has), and `problem` where that method cannot be applied then; and `notes`.

    Raises:
        InputError: some of the methods give stars and others do not.
        NotFoundError: there is no such method or version.
    """
    ledger = settings.ledger()
    cells: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    first: dict[tuple[str, ...], int | None] | None = None
    chosen = [method_named(ledger, name) for name in methods]
    if len({method.stars for method in chosen}) > 1:
        raise InputError(
            "some of these methods give stars and others do not", hint="compare those that give the same"
        )
    for method in chosen:
        for at in times:
            cell: dict[str, Any] = {"method": method.id, "version": method.version, "as_published": iso(at)}
            try:
                world = _world(ledger, method, at, None, None, simulated, as_if=True)
            except StarledgerError as error:
                cells.append(cell | {"problem": str(error)})
                continue
            notes |= dict.fromkeys(world.notes)
            kind = "star" if method.stars else "band"
            values = {key: value for key, (value, _) in outcomes(world.side, kind).items()}
            first = values if first is None else first
            both = [(first[key], values[key]) for key in first.keys() & values.keys()]
            pairs = [(a, b) for a, b in both if a is not None and b is not None]
            cells.append(
                cell
                | {
                    "stars": _counted(values.values()),
                    "rated": sum(value is not None for value in values.values()),
                    "up": sum(b > a for a, b in pairs),
                    "down": sum(b < a for a, b in pairs),
                    "other": len(first.keys() ^ values.keys())
                    + sum((a is None) != (b is None) for a, b in both),
                    "problem": None,
                }
            )
    return {"cells": cells, "notes": list(notes)}


def _world(
    ledger: Ledger,
    method: Method,
    at: int,
    round: str | None,
    option: str | None,
    simulated: bool,
    *,
    as_if: bool = False,
    events: pl.DataFrame | None = None,
) -> _World:
    """A rating that can be compared; `as_if` its method were in force."""
    inputs = read_inputs(
        ledger,
        method,
        load_catalogue(),
        as_published=at,
        as_recorded=ledger.head().position,
        simulated=simulated,
        round=round,
        proposed=events,
    )
    side = side_of(inputs, option)
    notes = []
    if as_if:
        day = _in_force(method, inputs.day)
        if day != inputs.day:
            side = replace(side, at_us=microseconds(day.isoformat()))
            notes.append(
                f"{method.id} {method.version} is not in force on {inputs.day}: applied as it is on {day}"
            )
    kind = "star" if method.stars else "band"
    values = [value for value, _ in outcomes(side, kind).values()]
    return _World(side, _says(inputs, side, values), tuple(notes))


def _says(inputs: Inputs, side: Side, values: Sequence[int | None]) -> dict[str, Any]:
    method = inputs.method
    return {
        "method": method.id,
        "version": method.version,
        "status": method.status,
        "as_published": iso(inputs.as_published),
        "as_recorded": inputs.as_recorded,
        "option": (side.option or method.default_option) if method.stars else None,
        "round": inputs.round,
        "stars": _counted(values),
    }


def _counted(values: Any) -> dict[str, int]:
    """How many of each outcome, none last."""
    counts = Counter(values)
    known = sorted(value for value in counts if value is not None)
    return {str(value): counts[value] for value in known} | ({"none": counts[None]} if None in counts else {})


def _rules(side: Side) -> dict[str, str]:
    """The rule that bound each star."""
    return dict(rating_of(side).stars.select("organisation", "rule").iter_rows())


def _in_force(method: Method, day: date) -> date:
    """The nearest day to apply this version on; recorded judgements bring the day of their round."""
    last = date.max if method.recorded else method.effective_to or date.max
    return min(max(day, method.effective_from), last)
