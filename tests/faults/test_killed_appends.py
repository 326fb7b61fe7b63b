"""kill -9 at random moments of an append: the batch is wholly there or not at all, and a retry completes it.

`make test` kills 10 times an engine, `make test-faults` 200 times (STARLEDGER_KILLS).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable

import polars as pl
import pytest

from tests.faults import acts
from tests.faults.processes import WarmProcess
from warehouse import schema
from warehouse.canonical_events import EVENT_FIELDS, event_leaves
from warehouse.database import Database
from warehouse.event_log import Ledger
from warehouse.merkle import root

KILLS = int(os.environ.get("STARLEDGER_KILLS", "10"))
A_LEDGER = 25  # kills before a new, empty ledger: what is tried does not depend on how long the log is
pytestmark = pytest.mark.slow


def writer_of(database: Database) -> WarmProcess:
    """A process that appends what it is told to."""
    return WarmProcess(acts.append_as_told, database.url.render_as_string(hide_password=False))


def begin(writer: WarmProcess, number: int) -> None:
    writer.pipe.send(number)
    assert writer.hears() == "begun"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_an_append_killed_at_any_moment_happened_wholly_or_not_at_all(
    engine: str, request: pytest.FixtureRequest
) -> None:
    name = "new_database" if engine == "sqlite" else "new_postgresql"
    make: Callable[[], Database] = request.getfixturevalue(name)
    chance, seen = random.Random(3), Counter[str]()
    for start in range(0, KILLS, A_LEDGER):
        _kill_again_and_again(Ledger.found(make()), min(A_LEDGER, KILLS - start), chance, seen)
    print(f"{engine}: {dict(seen)}")
    if KILLS >= 100:
        assert seen["not there"] >= KILLS // 10, seen
        assert seen["there"] >= KILLS // 10, seen
        assert seen["not there"] + seen["there"] == KILLS


def _kill_again_and_again(ledger: Ledger, times: int, chance: random.Random, seen: Counter[str]) -> None:
    writer = writer_of(ledger.database)
    assert writer.hears() == "ready"
    started = time.monotonic()
    begin(writer, 0)
    assert writer.hears() == "done"
    usual = time.monotonic() - started  # of the first append of a process: it is the one that will be killed
    writer.kill()
    for number in range(1, 1 + times):
        writer = writer_of(ledger.database)
        try:
            assert writer.hears() == "ready"
            begin(writer, number)
            time.sleep(chance.uniform(0, 2.4 * usual))
            said_so = "done" in writer.kill()
        except BaseException:
            writer.kill()
            raise
        with ledger.database.write():
            pass  # a server may not have noticed yet that its client is dead: its turn ends before ours
        there = ledger.by_identity(f"b{number}")
        assert there or not said_so, "an append that was reported as done is gone"
        seen["there" if there else "not there"] += 1
        # A busy machine is slower than it was: aim so that about half of the kills come too late.
        usual *= 0.93 if there else 1.08
        _assert_whole(ledger, since=number + 1 if there else number)
        again = acts.append(ledger, number)
        assert there is None or again == there
        assert acts.append(ledger, number) == again
        assert [b.id for b in ledger.batches()] == list(range(1, number + 2))
        _assert_whole(ledger, since=number + 1)
    _assert_whole(ledger, since=1)


def _assert_whole(ledger: Ledger, since: int) -> None:
    """Everything that belongs to a batch is there, for every batch; hashes are recomputed from one on."""
    database = ledger.database
    batches = ledger.batches()
    ids = [b.id for b in batches]
    assert ids == list(range(1, len(batches) + 1))
    position = 0
    for batch in batches:
        assert batch.first_position == position + 1
        position = batch.last_position
    events = database.frame(schema.event, ["position", "batch"])
    assert events["position"].sort().to_list() == list(range(1, position + 1))
    counted = dict(events["batch"].value_counts().iter_rows())
    assert counted == {b.id: b.last_position - b.first_position + 1 for b in batches}
    trees = database.frame(schema.batch_tree, ["batch", "events_root"]).sort("batch")
    salts = database.frame(schema.salt, ["batch", "salts"]).sort("batch")
    assert trees["batch"].to_list() == salts["batch"].to_list() == ids
    refused = database.frame(schema.quarantine, ["batch"])["batch"].value_counts().sort("batch")
    assert list(refused.iter_rows()) == [(number, acts.REFUSED) for number in ids]
    for number in ids[since - 1 :]:
        rows = database.frame(schema.event, ["position", *EVENT_FIELDS], f"batch = {number}").sort("position")
        own = salts.filter(pl.col("batch") == number)["salts"][0]
        assert root(event_leaves(rows, own)) == trees["events_root"][number - 1]
