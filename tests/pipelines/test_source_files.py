"""Times as people write them, and which file came out when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.source_files import find_source_files, parse_time, read_publish_times
from ratings.errors import InputError
from warehouse.snapshot_manifest import iso


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_a_time_is_read_to_the_microsecond_and_written_back(moment: datetime) -> None:
    microseconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert parse_time(moment.isoformat()) == microseconds
    assert parse_time(iso(microseconds)) == microseconds


def test_a_bare_date_is_midnight_utc_and_a_zone_is_obeyed() -> None:
    assert (
        parse_time("2025-02-14") == parse_time("2025-02-14T00:00:00Z") == parse_time("2025-02-14T01:00+01:00")
    )
    assert (
        parse_time("2025-02-14T12:50:10.6Z")
        == int(datetime(2025, 2, 14, 12, 50, 10, tzinfo=UTC).timestamp() * 10**6) + 600_000
    )


@pytest.mark.parametrize(
    "day", ["2025-02-29", "2100-02-29", "2025-04-31", "2025-13-01", "2025-01-01T24:30Z", ""]
)
def test_a_day_that_is_none_is_refused_with_its_place(tmp_path: Path, day: str) -> None:
    with pytest.raises(InputError, match="is not a time"):
        parse_time(day)
    listed = tmp_path / "releases.csv"
    listed.write_text(f"file,published_at\na.csv,2024-02-29\nb.csv,{day}\n")
    with pytest.raises(InputError, match="row 3"):
        read_publish_times(listed)


def test_the_hour_that_clocks_repeat_is_two_hours_and_the_one_they_skip_is_none_of_ours() -> None:
    summer, winter = parse_time("2025-10-26T01:30+01:00"), parse_time("2025-10-26T01:30+00:00")
    assert winter - summer == 3_600_000_000
    assert parse_time("2025-03-30T01:30") == parse_time("2025-03-30T02:30+01:00")  # without a zone it is UTC


def test_two_ways_to_say_when_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both say when"):
        find_source_files([], published_at=1, releases=tmp_path / "releases.csv")


def test_files_of_one_name_cannot_be_listed_by_name(tmp_path: Path) -> None:
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "x.csv").write_text("x")
    (tmp_path / "releases.csv").write_text("file,published_at\nx.csv,2025-01-01\n")
    with pytest.raises(InputError, match=r"several files are called x\.csv"):
        find_source_files([tmp_path / "a", tmp_path / "b"], releases=tmp_path / "releases.csv")
