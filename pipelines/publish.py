"""Publish: the life of a snapshot after it was built.

Here: releasing, holding, withdrawing and so on as events of their own, and `latest.json`, which says what is
    released now and follows from those events alone.
Not here: building a snapshot (rate.py), its files (warehouse/snapshots.py), which state holds when
    (warehouse/release_history.py).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from pipelines.definitions import blank_event, signed
from pipelines.replay import require_same
from pipelines.settings import Settings, publish_url
from pipelines.snapshot_checks import require_sound
from ratings.errors import InputError, MethodError, NotFoundError, SnapshotError, StarledgerError
from warehouse.batches import Batch
from warehouse.event_log import ConflictError, Ledger, event_frame
from warehouse.event_log import now as present
from warehouse.object_store import latest_in, move_latest_in, open_store, put_snapshot
from warehouse.release_history import RELEASED, Step, current, history, states
from warehouse.snapshot_manifest import iso
from warehouse.snapshots import SnapshotRef, latest, move_latest, snapshot

STATES = ("preview", "approved", RELEASED, "held", "superseded", "withdrawn")
_SHOWN = ("preview", "approved", RELEASED)
_AFTER_RELEASE = ("superseded", "withdrawn")
_LOCK = ".release-lock"
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Release:
    """What a release led to.

    Attributes:
        step: the step taken.
        latest: the id that `latest.json` names now, if any.
        embargoed: whether the step takes effect only later.
    """

    step: Step
    latest: str | None
    embargoed: bool


def release(
    settings: Settings,
    snapshot_id: str,
    *,
    state: str = RELEASED,
    at: int | None = None,
    reason: str,
    now: int | None = None,
) -> Release:
    """Let a snapshot enter a state, and let `latest.json` follow.

    One release at a time: a second waits until the first has moved `latest.json`. A snapshot is released only
    if its log gives it a second time: every table with the same digest.

    Args:
        settings: where, and who does it.
        snapshot_id: the snapshot.
        state: one of STATES.
        at: when it takes effect, microseconds UTC, not in the past; by default now. A later time is an
            embargo: `latest.json` does not move before it, and `settle` moves it then.
        reason: why.
        now: the present, microseconds UTC; by default the clock's.

    Returns:
        The step taken, and what is released now.

    Raises:
        ConflictError: others append to the log faster than this step can be checked.
        MethodError: the method is illustrative and can never be released.
        NotFoundError: there is no such snapshot.
        SnapshotError: the state is unknown or does not follow on the present one, there is no reason, the
            time is past, the snapshot is not what the log says was built, or a second build differs.
    """
    if state not in STATES:
        raise SnapshotError(
            f"{state!r} is not a state of a snapshot", hint=f"choose one of {', '.join(STATES)}"
        )
    if not reason.strip():
        raise SnapshotError("a release needs a reason", hint="say why: --reason TEXT")
    ledger = settings.ledger()
    with _alone(settings):
        # Within the lock, so that times follow one another as the positions do.
        moment = present() if now is None else now
        if at is not None and at < moment:
            raise SnapshotError(
                f"a release cannot take effect in the past ({iso(at)})",
                hint="leave --at out, or give a time to come",
            )
        with suppress(StarledgerError):
            _settle(settings, moment)  # what a crash left undone; its troubles must not stop a withdrawal
        effective = moment if at is None else at
        step = Step(snapshot_id, state, effective, 0, settings.actor, reason)
        appended = _append(settings, ledger, step, moment)
        step = replace(step, position=appended.first_position)
        return Release(step, _settle(settings, moment), embargoed=effective > moment)


def _append(settings: Settings, ledger: Ledger, step: Step, moment: int) -> Batch:
    """Record a step that may be taken, as the log stands; where it has grown meanwhile, look again."""
    seen = False
    for attempt in range(1, _ATTEMPTS + 1):
        head = ledger.head()
        built = _built(settings, ledger, step.snapshot)
        _admit(ledger, built, step.state, moment)
        if step.state in _SHOWN and not seen:
            _require_as_built(settings, built, snapshot(settings.snapshots, step.snapshot))
            if step.state == RELEASED:
                require_same(settings, step.snapshot)
            seen = True
        payload = {"snapshot": step.snapshot, "state": step.state, "at": iso(step.at)}
        event = blank_event("release", payload, reason=step.reason)
        batch = signed(settings, "release", "", step.reason, simulated=built["simulated"])
        try:
            return ledger.append(batch, event_frame([event]), expected_position=head.position)
        except ConflictError:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Wait until nobody else releases into this directory; a process that dies lets go of the lock.

    Raises:
        SnapshotError: the lock file cannot be opened.
    """
    path = settings.snapshots / _LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SnapshotError(
            f"cannot be opened: {error.strerror}", file=str(path), hint="make the directory writable"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def settle(settings: Settings, *, now: int | None = None) -> str | None:
    """Let `latest.json` say what the log says is released now; embargoes that ended are thereby lifted.

    Returns:
        The id of the snapshot released now, None where there is none.

    Raises:
        SnapshotError: the snapshot that should be latest is not whole, or the file cannot be moved.
    """
    settings.ledger()  # a directory mistyped is an error, not a new directory
    with _alone(settings):
        return _settle(settings, present() if now is None else now)


def unsettled(settings: Settings, *, now: int | None = None) -> Step | None:
    """The step that `latest.json` does not follow yet, as when an embargo ended; None where it does.

    Raises:
        LedgerError: there is no ledger.
    """
    moment = present() if now is None else now
    steps = history(settings.ledger())
    step = current(steps, moment)
    try:
        named = latest(settings.snapshots)
    except SnapshotError:
        named = {}
    if (named or {}).get("id") == (step.snapshot if step else None) and named != {}:
        return None
    return step or max((s for s in steps if s.at <= moment), key=lambda s: s.position, default=None)


def released_or_newest(settings: Settings) -> str:
    """The id of the snapshot released now, else of the one built last.

    Raises:
        NotFoundError: there is none.
    """
    ledger = settings.ledger()
    if step := current(history(ledger), present()):
        return step.snapshot
    built = ledger.events("snapshot_built")
    if not built:
        raise NotFoundError("there is no snapshot yet", hint="build one: starledger rate --method METHOD")
    return str(built[-1]["payload"]["id"])


def _settle(settings: Settings, moment: int) -> str | None:
    named = _settle_here(settings, moment)
    if url := publish_url():
        mirror(settings, url)
    return named


def mirror(settings: Settings, url: str) -> None:
    """Let the store at a URL have the snapshot that is released now, and its `latest.json` name it.

    Raises:
        SnapshotError: it is no place for snapshots, or the store refuses; what was released stays so.
    """
    content = latest(settings.snapshots)
    try:
        store = open_store(url)
        if latest_in(store) != content:
            if content is not None:
                put_snapshot(store, snapshot(settings.snapshots, content["id"]))
            move_latest_in(store, content)
    except (InputError, SnapshotError) as error:
        raise SnapshotError(
            f"{error.message}; here latest.json names {content['id'] if content else 'nothing'}",
            file=error.file,
            hint="put STARLEDGER_PUBLISH_TO right or wait until the store answers, then run "
            "`starledger snapshots settle`",
        ) from error


def _settle_here(settings: Settings, moment: int) -> str | None:
    ledger = settings.ledger()
    step = current(history(ledger), moment)
    try:
        before = latest(settings.snapshots)
    except SnapshotError:
        before = {}  # unreadable: whatever it said is written anew
    if step is None:
        if before is not None:
            move_latest(settings.snapshots, None)
        return None
    try:
        found = snapshot(settings.snapshots, step.snapshot)
        content = _latest_content(found, step)
        if before != content:
            _require_as_built(settings, _built(settings, ledger, step.snapshot), found)
            move_latest(settings.snapshots, content)
    except (NotFoundError, SnapshotError):
        if before is not None and before.get("id") != step.snapshot:
            move_latest(settings.snapshots, None)  # rather nothing than what is no longer released
        raise
    return step.snapshot


def _built(settings: Settings, ledger: Ledger, snapshot_id: str) -> dict[str, Any]:
    """What the log says was built under this id.

    Raises:
        NotFoundError: there is no such snapshot.
        SnapshotError: there is, but this log did not build it.
    """
    built = [e["payload"] for e in ledger.events("snapshot_built") if e["payload"]["id"] == snapshot_id]
    if built:
        return dict(built[-1])
    snapshot(settings.snapshots, snapshot_id)
    raise SnapshotError(
        f"this ledger did not build {snapshot_id}",
        hint="build it here (starledger rate), or name its own ledger with --database-url",
    )


def _admit(ledger: Ledger, built: Mapping[str, Any], state: str, moment: int) -> None:
    """Refuse a step that may not be taken."""
    steps = history(ledger, built["id"])
    holds = states(steps, moment).get(built["id"])
    if state in ("approved", RELEASED) and built["status"] == "illustrative":
        raise MethodError(
            f"{built['method']} is illustrative: its snapshots can be built but never released",
            hint="rate with a method that is not: starledger methods list",
        )
    if state in ("approved", RELEASED) and built["simulated"]:
        raise SnapshotError(
            f"{built['id']} rests on simulated figures: it can be built but never released",
            hint="rate real figures: leave --simulated out",
        )
    if state in _AFTER_RELEASE and not any(step.state == RELEASED for step in steps):
        raise SnapshotError(
            f"{built['id']} was never released, so it cannot be {state}",
            hint="a draft can stay as it is; to stop it from being released, hold it",
        )
    if holds is not None and holds.state == state and steps[-1] == holds:
        raise SnapshotError(
            f"{built['id']} is {state} already, since {iso(holds.at)}",
            hint=f"see its life: starledger snapshots history {built['id']}",
        )


def _require_as_built(settings: Settings, built: Mapping[str, Any], found: SnapshotRef) -> None:
    """Refuse a snapshot that does not hold, or is not, byte for byte, what the log says was built."""
    require_sound(settings, found)
    if built["manifest_sha256"] != found.manifest_sha256:
        raise SnapshotError(
            "the manifest is not the one that was built",
            file=str(found.path / "manifest.json"),
            hint="restore the snapshot from a copy",
        )


def _latest_content(found: SnapshotRef, step: Step) -> Mapping[str, Any]:
    manifest = found.manifest
    return {
        "id": found.id,
        "path": found.id,
        "method": manifest["method"]["id"],
        "status": manifest["method"]["status"],
        "label": manifest["label"],
        "simulated": manifest["simulated"],
        "as_published": manifest["as_published"],
        "as_recorded": manifest["as_recorded"],
        "released_at": iso(step.at),
        "manifest_sha256": found.manifest_sha256,
    }
