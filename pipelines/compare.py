"""Compare: the inputs of two snapshots read back from the log, and the difference between their outcomes.

Here: the inputs of a snapshot read back, and the comparison as plain values.
Not here: the split by cause (audit/diff.py), finding a version of a method (method_versions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing import TimeoutError as MultiprocessingTimeoutError
from multiprocessing import get_context
from typing import Any

import polars as pl

from audit.diff import CAUSES, Difference, Side, difference
from audit.method_versions import built_with
from pipelines.changes import between
from pipelines.inputs import Inputs, read_inputs
from pipelines.settings import Settings
from ratings.catalogue import Organisation, load_catalogue
from ratings.errors import SnapshotError
from warehouse.event_log import Ledger
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import SnapshotRef, snapshot

_QUERY_SECONDS = 30.0
_WORDS = (
    "before_snapshot", "after_snapshot", "outcome", "organisation", "name", "indicator", "cause",
    "status_before", "status_after",
)  # fmt: skip
_PARTS = {
    name: pl.String if name in _WORDS else pl.Int64
    for name in (
        "before_snapshot", "after_snapshot", "outcome", "organisation", "name", "indicator", "before",
        "after", "cause", "part_before", "part_after", "change", "status_before", "status_after", "own",
    )
}  # fmt: skip


def compare(settings: Settings, before: str, after: str, reading: Ledger | None = None) -> dict[str, Any]:
    """Why the outcomes of two snapshots differ.

    Args:
        settings: where the log and the snapshots are.
        before: id of the first snapshot.
        after: id of the second.
        reading: the ledger opened for reading only; by default it is opened here.

    Returns:
        Plain values: `before`, `after`, `order` (the causes as they were applied), what `as_dict` says of the
        difference, and `tables` and `made_from` of `changes.since`: rows that say something else.

    Raises:
        MethodError: the method that one was built with is neither installed nor in the log.
        NotFoundError: there is no such snapshot.
        SnapshotError: one was built from another log.
    """
    ledger = reading or settings.ledger()
    sides = [_side(settings, ledger, identifier) for identifier in (before, after)]
    names = {**sides[0].catalogue.organisations, **sides[1].catalogue.organisations}
    said = between(*(snapshot(settings.snapshots, identifier) for identifier in (before, after)))
    return (
        {"before": before, "after": after, "order": list(CAUSES)}
        | as_dict(difference(*sides), names)
        | {"tables": said["tables"], "made_from": said["made_from"]}
    )


def compare_apart(settings: Settings, before: str, after: str, *, seconds: float = 60.0) -> dict[str, Any]:
    """What `compare` gives, worked out in a process of its own that only reads the ledger.

    A server keeps neither the memory that it takes nor the processor; a comparison that takes too long is
    broken off.

    Args:
        settings: where the log and the snapshots are.
        before: id of the first snapshot.
        after: id of the second.
        seconds: how long it may take.

    Raises:
        MethodError: the method that one was built with is neither installed nor in the log.
        NotFoundError: there is no such snapshot.
        SnapshotError: one was built from another log, or it took too long.
    """
    with get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply_async(_compare_reading, (settings, before, after)).get(seconds)
        except MultiprocessingTimeoutError:
            raise SnapshotError(
                f"to compare them takes longer than {seconds:g} seconds",
                hint=f"run `starledger snapshots diff {before} {after}`",
            ) from None


def _compare_reading(settings: Settings, before: str, after: str) -> dict[str, Any]:
    return compare(settings, before, after, settings.reading_ledger(_QUERY_SECONDS))


def as_frame(found: Mapping[str, Any]) -> pl.DataFrame:
    """What `compare` found as a table: a row for each part of each change, in the order of causes.

    Returns:
        `before_snapshot`, `after_snapshot`, `outcome` (star or band), `organisation`, `name`, `indicator`
        (null for stars), `before` and `after` of the change, `cause`, and of the part `part_before`,
        `part_after`, `change`, `status_before`, `status_after` and `own`.
    """
    rows = [
        (
            found["before"], found["after"], found["outcome"], change["organisation"], change["name"],
            change["indicator"], change["before"], change["after"], part["cause"], part["before"],
            part["after"], part["change"], part["status_before"], part["status_after"], part["own"],
        )
        for change in found["changes"]
        for part in change["parts"]
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_PARTS, orient="row")


def as_dict(found: Difference, names: Mapping[str, Organisation]) -> dict[str, Any]:
    """A difference as plain values: `outcome`, `compared`, `rows`, `totals` by cause, `changes` by parts."""
    totals = {cause: {"up": 0, "down": 0, "other": 0} for cause in CAUSES}
    changes = []
    for change in found.changes:
        for part in change.parts:
            step = part.change
            totals[part.cause]["up" if step and step > 0 else "down" if step and step < 0 else "other"] += 1
        changes.append(
            {
                "organisation": change.organisation,
                "name": names[change.organisation].name,
                "indicator": change.indicator,
                "before": change.before,
                "after": change.after,
                "parts": [
                    {
                        "cause": part.cause,
                        "before": part.before,
                        "after": part.after,
                        "change": part.change,
                        "status_before": part.status_before,
                        "status_after": part.status_after,
                        "own": part.own,
                    }
                    for part in change.parts
                ],
            }
        )
    return {
        "outcome": found.outcome,
        "compared": found.compared,
        "rows": dict(found.rows),
        "totals": totals,
        "changes": changes,
    }


def side_of(inputs: Inputs, option: str | None) -> Side:
    """The inputs of a rating as the comparison takes them."""
    return Side(
        method=inputs.method,
        option=option,
        round=inputs.round,
        at_us=inputs.as_published,
        organisations=inputs.organisations,
        figures=inputs.figures,
        judgements=inputs.judgements,
        decisions=inputs.decisions,
        catalogue=inputs.catalogue,
    )


def _side(settings: Settings, ledger: Ledger, identifier: str) -> Side:
    found = snapshot(settings.snapshots, identifier)
    return side_of(inputs_of(ledger, found), found.manifest["method"]["option"])


def inputs_of(ledger: Ledger, found: SnapshotRef) -> Inputs:
    """What a snapshot was made from, read back from the log it was built from.

    Raises:
        MethodError: the method it was built with is neither installed nor in the log.
        SnapshotError: it was built from another log.
    """
    said = found.manifest
    if said["ledger"]["origin"] != ledger.origin:
        raise SnapshotError(
            f"{found.id} was built from another log than the one given",
            hint="name its own ledger with --warehouse or --database-url",
        )
    return read_inputs(
        ledger,
        built_with(ledger, said["method"]["id"], said["method"]["sha256"]),
        load_catalogue(),
        as_published=microseconds(said["as_published"]),
        as_recorded=said["as_recorded"],
        simulated=said["simulated"],
        round=said["method"]["round"],
    )
