"""Notes: a text with signatures under it that anyone can check (C2SP signed-note, Ed25519).

Here: the form of a note and of the keys in text, signing, and which signature is believed.
Not here: where keys are kept (keys.py), what the signed texts say (proofs.py).

A key in text is `<name>+<id>+<base64 of 0x01 and the 32 bytes of the key>`; the private one has
`PRIVATE+KEY+` before it, as Go's sumdb/note writes it. The id is the first four bytes of SHA-256(name, 0x0A,
0x01, public key).
Source: c2sp.org/signed-note; RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ratings.errors import LedgerError

_ED25519 = b"\x01"
_PRIVATE = "PRIVATE+KEY+"
_KEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_MOST_SIGNATURES = 100
_PUBLIC_HINT = "take the whole line that `starledger ledger key` prints: name+id+base64"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key: enough to check a note, and not secret.

    Args:
        name: whose key it is; here the origin of a log.
        public: 32 bytes (RFC 8032).
    """

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell the keys of one name apart. They are no safeguard: the whole key is."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key in text, to be handed to whoever checks."""
        return f"{self.name}+{self.id.hex()}+{_encode(_ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SignerKey:
    """Both halves of a key. Its text is a secret.

    Args:
        name: whose key it is.
        seed: 32 bytes (RFC 8032), never shown.
    """

    name: str
    seed: bytes = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(
            self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        )

    def secret_text(self) -> str:
        """The key in text, for a file that only its owner can read."""
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{_encode(_ED25519 + self.seed)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note: who says to have signed, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        """The line, without its end."""
        return f"— {self.name} {_encode(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart, not yet believed.

    Args:
        text: what is signed; ends with a newline.
        signatures: in the order of their lines, one or more.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The note as it is written to a file."""
        return self.text + "\n" + "".join(f"{signature}\n" for signature in self.signatures)


def check_name(name: str) -> None:
    """Refuse a key name that the format cannot carry.

    Raises:
        LedgerError: it is empty or holds a space, a control character or a plus sign.
    """
    if not name or "+" in name or any(c.isspace() or ord(c) < 32 for c in name):
        raise LedgerError(
            f"{name!r} cannot name a key: it is empty or holds a space or a plus sign",
            hint="name the key by the origin of its log",
        )


def parse_verifier_key(text: str) -> VerifierKey:
    """Read a public key.

    Args:
        text: `name+id+base64`; white space around it is ignored.

    Raises:
        LedgerError: it is not such a key, is a private one, or its id is not that of its name and bytes.
    """
    text = text.strip()
    if text.startswith(_PRIVATE):
        raise LedgerError("this is a private key: it signs, and must not leave its owner", hint=_PUBLIC_HINT)
    name, key_id, public = _parse_key(text, "public", _PUBLIC_HINT)
    key = VerifierKey(name, public)
    if key.id != key_id:
        raise LedgerError(f"the id of the public key is {key_id.hex()}, but its name and bytes give "
                          f"{key.id.hex()}: the key was mistyped or altered", hint=_PUBLIC_HINT)  # fmt: skip
    return key


def parse_signer_key(text: str) -> SignerKey:
    """Read a private key. No message quotes any of it.

    Raises:
        LedgerError: it is not such a key, or its id is not that of its name and bytes.
    """
    text, hint = text.strip(), "put the file back from a backup"
    if not text.startswith(_PRIVATE):
        raise LedgerError(f"this is not a private key: it does not begin with {_PRIVATE}", hint=hint)
    name, key_id, seed = _parse_key(text.removeprefix(_PRIVATE), "private", hint)
    key = SignerKey(name, seed)
    if key.verifier.id != key_id:
        raise LedgerError("the private key was altered: its id is not that of its name and bytes", hint=hint)
    return key


def sign(text: str, keys: Sequence[SignerKey]) -> Note:
    """Sign a text.

    Args:
        text: one or more lines, each with its newline; no control characters.
        keys: one or more; each adds a line.

    Raises:
        LedgerError: the text, or the name of a key, is not one that a note can carry.
    """
    _check_text(text)
    for key in keys:
        check_name(key.name)
    signatures = tuple(
        Signature(
            key.name, key.verifier.id, Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
        )
        for key in keys
    )
    return parse_note(str(Note(text, signatures)))


def parse_note(text: str) -> Note:
    """Take a note apart. Nothing in it is to be believed before `verify`.

    Raises:
        LedgerError: it is not a note; the message says what is wrong with it.
    """
    body, blank, lines = text.rpartition("\n\n")
    if not blank:
        raise _malformed("it has no blank line between text and signatures")
    if not lines.endswith("\n"):
        raise _malformed("its last line has no end, or there is no signature")
    _check_text(body + "\n")
    signed = lines.removesuffix("\n").split("\n")
    if len(signed) > _MOST_SIGNATURES:
        raise _malformed(f"it has more than {_MOST_SIGNATURES} signatures")
    return Note(body + "\n", tuple(_signature(line, number) for number, line in enumerate(signed, 1)))


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Check the signatures of the keys that are known; those of other keys say nothing and are passed over.

    Returns:
        The keys that signed, at least one.

    Raises:
        LedgerError: none of the keys signed, or the signature of one of them is wrong.
    """
    known = {(key.name, key.id): key for key in keys}
    signed = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature.signature, note.text.encode())
        except InvalidSignature:
            raise LedgerError(
                f"the signature of the key {_short(key.name, key.id)} does not fit the signed text: one of "
                "the two was altered",
                hint="get the note again from where it was kept; if it is the same there, do not believe it",
            ) from None
        signed.append(key)
    if not signed:
        has = ", ".join(_short(s.name, s.key_id) for s in note.signatures)
        given = ", ".join(_short(*each) for each in known) or "no key"
        raise LedgerError(
            f"no signature is by a key you trust: it is signed by {has}; you gave {given}",
            hint="give the public key of that log, obtained from someone you trust and not beside the note",
        )
    return tuple(signed)


def _check_text(text: str) -> None:
    if not text.endswith("\n") or text == "\n":
        raise _malformed("its text is empty, or its last line has no end")
    if _CONTROL.search(text):
        raise _malformed("its text holds a control character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _malformed("its text is not Unicode") from None


def _signature(line: str, number: int) -> Signature:
    parts = _SIGNATURE.fullmatch(line)
    content = _decode(parts[2]) if parts else None
    # A name with a plus is not a key's name; five bytes are the least that hold an id and anything signed.
    if parts is None or content is None or "+" in parts[1] or len(content) < 5:
        raise _malformed(f"signature line {number} is not `— name base64`")
    return Signature(parts[1], content[:4], content[4:])


def _parse_key(text: str, half: str, hint: str) -> tuple[str, bytes, bytes]:
    parts = _KEY.fullmatch(text)
    content = _decode(parts[3]) if parts else None
    if parts is None or content is None or any(c.isspace() for c in parts[1]):
        raise LedgerError(f"this is not a {half} key of the form name+id+base64", hint=hint)
    if content[:1] != _ED25519 or len(content) != 33:
        raise LedgerError(f"the {half} key of {parts[1]} is not an Ed25519 key", hint=hint)
    return parts[1], bytes.fromhex(parts[2]), content[1:]


def _short(name: str, key_id: bytes) -> str:
    return f"{name}+{key_id.hex()}"


def _malformed(what: str) -> LedgerError:
    return LedgerError(
        f"this is not a signed note: {what}", hint="give the file as it was written, unchanged"
    )


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: str) -> bytes | None:
    """Bytes of base64 in its one canonical spelling: otherwise a note could be altered and still hold."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if _encode(content) == text else None
