"""Checkpoints and proof files: they hold, and nothing that was altered holds."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.notes import SignerKey, VerifierKey, parse_verifier_key
from audit.proof_file import parse_proof
from audit.proofs import (
    Checkpoint,
    ConsistencyProof,
    EventProof,
    make_consistency_proof,
    make_event_proof,
    parse_checkpoint,
    sign_checkpoint,
)
from audit.verifier import verify_checkpoint, verify_consistency_proof, verify_event_proof
from ratings.errors import LedgerError
from tests import made_proofs as made
from warehouse import merkle
from warehouse.canonical_events import BATCH_FIELDS, EVENT_FIELDS

KEY = parse_verifier_key(made.verifier_key())
SIGNER = SignerKey(made.ORIGIN, made.SEED)
BATCHES, EVENTS = len(made.SIZES), sum(made.SIZES)
LEAVES = [made.log().get_leaf(number) for number in range(1, BATCHES + 1)]
NUMBERS = {"value", "numerator", "denominator"}
WHOLE = {"schema_version", "published_at", "stated_by", "source_batch", "source_row", "id", "first_position",
         "last_position", "recorded_at", "voids", "received_at", "rows_read", "simulated"}  # fmt: skip


def verify(content: Any, *keys: VerifierKey) -> None:
    """Check a proof file, given its text or what its JSON holds."""
    proof = parse_proof(content if isinstance(content, str) else json.dumps(content))
    if isinstance(proof, EventProof):
        verify_event_proof(proof, keys or [KEY])
    else:
        verify_consistency_proof(proof, keys or [KEY])


def consistency(old: int, new: int) -> ConsistencyProof:
    return make_consistency_proof(made.checkpoint(old), made.checkpoint(new), LEAVES)


def altered(change: Callable[[dict[str, Any]], object], position: int = 150) -> dict[str, Any]:
    content = copy.deepcopy(made.event_proof(position))
    change(content)
    return content


def flipped(text: str, where: int) -> str:
    """Hex with another digit in one place."""
    return text[:where] + f"{int(text[where], 16) ^ 1:x}" + text[where + 1 :]


# Checkpoints


def test_a_checkpoint_is_the_text_that_the_specification_gives() -> None:
    text = Checkpoint("example.com/log", 1, merkle.leaf_hash(b""), 17).text()
    assert text == "example.com/log\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\nposition 17\n"


def test_a_signed_checkpoint_is_the_one_put_together_by_hand_and_is_read_back() -> None:
    for size in range(1, BATCHES + 1):
        written = Checkpoint(made.ORIGIN, size, made.log().get_root(size), sum(made.SIZES[:size]))
        note = sign_checkpoint(written, [SIGNER])
        assert note == made.checkpoint(size)
        assert parse_checkpoint(note) == written == verify_checkpoint(note, [KEY])


def test_the_checkpoint_of_an_empty_log_can_be_signed() -> None:
    empty = Checkpoint(made.ORIGIN, 0, merkle.EMPTY_ROOT, 0)
    assert verify_checkpoint(sign_checkpoint(empty, [SIGNER]), [KEY]) == empty


def test_further_extension_lines_are_kept() -> None:
    checkpoint = Checkpoint(made.ORIGIN, 1, bytes(32), 1, ("landed 3",))
    assert verify_checkpoint(sign_checkpoint(checkpoint, [SIGNER]), [KEY]) == checkpoint


def test_a_checkpoint_signed_by_an_old_and_a_new_key_verifies_with_either() -> None:
    newer = SignerKey(made.ORIGIN, bytes(32))
    checkpoint = Checkpoint(made.ORIGIN, 1, bytes(32), 1)
    note = sign_checkpoint(checkpoint, [SIGNER, newer])
    for key in (KEY, newer.verifier):
        assert verify_checkpoint(note, [key]) == checkpoint


def test_a_key_of_another_log_signs_no_checkpoint() -> None:
    with pytest.raises(LedgerError, match=r"key of the log other cannot sign a checkpoint of the log mine"):
        sign_checkpoint(Checkpoint("mine", 0, merkle.EMPTY_ROOT, 0), [SignerKey("other", made.SEED)])


ROOT = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([made.ORIGIN, "1", ROOT], "four lines or more"),
        ([made.ORIGIN, "1", ROOT, "", "position 1"], "four lines or more, none empty"),
        ([made.ORIGIN, "01", ROOT, "position 1"], "its size is '01'"),
        ([made.ORIGIN, "-1", ROOT, "position 1"], "its size is '-1'"),
        ([made.ORIGIN, "١", ROOT, "position 1"], "its size is '١'"),
        ([made.ORIGIN, "1", ROOT[:-2] + "1=", "position 1"], "root is not 32 bytes"),
        ([made.ORIGIN, "1", ROOT[:-4], "position 1"], "root is not 32 bytes"),
        ([made.ORIGIN, "1", "!", "position 1"], "root is not 32 bytes"),
        ([made.ORIGIN, "1", ROOT, "position one"], "not exactly one line `position"),
        ([made.ORIGIN, "1", ROOT, "position 1", "position 2"], "not exactly one line `position"),
        ([made.ORIGIN, "1", ROOT, "other 1"], "not exactly one line `position"),
    ],
)
def test_a_signed_note_that_is_no_checkpoint_is_refused(lines: list[str], what: str) -> None:
    with pytest.raises(
        LedgerError, match=rf"the checkpoint does not hold: this is not a checkpoint: .*{what}"
    ):
        verify_checkpoint(made.signed("".join(f"{line}\n" for line in lines)), [KEY])


def test_a_checkpoint_of_another_log_is_refused_and_named() -> None:
    other = made.checkpoint(origin="starledger-other")
    with pytest.raises(
        LedgerError, match=r"of the log starledger-other, and the key given is of starledger-m"
    ):
        verify_checkpoint(other, [KEY])
    with pytest.raises(
        LedgerError, match=r"kept\.txt: .*of the log starledger-other, and this log is .*Next:"
    ):
        verify_checkpoint(other, [KEY], origin=made.ORIGIN, file="kept.txt")
    with pytest.raises(LedgerError, match="the key given is of no log"):
        verify_checkpoint(other, [])


def test_a_key_that_is_trusted_for_another_log_signs_nothing_for_this_one() -> None:
    other = SignerKey("starledger-other", bytes(32))
    text = made.checkpoint().split("\n\n")[0] + "\n"
    with pytest.raises(LedgerError, match="no signature is by a key you trust"):
        verify_checkpoint(made.signed(text, other.seed, other.name), [KEY, other.verifier])


def test_a_wrong_key_is_refused_and_both_keys_are_named() -> None:
    wrong = SignerKey(made.ORIGIN, bytes(32)).verifier
    with pytest.raises(LedgerError, match=rf"signed by .*{KEY.id.hex()}; you gave .*{wrong.id.hex()}.*Next:"):
        verify_checkpoint(made.checkpoint(), [wrong])


@settings(max_examples=300)
@given(st.integers(0, len(made.checkpoint().encode()) - 1), st.integers(0, 7))
def test_a_checkpoint_with_one_flipped_bit_does_not_hold(at: int, bit: int) -> None:
    note = bytearray(made.checkpoint().encode())
    note[at] ^= 1 << bit
    with pytest.raises(LedgerError, match="the checkpoint does not hold"):
        verify_checkpoint(note.decode(errors="surrogateescape"), [KEY])


# Proofs of events


def test_the_fields_that_are_hashed_are_the_ones_the_specification_lists() -> None:
    assert (EVENT_FIELDS, BATCH_FIELDS) == (made.EVENT_COLUMNS, made.BATCH_COLUMNS)


def test_a_proof_put_together_by_others_holds_for_every_event() -> None:
    for position in range(1, EVENTS + 1):
        verify(made.event_proof(position))


def test_our_proof_is_the_one_put_together_by_others_at_every_size_of_the_log() -> None:
    for batch in made.batches():
        number = batch.row["id"]
        leaves = [batch.tree.get_leaf(n) for n in range(1, len(batch.events) + 1)]
        for index in {0, 1, 255, 256, len(leaves) // 2, len(leaves) - 1} & set(range(len(leaves))):
            event, path = batch.events[index], merkle.inclusion_path(leaves, index)
            for size in range(number, BATCHES + 1):
                checkpoint = made.checkpoint(size)
                proof = make_event_proof(event, batch.salts[index], path, batch.row, LEAVES, checkpoint)
                assert json.loads(proof.to_json()) == made.event_proof(event["position"], size)
                assert parse_proof(proof.to_json()) == proof
                assert verify_event_proof(proof, [KEY]).size == size


def test_a_checkpoint_from_before_the_event_cannot_prove_it() -> None:
    batch = made.batches()[2]
    with pytest.raises(
        LedgerError, match=r"position 5 is in batch 3, and the checkpoint covers 2.*Next: make"
    ):
        make_event_proof(batch.events[0], batch.salts[0], [], batch.row, LEAVES, made.checkpoint(2))


def test_a_log_shorter_than_its_checkpoint_is_pointed_out() -> None:
    batch = made.batches()[0]
    with pytest.raises(LedgerError, match=r"covers 6 batches, but the log has only 4: it was cut.*Next:"):
        make_event_proof(batch.events[0], batch.salts[0], [], batch.row, LEAVES[:4], made.checkpoint())


def test_numbers_that_another_program_printed_without_their_point_still_hold() -> None:
    verify(altered(lambda proof: proof["event"].update(numerator=150)))


def test_every_part_that_is_altered_is_named() -> None:
    parts: dict[str, list[tuple[str, Callable[[dict[str, Any]], object]]]] = {}

    def part(sentence: str, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        parts.setdefault(sentence, []).append((name, change))

    for name in made.EVENT_COLUMNS:
        part("a column of `event`, the salt, or event_leaf", name, lambda p, n=name: other(p["event"], n))
    for name in made.BATCH_COLUMNS:
        part(
            "batch.id is 4" if name == "id" else "a column of `batch`, or batch_leaf",
            name,
            lambda p, n=name: other(p["batch"], n),
        )
    for name, sentence in (
        ("salt", "a column of `event`, the salt, or event_leaf"),
        ("event_leaf", "a column of `event`, the salt, or event_leaf"),
        ("batch_leaf", "a column of `batch`, or batch_leaf"),
    ):
        length = len(made.event_proof(150)[name])
        for at in range(length):
            part(sentence, f"{name}[{at}]", lambda p, n=name, at=at: p.update({n: flipped(p[n], at)}))
    for tree, sentence in (
        ("in_batch", "the event is not in the batch"),
        ("in_log", "the batch is not in the log"),
    ):
        for n in range(len(made.event_proof(150)[tree]["path"])):
            for at in range(64):
                part(
                    sentence,
                    f"{tree}[{n}][{at}]",
                    lambda p, t=tree, n=n, at=at: flip_step(p[t]["path"], n, at),
                )
        part(sentence, f"{tree} shorter", lambda p, t=tree: p[t]["path"].pop())
        part(sentence, f"{tree} longer", lambda p, t=tree: p[t]["path"].append("00" * 32))
        part(sentence, f"{tree} turned", lambda p, t=tree: p[t]["path"].reverse())
    part("position is 151", "position", lambda p: p.update(position=151))
    part("position is 150", "in_batch.index", lambda p: p["in_batch"].update(index=7))
    part("in_batch.size is 301", "in_batch.size", lambda p: p["in_batch"].update(size=301))
    part("batch.id is 3", "in_log.index", lambda p: p["in_log"].update(index=3))
    part("in_log.size is 7", "in_log.size", lambda p: p["in_log"].update(size=7))
    part("in_log.size is 6", "other checkpoint", lambda p: p.update(checkpoint=made.checkpoint(5)))
    part("the checkpoint does not hold", "text", lambda p: p.update(checkpoint="x" + p["checkpoint"]))

    for sentence, changes in parts.items():
        for name, change in changes:
            with pytest.raises(LedgerError) as caught:
                verify(altered(change))
            assert sentence in str(caught.value), name
            assert ". Next: " in str(caught.value)


def other(row: dict[str, Any], name: str) -> None:
    """Give a column another content of its kind."""
    before = row[name]
    if name in NUMBERS:
        row[name] = 1.5 if before is None else before + 1.0
    elif name in WHOLE:
        row[name] = 0 if before is None else before + 1
    elif name == "events_root":
        row[name] = flipped(before, 5)
    else:
        row[name] = "" if before is None else before + "x"


def flip_step(path: list[str], step: int, at: int) -> None:
    path[step] = flipped(path[step], at)


def test_null_and_empty_text_and_zero_are_three_things() -> None:
    for name, before, after in (("reason", "", None), ("conf_status", None, ""), ("denominator", None, 0.0)):
        assert made.event_proof(150)["event"][name] == before
        with pytest.raises(LedgerError, match="a column of `event`"):
            verify(altered(lambda proof, n=name, a=after: proof["event"].update({n: a})))


def test_minus_zero_is_zero() -> None:
    zero = next(n for n in range(1, EVENTS) if made.event(n)["value"] == 0)
    for value in (0.0, -0.0, 0):
        verify(altered(lambda proof, v=value: proof["event"].update(value=v), zero))


def test_a_forger_who_mends_the_leaf_hash_fails_at_the_tree() -> None:
    def event(proof: dict[str, Any]) -> None:
        proof["event"]["value"] = 99.0
        leaf = bytes.fromhex(proof["salt"]) + made.encode(proof["event"], made.EVENT_COLUMNS)
        proof["event_leaf"] = merkle.leaf_hash(leaf).hex()

    def batch(proof: dict[str, Any]) -> None:
        proof["batch"]["recorded_at"] -= 1
        row = proof["batch"] | {"events_root": bytes.fromhex(proof["batch"]["events_root"])}
        proof["batch_leaf"] = merkle.leaf_hash(made.encode(row, made.BATCH_COLUMNS)).hex()

    with pytest.raises(LedgerError, match="the event is not in the batch"):
        verify(altered(event))
    with pytest.raises(LedgerError, match="the batch is not in the log of the checkpoint"):
        verify(altered(batch))


def test_a_forger_who_mends_everything_fails_at_the_signature() -> None:
    forged = made.checkpoint(seed=bytes(32))
    with pytest.raises(LedgerError, match="no signature is by a key you trust"):
        verify(altered(lambda proof: proof.update(checkpoint=forged)))


def test_a_batch_that_says_nothing_of_its_positions_proves_nothing() -> None:
    with pytest.raises(LedgerError, match="does not say its number or its positions"):
        verify(altered(lambda proof: proof["batch"].update(first_position=None)))


def test_a_checkpoint_that_ends_elsewhere_than_its_last_batch_does_not_hold() -> None:
    text = made.checkpoint().split("\n\n")[0].replace(f"position {EVENTS}", f"position {EVENTS + 1}") + "\n"
    with pytest.raises(LedgerError, match=f"ends at position {EVENTS}, and the checkpoint at {EVENTS + 1}"):
        verify(altered(lambda proof: proof.update(checkpoint=made.signed(text)), EVENTS))
    text = text.replace(f"position {EVENTS + 1}", "position 9")
    with pytest.raises(LedgerError, match="ends at position 304, and the checkpoint at 9"):
        verify(altered(lambda proof: proof.update(checkpoint=made.signed(text))))


@settings(max_examples=400)
@given(st.integers(1, EVENTS), st.randoms(use_true_random=False))
def test_a_proof_file_with_one_flipped_bit_does_not_hold_or_says_the_same(
    position: int, where: random.Random
) -> None:
    written = json.dumps(made.event_proof(position), ensure_ascii=False, indent=1)
    text = bytearray(written.encode())
    text[where.randrange(len(text))] ^= 1 << where.randrange(8)
    changed = text.decode(errors="surrogateescape")
    try:
        verify(changed)
    except LedgerError:
        return
    assert json.loads(changed) == json.loads(written)


# Proofs of consistency


def test_every_checkpoint_continues_every_older_one() -> None:
    for new in range(1, BATCHES + 1):
        for old in range(1, new + 1):
            proof = consistency(old, new)
            assert parse_proof(proof.to_json()) == proof
            found = verify_consistency_proof(proof, [KEY])
            assert [(each.size, each.position) for each in found] == [
                (old, sum(made.SIZES[:old])), (new, sum(made.SIZES[:new]))
            ]  # fmt: skip


def test_consistency_holds_over_a_change_of_keys() -> None:
    newer = SignerKey(made.ORIGIN, bytes(32))
    new = sign_checkpoint(parse_checkpoint(made.checkpoint()), [newer])
    proof = make_consistency_proof(made.checkpoint(3), new, LEAVES)
    verify_consistency_proof(proof, [KEY, newer.verifier])
    with pytest.raises(LedgerError, match="no signature is by a key you trust"):
        verify_consistency_proof(proof, [KEY])


def test_a_rewritten_log_does_not_continue_the_checkpoint_that_was_kept() -> None:
    rewritten = [merkle.leaf_hash(b"back-dated"), *LEAVES[1:]]
    new = sign_checkpoint(Checkpoint(made.ORIGIN, BATCHES, merkle.root(rewritten), EVENTS), [SIGNER])
    proof = make_consistency_proof(made.checkpoint(3), new, rewritten)
    with pytest.raises(LedgerError, match=r"does not continue the old one.*changed in the log"):
        verify_consistency_proof(proof, [KEY])
    same_size = make_consistency_proof(made.checkpoint(), new, rewritten)
    with pytest.raises(LedgerError, match="does not continue the old one"):
        verify_consistency_proof(same_size, [KEY])


@settings(max_examples=200)
@given(st.integers(2, BATCHES), st.randoms(use_true_random=False))
def test_an_altered_path_between_checkpoints_does_not_hold(new: int, where: random.Random) -> None:
    proof = consistency(where.randrange(1, new), new)
    step = where.randrange(len(proof.path))
    flip = bytearray(proof.path[step])
    flip[where.randrange(32)] ^= 1 << where.randrange(8)
    for path in (
        (*proof.path[:step], bytes(flip), *proof.path[step + 1 :]),
        (*proof.path[:step], *proof.path[step + 1 :]),
        (*proof.path, bytes(32)),
    ):
        with pytest.raises(LedgerError, match="the path was altered"):
            verify_consistency_proof(dataclasses.replace(proof, path=path), [KEY])


def test_checkpoints_in_the_wrong_order_or_of_two_logs_are_refused() -> None:
    with pytest.raises(LedgerError, match=r"the old checkpoint has 5 batches, the new one 2.*Next:"):
        consistency(5, 2)
    with pytest.raises(LedgerError, match=r"one checkpoint is of the log .*, the other of starledger-other"):
        make_consistency_proof(made.checkpoint(2), made.checkpoint(5, origin="starledger-other"), LEAVES)
    with pytest.raises(LedgerError, match="the old checkpoint covers 5 batches, the new one 2"):
        verify_consistency_proof(ConsistencyProof(made.checkpoint(5), made.checkpoint(2), ()), [KEY])
    other = dataclasses.replace(consistency(2, 5), new=made.checkpoint(5, origin="starledger-other"))
    with pytest.raises(LedgerError, match="of the log starledger-other, and this log is"):
        verify_consistency_proof(other, [KEY])


def test_positions_that_shrink_or_move_between_checkpoints_do_not_hold() -> None:
    def at(size: int, position: int) -> str:
        return sign_checkpoint(Checkpoint(made.ORIGIN, size, made.log().get_root(size), position), [SIGNER])

    for old, new in ((at(2, 4), at(3, 3)), (at(3, 4), at(3, 5))):
        with pytest.raises(LedgerError, match=r"the old checkpoint ends at position 4, the new one at"):
            verify_consistency_proof(make_consistency_proof(old, new, LEAVES), [KEY])


def test_the_largest_double_is_a_number() -> None:
    content = parse_proof(json.dumps(altered(lambda proof: proof["event"].update(value=sys.float_info.max))))
    assert isinstance(content, EventProof)
    assert content.event["value"] == sys.float_info.max


# Malformed files


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda p: p.pop("salt"), "the file lacks salt"),
        (lambda p: p.update(note="hello"), "the file has names that are not known: note"),
        (lambda p: p["event"].pop("value"), "event lacks value"),
        (lambda p: p["batch"].update(extra=1), "batch has names that are not known: extra"),
        (lambda p: p.update(in_log=[]), "in_log is not an object"),
        (lambda p: p["in_log"].update(index=True), "in_log.index is not a whole number"),
        (lambda p: p["in_log"].update(index=2.0), "in_log.index is not a whole number"),
        (lambda p: p["in_log"].update(size=2**63), "in_log.size is not a whole number of 64 bits"),
        (lambda p: p["in_log"].update(path={}), "in_log.path is not a list"),
        (lambda p: p["in_batch"].update(path=["00" * 32] * 65), "in_batch.path is not a list of at most 64"),
        (
            lambda p: p["in_batch"]["path"].insert(1, "AB" * 32),
            r"in_batch.path\[1\] is not 32 bytes in lower",
        ),
        (lambda p: p["in_batch"]["path"].insert(0, 5), r"in_batch.path\[0\] is not 32 bytes"),
        (lambda p: p.update(salt="00" * 15), "salt is not 16 bytes"),
        (lambda p: p.update(position="1"), "position is not a whole number"),
        (lambda p: p["event"].update(value="1.5"), "event.value is not a number"),
        (lambda p: p["event"].update(value=True), "event.value is not a number"),
        (lambda p: p["event"].update(value=10**400), "event.value is not a number that a double can hold"),
        (lambda p: p["event"].update(reason=5), "event.reason is not text"),
        (lambda p: p["event"].update(reason="\ud800"), "event.reason is not Unicode text"),
        (lambda p: p["event"].update(source_row=1.0), "event.source_row is not a whole number"),
        (lambda p: p["batch"].update(events_root="xyz"), "batch.events_root is not 32 bytes"),
        (lambda p: p.update(checkpoint=None), "checkpoint is not text"),
        (lambda p: p.update(format="starledger event proof 2"), "`format` is 'starledger event proof 2'"),
    ],
)
def test_a_malformed_file_is_refused_and_the_field_is_named(
    change: Callable[[dict[str, Any]], object], what: str
) -> None:
    with pytest.raises(LedgerError, match=rf"proof\.json: .*{what}.*Next: "):
        parse_proof(json.dumps(altered(change)), "proof.json")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not a proof file"),
        ("[" * 100_000, "not a proof file"),
        ("[]", "`format` is None"),
        ('{"format": ["starledger event proof 1"]}', "not a proof file of a known format"),
        ('{"format": "x", "format": "y"}', "a name is given twice"),
        ('{"format": "starledger event proof 1", "position": NaN}', "NaN is not a number"),
        ('{"format": "starledger event proof 1", "position": ' + "9" * 5000 + "}", "not a proof file"),
        ('{"format": "starledger consistency proof 1", "old": ""}', "lacks new, path"),
    ],
)
def test_what_is_no_proof_file_is_refused(text: str, what: str) -> None:
    with pytest.raises(LedgerError, match=what):
        parse_proof(text)


def test_a_number_too_large_for_a_double_is_refused() -> None:
    text = json.dumps(made.event_proof(150)).replace('"numerator": 150.0', '"numerator": 1e999')
    with pytest.raises(LedgerError, match=r"event\.numerator is not a number that a double can hold"):
        parse_proof(text)
