"""Keys on the disk: made once, kept from others, changed, lost."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from audit.keys import change_key, public_keys, signing_key
from audit.notes import parse_note, parse_verifier_key, sign, verify
from ratings.errors import LedgerError

LOG = "starledger-00000000-0000-0000-0000-000000000000"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "warehouse" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_on_first_use_and_is_the_same_ever_after(keys: Path) -> None:
    assert public_keys(keys, LOG) == []
    key = signing_key(keys, LOG)
    assert signing_key(keys, LOG) == signing_key(keys, LOG, first_use=False) == key
    assert [(k.number, k.key, k.signs) for k in public_keys(keys, LOG)] == [(1, key.verifier, True)]
    assert sorted(path.name for path in keys.iterdir()) == ["0001.private", "0001.public"]


def test_two_logs_have_two_keys(tmp_path: Path) -> None:
    assert signing_key(tmp_path / "a", LOG).seed != signing_key(tmp_path / "b", LOG).seed


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_only_its_owner_can_read_a_private_key_whatever_the_umask(keys: Path, mask: int) -> None:
    keys.parent.mkdir(parents=True)
    keys.mkdir(mode=0o700)
    before = os.umask(mask)
    try:
        signing_key(keys, LOG)
    finally:
        os.umask(before)
    assert (mode(keys / "0001.private"), mode(keys / "0001.public")) == (0o600, 0o644)


def test_a_directory_made_for_keys_is_closed_to_others(keys: Path) -> None:
    signing_key(keys, LOG)
    assert mode(keys) & 0o077 == 0


def test_the_private_file_was_never_open_to_others(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []
    real = os.open

    def watched(path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
        if flags & os.O_CREAT:
            made.append((flags, mode))
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", watched)
    signing_key(keys, LOG)
    assert len(made) == 2
    assert all(flags & os.O_EXCL and rights == 0o600 for flags, rights in made)


def test_the_public_key_is_a_line_of_text_that_checks_what_the_private_one_signed(keys: Path) -> None:
    note = sign("text\n", [signing_key(keys, LOG)])
    public = parse_verifier_key((keys / "0001.public").read_text())
    assert verify(parse_note(str(note)), [public]) == (public,)


def test_a_changed_key_signs_from_now_on_and_the_old_notes_still_verify(keys: Path) -> None:
    old = sign("old\n", [signing_key(keys, LOG)])
    changed = change_key(keys, LOG)
    key = signing_key(keys, LOG)
    new = sign("new\n", [key])
    assert (changed.number, changed.key) == (2, key.verifier)
    known = public_keys(keys, LOG)
    assert [k.number for k in known] == [1, 2]
    for note, by in ((old, known[0]), (new, known[1])):
        assert verify(note, [k.key for k in known]) == (by.key,)
    with pytest.raises(LedgerError, match="no signature is by a key you trust"):
        verify(new, [known[0].key])


def test_an_old_private_key_may_be_destroyed(keys: Path) -> None:
    signing_key(keys, LOG)
    change_key(keys, LOG)
    (keys / "0001.private").unlink()
    assert signing_key(keys, LOG).verifier == public_keys(keys, LOG)[1].key
    assert [k.signs for k in public_keys(keys, LOG)] == [False, True]


def test_a_lost_private_key_is_an_error_that_says_what_to_do_and_never_a_new_key(keys: Path) -> None:
    signing_key(keys, LOG)
    (keys / "0001.private").unlink()
    with pytest.raises(LedgerError, match=r"0001\.private is missing.*Next: put it back.*--new"):
        signing_key(keys, LOG)
    assert [path.name for path in keys.iterdir()] == ["0001.public"]
    assert change_key(keys, LOG).number == 2
    assert [k.signs for k in public_keys(keys, LOG)] == [False, True]


def test_keys_lost_altogether_are_not_replaced_behind_the_auditors_back(keys: Path) -> None:
    with pytest.raises(LedgerError, match=r"holds no key, but checkpoints .* have been signed.*Next:"):
        signing_key(keys, LOG, first_use=False)
    assert not keys.exists()


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_private_key_that_others_can_read_is_not_used(keys: Path, rights: int) -> None:
    signing_key(keys, LOG)
    (keys / "0001.private").chmod(rights)
    with pytest.raises(LedgerError, match=rf"by others \(mode {rights:04o}\).*Next: run `chmod 600"):
        signing_key(keys, LOG)
    (keys / "0001.private").chmod(0o400)
    signing_key(keys, LOG)


def test_the_rights_are_those_of_the_file_behind_a_link(keys: Path, tmp_path: Path) -> None:
    key = signing_key(keys, LOG)
    (keys / "0001.private").rename(tmp_path / "secret")
    (keys / "0001.private").symlink_to(tmp_path / "secret")
    assert signing_key(keys, LOG) == key
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(LedgerError, match="by others"):
        signing_key(keys, LOG)


def test_the_keys_of_another_log_are_refused(keys: Path) -> None:
    signing_key(keys, LOG)
    for use in (signing_key, change_key, public_keys):
        with pytest.raises(LedgerError, match=f"a key of the log {LOG}, and this log is other.*Next:"):
            use(keys, "other")


def test_an_altered_private_key_is_refused_without_showing_it(keys: Path) -> None:
    secret = signing_key(keys, LOG).secret_text()
    for text in (secret[:-1], secret.replace("PRIVATE", "private"), secret[:-2] + "AA", "", "\xff\xfe"):
        (keys / "0001.private").write_bytes(text.encode("latin-1"))
        with pytest.raises(LedgerError, match=r"0001\.private: .*Next: put the file back") as caught:
            signing_key(keys, LOG)
        assert secret[-30:-5] not in str(caught.value)


def test_a_public_key_that_is_not_of_the_private_one_is_refused(keys: Path, tmp_path: Path) -> None:
    signing_key(keys, LOG)
    other = signing_key(tmp_path / "other", LOG)
    (keys / "0001.public").write_text(f"{other.verifier}\n")
    with pytest.raises(LedgerError, match="not the public half"):
        signing_key(keys, LOG)


def test_a_crash_between_the_two_files_is_mended_from_the_private_one(keys: Path) -> None:
    key = signing_key(keys, LOG)
    (keys / "0001.public").unlink()
    assert public_keys(keys, LOG) == []
    assert signing_key(keys, LOG) == key
    assert [k.key for k in public_keys(keys, LOG)] == [key.verifier]


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_disk_that_fails_leaves_no_half_of_a_key(
    keys: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(LedgerError, match=r"no space left on device.*Next:"):
            signing_key(keys, LOG)
    assert list(keys.iterdir()) == []
    signing_key(keys, LOG)


def test_a_disk_that_cannot_be_written_is_an_error_with_a_next_step(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(keys))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(LedgerError, match=r"keys: .*read-only file system.*Next: run as the user"):
        signing_key(keys, LOG)


def test_a_file_in_the_place_of_the_directory_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("not a directory")
    for use in (signing_key, change_key, public_keys):
        with pytest.raises(LedgerError, match=r"not a directory.*Next:"):
            use(tmp_path / "keys", LOG)


def test_writers_that_come_at_once_get_one_key(keys: Path) -> None:
    together = Barrier(8)

    def first_use(_: int) -> bytes:
        together.wait()
        return signing_key(keys, LOG).seed

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(first_use, range(8)))) == 1
    assert sorted(path.name for path in keys.iterdir()) == ["0001.private", "0001.public"]


def test_a_log_whose_name_cannot_stand_in_a_note_gets_no_key(keys: Path) -> None:
    with pytest.raises(LedgerError, match="cannot name a key"):
        signing_key(keys, "two words")
    assert not keys.exists()
