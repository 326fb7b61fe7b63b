"""The stand-alone verifier: it agrees with ours, and with proofs that neither of the two made."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.notes import SignerKey, parse_verifier_key
from audit.proof_file import parse_proof
from audit.proofs import EventProof, make_consistency_proof, parse_checkpoint, sign_checkpoint
from audit.verifier import verify_consistency_proof, verify_event_proof
from ratings.errors import LedgerError
from tests import made_proofs as made
from warehouse import merkle, schema
from warehouse.canonical_events import BATCH_FIELDS, EVENT_FIELDS

SCRIPT = Path(__file__).parents[2] / "audit" / "standalone_verifier.py"
BATCHES, EVENTS = len(made.SIZES), sum(made.SIZES)
LEAVES = [made.log().get_leaf(number) for number in range(1, BATCHES + 1)]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("standalone", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


standalone = load()
KEYS = [(made.ORIGIN, made.verifier_key().split("+")[1], parse_verifier_key(made.verifier_key()).public)]


def run(
    directory: Path, proof: Any, *keys: str, name: str = "proof.json"
) -> subprocess.CompletedProcess[str]:
    """Run the script as an auditor does: elsewhere, and with no way to find our packages."""
    file = directory / name
    if proof is not None:
        file.write_text(proof if isinstance(proof, str) else json.dumps(proof), encoding="utf-8")
    arguments = [part for key in keys or [made.verifier_key()] for part in ("--key", key)]
    return subprocess.run(
        [sys.executable, "-I", "-X", "utf8", str(SCRIPT), str(file), *arguments],
        cwd=directory, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def holds(proof: dict[str, Any]) -> bool:
    """What the script's functions say, without starting a process."""
    check = standalone.event_proof if "event" in proof else standalone.consistency_proof
    try:
        return bool(check(proof, KEYS))
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
        return False
    except standalone.struct.error:
        return False


def ours_holds(proof: dict[str, Any]) -> bool:
    key = parse_verifier_key(made.verifier_key())
    try:
        parsed = parse_proof(json.dumps(proof))
        verify = verify_event_proof if isinstance(parsed, EventProof) else verify_consistency_proof
        return bool(verify(parsed, [key]))  # type: ignore[arg-type]
    except LedgerError:
        return False


def consistency(old: int, new: int) -> dict[str, Any]:
    proof = make_consistency_proof(made.checkpoint(old), made.checkpoint(new), LEAVES)
    return dict(json.loads(proof.to_json()))


def test_it_is_short_and_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_it_knows_every_column_and_its_kind() -> None:
    kinds = {str: "t", int: "i", float: "d", bytes: "b"}
    for text, fields, tables in (
        (standalone.EVENT, EVENT_FIELDS, [schema.event]),
        (standalone.BATCH, BATCH_FIELDS, [schema.batch_tree, schema.batch]),
    ):
        types = {c.name: kinds[c.type.python_type] for table in tables for c in table.columns}
        assert text.split() == [f"{name}:{types[name]}" for name in fields]


def test_a_proof_put_together_by_others_holds_for_every_event() -> None:
    assert all(holds(made.event_proof(position)) for position in range(1, EVENTS + 1))


def test_proofs_hold_at_every_size_of_a_log_and_a_batch() -> None:
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(130)]
    for size in range(1, 130):
        root = merkle.root(leaves[:size])
        for index in range(size):
            path = [each.hex() for each in merkle.inclusion_path(leaves[:size], index)]
            assert standalone.climb(leaves[index], leaves[index], index, size - 1, path)[1] == root


def test_every_checkpoint_continues_every_older_one() -> None:
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(40)]
    notes = {}
    for size in range(1, 40):
        root = standalone.base64.b64encode(merkle.root(leaves[:size])).decode()
        notes[size] = made.signed(f"{made.ORIGIN}\n{size}\n{root}\nposition {size}\n")
    for new in range(1, 40):
        for old in range(1, new + 1):
            proof = json.loads(make_consistency_proof(notes[old], notes[new], leaves).to_json())
            assert holds(proof), (old, new)
            wrong = proof | {"old": notes[new - 1 or 2]} if old != new - 1 else proof | {"path": []}
            assert holds(wrong) == ours_holds(wrong)


@settings(max_examples=400)
@given(st.integers(1, EVENTS), st.randoms(use_true_random=False))
def test_it_and_ours_agree_on_every_altered_event_proof(position: int, where: random.Random) -> None:
    proof = copy.deepcopy(made.event_proof(position))
    alter(proof, where)
    assert not holds(proof)
    assert not ours_holds(proof)


@settings(max_examples=200)
@given(st.integers(2, BATCHES), st.randoms(use_true_random=False))
def test_it_and_ours_agree_on_every_altered_consistency_proof(new: int, where: random.Random) -> None:
    proof = consistency(where.randrange(1, new), new)
    del proof["format"]
    alter(proof, where)
    assert not holds(proof)
    assert not ours_holds({"format": "starledger consistency proof 1"} | proof)


def alter(proof: Any, where: random.Random) -> None:
    """Change one thing somewhere in a proof that has a meaning."""
    spots = [spot for spot in leaves_of(proof) if spot[1] != "format"]
    holder, name = where.choice(spots)
    value = holder[name]
    if isinstance(value, str) and value:
        at = where.randrange(len(value))
        character = chr(ord(value[at]) ^ 1 << where.randrange(6))
        holder[name] = value[:at] + character + value[at + 1 :]
    elif isinstance(value, int):
        holder[name] = value + where.choice([-1, 1])
    elif isinstance(value, float):
        holder[name] = value * 2 + 1.5
    else:
        holder[name] = "x" if value is None else None


def leaves_of(part: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for name in part if isinstance(part, dict) else range(len(part)):
        inner = part[name]
        found += leaves_of(inner) if isinstance(inner, dict | list) else [(part, name)]
    return found


def test_a_path_has_the_length_that_the_size_of_the_tree_gives_it() -> None:
    for at, last, path in ((0, 7, []), (0, 0, ["00" * 32]), (3, 3, ["00" * 32] * 3), (4, 3, []), (-1, 3, [])):
        with pytest.raises(ValueError, match=r"the path is too|index or size"):
            standalone.climb(bytes(32), bytes(32), at, last, path)


def test_a_key_that_is_trusted_for_another_log_says_nothing_about_this_one() -> None:
    key = parse_verifier_key(made.verifier_key(bytes(32), "other"))
    both = [*KEYS, ("other", key.id.hex(), key.public)]
    text = made.checkpoint().split("\n\n")[0] + "\n"
    with pytest.raises(ValueError, match="is not signed by a key you gave"):
        standalone.checkpoint(made.signed(text, bytes(32), "other"), both)
    two_logs = consistency(3, 5) | {"new": made.checkpoint(5, bytes(32), "other")}
    with pytest.raises(ValueError, match="they are of two logs"):
        standalone.consistency_proof(two_logs, both)


def respelt(note: str) -> str:
    """The same signature in another spelling of base64: its last digit has two bits that say nothing."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert note.endswith("=\n")
    return note[:-3] + digits[digits.index(note[-3]) + 1] + "=\n"


# As a program


def test_an_auditor_checks_a_proof_with_the_script_and_a_public_key_alone(tmp_path: Path) -> None:
    done = run(tmp_path, made.event_proof(150))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"The proof holds: position 150 of {made.ORIGIN}, in batch 3 of {BATCHES}, is "
    )
    assert '"numerator": 150.0' in done.stdout
    done = run(tmp_path, consistency(3, 5))
    assert (
        done.stdout
        == f"The proof holds: the 5 batches of {made.ORIGIN} begin with the 3 of the old checkpoint\n"
    )


def test_after_a_change_of_keys_both_are_given(tmp_path: Path) -> None:
    newer = SignerKey(made.ORIGIN, bytes(32))
    new = sign_checkpoint(parse_checkpoint(made.checkpoint()), [newer])
    proof = make_consistency_proof(made.checkpoint(3), new, LEAVES).to_json()
    assert run(tmp_path, proof, made.verifier_key(), str(newer.verifier)).returncode == 0
    assert run(tmp_path, proof, made.verifier_key()).returncode == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("salt", "00" * 16, "a column of the event, its salt, or event_leaf was altered"),
        ("position", 151, "position, in_batch.index or in_batch.size was altered"),
        ("batch_leaf", "00" * 32, "a column of the batch, or batch_leaf, was altered"),
        ("checkpoint", made.checkpoint(5), "in_log.index or in_log.size is wrong"),
        (
            "checkpoint",
            made.checkpoint().replace("position 3", "position 4"),
            "the checkpoint, or its signature",
        ),
        ("checkpoint", made.checkpoint(seed=bytes(32)), "is not signed by a key you gave"),
        ("checkpoint", made.checkpoint(origin="other"), "the log 'other' is not signed by a key you gave"),
        ("checkpoint", respelt(made.checkpoint()), "not base64 in its one canonical spelling"),
        ("event", None, "it is malformed (TypeError"),
        ("format", "something else", "it is malformed (KeyError"),
    ],
)
def test_what_does_not_hold_is_said_and_the_exit_code_is_1(
    tmp_path: Path, name: str, value: Any, sentence: str
) -> None:
    done = run(tmp_path, made.event_proof(150) | {name: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The proof does NOT hold: ")
    assert sentence in done.stderr


def test_a_name_given_twice_does_not_hold(tmp_path: Path) -> None:
    text = json.dumps(made.event_proof(150)).replace('"salt":', '"salt": "", "salt":')
    assert "a name is given twice" in run(tmp_path, text).stderr


@pytest.mark.parametrize(
    "key", ["", "a+b", made.verifier_key().replace("+", "-", 1), made.verifier_key()[:-4]]
)
def test_a_key_that_cannot_be_read_checks_nothing_and_the_exit_code_is_2(tmp_path: Path, key: str) -> None:
    done = run(tmp_path, made.event_proof(150), key)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the proof or a key cannot be read" in done.stderr


def test_a_file_that_is_not_there_checks_nothing_and_the_exit_code_is_2(tmp_path: Path) -> None:
    assert run(tmp_path, None, name="nowhere.json").returncode == 2
