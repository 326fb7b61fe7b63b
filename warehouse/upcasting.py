"""Upcasting: payloads of older schema versions, read as the newest.

Here: for each type of event the steps from one version of its payload to the next, and their application.
Not here: payloads as they are stored and hashed, which never change (event_log.py, canonical_events.py).

A new version of a payload takes three things: its upcaster here, the number in the events that are written
from then on, and a stored log of the version before among the tests (tests/warehouse/data).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ratings.errors import LedgerError

Payload = dict[str, Any]
Upcasters = Mapping[str, Sequence[Callable[[Payload], Payload]]]

UPCASTERS: Upcasters = {}
"""Type of event -> its steps, the first from version 1 to version 2. So far every type is at version 1."""


def upcast(kind: str, version: int, payload: Payload, upcasters: Upcasters = UPCASTERS) -> Payload:
    """A payload as the newest version of its type has it.

    Args:
        kind: type of the event.
        version: `schema_version` that it was written with.
        payload: as stored, parsed.
        upcasters: the steps of each type.

    Raises:
        LedgerError: the version is not known here: a newer program wrote it.
    """
    steps = upcasters.get(kind, ())
    newest = 1 + len(steps)
    if not 1 <= version <= newest:
        raise LedgerError(
            f"an event of type {kind} has schema version {version}, and this program knows 1 to {newest}",
            hint="install the version of starledger that wrote it, or a newer one",
        )
    for step in steps[version - 1 :]:
        payload = step(payload)
    return payload
