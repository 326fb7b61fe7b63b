"""Purged events beside a rating: what they said is gone from every way to look at them, and that is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from audit.trace import trace
from audit.trace_lines import decided, lines
from pipelines.definitions import signed
from pipelines.settings import Settings
from tests.audit.web.test_pages import client
from warehouse.purge import Order, purge
from warehouse.snapshots import list_snapshots

GONE = "removed under the authority of Court"


def test_a_purged_event_is_said_to_be_purged_in_a_trace_and_on_every_page(
    shown: Settings, tmp_path: Path
) -> None:
    shutil.copytree(shown.warehouse, tmp_path / "w")
    here = replace(shown, warehouse=tmp_path / "w", database_url=tmp_path / "w" / "ledger.db")
    ledger = here.ledger()
    walsall = [e for e in ledger.events("judgement") if e["organisation"] == "walsall"]
    evidence, stars = ledger.events("evidence")[0], ledger.events("published_rating")[0]
    events = [walsall[0]["position"], evidence["position"], stars["position"]]
    purge(ledger, here.landing, Order("Court", "a name", tuple(events)), signed(here, "purge", ""))

    (rating,) = list_snapshots(here.snapshots)
    told = "\n".join(text for _, text in lines(trace(ledger, here.landing, here.snapshots, "walsall")))
    assert GONE in told
    reader = client(here, "internal")
    base = f"/snapshots/{rating.id}"
    assert reader.get(f"{base}/organisations/walsall").status_code == 200
    for event in events:
        page = reader.get(f"{base}/events/{event}")
        assert page.status_code == 200
        assert "removed from the ledger under the authority of Court" in page.text
        assert "proof.json" not in page.text
        assert "Text in the cell" not in page.text
        assert reader.get(f"{base}/events/{event}/proof.json").status_code == 404
    assert "proof.json" in reader.get(f"{base}/events/{walsall[1]['position']}").text


def test_a_purged_decision_is_still_told_to_have_been_taken() -> None:
    assert decided({"says": {}, "reason": None, "published_at": None}) == (
        "decided; what the decision said was purged"
    )
