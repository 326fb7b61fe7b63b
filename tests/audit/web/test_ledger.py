"""Ledger page: what the log is, who may see how much of it, and what its checkpoints and verification say."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from audit.proof_file import parse_proof
from audit.proofs import EventProof, parse_checkpoint
from audit.verifier import verify_checkpoint, verify_event_proof
from audit.web.archive import Archive
from audit.web.pages import ledger as ledger_page
from pipelines.ledger_proofs import make_checkpoint, public_key, verify
from pipelines.publish import release
from pipelines.settings import Settings
from tests.audit.web.test_pages import client
from warehouse.proof_rows import log_rows
from warehouse.snapshot_files import CHECKPOINT
from warehouse.snapshots import SnapshotRef, list_snapshots


@pytest.fixture(scope="module")
def kept(shown: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the warehouse that may be changed, its rating released."""
    made = tmp_path_factory.mktemp("kept") / "w"
    shutil.copytree(shown.warehouse, made)
    copied = replace(shown, warehouse=made, database_url=made / "ledger.db")
    release(copied, list_snapshots(copied.snapshots)[0].id, reason="seen by all")
    return copied


@pytest.fixture(scope="module")
def rated(kept: Settings) -> SnapshotRef:
    return list_snapshots(kept.snapshots)[0]


def test_those_who_work_here_see_the_whole_log_and_its_root(kept: Settings) -> None:
    twin = client(kept).get("/api/ledger").json()
    now = parse_checkpoint(make_checkpoint(kept))
    assert (twin["root"], twin["batches"], twin["position"]) == (now.root.hex(), now.size, now.position)
    assert twin["found"]["total"] == now.size
    assert {row["actor"] for row in twin["found"]["rows"]} == {kept.actor}
    key = public_key(kept)
    assert [(each["key"], each["signs"]) for each in twin["keys"]] == [(str(key), True)]


def test_a_log_that_has_grown_since_the_last_look_is_shown_as_it_was(
    kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = kept.ledger().batches()
    monkeypatch.setattr(Archive, "batches", lambda _: tuple(every[:-1]))
    verify(kept)
    twin = client(kept).get("/api/ledger").json()
    assert (twin["batches"], twin["position"]) == (len(every) - 1, every[-2].last_position)
    assert twin["verified"]["continued"]


def test_the_newest_checkpoint_is_taken_away_as_it_was_signed(kept: Settings, rated: SnapshotRef) -> None:
    note = (rated.path / CHECKPOINT).read_text("utf-8")
    for path in ("/ledger/checkpoint", f"/snapshots/{rated.id}/checkpoint"):
        answer = client(kept, "public").get(path)
        assert answer.text == note
        verify_checkpoint(answer.text, [public_key(kept)], origin=kept.ledger().origin)


def test_the_public_sees_what_a_released_rating_rests_on_and_nobody_by_name(
    kept: Settings, rated: SnapshotRef
) -> None:
    twin = client(kept, "public").get("/api/ledger").json()
    covered = parse_checkpoint((rated.path / CHECKPOINT).read_text("utf-8"))
    assert (twin["root"], twin["batches"], twin["position"]) == (
        covered.root.hex(),
        covered.size,
        covered.position,
    )
    assert covered.size < kept.ledger().head().batch
    shown = twin["found"]["rows"]
    assert {row["collection"] for row in shown} == {"judgements", "a1_2001"}
    assert {row["actor"] for row in shown} == {None}
    assert "definition" not in {row["kind"] for row in shown}
    anybody = client(kept, "public")
    for row in shown:
        file = f"/snapshots/{rated.id}/files/{row['sha256']}"
        assert f'href="{file}"' in anybody.get("/ledger").text
        assert anybody.get(file).status_code == 200


def test_before_anything_is_released_the_public_sees_no_part_of_the_log(shown: Settings) -> None:
    anybody = client(shown, "public")
    twin = anybody.get("/api/ledger").json()
    assert (twin["batches"], twin["position"], twin["keys"], twin["found"]["total"]) == (0, 0, [], 0)
    assert anybody.get("/ledger/checkpoint").status_code == 404


def test_the_last_verification_is_shown_as_what_the_warehouse_says_of_itself(kept: Settings) -> None:
    reader, anybody = client(kept), client(kept, "public")
    kept.verified.unlink(missing_ok=True)
    assert "None is on record" in reader.get("/ledger").text
    found = verify(kept)
    page, twin = reader.get("/ledger").text, reader.get("/api/ledger").json()["verified"]
    assert "nothing was found altered" in page
    assert "whoever can write there can write it too" in page
    assert (twin["problems"], twin["position"], twin["covers"]) == (0, found.events, True)
    assert (twin["continued"], twin["against"]) == (True, False)
    assert anybody.get("/api/ledger").json()["verified"]["position"] is None
    verify(kept, make_checkpoint(kept), str(public_key(kept)))
    assert "whose key was given with it" in reader.get("/ledger").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"problems": 2}, "2 things were not as recorded"),
        ({"root": "00" * 32}, "does not begin any more with what was verified"),
        ({"batches": 10_000}, "does not begin any more with what was verified"),
        ({"events": -1}, "cannot be read"),
        ({"more": 1}, "cannot be read"),
        ({"origin": "another log"}, "None is on record"),
    ],
)
def test_a_record_that_says_otherwise_is_shown_as_such(
    kept: Settings, change: dict[str, object], said: str
) -> None:
    verify(kept)
    kept.verified.write_text(json.dumps(json.loads(kept.verified.read_text()) | change))
    for audience in ("internal", "public"):
        page = client(kept, audience).get("/ledger").text
        assert said in page
        assert "nothing was found altered" not in page
        assert str(kept.warehouse) not in page


def test_a_log_that_does_not_begin_with_a_checkpoint_is_named_as_such(
    kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "A checkpoint does not hold" not in client(kept).get("/ledger").text
    altered = [dict(row) for row in log_rows(kept.ledger())]
    altered[0]["reason"] = "another reason"
    monkeypatch.setattr(ledger_page, "log_rows", lambda _: altered)
    assert "A checkpoint does not hold" in client(kept).get("/ledger").text
    monkeypatch.setattr(ledger_page, "log_rows", lambda _: altered[:3])
    assert "A checkpoint does not hold" in client(kept, "public").get("/ledger").text


def test_a_server_without_keys_proves_what_a_released_rating_rests_on(
    kept: Settings, rated: SnapshotRef, tmp_path: Path
) -> None:
    keyless = tmp_path / "w"
    shutil.copytree(kept.warehouse, keyless, ignore=shutil.ignore_patterns("keys"))
    anybody = client(replace(kept, warehouse=keyless, database_url=keyless / "ledger.db"), "public")
    judgement = kept.ledger().events("judgement")[0]["position"]
    for position in (rated.table("observations")["position"][0], judgement):
        text = anybody.get(f"/snapshots/{rated.id}/events/{position}/proof.json").text
        proof = parse_proof(text)
        assert isinstance(proof, EventProof)
        assert proof.position == position
        assert proof.checkpoint == (rated.path / CHECKPOINT).read_text("utf-8")
        verify_event_proof(proof, [public_key(kept)], origin=kept.ledger().origin)


def test_an_event_after_the_checkpoint_is_proved_with_the_key(kept: Settings, rated: SnapshotRef) -> None:
    built = kept.ledger().events("snapshot_built")[0]["position"]
    assert built > parse_checkpoint((rated.path / CHECKPOINT).read_text("utf-8")).position
    proof = parse_proof(client(kept).get(f"/snapshots/{rated.id}/events/{built}/proof.json").text)
    assert isinstance(proof, EventProof)
    assert parse_checkpoint(proof.checkpoint).position == kept.ledger().head().position
