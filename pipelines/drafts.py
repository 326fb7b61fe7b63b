"""Drafts: whether a new draft snapshot is due, and of which rating round.

Here: the gate before every draft that nobody asked for. It reads the log, and nothing that an orchestrator
    remembers: a check that failed in an earlier run, or was never run, cannot be missed.
Not here: building it (rate.py); releasing it, which is a person's act (publish.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.inputs import SIMULATED, input_collections
from pipelines.rate import start_of_today
from pipelines.received import unaccounted
from pipelines.settings import Settings
from ratings.catalogue import load_catalogue
from ratings.methods import load_method
from warehouse.batches import Batch
from warehouse.event_log import now
from warehouse.snapshot_manifest import iso, microseconds

_INPUTS = ("vintage", "rejected")


@dataclass(frozen=True, slots=True)
class NextDraft:
    """Whether a draft is due.

    Attributes:
        due: whether it is.
        why: a sentence either way.
        blocked: whether a check stands in the way.
        round: the time it would be rated at, `as_published`, as text; empty where nothing is known.
        position: the end of the last batch that it would rest on.
        simulated: whether it would rest on invented figures.
    """

    due: bool
    why: str
    blocked: bool = False
    round: str = ""
    position: int = 0
    simulated: bool = False


def round_name(as_published: int) -> str:
    """A rating round is called by the time it is rated at, as short as it can be written: a date at best."""
    name = iso(as_published).removesuffix("T00:00:00Z")
    return f"{name.removesuffix(':00Z')}Z" if name.endswith(":00Z") else name


def next_draft(settings: Settings, method_id: str) -> NextDraft:
    """Whether figures came since the last draft of a method, and every blocking check passed.

    Blocking is what refuses a file, and what loses a row: the newest release of every collection the method
    reads must have been accepted, and every row read must be accounted for.

    Args:
        settings: where.
        method_id: the method of the draft.

    Raises:
        LedgerError: the ledger cannot be read.
        NotFoundError: there is no such method.
    """
    if not settings.has_ledger():
        return NextDraft(False, f"there is no ledger in {settings.warehouse} yet")
    ledger, method, catalogue = settings.ledger(), load_method(method_id), load_catalogue()
    batches = ledger.batches()
    simulated = any(b.collection == SIMULATED and b.kind == "vintage" and not b.voided_by for b in batches)
    collections = input_collections(method, catalogue, simulated=simulated)
    of_these = [b for b in batches if b.collection in collections]
    position = max((b.last_position for b in of_these if b.kind in ("vintage", "void")), default=0)
    out = now()  # what is under an embargo is no figure yet
    standing = [
        b for b in of_these if b.kind in _INPUTS and b.voided_by is None and (b.published_at or 0) <= out
    ]
    accepted = [b for b in standing if b.kind == "vintage"]
    if not accepted:
        return NextDraft(False, f"nothing that {method.id} rates was accepted yet")
    newest = max(b.published_at or 0 for b in accepted)
    # Invented figures have a calendar of their own; a real file of today is later than the start of today.
    at = round_name(newest if simulated else max(newest, start_of_today()))
    drafts = [
        event["payload"]
        for event in ledger.events("snapshot_built")
        if event["payload"]["method"] == method.id and event["payload"]["simulated"] == simulated
    ]
    holds = next(
        (
            d["id"]
            for d in reversed(drafts)
            if d["as_recorded"] >= position and microseconds(d["as_published"]) >= newest
        ),
        None,
    )
    blocking = [*_refused(standing), *unaccounted(accepted)]
    if blocking:
        why = "; ".join(blocking)
    elif holds:
        why = f"{holds} holds everything that was accepted"
    else:
        why = f"figures came that no draft of {method.id} holds"
    return NextDraft(not blocking and holds is None, why, bool(blocking), at, position, simulated)


def _refused(standing: list[Batch]) -> list[str]:
    """A sentence for each collection whose newest release, last tried, was refused."""
    newest = {b.collection: b for b in sorted(standing, key=lambda b: (b.published_at or 0, b.id))}
    return [
        f"{b.file_name}, the newest release of {b.collection}, was refused (batch {b.id})"
        for b in newest.values()
        if b.kind == "rejected"
    ]
