"""The landing store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ratings.errors import InputError, LedgerError, NotFoundError
from warehouse.landing import LandedFile, Landing


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "return.csv"
    file.write_bytes(b"a,b\n1,2\n")
    return file


def test_bytes_lie_under_their_own_hash(tmp_path: Path, source: Path) -> None:
    landed = Landing(tmp_path / "landing").land(source)
    assert landed.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert landed.path.read_bytes() == source.read_bytes()
    assert (landed.file_name, landed.byte_size) == ("return.csv", 8)


def test_the_same_bytes_are_kept_once_and_nothing_else_is_left(tmp_path: Path, source: Path) -> None:
    landing = Landing(tmp_path / "landing")
    assert landing.land(source) == landing.land(source)
    assert sum(path.is_file() for path in (tmp_path / "landing").rglob("*")) == 1


def test_landed_bytes_are_read_only(tmp_path: Path, source: Path) -> None:
    assert Landing(tmp_path / "landing").land(source).path.stat().st_mode & 0o222 == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        Landing(tmp_path / "landing").land(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        LandedFile.of(tmp_path / "nowhere.csv")


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, source: Path) -> None:
    (tmp_path / "landing").write_text("a file where the directory should be")
    with pytest.raises(LedgerError, match=r"cannot take return\.csv"):
        Landing(tmp_path / "landing").land(source)


def test_bytes_that_are_gone_are_named_with_where_they_were(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="restore"):
        Landing(tmp_path / "landing").path("0" * 64)
