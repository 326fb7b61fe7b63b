"""Canonical forms: one spelling for a value that will be hashed or compared.

Here: RFC 8785 JSON and the SHA-256 of bytes and of files.
Not here: what is put into them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import rfc8785


def canonical_json(value: Any) -> str:
    """The RFC 8785 (JCS) text of a JSON value.

    Raises:
        ValueError: the value holds a NaN, an infinity, or something JSON has no word for.
    """
    return rfc8785.dumps(value).decode()


def parse_json(text: str) -> Any:
    """The value of a JSON text."""
    return json.loads(text)


def sha256_hex(data: bytes) -> str:
    """SHA-256 of bytes, as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 lower-case hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
