"""Signed notes, held against the vectors that Go's sumdb/note publishes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.notes import (
    SignerKey,
    VerifierKey,
    check_name,
    parse_note,
    parse_signer_key,
    parse_verifier_key,
    sign,
    verify,
)
from ratings.errors import LedgerError

# Source: golang.org/x/mod, sumdb/note/note_test.go.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# Source: cmd/go, the key of the Go checksum database. Its id follows from its name and bytes.
GO = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

peter, enoch = parse_verifier_key(PETER), parse_verifier_key(ENOCH)


@pytest.mark.parametrize("text", [PETER, ENOCH, GO])
def test_published_public_keys_are_read_and_written(text: str) -> None:
    assert str(parse_verifier_key(f" {text}\n")) == text


def test_the_published_private_key_gives_the_published_public_key_and_signature() -> None:
    key = parse_signer_key(PETER_SECRET)
    assert str(key.verifier) == PETER
    assert key.secret_text() == PETER_SECRET
    assert str(sign(TEXT, [key])) == f"{TEXT}\n{PETER_LINE}"


def test_a_note_is_believed_for_the_keys_that_signed_it() -> None:
    note = parse_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}")
    assert note.text == TEXT
    assert verify(note, [peter]) == (peter,)
    assert verify(note, [peter, enoch]) == (peter, enoch)
    assert str(note) == f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"


def test_a_signature_by_a_key_that_is_not_known_says_nothing() -> None:
    note = parse_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE.replace('EnochRoot', 'Stranger')}")
    assert verify(note, [peter, enoch]) == (peter,)
    with pytest.raises(LedgerError, match=r"signed by EnochRoot\+af0cfe78; you gave PeterNeumann\+c74f20a3"):
        verify(parse_note(f"{TEXT}\n{ENOCH_LINE}"), [peter])
    with pytest.raises(LedgerError, match="you gave no key"):
        verify(parse_note(f"{TEXT}\n{ENOCH_LINE}"), [])


def test_a_wrong_signature_of_a_known_key_refuses_the_note_whoever_else_signed() -> None:
    wrong = PETER_LINE[:60] + "ABCD" + PETER_LINE[60:]
    with pytest.raises(LedgerError, match=r"PeterNeumann\+c74f20a3 does not fit the signed text.*Next:"):
        verify(parse_note(f"{TEXT}\n{ENOCH_LINE}{wrong}"), [peter, enoch])


def test_the_text_may_have_empty_lines() -> None:
    key = parse_signer_key(PETER_SECRET)
    for text in ("a\n\nb\n", "a\n\n", "\n\na\n"):
        note = parse_note(str(sign(text, [key])))
        assert note.text == text
        assert verify(note, [peter]) == (peter,)


@pytest.mark.parametrize(
    ("note", "what"),
    [
        (TEXT, "no blank line"),
        (f"{TEXT}\n", "no signature"),
        (f"{TEXT}\n{PETER_LINE[:-1]}", "last line has no end"),
        (f"\x01{TEXT}\n{PETER_LINE}", "control character"),
        (f"\ud800{TEXT}\n{PETER_LINE}", "not Unicode"),
        (f"{TEXT}\n{PETER_LINE}Unexpected line.\n", "signature line 2"),
        (f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad Name')}", "signature line 1"),
        (f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad+Name')}", "signature line 1"),
        (f"{TEXT}\n— PeterNeumann BADSIGN=\n", "signature line 1"),
        (f"{TEXT}\n— PeterNeumann x08goA=\n", "signature line 1"),
        (f"{TEXT}\n— PeterNeumann x08gow==\n", "signature line 1"),
        (f"{TEXT}\n{PETER_LINE * 101}", "more than 100"),
        (f"\n\n{PETER_LINE}", "text is empty"),
    ],
)
def test_what_is_no_note_is_refused_with_the_reason(note: str, what: str) -> None:
    with pytest.raises(LedgerError, match=what):
        parse_note(note)


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    assert PETER_LINE.endswith("nAM=\n")
    with pytest.raises(LedgerError, match="signature line 1"):
        parse_note(f"{TEXT}\n{PETER_LINE.removesuffix('M=' + chr(10))}N=\n")


@pytest.mark.parametrize("text", ["no end", "", "\n", "a\x00\n", "tab\tin it\n"])
def test_a_text_that_a_note_cannot_carry_is_not_signed(text: str) -> None:
    with pytest.raises(LedgerError, match="not a signed note"):
        sign(text, [parse_signer_key(PETER_SECRET)])


def test_every_mangled_key_is_refused() -> None:
    parts = [(i, j) for i in range(len(PETER)) for j in range(i + 1, len(PETER) + 1) if j - i < len(PETER)]
    mangled = [PETER[i:j] for i, j in parts]
    mangled += [PETER[:i] + chr(ord(PETER[i]) + 1) + PETER[i + 1 :] for i in range(len(PETER))]
    # The id fits, but the key is too long, or of an unknown kind.
    mangled += ["PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="]
    mangled += ["PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]
    for text in mangled:
        with pytest.raises(LedgerError):
            parse_verifier_key(text)


def test_every_mangled_private_key_is_refused_and_none_of_it_is_shown() -> None:
    secret = PETER_SECRET.rsplit("+", 1)[0]
    mangled = [PETER_SECRET[:i] + PETER_SECRET[i + 1 :] for i in range(len(PETER_SECRET))]
    mangled += [PETER_SECRET[:i] for i in range(len(PETER_SECRET))]
    for text in mangled:
        with pytest.raises(LedgerError) as caught:
            parse_signer_key(text)
        assert PETER_SECRET[len(secret) + 5 : len(secret) + 20] not in str(caught.value)
    assert "810a1402" not in repr(parse_signer_key(PETER_SECRET)).lower()
    assert "seed" not in repr(parse_signer_key(PETER_SECRET))


def test_a_private_key_given_for_a_public_one_is_pointed_out() -> None:
    with pytest.raises(LedgerError, match="private key: it signs, and must not leave") as caught:
        parse_verifier_key(PETER_SECRET)
    assert "AYEK" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x07"])
def test_a_name_that_the_format_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(LedgerError, match="cannot name a key"):
        check_name(name)
    with pytest.raises(LedgerError, match="cannot name a key"):
        sign("a\n", [SignerKey(name, bytes(32))])


lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(n) for n in range(32)]))


@given(st.lists(lines, min_size=1, max_size=4), st.binary(min_size=32, max_size=32))
def test_any_text_that_is_signed_is_read_back_and_believed(parts: list[str], seed: bytes) -> None:
    text = "x" + "\n".join(parts) + "\n"
    key = SignerKey("example.com/log", seed)
    note = parse_note(str(sign(text, [key])))
    assert note.text == text
    assert verify(note, [parse_verifier_key(str(key.verifier))]) == (key.verifier,)


@given(st.data())
def test_a_note_with_one_flipped_bit_is_not_believed(data: st.DataObject) -> None:
    note = bytearray(f"{TEXT}\n{PETER_LINE}".encode())
    note[data.draw(st.integers(0, len(note) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LedgerError):
        verify(parse_note(bytes(note).decode(errors="surrogateescape")), [peter])


def test_the_id_of_a_key_depends_on_its_name() -> None:
    assert VerifierKey("a", peter.public).id != VerifierKey("b", peter.public).id
