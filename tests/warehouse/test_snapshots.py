"""Snapshots: written once, whole or not at all, and verified by anyone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.errors import NotFoundError, SnapshotError
from tests.made_ledgers import overwrite
from warehouse import snapshots
from warehouse.snapshot_files import CHANGES, PROOFS, Beside, table_bytes
from warehouse.snapshot_manifest import About, iso, microseconds, read_manifest
from warehouse.snapshot_tables import SCHEMAS, TABLES
from warehouse.snapshots import (
    SnapshotRef,
    latest,
    list_snapshots,
    move_latest,
    snapshot,
    verify,
    write_snapshot,
)
from warehouse.table_digest import digest

ABOUT = About(
    method={
        "id": "m",
        "version": "1",
        "title": "M",
        "status": "official",
        "sha256": "0" * 64,
        "option": None,
        "round": None,
    },
    catalogue_sha256="1" * 64,
    quality_sha256="3" * 64,
    as_published=microseconds("2024-03-31"),
    as_recorded=12,
    ledger={"origin": "o", "kind": "production"},
    simulated=False,
    label="a trial",
    code_version="starledger 0",
)


def empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(SCHEMAS[name].empty_table())


def tables(value: float = 1.5) -> dict[str, pl.DataFrame]:
    """Every table, with two organisations and two observations in no order."""
    organisations = pl.DataFrame({"organisation": ["b", "a"], "name": ["Bé", "A"], "kind": ["council"] * 2})
    observations = pl.DataFrame(
        {
            "organisation": ["b", "a"],
            "indicator": ["i", "i"],
            "period": ["2023-01-01/P1Y"] * 2,
            "period_start": [date(2023, 1, 1)] * 2,
            "period_end": [date(2023, 12, 31)] * 2,
            "collection": ["c", "c"],
            "value": [value, None],
            "published_at": [1_700_000_000_000_000, 0],
            "position": [5, 4],
            "source_batch": [1, 1],
        }
    )
    given = {"organisations": organisations, "observations": observations}
    filled = {
        name: pl.concat([empty(name), frame.cast(_types(name, frame))], how="diagonal")
        for name, frame in given.items()
    }
    return {name: filled.get(name, empty(name)) for name in TABLES}


def _types(name: str, frame: pl.DataFrame) -> Mapping[str, pl.DataType]:
    return {column: dtype for column, dtype in empty(name).schema.items() if column in frame.columns}


def beside(_manifest: object) -> Beside:
    """Files of no meaning in place of those that prove something."""
    return Beside({CHANGES: b"{}", PROOFS: b"0" * 9999}, {"size": 1}, lambda outputs: " ".join(outputs))


@pytest.fixture
def written(tmp_path: Path) -> SnapshotRef:
    return write_snapshot(tmp_path / "snapshots", ABOUT, tables())


def test_a_snapshot_reads_back_as_it_was_written(written: SnapshotRef) -> None:
    rows = written.table("observations")
    assert rows["organisation"].to_list() == ["a", "b"]
    assert rows["value"].to_list() == [None, 1.5]
    assert written.table("observations", organisation="b")["position"].to_list() == [5]
    assert read_manifest(written.path) == written.manifest
    assert verify(written.path) == []
    assert not written.existed


def test_the_id_is_method_day_and_digest(written: SnapshotRef) -> None:
    assert written.id == f"m-20240331-{written.manifest['digest'][:12]}"


def test_a_second_build_of_the_same_gives_the_snapshot_that_is_there(written: SnapshotRef) -> None:
    before = {f: f.stat().st_mtime_ns for f in written.path.iterdir()}
    again = write_snapshot(written.path.parent, replace(ABOUT, label="another label"), tables())
    assert again.existed
    assert again.id == written.id
    assert again.manifest["label"] == "a trial"
    assert {f: f.stat().st_mtime_ns for f in written.path.iterdir()} == before


@pytest.mark.parametrize(
    "other",
    [
        replace(ABOUT, as_recorded=13),
        replace(ABOUT, as_published=ABOUT.as_published + 1),
        replace(ABOUT, simulated=True),
        replace(ABOUT, method=ABOUT.method | {"round": "2002-05"}),
    ],
)
def test_another_question_is_another_snapshot(written: SnapshotRef, other: About) -> None:
    assert write_snapshot(written.path.parent, other, tables()).id != written.id


def test_other_figures_are_another_snapshot(written: SnapshotRef) -> None:
    assert write_snapshot(written.path.parent, ABOUT, tables(1.6)).id != written.id


def test_every_column_says_what_it_means() -> None:
    for schema in SCHEMAS.values():
        for field in schema:
            assert field.metadata[b"meaning"]
            assert field.metadata[b"type"]
            assert field.metadata[b"null"] == (b"may be" if field.nullable else b"never")
        assert schema.metadata[b"key"]


def test_who_looks_for_one_organisation_reads_little() -> None:
    names = [f"council-{n:03}" for n in range(150)]
    frame = pl.DataFrame({"organisation": names * 600, "number": range(90_000)}).sort("organisation")
    with pq.ParquetFile(pa.BufferReader(table_bytes(frame.to_arrow()))) as file:
        groups = [file.metadata.row_group(n).column(0).statistics for n in range(file.num_row_groups)]
    for name in names:
        assert sum(group.min <= name <= group.max for group in groups) <= 2 < len(groups) / 2


def test_every_number_of_the_world_says_its_unit() -> None:
    unitless = {"position", "decision_position", "source_batch", "source_row", "row"}
    for table in TABLES.values():
        for column in table.columns:
            if column.type in ("double", "int64") and column.name not in unitless:
                assert column.unit, f"{table.name}.{column.name}"


def test_pyarrow_pandas_polars_and_duckdb_open_it(written: SnapshotRef) -> None:
    file = written.path / "observations.parquet"
    assert pq.read_table(file).num_rows == 2
    assert pq.read_schema(file).field("value").metadata[b"unit"] == b"the indicator's unit"
    assert list(pd.read_parquet(file)["organisation"]) == ["a", "b"]
    assert pl.read_parquet(file)["period_end"].to_list() == [date(2023, 12, 31)] * 2
    found = duckdb.sql(f"SELECT value FROM '{file}' WHERE organisation = 'b'").fetchall()
    assert found == [(1.5,)]


def test_a_table_with_two_rows_of_one_key_is_refused(tmp_path: Path) -> None:
    twice = tables()
    twice["organisations"] = pl.concat([twice["organisations"]] * 2)
    with pytest.raises(SnapshotError, match="organisations has two rows of one key"):
        write_snapshot(tmp_path, ABOUT, twice)


def test_a_number_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="value holds a number that is not finite"):
        write_snapshot(tmp_path, ABOUT, tables(float("nan")))


def test_a_missing_column_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="organisations lacks the columns kind"):
        write_snapshot(tmp_path, ABOUT, tables() | {"organisations": tables()["organisations"].drop("kind")})


def test_a_required_column_is_never_null(tmp_path: Path) -> None:
    unnamed = tables()["organisations"].with_columns(name=pl.lit(None, pl.String))
    with pytest.raises(SnapshotError, match="name is null"):
        write_snapshot(tmp_path, ABOUT, tables() | {"organisations": unnamed})


# The digest


STRINGS = dict.fromkeys(("organisation", "name", "kind"), pl.String)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.text(st.characters(codec="utf-8"), max_size=5),
            "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "flag": st.none() | st.booleans(),
        }
    ),
    unique_by=lambda row: row["key"],
    max_size=6,
)
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("text", pa.string()),
        ("number", pa.float64()),
        ("whole", pa.int64()),
        ("flag", pa.bool_()),
    ]
)


@given(ROWS, st.randoms())
def test_the_digest_depends_on_rows_and_not_on_their_order_chunks_or_file(rows, random) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    shuffled = list(rows)
    random.shuffle(shuffled)
    chunks = [pa.Table.from_pylist([row], schema=SCHEMA) for row in shuffled]
    again = pa.concat_tables([SCHEMA.empty_table(), *chunks])
    sink = pa.BufferOutputStream()
    pq.write_table(again, sink, compression="none", use_dictionary=False, row_group_size=2)
    read = pq.ParquetFile(sink.getvalue()).read()
    assert digest(table, ("key",)) == digest(again, ("key",)) == digest(read, ("key",))


@given(ROWS.filter(bool), st.sampled_from(["text", "number", "whole", "flag"]), st.data())
def test_any_other_value_gives_another_digest(rows, column, data) -> None:
    changed = [dict(row) for row in rows]
    other = {"text": "x", "number": 0.5, "whole": 7, "flag": True}[column]
    at = data.draw(st.integers(0, len(rows) - 1))
    changed[at][column] = None if rows[at][column] == other else other
    first, second = (pa.Table.from_pylist(each, schema=SCHEMA) for each in (rows, changed))
    assert digest(first, ("key",)) != digest(second, ("key",))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=4), unique=True, max_size=8))
def test_rows_are_written_in_the_order_that_the_digest_is_taken_in(names: list[str]) -> None:
    frame = pl.DataFrame({"organisation": names, "name": names, "kind": names}, schema_overrides=STRINGS)
    absent = [c.name for c in TABLES["organisations"].columns if c.name not in frame.columns]
    table = TABLES["organisations"].arrow(
        frame.with_columns(pl.lit(None, empty("organisations").schema[name]).alias(name) for name in absent)
    )
    assert digest(table, ("organisation",), in_order=True) == digest(table, ("organisation",))


def test_the_digest_is_what_its_definition_says() -> None:
    """The bytes of the definition, put together by hand."""
    import hashlib
    import struct

    table = pa.table({"k": ["b", "a"], "v": pa.array([None, -0.0], pa.float64())})
    head = b'{"columns":[["k","string"],["v","double"]],"key":["k"],"rows":2}\n'
    k = b"\1\1" + struct.pack("<qq", 1, 1) + b"ab"
    v = b"\1\0" + struct.pack("<d", 0.0)
    assert digest(table, ("k",)) == hashlib.sha256(b"starledger table 1\n" + head + k + v).hexdigest()


def test_text_cannot_move_from_one_cell_to_the_next_unnoticed() -> None:
    one = pa.table({"k": ["1", "2"], "v": ["ab", "c"]})
    two = pa.table({"k": ["1", "2"], "v": ["a", "bc"]})
    assert digest(one, ("k",)) != digest(two, ("k",))


# Verifying


def test_verify_names_a_missing_table(written: SnapshotRef) -> None:
    (written.path / "bands.parquet").unlink()
    assert verify(written.path) == ["bands.parquet is missing"]


def test_verify_names_a_table_that_is_cut_short(written: SnapshotRef) -> None:
    overwrite(written.path / "bands.parquet", (written.path / "bands.parquet").read_bytes()[:-10])
    assert "bands.parquet is cut short" in verify(written.path)[0]


def test_verify_names_an_altered_table(written: SnapshotRef) -> None:
    file = written.path / "observations.parquet"
    rows = pq.ParquetFile(file).read()
    column = rows.schema.get_field_index("value")
    altered = rows.set_column(column, rows.schema.field(column), pa.array([None, 99.0]))
    (written.path / "observations.parquet").chmod(0o644)
    pq.write_table(altered, file, compression="none")
    assert verify(written.path) == [
        "observations.parquet was altered: its bytes are others, and so are its rows"
    ]


def test_verify_tells_other_bytes_of_the_same_rows_apart(written: SnapshotRef) -> None:
    file = written.path / "observations.parquet"
    rows = pq.ParquetFile(file).read()
    file.chmod(0o644)
    pq.write_table(rows, file, compression="none", write_statistics=True, row_group_size=1)
    assert verify(written.path) == [
        "observations.parquet was altered: its bytes are others, its rows the same"
    ]


def test_verify_names_a_swapped_table(written: SnapshotRef) -> None:
    overwrite(written.path / "bands.parquet", (written.path / "observations.parquet").read_bytes())
    assert verify(written.path) == ["bands.parquet was swapped: its bytes are those of observations.parquet"]


def test_verify_names_what_does_not_belong(written: SnapshotRef) -> None:
    (written.path / "extra.parquet").write_text("?")
    assert verify(written.path) == ["extra.parquet does not belong to the snapshot"]


def test_verify_sees_a_manifest_edited_by_hand(written: SnapshotRef) -> None:
    _edit(written, as_published="2025-01-01T00:00:00Z")
    assert verify(written.path) == ["manifest.json was altered: its digest is another"]


def test_a_copy_elsewhere_verifies_too(written: SnapshotRef, tmp_path: Path) -> None:
    copy = shutil.copytree(written.path, tmp_path / "elsewhere")
    assert verify(copy) == []


def test_a_snapshot_of_a_newer_version_says_so(written: SnapshotRef) -> None:
    _edit(written, schema_version=99)
    with pytest.raises(SnapshotError, match="newer than this code knows"):
        read_manifest(written.path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}'])
def test_what_is_no_manifest_is_said_to_be_none(written: SnapshotRef, text: str) -> None:
    overwrite(written.path / "manifest.json", text)
    with pytest.raises(SnapshotError, match=r"manifest\.json: this is not a manifest"):
        verify(written.path)


@pytest.mark.parametrize("name", ["nothing", "../snapshots", "m-20240331-000000000000", ""])
def test_an_unknown_id_is_not_found(written: SnapshotRef, name: str) -> None:
    with pytest.raises(NotFoundError, match="snapshots list"):
        snapshot(written.path.parent, name)


# Crashes and neighbours


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots, "write_bytes", full)
    with pytest.raises(SnapshotError, match="No space left on device"):
        write_snapshot(tmp_path, ABOUT, tables())
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_takes_away_what_a_crash_left(tmp_path: Path) -> None:
    left = tmp_path / ".unfinished-abc"
    left.mkdir()
    (left / "stars.parquet").write_text("half")
    write_snapshot(tmp_path, ABOUT, tables())
    assert not left.exists()


def test_what_a_living_writer_holds_is_left_alone(tmp_path: Path) -> None:
    from warehouse.whole_files import unfinished

    with unfinished(tmp_path) as theirs:
        (theirs / "stars.parquet").write_text("half")
        write_snapshot(tmp_path, ABOUT, tables())
        assert (theirs / "stars.parquet").read_text() == "half"
    assert not theirs.exists()


def test_of_two_writers_of_one_id_both_get_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process finishes between the look and the rename."""
    rival: list[SnapshotRef] = []
    original = snapshots.write_bytes

    def interrupted(path: Path, content: bytes) -> None:
        original(path, content)
        if not rival:
            rival.append(SnapshotRef("", path, {}))
            rival[0] = write_snapshot(tmp_path, ABOUT, tables())

    monkeypatch.setattr(snapshots, "write_bytes", interrupted)
    mine = write_snapshot(tmp_path, ABOUT, tables())
    assert mine.existed
    assert mine.path == rival[0].path
    assert [entry.name for entry in tmp_path.iterdir()] == [mine.id]


def test_publishers_at_once_leave_one_directory_for_each_id_and_readers_see_whole_ones_only(
    tmp_path: Path,
) -> None:
    over, seen = Event(), list[list[str]]()

    def publish(number: int) -> SnapshotRef:
        return write_snapshot(tmp_path, replace(ABOUT, as_recorded=number % 3), tables(), beside)

    def read() -> None:
        last = False
        while not last:
            last = over.is_set()
            seen.extend(verify(found.path) for found in list_snapshots(tmp_path))

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read)
        done = list(pool.map(publish, range(24)))
        over.set()
        reader.result(60)
    assert len({found.id for found in done}) == 3
    assert [found.id for found in list_snapshots(tmp_path)] == sorted({found.id for found in done})
    assert sum(not found.existed for found in done) == 3
    assert len(seen) > 3
    assert not any(seen)
    assert {entry.name for entry in tmp_path.iterdir()} == {found.id for found in done}


def test_an_id_that_is_there_with_other_content_is_an_error_and_stays(written: SnapshotRef) -> None:
    """Twelve digits can meet by chance, the whole digest cannot."""
    other = written.manifest["digest"][:12] + "0" * 52
    overwrite(written.path / "manifest.json", json.dumps(written.manifest | {"digest": other}))
    before = {file.name: file.read_bytes() for file in written.path.iterdir()}
    with pytest.raises(SnapshotError, match=r"exists with other content.*never rewritten"):
        write_snapshot(written.path.parent, ABOUT, tables())
    assert {file.name: file.read_bytes() for file in written.path.iterdir()} == before


def test_tables_that_contradict_each_other_are_not_written(tmp_path: Path) -> None:
    twice = tables()
    twice["quality"] = pl.concat(
        [empty("quality"), pl.DataFrame({"indicator": ["i"], "figures": [5], "missing": [0]})], how="diagonal"
    )
    required = [c.name for c in TABLES["quality"].columns if c.required]
    twice["quality"] = twice["quality"].with_columns(
        pl.col(name).fill_null(0 if twice["quality"][name].dtype == pl.Int64 else "x") for name in required
    )
    with pytest.raises(SnapshotError, match=r"contradict each other.*5 and 2"):
        write_snapshot(tmp_path, ABOUT, twice)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_may_not_be_written_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "snapshots").write_text("not a directory")  # root may write anywhere
    else:
        tmp_path.chmod(0o555)
    with pytest.raises(SnapshotError, match="Next: "):
        write_snapshot(tmp_path / "snapshots", ABOUT, tables())


def test_lists_leave_out_what_is_no_snapshot(written: SnapshotRef) -> None:
    root = written.path.parent
    (root / "notes.txt").write_text("")
    (root / "m-20240331-000000000000").mkdir()
    assert [found.id for found in list_snapshots(root)] == [written.id]
    assert list_snapshots(root / "nowhere") == []
    assert written.summary() == {
        "id": written.id,
        "method": "m",
        "label": "a trial",
        "as_published": "2024-03-31T00:00:00Z",
        "as_recorded": 12,
        "tags": ["official"],
    }


def test_latest_moves_in_one_step_and_leaves_no_litter(tmp_path: Path) -> None:
    root = tmp_path / "snapshots"
    assert latest(root) is None
    move_latest(root, None)
    for n in (1, 2):
        move_latest(root, {"id": str(n)})
        assert latest(root) == {"id": str(n)}
    assert [entry.name for entry in root.iterdir()] == ["latest.json"]
    move_latest(root, None)
    assert latest(root) is None


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_come_back_from_their_text(at: int) -> None:
    assert microseconds(iso(at)) == at


def _edit(written: SnapshotRef, **changes: object) -> None:
    overwrite(written.path / "manifest.json", json.dumps(written.manifest | changes))
