"""Release history: the life of every snapshot, as the log has it.

Here: the steps that were taken, the state that holds at a time, which snapshot is released then, and what
    `latest.json` says after each step. All of it follows from events alone.
Not here: taking a step (publish.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ratings.errors import NotFoundError
from warehouse.event_log import Ledger
from warehouse.event_log import now as present
from warehouse.snapshot_manifest import iso, microseconds

RELEASED, DRAFT = "released", "draft"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in the life of a snapshot.

    Attributes:
        snapshot: its id.
        state: the state it enters.
        at: when that takes effect, microseconds UTC.
        position: of the event in the log.
        actor: who did it.
        reason: why.
    """

    snapshot: str
    state: str
    at: int
    position: int
    actor: str
    reason: str


def history(ledger: Ledger, snapshot_id: str | None = None, *, as_recorded: int | None = None) -> list[Step]:
    """Every step taken, of one snapshot or all, in the order of the log; up to a position, or all."""
    actors = {b.id: b.actor for b in ledger.batches(kind="release", as_recorded=as_recorded)}
    steps = [
        Step(
            snapshot=event["payload"]["snapshot"],
            state=event["payload"]["state"],
            at=microseconds(event["payload"]["at"]),
            position=event["position"],
            actor=actors[event["batch"]],
            reason=event["reason"] or "",
        )
        for event in ledger.events("release", as_recorded=as_recorded)
    ]
    return [step for step in steps if snapshot_id is None or step.snapshot == snapshot_id]


def states(steps: Iterable[Step], at: int) -> dict[str, Step]:
    """The step that holds for each snapshot at a time.

    A step replaces what was planned before it for a later time: holding a snapshot today calls off its
    release of tomorrow.
    """
    plans: dict[str, list[Step]] = {}
    for step in sorted(steps, key=lambda s: s.position):
        plan = plans.setdefault(step.snapshot, [])
        plan[:] = [earlier for earlier in plan if earlier.at <= step.at] + [step]
    begun = {name: [step for step in plan if step.at <= at] for name, plan in plans.items()}
    return {name: plan[-1] for name, plan in begun.items() if plan}


def current(steps: Sequence[Step], at: int) -> Step | None:
    """The release that holds at a time: of all snapshots in state `released`, the one released last."""
    released = [step for step in states(steps, at).values() if step.state == RELEASED]
    return max(released, key=lambda step: (step.at, step.position), default=None)


def state_of(ledger: Ledger, snapshot_id: str, at: int | None = None) -> str:
    """The state of a snapshot at a time (default: now); `draft` before its first step."""
    step = states(history(ledger, snapshot_id), present() if at is None else at).get(snapshot_id)
    return step.state if step else DRAFT


def life(ledger: Ledger, snapshot_id: str | None = None) -> list[dict[str, Any]]:
    """Everything that happened to snapshots, in the order of the log.

    Args:
        ledger: the log.
        snapshot_id: only what happened to this one; `latest` counts the steps of all.

    Returns:
        For each step `snapshot`, `state` (`draft` where it was built), `at` (when it takes effect), `actor`,
        `reason`, `position`, and `latest`: the snapshot that `latest.json` names once the step is in effect,
        if nothing is recorded after it; None for none.

    Raises:
        NotFoundError: nothing is known of that snapshot.
    """
    batches = {b.id: b for b in ledger.batches(kind="snapshot")}
    drafts = [
        Step(
            event["payload"]["id"],
            DRAFT,
            batches[event["batch"]].recorded_at,
            event["position"],
            batches[event["batch"]].actor,
            "",
        )
        for event in ledger.events("snapshot_built")
    ]
    rows, taken = [], list[Step]()
    for step in sorted([*drafts, *history(ledger)], key=lambda s: s.position):
        if step.state != DRAFT:
            taken.append(step)
        holds = current(taken, step.at)
        rows.append(
            {
                "snapshot": step.snapshot,
                "state": step.state,
                "at": iso(step.at),
                "actor": step.actor,
                "reason": step.reason,
                "position": step.position,
                "latest": holds.snapshot if holds else None,
            }
        )
    found = [row for row in rows if snapshot_id in (None, row["snapshot"])]
    if snapshot_id is not None and not found:
        raise NotFoundError(
            f"this log knows no snapshot {snapshot_id!r}", hint="run `starledger snapshots list` to see them"
        )
    return found
