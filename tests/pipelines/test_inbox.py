"""The inbox: each file once, whole, and whatever happens to it is said beside it."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import inbox as inbox_module
from pipelines.inbox import AT_ONCE, Look, inbox, look, take
from pipelines.settings import Settings, inbox_still_seconds, settings
from ratings.errors import InputError, LedgerError, NotFoundError
from warehouse.event_log import DEMONSTRATION

HEADER = "indicator,organisation,period,value,numerator,denominator,status\n"
NOW = 1_700_000_000.0
PERIOD = "2020"


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    made = settings(tmp_path, actor="tester")
    made.found_ledger(DEMONSTRATION)
    (inbox(made) / "simulated").mkdir(parents=True)
    return made


def drop(where: Settings, name: str, value: int = 1, *, at: float = NOW - 86_400 * 900) -> Path:
    path = inbox(where) / "simulated" / name
    path.write_text(f"{HEADER}LAIT:CPP_Num,001,{PERIOD},{value},,,\n")
    os.utime(path, (at, at))
    return path


def looks(folder: Path, times: list[float], still: float = 30.0) -> list[Look]:
    found: list[Look] = []
    for at in times:
        found.append(look(folder, found[-1].cursor if found else None, now=at, still_seconds=still))
    return found


def asked(found: Look) -> list[str]:
    return [name for arrival in found.arrivals for name in arrival.files]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}


def test_a_file_is_asked_for_once_when_it_was_still_for_long_enough(where: Settings) -> None:
    drop(where, "a.csv")
    found = looks(inbox(where), [NOW, NOW + 10, NOW + 30, NOW + 60])
    assert [asked(each) for each in found] == [[], [], ["a.csv"], []]
    assert found[0].waiting == ("simulated/a.csv is being written",)


def test_a_file_that_grows_waits_although_its_time_of_change_is_kept_back(where: Settings) -> None:
    path = drop(where, "a.csv")
    first = look(inbox(where), None, now=NOW, still_seconds=5)
    changed = path.stat()
    with path.open("a") as stream:
        stream.write("LAIT:CPP_Num,002,2020,2,,,\n")
    os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))  # as `cp --preserve` does
    second = look(inbox(where), first.cursor, now=NOW + 10, still_seconds=5)
    assert asked(second) == []
    assert asked(look(inbox(where), second.cursor, now=NOW + 20, still_seconds=5)) == ["a.csv"]


def test_even_without_a_wait_a_file_is_seen_twice_before_it_is_taken(where: Settings) -> None:
    drop(where, "a.csv")
    assert [asked(each) for each in looks(inbox(where), [NOW, NOW + 1], still=0)] == [[], ["a.csv"]]


@pytest.mark.parametrize("name", [".a.csv", "a.csv.part", "a.csv.tmp", "a.csv~", "a.csv.filepart"])
def test_a_name_that_says_it_is_unfinished_is_not_looked_at(where: Settings, name: str) -> None:
    drop(where, name)
    assert [asked(each) for each in looks(inbox(where), [NOW, NOW + 99])] == [[], []]


def test_a_clock_that_jumps_back_delays_a_file_and_loses_none(where: Settings) -> None:
    drop(where, "a.csv")
    found = looks(inbox(where), [NOW, NOW - 3600, NOW - 3590, NOW - 3500])
    assert [asked(each) for each in found] == [[], [], [], ["a.csv"]]
    assert asked(look(inbox(where), found[-1].cursor, now=NOW - 7200, still_seconds=5)) == []


def test_a_file_written_in_the_future_waits_and_says_so(where: Settings) -> None:
    drop(where, "a.csv", at=NOW + 86_400)
    found = looks(inbox(where), [NOW, NOW + 99])
    assert found[1].waiting == ("simulated/a.csv was last written in the future; `touch` it",)
    assert asked(found[1]) == []


def test_a_changed_file_or_list_of_releases_is_asked_for_again(where: Settings) -> None:
    drop(where, "a.csv")
    found = looks(inbox(where), [NOW, NOW + 40])
    first = found[1].arrivals[0].key
    drop(where, "a.csv", 22)
    again = look(inbox(where), found[1].cursor, now=NOW + 50, still_seconds=30)
    again = look(inbox(where), again.cursor, now=NOW + 90, still_seconds=30)
    assert asked(again) == ["a.csv"]
    (inbox(where) / "simulated" / "releases.csv").write_text("file,published_at\na.csv,2024-01-01\n")
    listed = look(inbox(where), again.cursor, now=NOW + 100, still_seconds=30)
    assert listed.waiting == ("simulated: releases.csv is being written",)
    listed = look(inbox(where), listed.cursor, now=NOW + 140, still_seconds=30)
    assert asked(listed) == ["a.csv"]
    assert len({first, again.arrivals[0].key, listed.arrivals[0].key}) == 3


def test_two_that_look_ask_by_the_same_key(where: Settings) -> None:
    drop(where, "a.csv")
    one, other = (looks(inbox(where), [NOW + shift, NOW + shift + 40])[1] for shift in (0, 3))
    assert one.arrivals == other.arrivals


def test_many_files_are_asked_for_in_portions_and_none_is_forgotten(where: Settings) -> None:
    for number in range(AT_ONCE + 3):
        drop(where, f"{number:04}.csv")
    found = looks(inbox(where), [NOW, NOW + 40, NOW + 50, NOW + 60])
    assert [len(asked(each)) for each in found] == [0, AT_ONCE, 3, 0]
    assert len({*asked(found[1]), *asked(found[2])}) == AT_ONCE + 3


def test_an_inbox_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert look(tmp_path / "nowhere", None, now=NOW, still_seconds=0).arrivals == ()


def test_taken_files_move_to_done_and_are_batches_in_the_order_they_were_published(where: Settings) -> None:
    drop(where, "new.csv", 2, at=NOW - 86_400 * 800)
    drop(where, "old.csv", 1, at=NOW - 86_400 * 900)
    taken = take(where, "simulated")
    assert [(file.file, file.status) for file in taken] == [("old.csv", "ingested"), ("new.csv", "ingested")]
    assert files(inbox(where) / "simulated" / "done") == {"old.csv", "new.csv"}
    assert files(inbox(where) / "simulated") == set()
    first = where.ledger().batch(taken[0].batch or 0)
    assert (first.published_basis, first.reason) == ("observed", "dropped into the inbox")
    assert first.published_at == int(NOW - 86_400 * 900) * 1_000_000


def test_a_time_in_the_list_of_releases_is_stated(where: Settings) -> None:
    drop(where, "a.csv")
    (inbox(where) / "simulated" / "releases.csv").write_text("file,published_at\na.csv,2024-11-19T09:30Z\n")
    [taken] = take(where, "simulated", ["a.csv"])
    batch = where.ledger().batch(taken.batch or 0)
    assert (batch.published_basis, batch.published_at) == ("stated", 1_732_008_600_000_000)
    assert files(inbox(where) / "simulated") == {"releases.csv"}


def test_a_bad_file_is_moved_aside_with_its_error_beside_it_and_the_others_go_in(where: Settings) -> None:
    drop(where, "good.csv")
    bad = drop(where, "bad.csv")
    bad.write_text("indicator,organisation\nLAIT:CPP_Num,001\n")
    taken = {file.file: file for file in take(where, "simulated")}
    assert (taken["good.csv"].status, taken["bad.csv"].status) == ("ingested", "refused")
    aside = inbox(where) / "simulated" / "refused"
    assert files(aside) == {"bad.csv", "bad.csv.error.txt"}
    text = (aside / "bad.csv.error.txt").read_text()
    assert "bad.csv" in text
    assert f"batch {taken['bad.csv'].batch}" in text
    assert "move it back" in text
    assert where.ledger().batch(taken["bad.csv"].batch or 0).kind == "rejected"


def test_a_stated_time_in_the_future_moves_the_file_aside_and_records_nothing(where: Settings) -> None:
    drop(where, "a.csv")
    (inbox(where) / "simulated" / "releases.csv").write_text("file,published_at\na.csv,2199-01-01\n")
    [taken] = take(where, "simulated", ["a.csv"])
    assert taken.refused
    assert "lies in the future" in taken.message
    assert not where.ledger().batches("simulated", "vintage")


def test_a_faulty_list_of_releases_touches_no_file_and_names_the_row(where: Settings) -> None:
    drop(where, "a.csv")
    (inbox(where) / "simulated" / "releases.csv").write_text("file,published_at\na.csv,soon\n")
    with pytest.raises(InputError, match=r"row 2.*'soon' is not a time"):
        take(where, "simulated")
    assert "a.csv" in files(inbox(where) / "simulated")


def test_a_folder_that_is_no_collection_is_named_and_nothing_is_moved(where: Settings) -> None:
    (inbox(where) / "simulatd").mkdir()
    (inbox(where) / "simulatd" / "a.csv").write_text(HEADER)
    with pytest.raises(NotFoundError, match="simulatd"):
        take(where, "simulatd", ["a.csv"])
    assert files(inbox(where) / "simulatd") == {"a.csv"}


def test_a_crash_between_append_and_move_ingests_nothing_twice(
    where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(where, "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "_moved", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
        with pytest.raises(OSError, match="power cut"):
            take(where, "simulated")
    assert files(inbox(where) / "simulated") == {"a.csv"}
    [again] = take(where, "simulated")
    assert again.status == "already known"
    assert len(where.ledger().batches("simulated", "vintage")) == 1
    assert files(inbox(where) / "simulated" / "done") == {"a.csv"}


def test_a_ledger_that_cannot_be_reached_leaves_the_files_where_they_are(
    where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(where, "a.csv")

    def unreachable(*_: object, **__: object) -> None:
        raise LedgerError("the database does not answer")

    monkeypatch.setattr(inbox_module, "ingest", unreachable)
    with pytest.raises(LedgerError):
        take(where, "simulated")
    assert files(inbox(where) / "simulated") == {"a.csv"}


def test_two_that_take_at_once_ingest_each_file_once_and_lose_none(where: Settings) -> None:
    names = [
        drop(where, f"{number}.csv", number, at=NOW - 86_400 * (900 - number)).name for number in range(4)
    ]
    with ThreadPoolExecutor(2) as pool:
        both = [
            file for each in pool.map(lambda _: take(where, "simulated", names), range(2)) for file in each
        ]
    assert sorted(file.file for file in both if file.status == "ingested") == names
    assert {file.status for file in both} == {"ingested", "taken by another"}
    assert len(where.ledger().batches("simulated", "vintage")) == 4
    assert files(inbox(where) / "simulated" / "done") == set(names)


def test_a_file_overwritten_while_it_is_read_goes_back_and_both_are_ingested(
    where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(where, "a.csv", 1)
    real = inbox_module.ingest

    def overwritten(*arguments: object, **options: object) -> object:
        done = real(*arguments, **options)  # type: ignore[arg-type]
        drop(where, "a.csv", 222, at=NOW - 86_400 * 10)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "ingest", overwritten)
        [taken] = take(where, "simulated")
    assert (taken.status, taken.moved_to, path.exists()) == ("changed while it was read", None, True)
    [again] = take(where, "simulated")
    assert again.status == "ingested"
    assert len(where.ledger().batches("simulated", "vintage")) == 2


def test_a_second_file_of_a_name_does_not_replace_the_first(where: Settings) -> None:
    for value in (1, 2):
        drop(where, "a.csv", value, at=NOW - 86_400 * (900 - value))
        take(where, "simulated")
    assert files(inbox(where) / "simulated" / "done") == {"a.csv", "2-a.csv"}


def test_the_cursor_is_plain_json(where: Settings) -> None:
    drop(where, "a.csv")
    assert list(json.loads(look(inbox(where), None, now=NOW, still_seconds=1).cursor)) == ["simulated"]


def test_the_wait_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STARLEDGER_INBOX_STILL_SECONDS", raising=False)
    assert inbox_still_seconds() == 30
    monkeypatch.setenv("STARLEDGER_INBOX_STILL_SECONDS", "2.5")
    assert inbox_still_seconds() == 2.5
    for wrong in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("STARLEDGER_INBOX_STILL_SECONDS", wrong)
        with pytest.raises(InputError, match="no number of seconds"):
            inbox_still_seconds()
