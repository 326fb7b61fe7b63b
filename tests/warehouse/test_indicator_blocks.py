"""Blocks of an indicator lead to every event of a figure and to no other, and an older log is given them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict

import pytest
from sqlalchemy import insert, text

from ratings.errors import LedgerError
from warehouse import schema
from warehouse.batches import Batch, NewBatch, batch_row
from warehouse.canonical_events import EVENT_FIELDS, event_leaves
from warehouse.database import Database
from warehouse.event_log import Ledger, event_frame
from warehouse.merkle import root, subtree_hashes
from warehouse.verification import verify


def events(seed: int, count: int) -> list[dict[str, object]]:
    """Figures in runs as a file lists them, some mixed, and events that speak of no indicator."""
    chance, rows = random.Random(seed), list[dict[str, object]]()
    while len(rows) < count:
        indicator = chance.choice(["a", "b", "c", None])
        for _ in range(chance.choice([1, 1, 2, 40, 300])):
            organisation, period = chance.choice("xyz"), chance.choice(["2020", "2021"])
            rows.append({"indicator": indicator, "organisation": organisation, "period": period})
    said = {"type": "observation", "schema_version": 1}
    return [said | row for row in rows[:count]]


def batch_of(rows: list[dict[str, object]], number: int, first: int) -> Batch:
    about = asdict(NewBatch("vintage", "ann", "0"))
    return Batch(**about, id=number, first_position=first, last_position=first + len(rows) - 1, recorded_at=1)


def append_by_hand(database: Database, rows: list[dict[str, object]], number: int, first: int) -> None:
    """What version 0001 of the schema wrote for a batch."""
    frame = event_frame(rows)
    salts = bytes(16 * len(rows))
    leaves = event_leaves(frame.select(EVENT_FIELDS), salts)
    tree = {"batch": number, "events_root": root(leaves), "subtrees": subtree_hashes(leaves)}
    with database.write() as connection:
        connection.execute(insert(schema.batch), batch_row(batch_of(rows, number, first)))
        connection.execute(
            insert(schema.event), [r | {"position": n, "batch": number} for n, r in enumerate(rows, first)]
        )
        connection.execute(insert(schema.batch_tree), tree)
        connection.execute(insert(schema.salt), {"batch": number, "salts": salts})


def assert_every_figure_is_found(ledger: Ledger, rows: list[dict[str, object]]) -> None:
    for indicator in "abc":
        for organisation in "xyz":
            for period in (None, "2020", "2021"):
                found = [e["position"] for e in ledger.history(indicator, organisation, period)]
                assert found == [
                    n
                    for n, row in enumerate(rows, 1)
                    if (row["indicator"], row["organisation"]) == (indicator, organisation)
                    and period in (None, row["period"])
                ]
    assert ledger.history("d", "x") == []
    assert verify(ledger, processes=1).problems == ()


def test_the_events_of_a_figure_are_found_in_every_batch(database: Database) -> None:
    ledger = Ledger.found(database)
    batches = [events(seed, count) for seed, count in enumerate([700, 1, 3, 256, 513])]
    for rows in batches:
        ledger.append(NewBatch("vintage", "ann", "0"), event_frame(rows))
    assert_every_figure_is_found(ledger, [row for rows in batches for row in rows])


def at_the_first_version(database: Database) -> None:
    database.upgrade("0001")
    with database.write() as connection:
        row = {"id": 1, "origin": "o", "kind": "production", "founded_at": 1}
        connection.execute(insert(schema.ledger), row)


def test_a_log_of_the_version_before_is_given_its_blocks(database: Database) -> None:
    at_the_first_version(database)
    batches, first = [events(seed, count) for seed, count in enumerate([600, 2, 300])], 1
    for number, rows in enumerate(batches, 1):
        append_by_hand(database, rows, number, first)
        first += len(rows)
    ledger = Ledger(database)
    batches.append(events(9, 300))
    ledger.append(NewBatch("vintage", "ann", "0"), event_frame(batches[-1]))
    assert_every_figure_is_found(ledger, [row for rows in batches for row in rows])


def test_only_the_owner_brings_the_schema_up_to_date_and_roles_keep_their_rights(
    new_postgresql: Callable[[], Database],
) -> None:
    database, role = new_postgresql(), "starledger_upgrade_reader"
    at_the_first_version(database)
    with database.write() as connection:
        connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT INSERT ON event TO {role}"))
    url = database.url.set(username=role, password="secret")
    reader = Database(url.render_as_string(hide_password=False))
    try:
        with pytest.raises(
            LedgerError, match=r"0001 is older .* may not change it\. Next: let the role that founded"
        ):
            Ledger(reader)
        Ledger(database)
        assert Ledger(reader).history("a", "x") == []
        with database.read() as connection:
            may = "SELECT has_table_privilege(:role, 'indicator_block', :right)"
            rights = {
                right: connection.execute(text(may), {"role": role, "right": right}).scalar()
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
            }
        assert rights == {"SELECT": True, "INSERT": True, "UPDATE": False, "DELETE": False}
    finally:
        with database.write() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
