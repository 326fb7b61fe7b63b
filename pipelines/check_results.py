"""Check results: what the checks found in a batch, as the log recorded it.

Here: reading it back, and every finding one by one - what warnings are about, and refused rows.
Not here: checking (validations), asking about a finding (queries.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ratings.errors import NotFoundError
from ratings.queries import Query
from warehouse.batches import Batch
from warehouse.canonical import canonical_json
from warehouse.event_log import Ledger
from warehouse.query_log import recorded_queries


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks found in a batch.

    Attributes:
        batch: the batch.
        results: the check results in the order they were recorded: `position`, and what the event says.
        findings: by name of the check, what it found one by one: `number`, `indicator`, `organisation`,
            `period`, `says`, `sentence`, and `query` (number of the last query on it, None where there is
            none) with its `state`.
    """

    batch: Batch
    results: list[dict[str, Any]]
    findings: dict[str, list[dict[str, Any]]]


def checked(ledger: Ledger, batch: int) -> Checked:
    """What the checks found in a batch.

    Args:
        ledger: where it is recorded.
        batch: its number.

    Raises:
        LedgerError: the batch was voided.
        NotFoundError: there is no such batch, or no check was made of it.
    """
    known = ledger.batch(batch)
    known.require_standing()
    results = [
        {"position": event["position"]} | event["payload"]
        for event in ledger.events("check_result")
        if event["batch"] == batch
    ]
    if not results:
        raise NotFoundError(
            f"batch {batch} is of kind {known.kind}, and no check was made of it",
            hint="choose a vintage or a rejected file: starledger ledger batches",
        )
    asked = {query.finding: query for query in recorded_queries(ledger)}
    found = {result["check"]: list(result.get("findings", [])) for result in results}
    for row in ledger.quarantine(batch):
        for reason in row["reasons"]:
            found.setdefault(reason["check"], []).append(
                {name: row[name] for name in ("indicator", "organisation", "period")}
                | {
                    "says": canonical_json(row["raw"]),
                    "sentence": f"row {row['source_row']}: {reason['message']}",
                }
            )
    numbered = {
        check: [_numbered(number, known, check, one, asked) for number, one in enumerate(ones, start=1)]
        for check, ones in found.items()
    }
    return Checked(known, results, numbered)


def _numbered(
    number: int, batch: Batch, check: str, one: dict[str, Any], asked: dict[tuple[str | None, ...], Query]
) -> dict[str, Any]:
    named = {name: one[name] for name in ("indicator", "organisation", "period", "says", "sentence")}
    about = (batch.collection, check, one["indicator"], one["organisation"], one["period"], one["says"])
    query = asked.get(about)
    return (
        {"number": number}
        | named
        | {"query": query.number if query else None, "state": query.state if query else None}
    )
