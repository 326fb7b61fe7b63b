"""Verifying a snapshot: with a public key and the directory alone, every way to tamper with it is named."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from typer.testing import CliRunner

from audit.inclusion import verify_inclusion
from audit.notes import SignerKey, VerifierKey
from audit.proofs import parse_checkpoint
from audit.receipts import PAYLOAD_TYPE, pre_authentication, read_receipt
from audit.snapshot_verifier import verify_snapshot
from pipelines.cli import app
from pipelines.ledger_proofs import public_key
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.errors import InputError, LedgerError, SnapshotError
from tests.made_ledgers import COUNCILS, EARLIER, OUT, append, figure, overwrite, some_figures, warehouse
from warehouse.canonical import canonical_json, sha256_hex
from warehouse.purge import Order, purge
from warehouse.snapshot_files import json_text
from warehouse.snapshot_manifest import logical_digest
from warehouse.snapshots import SnapshotRef
from warehouse.table_digest import digest


@dataclass(frozen=True)
class Built:
    """A snapshot, the warehouse it was built in, and the key it is signed with."""

    settings: Settings
    snapshot: SnapshotRef
    key: VerifierKey


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    settings = warehouse(tmp_path_factory.mktemp("sealed") / "w")
    rows = [figure(name, float(n), period=EARLIER) for n, name in enumerate(COUNCILS)]
    others = [figure(f"not-rated-{n}", float(n)) for n in range(600)]  # neighbours in the tree
    append(settings, [*others[:300], *rows, *others[300:]])
    some_figures(settings, at=OUT + 1)
    append(settings, [figure("camden", 2.5), figure("hackney", None)], at=OUT + 2)
    snapshot = build(settings, "lait-quartile", as_published=OUT + 3)
    return Built(settings, snapshot, public_key(settings))


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built.snapshot.path, tmp_path / "copy"))


def test_a_copy_holds_with_the_public_key_alone(built: Built, copy: Path) -> None:
    found = verify_snapshot(copy, [built.key])
    assert (found.problems, found.notes) == ((), ())
    assert found.observations == built.snapshot.manifest["tables"]["observations"]["rows"] == 10
    assert found.signed_by == built.key.name


def test_without_a_key_it_says_that_signatures_were_not_checked(copy: Path) -> None:
    found = verify_snapshot(copy)
    assert found.problems == ()
    assert found.signed_by is None
    assert "signatures were not checked" in found.notes[0]


def test_another_key_is_not_believed(built: Built, copy: Path) -> None:
    stranger = SignerKey(built.key.name, b"x" * 32).verifier
    found = verify_snapshot(copy, [stranger])
    assert "no signature is by a key you trust" in found.problems[0]
    assert any("checkpoint does not hold" in problem for problem in found.problems)


FILES = ("bands.parquet", "changes.json", "checkpoint", "datapackage.json", "proofs.bin", "receipt.json")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(built: Built, copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert verify_snapshot(copy, [built.key]).problems == (f"{name} is missing",)


def test_an_extra_file_is_named(built: Built, copy: Path) -> None:
    (copy / "more.parquet").write_text("?")
    found = verify_snapshot(copy, [built.key])
    assert found.problems == ("more.parquet does not belong to the snapshot",)


@pytest.mark.parametrize("name", [name for name in FILES if name != "receipt.json"])
def test_a_truncated_file_is_named(built: Built, copy: Path, name: str) -> None:
    overwrite(copy / name, (copy / name).read_bytes()[:-7])
    found = verify_snapshot(copy, [built.key])
    assert any(problem.startswith(f"{name} is cut short: ") for problem in found.problems)


def test_swapped_files_are_named(built: Built, copy: Path) -> None:
    one, other = (copy / name for name in ("bands.parquet", "freshness.parquet"))
    first, second = one.read_bytes(), other.read_bytes()
    overwrite(one, second)
    overwrite(other, first)
    problems = verify_snapshot(copy, [built.key]).problems
    assert "bands.parquet was swapped: its bytes are those of freshness.parquet" in problems
    assert "freshness.parquet was swapped: its bytes are those of bands.parquet" in problems


@pytest.mark.parametrize("name", FILES)
def test_an_altered_byte_anywhere_in_a_file_is_noticed_and_the_file_named(
    built: Built, copy: Path, name: str
) -> None:
    content = (copy / name).read_bytes()
    for at in range(0, len(content), max(1, len(content) // 7)):
        changed = bytearray(content)
        changed[at] ^= 1
        overwrite(copy / name, bytes(changed))
        problems = verify_snapshot(copy, [built.key]).problems
        named = name.removesuffix(".json")
        assert any(named in problem for problem in problems), (at, problems)


def forge(copy: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Alter the observations and make everything agree again that needs no key: hashes, digests, totals."""
    manifest = json.loads((copy / "manifest.json").read_text())
    file = copy / "observations.parquet"
    with pq.ParquetFile(file) as opened:
        table = opened.read()
    frame = change(pl.DataFrame(table))
    altered = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(table.schema)
    file.chmod(0o644)
    pq.write_table(altered, file)
    said = manifest["tables"]["observations"]
    said |= {"digest": digest(altered, tuple(said["key"])), "sha256": sha256_hex(file.read_bytes())}
    said |= {"bytes": file.stat().st_size, "rows": altered.num_rows}
    for total in manifest["cross_foot"]:
        if "observations" in total["says"] and "quality" in total["says"]:
            total["one"] = total["other"] = altered.num_rows
    manifest["digest"] = logical_digest(manifest)
    manifest["id"] = f"{manifest['id'][:-12]}{manifest['digest'][:12]}"
    overwrite(copy / "manifest.json", json_text(manifest))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.with_columns(value=pl.lit(1.0)),
        lambda rows: rows.with_columns(obs_status=pl.lit("P")),
        lambda rows: rows.with_columns(source_row=pl.col("source_row") + 1),
        lambda rows: rows.with_columns(source_batch=pl.col("source_batch") + 1),
        lambda rows: rows.with_columns(period_label=pl.lit("x")),
        lambda rows: rows.with_columns(published_at=pl.col("published_at") + pl.duration(microseconds=1)),
        lambda rows: rows.with_columns(position=pl.col("position") + 1),
    ],
)
def test_figures_forged_with_all_hashes_made_to_agree_are_not_in_the_log(
    built: Built, copy: Path, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    forge(copy, change)
    problems = verify_snapshot(copy, [built.key]).problems
    assert any("the proofs do not hold" in problem for problem in problems)
    assert any("receipt.json" in problem for problem in problems)


def test_a_figure_left_out_or_added_is_noticed(built: Built, copy: Path) -> None:
    forge(copy, lambda rows: rows[1:])
    assert any("one is missing, added" in p for p in verify_snapshot(copy, [built.key]).problems)


def test_a_receipt_signed_by_somebody_else_over_a_forgery_is_not_believed(built: Built, copy: Path) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    envelope = json.loads((copy / "receipt.json").read_text())
    payload = base64.b64decode(envelope["payload"])
    signature = stranger.sign(pre_authentication(PAYLOAD_TYPE, payload))
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    overwrite(copy / "receipt.json", json.dumps(envelope))
    [problem] = verify_snapshot(copy, [built.key]).problems
    assert "does not fit what is stated" in problem


def test_the_receipt_verifies_with_nothing_of_ours_and_binds_every_file(built: Built) -> None:
    """By the specifications of DSSE and in-toto alone."""
    directory = built.snapshot.path
    envelope = json.loads((directory / "receipt.json").read_text())
    kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"])
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    [signature] = envelope["signatures"]
    Ed25519PublicKey.from_public_bytes(built.key.public).verify(base64.b64decode(signature["sig"]), signed)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    bound = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    files = {file.name: sha256_hex(file.read_bytes()) for file in directory.iterdir()}
    assert bound == {name: files[name] for name in files if name != "receipt.json"}
    definition = statement["predicate"]["buildDefinition"]
    digests = {each["name"]: each["digest"]["sha256"] for each in definition["resolvedDependencies"]}
    manifest = built.snapshot.manifest
    assert digests["method lait-quartile"] == manifest["method"]["sha256"]
    assert digests["catalogue"] == manifest["catalogue_sha256"]
    assert digests[f"log {manifest['ledger']['origin']}"] == manifest["checkpoint"]["root"]
    assert {"python", "pyarrow", "polars"} <= set(definition["internalParameters"])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"payload": "x"}', '{"payload": "e30=", "signatures": []}']
)
def test_what_is_no_receipt_is_said_to_be_none(text: str) -> None:
    with pytest.raises(LedgerError, match="not a receipt"):
        read_receipt(text, None)


def test_neighbours_stay_hidden(built: Built) -> None:
    """What proofs.bin holds of the events around is hashes under salts that are not in it."""
    content = (built.snapshot.path / "proofs.bin").read_bytes()
    head = json.loads(content.split(b"\n", 2)[1])
    assert b"not-rated" not in content
    assert sum(each["observations"] for each in head["batches"]) == 10
    salts = sum(16 * each["observations"] for each in head["batches"])
    nodes = 32 * (head["nodes"] + sum(each["nodes"] for each in head["batches"]))
    lines = sum(len(line) + 1 for line in content.split(b"\n", 2)[:2])
    assert len(content) == lines + salts + nodes + head["unsaid"]


@pytest.mark.parametrize("cut", [0, 10, 200, -1])
def test_proofs_that_are_no_proofs_are_said_to_be_malformed(built: Built, cut: int) -> None:
    content = (built.snapshot.path / "proofs.bin").read_bytes()[:cut]
    checkpoint = parse_checkpoint((built.snapshot.path / "checkpoint").read_text())
    with pytest.raises(LedgerError, match="proofs"):
        verify_inclusion(content, built.snapshot.table("observations"), checkpoint)


def test_a_checkpoint_of_another_moment_does_not_pass(built: Built, copy: Path) -> None:
    from pipelines.ledger_proofs import make_checkpoint

    append(built.settings, [figure("camden", 9.0)], at=OUT + 9)
    overwrite(copy / "checkpoint", make_checkpoint(built.settings))
    problems = verify_snapshot(copy, [built.key]).problems
    assert "checkpoint is not the one that manifest.json names" in problems


def test_what_was_purged_later_or_before_is_said_to_be_purged(tmp_path: Path) -> None:
    settings = warehouse(tmp_path / "w")
    first = some_figures(settings)
    before = build(settings, "lait-quartile", as_published=OUT)
    order = Order("a court", "an order", positions=(first.first_position + 1,))
    from pipelines.definitions import signed

    purge(settings.ledger(), settings.landing, order, signed(settings, "purge", ""))
    append(settings, [figure("camden", 2.5)], at=OUT + 1)
    after = build(settings, "lait-quartile", as_published=OUT + 1)
    key = [public_key(settings)]
    assert verify_snapshot(before.path, key).problems == ()
    found = verify_snapshot(after.path, key)
    assert found.problems == ()
    assert found.observations == 4
    assert found.notes == (
        "1 observations were purged from the log under authority: what they said can no longer be proved",
    )


def test_the_command_takes_a_directory_and_a_key_and_needs_no_warehouse(
    built: Built, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["snapshots", "verify", "copy", "--public-key", str(built.key)])
    assert done.output.splitlines() == [
        "copy: whole and unaltered, 10 observations in the log",
        f"  signed by {built.key.name}",
    ]
    (tmp_path / "key.txt").write_text(f"{built.key}\n")
    command = ["snapshots", "verify", "copy", "--public-key", "key.txt", "--json"]
    said = json.loads(CliRunner().invoke(app, command).output)
    assert (said["ok"], said["observations"], said["signed_by"]) == (True, 10, built.key.name)
    assert not (tmp_path / "var").exists()
    overwrite(copy / "bands.parquet", b"")
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, SnapshotError)
    assert "bands.parquet is cut short" in str(refused.exception)
    assert refused.exit_code == 1


def test_a_key_that_is_none_is_refused_with_what_to_give(copy: Path) -> None:
    refused = CliRunner().invoke(app, ["snapshots", "verify", str(copy), "--public-key", "nobody"])
    assert isinstance(refused.exception, InputError)
    assert "starledger ledger key" in str(refused.exception)


def test_an_id_is_checked_with_the_keys_of_its_warehouse(built: Built) -> None:
    command = ["snapshots", "verify", built.snapshot.id, "--warehouse", str(built.settings.warehouse)]
    assert f"signed by {built.key.name}" in CliRunner().invoke(app, command).output


def test_a_manifest_that_lacks_anything_is_never_taken_for_whole(built: Built, copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    for name in manifest:
        without = {key: value for key, value in manifest.items() if key != name}
        for changed in (without, manifest | {name: None}, manifest | {name: 7}):
            overwrite(copy / "manifest.json", json.dumps(changed))
            with suppress(SnapshotError):
                assert verify_snapshot(copy, [built.key]).problems, name


def test_a_forgery_that_calls_itself_old_is_not_believed_where_a_key_is_given(
    built: Built, copy: Path
) -> None:
    for name in ("checkpoint", "proofs.bin", "receipt.json", "changes.json", "datapackage.json"):
        (copy / name).unlink()
    manifest = built.snapshot.manifest | {"schema_version": 3, "files": {}}
    manifest["digest"] = logical_digest(manifest)
    manifest["id"] = f"{manifest['id'][:-12]}{manifest['digest'][:12]}"
    overwrite(copy / "manifest.json", json_text(manifest))
    found = verify_snapshot(copy, [built.key])
    assert found.problems == ("schema version 3 had no receipt and no proofs: nothing in it is signed",)
    assert "its files alone were checked" in verify_snapshot(copy).notes[0]


def test_a_manifest_of_a_newer_version_is_not_guessed_at(copy: Path) -> None:
    manifest: dict[str, Any] = json.loads((copy / "manifest.json").read_text())
    overwrite(copy / "manifest.json", canonical_json(manifest | {"schema_version": 99}))
    with pytest.raises(SnapshotError, match="newer than this code knows"):
        verify_snapshot(copy)
