"""Verified: the record of the last time that the log was hashed again from its rows.

Here: a small file in the warehouse, written whole and read back.
Not here: the verification (verification.py), the page that shows it (audit/web/pages/ledger.py).

It is what this warehouse says of itself: whoever can write in its directory can write this file too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ratings.errors import LedgerError
from warehouse.snapshot_files import json_text
from warehouse.snapshot_manifest import iso, microseconds
from warehouse.whole_files import replace_text

FORMAT = "starledger verification 1"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found.

    Attributes:
        at: when it ended, microseconds UTC.
        origin: of the log.
        batches: how many the log had.
        events: how many events were hashed.
        root: over these batches, as hex.
        problems: how many things were wrong.
        against: last position of the checkpoint kept elsewhere that it was held against; None without one.
        key_given: whether the key of that checkpoint was given too, and not taken from the warehouse.
    """

    at: int
    origin: str
    batches: int
    events: int
    root: str
    problems: int
    against: int | None
    key_given: bool


def keep_verified(file: Path, found: Verified) -> None:
    """Write the record in place of the one before.

    Raises:
        OSError: it cannot be written.
    """
    replace_text(file, json_text({"format": FORMAT} | asdict(found) | {"at": iso(found.at)}))


def read_verified(file: Path) -> Verified | None:
    """The record; None where there is none.

    Raises:
        LedgerError: it cannot be read.
    """
    try:
        said = json.loads(file.read_bytes())
        if said.pop("format") != FORMAT:
            raise ValueError("its format is not known")
        found = Verified(**said | {"at": microseconds(said["at"])})
        if bytes.fromhex(found.root) and min(found.batches, found.events, found.problems) >= 0:
            return found
        raise ValueError("a number in it is below nought")
    except FileNotFoundError:
        return None
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise LedgerError(
            f"the record of the last verification cannot be read: {error}",
            file=str(file),
            hint="run `starledger ledger verify`, which writes it anew",
        ) from None
