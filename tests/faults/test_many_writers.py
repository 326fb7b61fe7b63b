"""Eight processes appending at once: no gap, no fork, no duplicate; a reader that follows misses nothing."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tests.faults import acts
from tests.faults.processes import WarmProcess
from warehouse.database import Database
from warehouse.event_log import Ledger

WRITERS = 8
pytestmark = pytest.mark.slow


class Projection:
    """What events each indicator has, counted and summed, kept in one transaction with the position."""

    def __init__(self, file: Path) -> None:
        self.store = sqlite3.connect(file)
        self.store.execute("CREATE TABLE seen (position INTEGER NOT NULL)")
        self.store.execute("INSERT INTO seen VALUES (0)")
        self.store.execute("CREATE TABLE total (indicator TEXT PRIMARY KEY, events INTEGER, rows INTEGER)")

    def follow(self, ledger: Ledger, limit: int) -> list[int]:
        """Deal with what is new; the positions dealt with."""
        (after,) = self.store.execute("SELECT position FROM seen").fetchone()
        new = ledger.read(after, limit)
        if not new.height:
            return []
        totals = new.group_by(pl.col("indicator").cast(pl.String)).agg(pl.len(), pl.col("source_row").sum())
        with self.store:
            for row in totals.iter_rows():
                self.store.execute(
                    "INSERT INTO total VALUES (?, ?, ?) ON CONFLICT (indicator) DO UPDATE "
                    "SET events = events + excluded.events, rows = rows + excluded.rows",
                    row,
                )
            self.store.execute("UPDATE seen SET position = ?", [new["position"][-1]])
        return new["position"].to_list()

    def state(self) -> list[tuple[object, ...]]:
        seen = self.store.execute("SELECT position FROM seen").fetchall()
        return seen + self.store.execute("SELECT * FROM total ORDER BY indicator").fetchall()


@pytest.mark.timeout(900)
def test_eight_writers_at_once_leave_one_gapless_log_and_a_follower_sees_all(
    database: Database, tmp_path: Path
) -> None:
    ledger = Ledger.found(database)
    url = database.url.render_as_string(hide_password=False)
    writers = [WarmProcess(acts.append_among_others, url, f"writer {n}") for n in range(WRITERS)]
    try:
        for writer in writers:
            assert writer.hears() == "ready"
        for writer in writers:
            writer.pipe.send("go")
        live, followed, polls_between = Projection(tmp_path / "live.db"), list[int](), 0
        while any(writer.runs for writer in writers):
            new = live.follow(ledger, limit=700)
            polls_between += bool(new)
            followed += new
            time.sleep(0.01)
        assert [writer.end() for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
    while new := live.follow(ledger, limit=700):
        followed += new
    batches = ledger.batches()
    head = batches[-1].last_position
    assert polls_between > 1, "the reader did not read while others wrote"
    assert followed == list(range(1, head + 1))
    assert Counter(b.identity for b in batches) == Counter(
        f"writer {w} {n}" for w in range(8) for n in range(6)
    )
    starts = [b.first_position for b in batches]
    assert starts == [1, *(b.last_position + 1 for b in batches[:-1])]
    everything = ledger.read(0, head)
    assert everything["position"].to_list() == followed
    for batch in batches:
        part = everything.slice(batch.first_position - 1, batch.last_position - batch.first_position + 1)
        writer_name, number = batch.identity.rsplit(" ", 1)
        assert set(part["indicator"].cast(pl.String)) == {writer_name}
        assert part["source_row"].to_list() == [int(number) * 1000 + n for n in range(part.height)]
    rebuilt = Projection(tmp_path / "rebuilt.db")
    assert len(rebuilt.follow(ledger, limit=head)) == head
    assert rebuilt.state() == live.state()
