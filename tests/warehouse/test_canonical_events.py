"""Canonical bytes: fixed for ever, and the same by row and by column."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import canonical_events, schema
from warehouse.canonical_events import (
    BATCH_FIELDS,
    EVENT_FIELDS,
    SALT_BYTES,
    batch_bytes,
    event_bytes,
    event_leaf,
    event_leaves,
)

TYPES = schema.frame_schema(schema.event)
numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0))
whole = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
words = st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["", "a", "ä", "observation"]))
values = {pl.Float64(): numbers, pl.Int64(): whole, pl.String(): words}
events = st.fixed_dictionaries({name: values[TYPES[name]] for name in EVENT_FIELDS})


def event(**said: Any) -> dict[str, Any]:
    return dict.fromkeys(EVENT_FIELDS) | said


def test_the_bytes_of_an_event_are_these() -> None:
    encoded = event_bytes(event(type="observation", schema_version=1, value=1.5))
    nulls_between = b"\x00" * 7
    assert encoded == (
        b"\x01"
        b"\x01\x00\x00\x00\x0bobservation"
        b"\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01"
        + nulls_between
        + b"\x01\x00\x00\x00\x08\x3f\xf8\x00\x00\x00\x00\x00\x00"
        + b"\x00" * 10
    )


def test_the_fields_and_their_order_are_these() -> None:
    assert " ".join(EVENT_FIELDS) == (
        "type schema_version collection indicator definition organisation organisation_code period"
        " period_label value numerator denominator obs_status conf_status published_at stated_by"
        " source_batch source_row reason payload"
    )
    assert BATCH_FIELDS[:2] == ("id", "kind")
    assert BATCH_FIELDS[-2:] == ("events_root", "quarantine_sha256")


def test_minus_zero_and_zero_are_one_number() -> None:
    assert event_bytes(event(value=-0.0)) == event_bytes(event(value=0.0))


def test_null_and_empty_text_differ() -> None:
    assert event_bytes(event(reason="")) != event_bytes(event(reason=None))


def test_a_batch_covers_its_root() -> None:
    batch: dict[str, Any] = dict.fromkeys(BATCH_FIELDS)
    assert batch_bytes(batch | {"events_root": b"\x01" * 32}) != batch_bytes(
        batch | {"events_root": b"\x02" * 32}
    )


@given(rows=st.lists(events, max_size=6))
def test_by_row_and_by_column_are_the_same_leaves(rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema={name: TYPES[name] for name in EVENT_FIELDS})
    salts = hashlib.shake_128(b"salts").digest(SALT_BYTES * len(rows))
    by_row = [event_leaf(row, salts[n * SALT_BYTES : (n + 1) * SALT_BYTES]) for n, row in enumerate(rows)]
    assert event_leaves(frame, salts) == by_row
    assert event_leaves(frame.cast({pl.String: pl.Categorical}), salts) == by_row
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical_events, "_PIECE", 2)
        assert event_leaves(frame, salts) == by_row


def test_a_whole_number_in_a_column_of_real_ones_is_hashed_as_it_is_stored() -> None:
    rows = [event(type="observation", schema_version=1, value=7.0)] * 3
    frame = pl.DataFrame(rows, schema={name: TYPES[name] for name in EVENT_FIELDS})
    salts = bytes(SALT_BYTES * 3)
    assert event_leaves(frame.with_columns(pl.col("value").cast(pl.Int64)), salts) == event_leaves(
        frame, salts
    )
