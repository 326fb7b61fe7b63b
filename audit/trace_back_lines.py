"""Trace back lines: what rests on a file or an event in sentences, for people.

Here: what each step says, and how deep it stands in the tree.
Not here: finding the steps (trace_back.py), the other direction (trace_lines.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit.trace_lines import Line, counted, day_of, number_of, source_lines, visible

_NAMED = 5  # as many ways from a file to one star are named


def lines_back(found: dict[str, Any]) -> list[Line]:
    """A trace back as (depth, sentence) pairs, in the order to be shown; each sentence is one line."""
    head = _file(found["file"]) if found["file"] else _event(found["event"])
    told = [*head, *(line for each in found["snapshots"] for line in _snapshot(each))]
    if not any(each["stars"] for each in found["snapshots"]):
        told.append((1, "no star of any snapshot here rests on it"))
    return [(depth, visible(sentence)) for depth, sentence in told]


def _file(file: dict[str, Any]) -> Iterator[Line]:
    yield 0, f"file {', '.join(file['names'])}, SHA-256 {file['sha256']}"
    yield 1, f"{file['byte_size']:,} bytes, landed {day_of(file['landed_at'])}"
    for batch in file["releases"]:
        outcome = (
            "refused"
            if batch["kind"] == "rejected"
            else f"{counted(batch['read'], 'row')} read, {batch['counts'].get('quarantined', 0)} quarantined"
        )
        voided = f", voided by batch {batch['voided_by']}" if batch["voided_by"] else ""
        yield (
            1,
            f"batch {batch['id']} of {batch['collection']}: published {day_of(batch['published_at'])} "
            f"({batch['published_basis']}), received {day_of(batch['received_at'])} from "
            f"{batch['supplier'] or 'an unnamed supplier'}, {outcome}{voided}",
        )


def _event(event: dict[str, Any]) -> Iterator[Line]:
    about = ", ".join(filter(None, [event["indicator"], event["organisation"], event["period"]]))
    value = "" if event["value"] is None else f": {number_of(event['value'])}"
    yield 0, f"event {event['position']}, {event['type'].replace('_', ' ')} of {about or 'the log'}{value}"
    yield from source_lines(1, event["position"], event["source"], set())


def _snapshot(snapshot: dict[str, Any]) -> Iterator[Line]:
    if not snapshot["stars"]:
        return
    invented = ", SIMULATED" if snapshot["simulated"] else ""
    rated = counted(len(snapshot["stars"]), "organisation")
    yield 1, f"snapshot {snapshot['id']}{invented}: {rated} with a rating that rests on it"
    if snapshot["edges"]:
        yield (
            2,
            "bands are quantiles: these figures set the edges of everybody's bands, not only of those below",
        )
    for star in snapshot["stars"]:
        yield 2, f"{star['name']}: {_star(star)}, through {_ways(star['through'])}"


def _star(star: dict[str, Any]) -> str:
    if star["star"] is not None:
        return counted(star["star"], "star")
    return (star["rating_status"] or "bands without a star").replace("_", " ")


def _ways(through: list[dict[str, Any]]) -> str:
    """What leads from the file to the star: each figure once, whatever parts it counts for."""
    named = list(dict.fromkeys(way["indicator"] or f"the judgement {way['part']}" for way in through))
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {more} more" if more > 0 else "")
