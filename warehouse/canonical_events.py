"""Canonical bytes: what is hashed of an event and of a batch, the same on every machine and engine.

Here: version 1 of both encodings, by column for many events and by row for one.
Not here: trees over the hashes (merkle.py), where salts and roots are kept (event_log.py).

An event, and a batch, is the byte 0x01 and then its fields in the order of `EVENT_FIELDS` or `BATCH_FIELDS`.
A field is 0x00 where it is null; else 0x01, the length in four bytes, and the content: text as UTF-8,
BIGINT as eight bytes two's complement, DOUBLE as eight bytes IEEE 754, BLOB as it is; all big-endian.
Position, batch and the time of recording are not in the event but in its batch, so that hashing waits for no
lock.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import schema

VERSION = b"\x01"
SALT_BYTES = 16
LEAF_PREFIX = b"\x00"  # RFC 6962: a leaf can never be taken for a node
_OF_THE_BATCH = ("position", "batch")
EVENT_FIELDS = tuple(c.name for c in schema.event.columns if c.name not in _OF_THE_BATCH)
BATCH_FIELDS = (*(c.name for c in schema.batch.columns), "events_root", "quarantine_sha256")
_TYPES = schema.frame_schema(schema.event)
_NULL = b"\x00"
_PIECE = 1 << 15  # events hashed together


def event_bytes(event: Mapping[str, Any]) -> bytes:
    """Canonical bytes of one event.

    Args:
        event: at least the columns of `EVENT_FIELDS`; `payload` as the text that is stored.
    """
    return VERSION + b"".join(_field(event[name]) for name in EVENT_FIELDS)


def batch_bytes(batch: Mapping[str, Any]) -> bytes:
    """Canonical bytes of one batch: the leaf data of the log.

    Args:
        batch: the columns of `BATCH_FIELDS`, as they are stored.
    """
    return VERSION + b"".join(_field(batch[name]) for name in BATCH_FIELDS)


def event_leaf(event: Mapping[str, Any], salt: bytes) -> bytes:
    """RFC 6962 leaf hash of one salted event."""
    return hashlib.sha256(LEAF_PREFIX + salt + event_bytes(event)).digest()


def event_leaves(events: pl.DataFrame, salts: bytes) -> list[bytes]:
    """RFC 6962 leaf hashes of many salted events.

    Args:
        events: the columns of `EVENT_FIELDS`; text may be Categorical.
        salts: 16 bytes an event, in order.

    Returns:
        32 bytes an event.
    """
    # In pieces: their bytes stay in the processor's cache, and memory does not grow with the batch.
    leaves: list[bytes] = []
    for start in range(0, events.height, _PIECE):
        stop = start + _PIECE
        leaves += _leaves(events[start:stop], salts[SALT_BYTES * start : SALT_BYTES * stop])
    return leaves


def _leaves(events: pl.DataFrame, salts: bytes) -> list[bytes]:
    salt = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(SALT_BYTES), events.height, [None, pa.py_buffer(salts)]
    )
    columns = [_column(events[name], _TYPES[name]) for name in EVENT_FIELDS]
    parts = _joined([LEAF_PREFIX, salt.cast(pa.large_binary()), VERSION, *columns])
    data: Any = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    _, offsets, content = data.buffers()
    ends = np.frombuffer(offsets, dtype="<i8", count=len(data) + 1, offset=8 * data.offset).tolist()
    leaf, sha256 = memoryview(content), hashlib.sha256
    return [sha256(leaf[start:end]).digest() for start, end in pairwise(ends)]


def _joined(parts: list[Any]) -> list[Any]:
    """Arrays as they are, and bytes that all rows share as scalars, neighbours in one."""
    joined: list[Any] = []
    for shared, group in groupby(parts, lambda part: isinstance(part, bytes)):
        neighbours = list(group)
        joined += [pa.scalar(b"".join(neighbours), pa.large_binary())] if shared else neighbours
    return joined


def _field(value: Any) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, str):
        content = value.encode()
    elif isinstance(value, bool | int):
        content = struct.pack(">q", value)
    elif isinstance(value, float):
        content = struct.pack(">d", value + 0.0)
    else:
        content = bytes(value)
    return b"\x01" + struct.pack(">I", len(content)) + content


def _column(values: pl.Series, dtype: pl.DataType) -> Any:
    """The encoded fields of one column: a binary array, or bytes where every row says the same."""
    if values.null_count() == len(values):
        return _NULL
    if dtype != pl.String():
        values = values.cast(dtype)  # a whole number in a column of real ones is hashed as it will be stored
    if not values.null_count() and (values == values[0]).all():
        return _field(values[0])
    if dtype == pl.String():
        return _words(values)
    fixed = np.zeros(len(values), dtype=[("head", "S1"), ("length", ">u4"), ("content", "S8")])
    fixed["head"], fixed["length"] = b"\x01", 8
    plain = values.fill_null(0).to_numpy()
    big = (plain + 0.0).astype(">f8") if dtype == pl.Float64() else plain.astype(">i8")
    fixed["content"] = big.view("S8")
    encoded: Any = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(13), len(values), [None, pa.py_buffer(fixed)]
    )
    encoded = encoded.cast(pa.large_binary())
    if not values.null_count():
        return encoded
    known = pa.array(values.is_not_null().to_numpy(), pa.bool_())
    return pc.if_else(known, encoded, pa.scalar(_NULL, pa.large_binary()))


def _words(values: pl.Series) -> Any:
    """Text: the same few words come again and again, so each is encoded once and then pointed to."""
    words: Any = values.cast(pl.String).to_arrow().cast(pa.large_string()).dictionary_encode()
    encoded = pa.array([*map(_field, words.dictionary.to_pylist()), _NULL], pa.large_binary())
    return encoded.take(pc.fill_null(words.indices, len(encoded) - 1))
