"""Table digest: a hash of the rows of a table, whoever wrote the file and in whatever order.

Here: the digest, byte by byte.
Not here: what a snapshot's own digest binds besides (snapshot_manifest.py).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.canonical import canonical_json


def digest(table: pa.Table, key: tuple[str, ...], *, in_order: bool = False) -> str:
    """The logical digest of a table: equal for equal rows, whoever wrote the file.

    SHA-256 over these bytes:

    1. the text `starledger table 1` and a line feed;
    2. RFC 8785 JSON of `{"columns": [[name, type], ...], "key": [...], "rows": n}` and a line feed, the types
       being `string`, `int64`, `double`, `bool`, `date32[day]`, `timestamp[us, tz=UTC]`;
    3. column after column, over the rows in ascending order of the key (texts by their UTF-8 bytes): one byte
       a row, 1 where there is a value and 0 where it is null; then the values that are there, little-endian:
       int64, timestamp (microseconds since 1970) and double (IEEE 754, -0.0 written as 0.0) in eight bytes,
       date32 (days since 1970) in four, bool in one; of strings first the length of each in eight bytes,
       then all their UTF-8 bytes.

    Args:
        table: any rows; sorted here.
        key: the columns that name a row.
        in_order: the rows are known to be in the order of the key already, as `SnapshotTable.arrow` has them.

    Returns:
        64 hex digits.
    """
    if not in_order:
        table = table.sort_by([(name, "ascending") for name in key])
    head = {
        "columns": [[field.name, str(field.type)] for field in table.schema],
        "key": list(key),
        "rows": table.num_rows,
    }
    hashed = hashlib.sha256(b"starledger table 1\n" + canonical_json(head).encode() + b"\n")
    for column in table.columns:
        array: Any = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        hashed.update(_fixed(pc.is_valid(array).cast(pa.uint8())))
        values = pc.drop_null(array)
        if pa.types.is_string(values.type):
            hashed.update(_fixed(pc.binary_length(values).cast(pa.int64())))
            hashed.update(_text(values.cast(pa.large_string())))
        elif pa.types.is_boolean(values.type):
            hashed.update(_fixed(values.cast(pa.uint8())))
        elif pa.types.is_floating(values.type):
            hashed.update(_fixed(pc.add(values, 0.0)))  # -0.0 + 0.0 is 0.0
        else:
            hashed.update(_fixed(values))
    return hashed.hexdigest()


def _fixed(array: Any) -> memoryview:
    """The bytes of an array of fixed width without nulls: Arrow keeps them little-endian already."""
    width = array.type.bit_width // 8
    data = array.buffers()[1]
    return memoryview(data or b"")[array.offset * width : (array.offset + len(array)) * width]


def _text(array: Any) -> memoryview:
    """The bytes of all texts of a large_string array without nulls, one after the other."""
    _, offsets, data = array.buffers()
    if not len(array) or data is None:
        return memoryview(b"")
    first, last = (struct.unpack_from("<q", offsets, 8 * (array.offset + n))[0] for n in (0, len(array)))
    return memoryview(data)[first:last]
