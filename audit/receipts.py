"""Receipts: a signed statement of what a snapshot was made from and what came of it.

Here: the statement (in-toto Statement 1, SLSA provenance 1), the envelope (DSSE) with an Ed25519 signature,
    and reading both strictly.
Not here: keys in text (notes.py), which files a snapshot has (warehouse), who signs when (pipelines).

Sources: in-toto Attestation Framework, Statement v1; SLSA, Provenance v1; Dead Simple Signing Envelope v1.
The key is the one that signs checkpoints: what it signs here begins with `DSSEv1 `, and a checkpoint with the
name of its log, so that neither can be taken for the other.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.notes import SignerKey, VerifierKey
from ratings.errors import LedgerError
from warehouse.canonical import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD_TYPE, BUILDER = "urn:starledger:snapshot:1", "urn:starledger:rate"
_HINT = "get the snapshot again from where it was published; if it is the same there, do not believe it"


@dataclass(frozen=True, slots=True)
class Made:
    """What a statement says beside its outputs.

    Attributes:
        asked: the question: method, option, round, both times, simulated.
        environment: what it was computed with: versions of Python and of libraries, the machine's kind.
        inputs: each with `name`, `digest` (algorithm to hex) and, where there is more to say, `annotations`.
        code_version: what built it.
    """

    asked: Mapping[str, Any]
    environment: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]]
    code_version: str


def receipt(made: Made, outputs: Mapping[str, str], key: SignerKey) -> str:
    """The receipt of a snapshot.

    Args:
        made: what it was made from.
        outputs: SHA-256 of every file of the snapshot but the receipt, by name.
        key: who signs.

    Returns:
        The text of the file: a DSSE envelope in JSON.
    """
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": outputs[name]}} for name in sorted(outputs)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(made.asked),
                "internalParameters": dict(made.environment),
                "resolvedDependencies": [dict(each) for each in made.inputs],
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {"starledger": made.code_version}}},
        },
    }
    payload = canonical_json(statement).encode()
    signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(pre_authentication(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key.verifier), "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope, indent=1) + "\n"


def read_receipt(text: str, keys: Iterable[VerifierKey] | None) -> dict[str, Any]:
    """What a receipt states.

    Args:
        text: the file.
        keys: the public keys that are trusted; None to read it without believing it.

    Returns:
        The statement.

    Raises:
        LedgerError: it is not a receipt, or none of the keys signed it as it is.
    """
    try:
        envelope = json.loads(text)
        payload = _decoded(envelope["payload"])
        signatures = [(str(each["keyid"]), _decoded(each["sig"])) for each in envelope["signatures"]]
        kind, statement = envelope["payloadType"], json.loads(payload)
        dict(statement["predicate"]["buildDefinition"])
        stated = [(each["name"], each["digest"]["sha256"]) for each in statement["subject"]]
        forms = (kind, statement["_type"], statement["predicateType"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise LedgerError(f"this is not a receipt: {error!r}", hint=_HINT) from None
    if forms != (PAYLOAD_TYPE, STATEMENT, PREDICATE) or len(dict(stated)) != len(stated):
        raise LedgerError(f"this is not a receipt of a known form: {', '.join(map(str, forms))}", hint=_HINT)
    if keys is not None:
        _check(pre_authentication(kind, payload), signatures, list(keys))
    assert isinstance(statement, dict)
    return statement


def outputs(statement: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of every file that a statement names, by name."""
    return {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """The bytes that are signed. Source: DSSE v1, PAE."""
    named = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(named), named, len(payload), payload)


def key_id(key: VerifierKey) -> str:
    """How a receipt names the key it is signed with: `name+id`."""
    return f"{key.name}+{key.id.hex()}"


def _decoded(text: str) -> bytes:
    """Bytes of base64 in its one canonical spelling: otherwise a receipt could be altered and still hold."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("base64 is not in its canonical spelling")
    return content


def _check(signed: bytes, signatures: Sequence[tuple[str, bytes]], keys: Sequence[VerifierKey]) -> None:
    known = {key_id(key): key for key in keys}
    for named, signature in signatures:
        if named in known:
            try:
                Ed25519PublicKey.from_public_bytes(known[named].public).verify(signature, signed)
            except InvalidSignature:
                raise LedgerError(
                    f"the signature of the key {named} does not fit what is stated: one was altered",
                    hint=_HINT,
                ) from None
            return
    signers = ", ".join(named for named, _ in signatures) or "nobody"
    raise LedgerError(
        f"no signature is by a key you trust: it is signed by {signers}; you gave "
        f"{', '.join(known) or 'no key'}",
        hint="give the public key of that log, obtained from someone you trust and not beside the snapshot",
    )
