"""Proof files: what a proof looks like as JSON, and all that can be wrong with one before it is checked.

Here: reading strictly, so that a file has one meaning for every program; messages name the field.
Not here: what a proof says and how it is written (proofs.py), whether it holds (verifier.py).

Every name is required and no other is allowed. Hashes and salts are lower-case hex. A double is printed so
that reading it gives the same IEEE 754 double. docs/ledger.md describes the fields.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from audit.proofs import CONSISTENCY_PROOF, EVENT_PROOF, ConsistencyProof, EventProof, Place
from ratings.errors import LedgerError
from warehouse import merkle, schema
from warehouse.canonical_events import BATCH_FIELDS, EVENT_FIELDS, SALT_BYTES

_NEXT = "give the file as it was written, unchanged"
_LONGEST_PATH = 64
_KINDS = {
    c.name: c.type.python_type
    for table in (schema.batch_tree, schema.event, schema.batch)
    for c in table.columns
}


def parse_proof(text: str, file: str | None = None) -> EventProof | ConsistencyProof:
    """Read a proof file. Nothing in it is to be believed before it is verified.

    Args:
        text: the file.
        file: its name, for messages.

    Raises:
        LedgerError: it is not a proof of a format that is known; the message names the field.
    """
    try:
        content = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"this is not a proof file: {error}", file=file, hint=_NEXT) from None
    form = content.get("format") if isinstance(content, dict) else None
    try:
        if form == EVENT_PROOF:
            return _event_proof(content)
        if form == CONSISTENCY_PROOF:
            _names(content, "the file", ("format", "old", "new", "path"))
            return ConsistencyProof(
                _text(content["old"], "old"), _text(content["new"], "new"), _path(content["path"], "path")
            )
    except _FieldError as error:
        raise LedgerError(f"the proof file is malformed: {error}", file=file, hint=_NEXT) from None
    raise LedgerError(
        f"this is not a proof file of a known format: `format` is {form!r}",
        file=file,
        hint=f"give a file whose format is {EVENT_PROOF!r} or {CONSISTENCY_PROOF!r}, or a newer starledger",
    )


class _FieldError(Exception):
    """A field of a proof file is not what it has to be."""


def _event_proof(content: dict[str, Any]) -> EventProof:
    names = ("format", "position", "event", "salt", "event_leaf", "in_batch", "batch", "batch_leaf", "in_log")
    _names(content, "the file", (*names, "checkpoint"))
    return EventProof(
        position=_whole(content["position"], "position"),
        event=_columns(content["event"], "event", EVENT_FIELDS),
        salt=_hex(content["salt"], "salt", SALT_BYTES),
        event_leaf=_hex(content["event_leaf"], "event_leaf"),
        in_batch=_place(content["in_batch"], "in_batch"),
        batch=_columns(content["batch"], "batch", BATCH_FIELDS),
        batch_leaf=_hex(content["batch_leaf"], "batch_leaf"),
        in_log=_place(content["in_log"], "in_log"),
        checkpoint=_text(content["checkpoint"], "checkpoint"),
    )


def _columns(content: Any, field: str, names: Sequence[str]) -> dict[str, Any]:
    _names(content, field, names)
    return {name: _column(content[name], f"{field}.{name}", _KINDS[name]) for name in names}


def _column(value: Any, field: str, kind: type) -> Any:
    if value is None:
        return None
    if kind is str:
        return _text(value, field)
    if kind is int:
        return _whole(value, field)
    if kind is bytes:
        return _hex(value, field)
    # Some writers of JSON print 7.0 as 7; its column says that it is a double.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _FieldError(f"{field} is not a number")
    # 1e999 is read as infinity; a whole number of that size cannot be made a double at all.
    if abs(value) > sys.float_info.max:
        raise _FieldError(f"{field} is not a number that a double can hold")
    return float(value)


def _place(content: Any, field: str) -> Place:
    _names(content, field, ("index", "size", "path"))
    return Place(
        _whole(content["index"], f"{field}.index"),
        _whole(content["size"], f"{field}.size"),
        _path(content["path"], f"{field}.path"),
    )


def _path(content: Any, field: str) -> tuple[bytes, ...]:
    if not isinstance(content, list) or len(content) > _LONGEST_PATH:
        raise _FieldError(f"{field} is not a list of at most {_LONGEST_PATH} hashes")
    return tuple(_hex(each, f"{field}[{n}]") for n, each in enumerate(content))


def _names(content: Any, field: str, names: Sequence[str]) -> None:
    if not isinstance(content, dict):
        raise _FieldError(f"{field} is not an object")
    if missing := [name for name in names if name not in content]:
        raise _FieldError(f"{field} lacks {', '.join(missing)}")
    if unknown := [name for name in content if name not in names]:
        raise _FieldError(f"{field} has names that are not known: {', '.join(unknown)}")


def _hex(content: Any, field: str, length: int = merkle.HASH_BYTES) -> bytes:
    if not isinstance(content, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", content):
        raise _FieldError(f"{field} is not {length} bytes in lower-case hex")
    return bytes.fromhex(content)


def _whole(content: Any, field: str) -> int:
    if isinstance(content, bool) or not isinstance(content, int) or not -(2**63) <= content < 2**63:
        raise _FieldError(f"{field} is not a whole number of 64 bits")
    return content


def _text(content: Any, field: str) -> str:
    if not isinstance(content, str):
        raise _FieldError(f"{field} is not text")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise _FieldError(f"{field} is not Unicode text") from None
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        # Two programs may each believe another one of the two.
        raise ValueError("a name is given twice")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")
