"""Upcasting: a stored log of every released schema version stays readable, on both engines."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ratings.errors import LedgerError
from warehouse.batches import NewBatch
from warehouse.copying import copy
from warehouse.database import Database
from warehouse.event_log import EVENT_TYPES, Ledger, event_frame
from warehouse.observations import observations
from warehouse.upcasting import UPCASTERS, upcast
from warehouse.verification import verify

STORED = Path(__file__).parent / "data"
ROOTS = {"log-version-1.sql": "b2a40dfec42ae6d2b0c04619b365e2744dcde236601b465a5eb55040d27c7b21"}


def stored(name: str, tmp_path: Path) -> Ledger:
    """A log as the version that wrote it left it."""
    file = tmp_path / "stored.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((STORED / name).read_text("utf-8"))
    return Ledger(Database(file))


@pytest.mark.parametrize("name", ROOTS)
def test_a_stored_log_of_every_released_version_is_read_and_verifies(
    name: str, tmp_path: Path, database: Database
) -> None:
    copy(stored(name, tmp_path), database)
    ledger = Ledger(database)
    found = verify(ledger, processes=1)
    assert (found.problems, found.root.hex()) == ((), ROOTS[name])
    figures = observations(ledger).select("organisation", "value", "obs_status").rows()
    assert figures == [("camden", 3.5, "P"), ("hackney", None, "O")]
    at_first = observations(ledger, as_recorded=3).select("organisation").to_series().to_list()
    assert at_first == ["camden"], "before the void, the withdrawal of batch 2 held"
    others = EVENT_TYPES - {"observation", "withdrawal", "batch_voided", "purge"}
    said = {event["type"]: event["payload"]["said"] for event in ledger.events(*others)}
    assert said == {kind: f"a {kind}" for kind in others}


def test_every_stored_log_is_tested() -> None:
    assert {file.name for file in STORED.glob("log-version-*.sql")} == set(ROOTS)
    newest = max([1, *(1 + len(steps) for steps in UPCASTERS.values())])
    assert len(ROOTS) == newest, "a new schema version needs a stored log of the version before it"


def test_a_payload_takes_every_step_from_its_version_to_the_newest() -> None:
    steps = {
        "query": [
            lambda payload: {"question": payload["text"]},
            lambda payload: payload | {"language": "en"},
        ]
    }
    newest = {"question": "why?", "language": "en"}
    assert upcast("query", 1, {"text": "why?"}, steps) == newest
    assert upcast("query", 2, {"question": "why?"}, steps) == newest
    assert upcast("query", 3, newest, steps) == newest
    assert upcast("case", 1, {"text": "why?"}, steps) == {"text": "why?"}


def test_an_event_of_a_newer_version_is_refused_with_the_next_step(ledger: Ledger) -> None:
    new = NewBatch("release", actor="ann", code_version="9")
    ledger.append(new, event_frame([{"type": "query", "schema_version": 2, "payload": {"text": "why?"}}]))
    with pytest.raises(LedgerError, match="type query has schema version 2") as refused:
        ledger.events("query")
    assert "knows 1 to 1" in refused.value.message
    assert "newer" in str(refused.value.hint)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger.found(database)
