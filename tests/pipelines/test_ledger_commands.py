"""Checkpoints, proofs and verification as a person meets them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from audit.keys import change_key, recorded_keys, signing_key
from audit.notes import parse_verifier_key
from audit.proof_file import parse_proof
from audit.proofs import ConsistencyProof, EventProof
from audit.verifier import verify_checkpoint, verify_consistency_proof, verify_event_proof
from pipelines.ledger_proofs import make_checkpoint, new_key, public_key, verify
from pipelines.signing import keys_directory, known_keys
from ratings.errors import LedgerError
from tests.commands import starledger
from tests.made_ledgers import some_figures, warehouse
from warehouse.verified import read_verified


def run(directory: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return starledger("ledger", *arguments, "--warehouse", directory)


def test_what_the_commands_write_verifies_offline(tmp_path: Path) -> None:
    directory = tmp_path / "w"
    settings = warehouse(directory)
    some_figures(settings)
    old, new = tmp_path / "old", tmp_path / "new"
    assert run(directory, "checkpoint", "--out", old).returncode == 0
    some_figures(settings)
    assert run(directory, "checkpoint", "--out", new).returncode == 0
    key = parse_verifier_key(run(directory, "key").stdout)
    proof = parse_proof(run(directory, "prove", 7).stdout)
    assert isinstance(proof, EventProof)
    assert verify_event_proof(proof, [key]).size == 3, (
        "two batches of figures, and the one that records the key"
    )
    grown = parse_proof(run(directory, "consistency", old, new).stdout)
    assert isinstance(grown, ConsistencyProof)
    verify_consistency_proof(grown, [key])
    checked = run(directory, "verify", "--checkpoint", old, "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout) == {"ok": True, "events": 11, "problems": [], "notes": []}
    (directory / "ledger.db").unlink()
    some_figures(warehouse(directory))
    other = run(directory, "verify", "--checkpoint", old)
    assert other.returncode == 1
    assert "another" in other.stderr or "this log is" in other.stderr


def test_a_verification_that_cannot_be_kept_says_so_and_is_still_one(tmp_path: Path) -> None:
    settings = warehouse(tmp_path / "w")
    some_figures(settings)
    elsewhere = replace(settings, warehouse=tmp_path / "none")
    found = verify(elsewhere)
    assert found.ok
    assert f"could not be kept in {elsewhere.verified}" in found.notes[-1]
    assert verify(settings).notes == ()
    kept = read_verified(settings.verified)
    assert kept is not None
    assert (kept.events, kept.root) == (found.events, found.root.hex())


def test_a_purge_is_named_by_verify_and_breaks_nothing_else(tmp_path: Path) -> None:
    directory = tmp_path / "w"
    some_figures(warehouse(directory))
    old = tmp_path / "old"
    assert run(directory, "checkpoint", "--out", old).returncode == 0
    order = ["--authority", "Information officer, case 7", "--reason", "asked to", "--position", 2, "--yes"]
    assert run(directory, "purge", *order).returncode == 0
    found = json.loads(run(directory, "verify", "--checkpoint", old, "--json").stdout)
    assert (found["ok"], found["problems"]) == (True, [])
    assert "position 2" in " ".join(found["notes"])
    assert "purged under authority of Information officer, case 7" in " ".join(found["notes"])
    refused = run(directory, "prove", 2)
    assert refused.returncode == 1
    assert "purged" in refused.stderr
    assert run(directory, "prove", 3).returncode == 0


def test_a_checkpoint_is_held_against_the_key_that_was_handed_out(tmp_path: Path) -> None:
    directory, other = tmp_path / "w", tmp_path / "other"
    some_figures(warehouse(directory))
    some_figures(warehouse(other))
    note = tmp_path / "note"
    assert run(directory, "checkpoint", "--out", note).returncode == 0
    first = run(directory, "key").stdout.strip()
    assert run(directory, "verify", "--checkpoint", note, "--key", first).returncode == 0
    second = run(directory, "key", "--new").stdout.strip()
    assert second != first
    assert run(directory, "verify", "--checkpoint", note, "--key", second).returncode == 1
    assert run(directory, "verify", "--checkpoint", note).returncode == 0, "old public keys are kept"
    foreign = run(directory, "verify", "--checkpoint", note, "--key", run(other, "key").stdout.strip())
    assert foreign.returncode == 1
    alone = run(directory, "verify", "--key", first)
    assert (alone.returncode, "add --checkpoint FILE" in alone.stderr) == (1, True)


def test_a_lost_key_is_never_replaced_behind_the_auditors_back(tmp_path: Path) -> None:
    directory, note = tmp_path / "w", tmp_path / "note"
    settings = warehouse(directory)
    some_figures(settings)
    first = make_checkpoint(settings)
    note.write_text(first)
    key = str(public_key(settings))
    (directory / "keys").rename(tmp_path / "keys")
    lost = run(directory, "checkpoint")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "holds no key, but checkpoints of this log have been signed" in lost.stderr
    assert "starledger ledger key --new" in lost.stderr
    assert not (directory / "keys").exists()
    assert run(directory, "verify", "--checkpoint", note).returncode == 0, "the log names its keys"
    changed = run(directory, "key", "--new").stdout.strip()
    assert changed not in ("", key)
    assert make_checkpoint(settings).splitlines()[0] == first.splitlines()[0]
    assert [str(each) for each in known_keys(settings, settings.ledger())] == [key, changed]
    assert run(directory, "verify", "--checkpoint", note).returncode == 0


def test_another_directory_of_keys_signs_nothing_for_this_log(tmp_path: Path) -> None:
    settings = warehouse(tmp_path / "w")
    some_figures(settings)
    key = public_key(settings)
    elsewhere = replace(settings, warehouse=tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match=r"holds no key, but .* Next: put the directory back"):
        make_checkpoint(elsewhere)
    signing_key(keys_directory(elsewhere), settings.ledger().origin)
    with pytest.raises(
        LedgerError, match=rf"signed with the key {re.escape(str(key))}, and .* holds another"
    ):
        make_checkpoint(elsewhere)
    shutil.copytree(tmp_path / "w" / "keys", tmp_path / "backup")
    changed = new_key(settings)
    shutil.rmtree(tmp_path / "w" / "keys")
    (tmp_path / "backup").rename(tmp_path / "w" / "keys")
    with pytest.raises(
        LedgerError, match=rf"signed with the key {re.escape(str(changed))}, and .* holds another"
    ):
        make_checkpoint(settings)


def test_a_change_of_keys_that_was_broken_off_is_recorded_by_the_next_checkpoint(tmp_path: Path) -> None:
    settings = warehouse(tmp_path / "w")
    some_figures(settings)
    first, ledger = public_key(settings), settings.ledger()
    changed = change_key(keys_directory(settings), ledger.origin).key
    assert recorded_keys(ledger) == [first]
    note = make_checkpoint(settings)
    assert recorded_keys(ledger) == [first, changed]
    assert verify_checkpoint(note, [changed], origin=ledger.origin).size == 3
    assert make_checkpoint(settings) == note, "a checkpoint of the same log is the same text"
