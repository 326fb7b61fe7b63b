"""The append contract, the same on both engines."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text
from sqlalchemy.event import listen
from sqlalchemy.exc import DatabaseError

from ratings.errors import LedgerError, NotFoundError
from warehouse import schema
from warehouse.batches import NewBatch
from warehouse.database import Database
from warehouse.event_log import DEMONSTRATION, ConflictError, Ledger, event_frame
from warehouse.observations import observations
from warehouse.verification import verify


def figure(value: float | None = 1.5, **more: Any) -> dict[str, Any]:
    return {
        "type": "observation", "schema_version": 1, "collection": "c", "indicator": "i", "organisation": "o",
        "period": "2020-01-01/P1Y", "value": value, "obs_status": "A", "published_at": 5,
    } | more  # fmt: skip


def vintage(**more: Any) -> NewBatch:
    return NewBatch(
        **(
            {"kind": "vintage", "actor": "ann", "code_version": "0", "collection": "c", "published_at": 5}
            | more
        )
    )


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger.found(database)


def test_positions_and_batches_are_gapless_in_commit_order(ledger: Ledger) -> None:
    first = ledger.append(vintage(), event_frame([figure(), figure(2.0)]))
    second = ledger.append(vintage(), event_frame([figure(3.0)]))
    assert (first.id, first.first_position, first.last_position) == (1, 1, 2)
    assert (second.id, second.first_position, second.last_position) == (2, 3, 3)
    assert ledger.head().position == 3


def test_a_clock_that_jumps_back_reorders_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ledger.append(vintage(published_at=1), event_frame([figure(1.0)]))
    monkeypatch.setattr("warehouse.event_log.now", lambda: first.recorded_at - 86_400_000_000)
    second = ledger.append(vintage(published_at=2), event_frame([figure(2.0)]))
    assert second.recorded_at < first.recorded_at
    assert [b.id for b in ledger.batches()] == [first.id, second.id]
    assert [b.id for b in ledger.batches(as_recorded=first.last_position)] == [first.id]
    known = [observations(ledger, ["c"], as_recorded=p)["value"].to_list() for p in (1, 2)]
    assert known == [[1.0], [2.0]]
    assert verify(ledger, processes=1).ok


def test_an_event_comes_back_as_it_was_given(ledger: Ledger) -> None:
    awkward = 'tab\tnewline\nquote" backslash\\ é 東 \\N'
    ledger.append(
        vintage(),
        event_frame([figure(0.1 + 0.2, period_label=awkward, payload={"b": awkward, "a": [1, None]})]),
    )
    event = ledger.event(1)
    assert event["value"] == 0.1 + 0.2
    assert event["period_label"] == awkward
    assert event["payload"] == {"a": [1, None], "b": awkward}
    assert event["numerator"] is None


def test_the_same_identity_appends_nothing_again(ledger: Ledger) -> None:
    first = ledger.append(vintage(identity="x"), event_frame([figure()]))
    again = ledger.append(vintage(identity="x"), event_frame([figure()]))
    assert again.id == first.id
    assert ledger.head().position == 1


def test_the_same_identity_with_other_content_is_an_error(ledger: Ledger) -> None:
    ledger.append(vintage(identity="x"), event_frame([figure()]))
    with pytest.raises(LedgerError, match="batch 1 has this identity and another published_at"):
        ledger.append(vintage(identity="x", published_at=6), event_frame([figure()]))
    assert ledger.head().position == 1


def test_a_subscriber_sees_every_event_once_in_order(ledger: Ledger) -> None:
    ledger.append(vintage(), event_frame([figure(float(n)) for n in range(5)]))
    ledger.append(vintage(), event_frame([figure(float(n)) for n in range(5, 8)]))
    seen: list[float] = []
    position = 0
    while (events := ledger.read(position, limit=3)).height:
        seen += events["value"].to_list()
        position = events["position"].max()
    assert seen == [float(n) for n in range(8)]


def test_the_same_events_and_salts_hash_to_the_same_root_on_every_engine(ledger: Ledger) -> None:
    events = event_frame([figure(0.1), figure(None, payload={"a": "é"})])
    number = ledger.append(vintage(), events, salts=bytes(range(32))).id
    tree = ledger.database.frame(schema.batch_tree, ["batch", "events_root", "subtrees"])
    assert tree.row(0)[0] == number
    assert tree.row(0)[1].hex() == "65741e27b8fe07349c0472dff6ee50d9e34d24775fce36c74b72c5b311c244c9"
    assert tree.row(0)[2] == b""


def test_an_append_behind_the_head_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    ledger.append(vintage(), event_frame([figure()]))
    with pytest.raises(ConflictError, match="grown to position 1"):
        ledger.append(vintage(), event_frame([figure()]), expected_position=0)
    assert ledger.head().position == 1


def test_a_batch_that_fails_half_way_leaves_nothing(ledger: Ledger) -> None:
    refused = {
        "source_row": 2,
        "indicator": None,
        "organisation": None,
        "period": None,
        "reasons": "[]",
        "raw": "{}",
    }
    columns = {n: t for n, t in schema.frame_schema(schema.quarantine).items() if n != "batch"}
    twice_the_same_row = pl.DataFrame([refused, refused], schema=columns)
    with pytest.raises((DatabaseError, LedgerError), match=r"(?i)unique"):
        ledger.append(vintage(), event_frame([figure()]), twice_the_same_row)
    assert ledger.head().position == 0
    assert ledger.batches() == []


@pytest.mark.parametrize("table", ["ledger", "batch", "event"])
@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_nothing_written_can_be_changed_or_deleted(ledger: Ledger, table: str, act: str) -> None:
    ledger.append(vintage(), event_frame([figure()]))
    column = {"ledger": "kind", "batch": "actor", "event": "type"}[table]
    with (
        pytest.raises((DatabaseError, LedgerError), match="append-only"),
        ledger.database.write() as connection,
    ):
        connection.execute(text(act.format(table, column, f"'{column}'")))


def test_postgresql_refuses_to_truncate(new_postgresql: Any) -> None:
    ledger = Ledger.found(new_postgresql())
    with (
        pytest.raises((DatabaseError, LedgerError), match="append-only"),
        ledger.database.write() as connection,
    ):
        connection.execute(text("TRUNCATE event"))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(ledger: Ledger, number: float) -> None:
    with pytest.raises(LedgerError, match="not a finite number"):
        ledger.append(vintage(), event_frame([figure(number)]))


def test_an_empty_batch_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="at least one event"):
        ledger.append(vintage(), event_frame([]))


def test_an_unknown_event_type_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="unknown event types: gossip"):
        ledger.append(vintage(), event_frame([figure(type="gossip")]))


def test_a_production_ledger_refuses_simulated_figures(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="refuses simulated"):
        ledger.append(vintage(simulated=True), event_frame([figure()]))


def test_a_demonstration_ledger_stays_one(database: Database) -> None:
    Ledger.found(database, DEMONSTRATION).append(vintage(simulated=True), event_frame([figure()]))
    with pytest.raises(LedgerError, match="demonstration ledger, and a production one was asked for"):
        Ledger.found(database)


def test_a_place_without_a_ledger_says_what_to_run(database: Database) -> None:
    with pytest.raises(LedgerError, match=r"there is no ledger at .*starledger ingest"):
        Ledger(database)


def test_a_schema_newer_than_the_code_is_not_touched(ledger: Ledger) -> None:
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer than this version knows"):
        Ledger(ledger.database)


def test_the_migrations_make_the_tables_that_the_code_declares(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger.database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert [d for d in differences if d[0] not in ("add_table_comment", "modify_comment")] == [] or all(
        part[0] == "modify_comment" for d in differences if isinstance(d, list) for part in d
    )


def test_events_of_a_voided_batch_are_seen_only_before_the_void(ledger: Ledger) -> None:
    fact = {"type": "judgement", "schema_version": 1, "published_at": 5, "payload": {"judgement": "most"}}
    first = ledger.append(vintage(), event_frame([fact]))
    ledger.append(
        vintage(kind="void", voids=first.id),
        event_frame([{"type": "batch_voided", "schema_version": 1, "payload": {}}]),
    )
    assert ledger.events("judgement") == []
    assert len(ledger.events("judgement", as_recorded=first.last_position)) == 1
    assert ledger.batch(first.id).voided_by == 2


def plan(ledger: Ledger, ask: Callable[[], object]) -> list[str]:
    """How SQLite finds the events that are asked for, step by step."""
    asked: list[tuple[str, Any]] = []
    listen(ledger.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    ask()
    [(query, given)] = [(query, given) for query, given in asked if "event.payload" in query]
    with ledger.database.read() as connection:
        return [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]


def test_no_event_is_looked_for_by_reading_all_of_them(tmp_path: Path) -> None:
    ledger = Ledger.found(Database(tmp_path / "ledger.db"))
    facts = plan(ledger, lambda: ledger.events("evidence", "query"))
    figures = plan(ledger, lambda: ledger.histories(["i", "j"], "o"))
    assert any("USING INDEX event_type" in step for step in facts)
    assert any("SEARCH event USING INTEGER PRIMARY KEY" in step for step in figures)
    assert not any(step.startswith("SCAN") and "event" in step for step in facts + figures)


def test_a_batch_or_event_that_is_not_there_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError, match="no batch 7"):
        ledger.batch(7)
    with pytest.raises(NotFoundError, match="no position 7"):
        ledger.event(7)
