"""Decide: a binding decision on one outcome of a rating enters the log.

Here: proving the decision against its method, and appending it once.
Not here: what a decision does to a rating (ratings/decisions.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.definitions import blank_event, signed
from pipelines.inputs import DECIDED, SIMULATED, recorded_decisions
from pipelines.settings import Settings
from pipelines.void import RETRIES
from ratings.catalogue import load_catalogue
from ratings.decisions import LIFTED, Decision, prove_decision, standing
from ratings.errors import InputError, LedgerError, MethodError
from ratings.methods import load_method
from warehouse.event_log import ConflictError, event_frame, now
from warehouse.named_in_log import with_named
from warehouse.snapshot_manifest import iso


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it stands in the log; `new` is False where it stood there already."""

    decision: Decision
    new: bool


def decide(settings: Settings, asked: Decision) -> Decided:
    """Record a decision.

    Args:
        settings: where, and who enters it.
        asked: the decision; its organisation may be named by id, name or code.

    Returns:
        The decision with its position. The same as the one that holds already is not appended again.

    Raises:
        InputError: a time is in the wrong order or to come, or authority or reason is missing.
        LedgerError: there is no ledger, or other writers kept coming in between.
        MethodError: the method does not rate the organisation or gives no such outcome, or there is nothing
            to lift.
        NotFoundError: no such organisation or method.
    """
    ledger, method = settings.ledger(), load_method(asked.method)
    body = with_named(load_catalogue(), ledger).resolve(asked.organisation)
    asked = replace(asked, organisation=body.id, method=method.id)
    if body.kind not in method.population:
        raise MethodError(
            f"{method.id} does not rate {body.name}, which is of kind {body.kind}",
            file=method.file,
            hint="name the method that rates it: starledger methods list",
        )
    prove_decision(asked, method)
    _prove_words(asked)
    for _ in range(RETRIES):
        head = ledger.head()
        known = recorded_decisions(ledger, method.id)
        holds = {(d.organisation, d.on): d for d in standing(known, method.id, asked.round, asked.at)}.get(
            (asked.organisation, asked.on)
        )
        if holds is not None and replace(asked, at=holds.at) == replace(holds, position=0, batch=0):
            return Decided(holds, new=False)
        if asked.outcome == LIFTED and holds is None:
            raise MethodError(
                f"no decision on {asked.on} of {body.name} holds on {iso(asked.at)}, so none can be lifted",
                hint=f"see `starledger trace {body.id}`",
            )
        expires = None if asked.expires_at is None else iso(asked.expires_at)
        payload = {name: getattr(asked, name) for name in DECIDED} | {"expires_at": expires}
        event = blank_event(
            "decision", payload, organisation=body.id, published_at=asked.at, reason=asked.reason
        )
        batch = signed(settings, "decision", "", asked.reason, simulated=body.kind == SIMULATED)
        try:
            done = ledger.append(batch, event_frame([event]), expected_position=head.position)
        except ConflictError:
            continue
        return Decided(replace(asked, position=done.first_position, batch=done.id), new=True)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def _prove_words(asked: Decision) -> None:
    """Refuse times in the wrong order, and a decision by nobody or for no reason."""
    for word, option in ((asked.authority, "--authority"), (asked.reason, "--reason")):
        if not word.strip():
            raise InputError(f"a decision needs {option}", hint=f"say it: {option} TEXT")
    if asked.at > now():
        raise InputError(
            f"a decision cannot hold from a time to come ({iso(asked.at)})",
            hint="record it when it holds, or give an earlier --from",
        )
    if asked.expires_at is not None and asked.expires_at <= asked.at:
        raise InputError(
            f"the decision expires at {iso(asked.expires_at)}, not after it begins at {iso(asked.at)}",
            hint="give a later --expires",
        )
    if asked.expires_at is not None and asked.outcome == LIFTED:
        raise InputError("lifting a decision does not expire", hint="leave --expires out")
