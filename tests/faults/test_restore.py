"""Restoring a large log: copied to a new database and verified there, every hash kept.

`make test` restores a small log, `make test-faults` one of a million events (STARLEDGER_RESTORED).
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults import acts
from warehouse.copying import copy
from warehouse.database import Database
from warehouse.event_log import Ledger
from warehouse.verification import verify

EVENTS = int(os.environ.get("STARLEDGER_RESTORED", "20000"))
BATCHES = 4
pytestmark = pytest.mark.slow


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_restored_log_verifies_with_the_root_of_the_original(
    engine: str, new_database: Callable[[], Database], request: pytest.FixtureRequest
) -> None:
    original = Ledger.found(new_database())
    for number in range(BATCHES):
        original.append(acts.vintage(), acts.figures(EVENTS // BATCHES, number * (EVENTS // BATCHES)))
    make = new_database if engine == "sqlite" else request.getfixturevalue("new_postgresql")
    target = make()
    copied = copy(original, target)
    assert (copied.brought, copied.position) == (BATCHES, EVENTS)
    there, here = verify(Ledger(target)), verify(original)
    assert (there.problems, there.events, there.root) == ((), EVENTS, here.root)
