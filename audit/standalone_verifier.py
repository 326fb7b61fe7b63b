"""Stand-alone verifier: `python standalone_verifier.py PROOF --key VERIFIER_KEY` checks a proof file offline.

Here: all it takes, from the specifications: canonical bytes, RFC 6962 trees, C2SP checkpoints. It needs
    Python 3.10 and the package `cryptography`, and is short, to be read before it is believed.
Not here: anything that is imported from starledger.

VERIFIER_KEY (name+id+base64) comes from someone you trust, not from where PROOF came from. Exit 0: the proof
holds. 1: it does not, or is malformed. 2: it was not checked, because the file or a key could not be read.
"""
# ruff: noqa: D103

import argparse
import base64
import json
import re
import struct
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# Every column in the order it is hashed. t: text, i: whole number of 64 bits, d: double, b: bytes.
EVENT = """type:t schema_version:i collection:t indicator:t definition:t organisation:t organisation_code:t
period:t period_label:t value:d numerator:d denominator:d obs_status:t conf_status:t published_at:i
stated_by:i source_batch:i source_row:i reason:t payload:t"""
BATCH = """id:i kind:t first_position:i last_position:i recorded_at:i identity:t voids:i collection:t
published_at:i published_basis:t received_at:i supplier:t scope:t file_name:t file_sha256:t
definitions_sha256:t rows_read:i counts:t actor:t actor_kind:t on_behalf_of:t reason:t run_id:t code_version:t
simulated:i events_root:b quarantine_sha256:t"""


def check(holds: object, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def unhex(text: str, size: int = 32) -> bytes:
    check(re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text), f"{text!r} is not {size} bytes in lower-case hex")
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    check(base64.b64encode(content).decode() == text, f"{text!r} is not base64 in its one canonical spelling")
    return content


def names(pairs: list) -> dict:
    check(len(dict(pairs)) == len(pairs), "a name is given twice")
    return dict(pairs)


def leaf(row: dict, columns: str, salt: bytes = b"") -> bytes:
    """Canonical bytes are the byte 1, then each column: 0 for null, else 1, length in four bytes, content."""
    encoded, kinds = b"\x01", dict(re.findall(r"(\w+):(\w)", columns))
    check(set(row) == set(kinds), "a column is missing or unknown")
    for value, kind in ((row[name], kinds[name]) for name in kinds):
        if value is None:
            encoded += b"\0"
            continue
        number = struct.pack(">q", value) if kind == "i" else kind == "d" and struct.pack(">d", value + 0.0)
        content = number or (unhex(value) if kind == "b" else value.encode())
        encoded += b"\x01" + struct.pack(">I", len(content)) + content
    return sha256(b"\0" + salt + encoded).digest()


def climb(old: bytes, new: bytes, at: int, last: int, path: list) -> tuple[bytes, bytes]:
    """RFC 9162, 2.1.3.2 and 2.1.4.2: where a path leads, in the tree up to `at` and in the whole tree."""
    check(0 <= at <= last, "an index or size is wrong")
    for sibling in map(unhex, path):
        check(last, "the path is too long")
        if at % 2 or at == last:
            old, new = (sha256(b"\x01" + sibling + each).digest() for each in (old, new))
            while at and at % 2 == 0:
                at, last = at // 2, last // 2
        else:
            new = sha256(b"\x01" + new + sibling).digest()
        at, last = at // 2, last // 2
    check(last == 0, "the path is too short")
    return old, new


def checkpoint(note: str, keys: list) -> tuple[str, int, bytes]:
    """Origin, size and root, once a given key of that log is seen to have signed them."""
    text, _, lines = note.rpartition("\n\n")
    (origin, size, root, *_), signed = text.split("\n"), False
    for name, line in re.findall(r"^— (\S+) (\S+)$", lines, re.MULTILINE):
        content = unbase64(line)
        for public in (key for *of, key in keys if of == [name, content[:4].hex()] and name == origin):
            Ed25519PublicKey.from_public_bytes(public).verify(content[4:], (text + "\n").encode())
            signed = True
    check(signed, f"the checkpoint of the log {origin!r} is not signed by a key you gave")
    return origin, int(size), unbase64(root)


def event_proof(proof: dict, keys: list) -> str:
    origin, size, root = checkpoint(proof["checkpoint"], keys)
    event, batch, inner, outer = proof["event"], proof["batch"], proof["in_batch"], proof["in_log"]
    hashed = leaf(batch, BATCH)
    check(hashed.hex() == proof["batch_leaf"], "a column of the batch, or batch_leaf, was altered")
    check((outer["index"], outer["size"]) == (batch["id"] - 1, size), "in_log.index or in_log.size is wrong")
    reached = climb(hashed, hashed, outer["index"], size - 1, outer["path"])[1]
    check(reached == root, "in_log.path was altered, or the batch with batch_leaf")
    hashed = leaf(event, EVENT, unhex(proof["salt"], 16))
    check(hashed.hex() == proof["event_leaf"], "a column of the event, its salt, or event_leaf was altered")
    first, last, at = batch["first_position"], batch["last_position"], inner["index"]
    placed = (first + at, last - first + 1) == (proof["position"], inner["size"])
    check(placed, "position, in_batch.index or in_batch.size was altered")
    reached = climb(hashed, hashed, at, last - first, inner["path"])[1]
    check(reached.hex() == batch["events_root"], "in_batch.path was altered, or the event with event_leaf")
    return f"position {first + at} of {origin}, in batch {batch['id']} of {size}, is {json.dumps(event)}"


def consistency_proof(proof: dict, keys: list) -> str:
    name, old, root = checkpoint(proof["old"], keys)
    other, new, new_root = checkpoint(proof["new"], keys)
    check(name == other and 0 < old <= new, "they are of two logs, or the old one is empty or the larger")
    whole = (old & -old).bit_length() - 1  # levels of the last complete subtree of the old tree: start above
    path, at, last = proof["path"], old - 1 >> whole, new - 1 >> whole
    if old & (old - 1) == 0 or old == new:  # the old tree is a node of the new one: the path starts from it
        path, at, last = [root.hex(), *path], at * (old < new), last * (old < new)
    reached = climb(unhex(path[0]), unhex(path[0]), at, last, path[1:])
    check(reached == (root, new_root), "the path was altered, or the new log does not begin with the old one")
    return f"the {new} batches of {name} begin with the {old} of the old checkpoint"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check a proof file of starledger, offline.")
    parser.add_argument("proof", type=Path)
    parser.add_argument("--key", action="append", required=True, help="public key: name+id+base64")
    try:
        given = parser.parse_args()
        text, parts = given.proof.read_text("utf-8"), [each.strip().split("+", 2) for each in given.key]
        trusted = [(name, key_id, unbase64(key)) for name, key_id, key in parts]
        for name, key_id, key in trusted:
            check(sha256(f"{name}\n".encode() + key).hexdigest()[:8] == key_id, f"{name}: mistyped key")
    except (OSError, ValueError) as error:
        parser.error(f"the proof or a key cannot be read: {error}")
    try:
        proof = json.loads(text, object_pairs_hook=names)
        kind = {"starledger event proof 1": event_proof, "starledger consistency proof 1": consistency_proof}
        print("The proof holds:", kind[proof["format"]](proof, [(n, i, key[1:]) for n, i, key in trusted]))
    except InvalidSignature:
        raise SystemExit("The proof does NOT hold: the checkpoint, or its signature, was altered") from None
    except Exception as error:
        what = error if isinstance(error, ValueError) else f"it is malformed ({error!r})"
        raise SystemExit(f"The proof does NOT hold: {what}") from None
