"""Received: what the checks found in the files that the known figures come from.

Here: reading that back from the log - the newest release behind each indicator, the rows refused in it, and
    the count of every row read.
Not here: checking a file (validations), refusing it (ingest.py). The log decides, this shows what it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.snapshot_verifier import verify_snapshot
from pipelines.data_docs import built_docs
from pipelines.indicators import KnownAt, rating_collection
from pipelines.ingest_report import WENT
from pipelines.settings import Settings
from pipelines.snapshot_checks import own_keys
from ratings.catalogue import load_catalogue
from ratings.errors import SnapshotError
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.snapshots import SnapshotRef


@dataclass(frozen=True, slots=True)
class Received:
    """The newest release that an indicator's figures were looked for in.

    Attributes:
        collection: the collection it is of.
        batch: its batch; None where no release is known.
        file_name: its file.
        published_at: microseconds UTC.
        refused_file: why the whole file was refused; None where it was accepted.
        refused_rows: this indicator's refused rows, by check.
        example: what is wrong with the first of them.
        failed_checks: checks of the whole file that found something, with how many rows.
        checks: how many checks were made.
        first_check: position in the log of the first of these check results.
        docs: the Data Docs of its file, where they were built.
    """

    collection: str
    batch: int | None = None
    file_name: str | None = None
    published_at: int | None = None
    refused_file: str | None = None
    refused_rows: Mapping[str, int] = field(default_factory=dict)
    example: str | None = None
    failed_checks: Mapping[str, int] = field(default_factory=dict)
    checks: int = 0
    first_check: int | None = None
    docs: Path | None = None


@dataclass(frozen=True, slots=True)
class Conservation:
    """Where every row of every file went.

    Attributes:
        files: how many files were read.
        rows: rows read, and rows by where they went.
        problems: a sentence for each file whose rows do not add up.
    """

    files: int
    rows: Mapping[str, int]
    problems: tuple[str, ...]


def received_by_indicator(settings: Settings, at: KnownAt) -> dict[str, Received]:
    """The newest release behind every indicator of the core, and what the checks found in it.

    Args:
        settings: where.
        at: as known when, and whose figures. Files refused as a whole count as releases.

    Returns:
        An entry for each indicator of the core by its code.

    Raises:
        LedgerError: there is no ledger.
    """
    ledger, catalogue = settings.ledger(), load_catalogue()
    collections = {
        i.code: rating_collection(i.code, catalogue, simulated=at.simulated) for i in catalogue.core()
    }
    newest = _newest(ledger, at)
    checks: dict[int, list[dict[str, Any]]] = {}
    for event in ledger.events("check_result", as_recorded=at.head):
        checks.setdefault(event["batch"], []).append(event)
    found = {}
    for collection in sorted(set(collections.values())):
        release = newest.get(collection)
        refused = _refused(ledger, release)
        docs = built_docs(settings, release.id) if release else None
        for code in (code for code, its in collections.items() if its == collection):
            found[code] = _received(
                collection, release, checks.get(release.id if release else 0, []), refused.get(code, []), docs
            )
    return found


def conservation(settings: Settings, at: KnownAt) -> Conservation:
    """Whether every row read from the files behind the figures went somewhere.

    Args:
        settings: where.
        at: as known when, and whose figures.

    Raises:
        LedgerError: there is no ledger.
    """
    rows: Counter[str] = Counter()
    read = [batch for batch in _inputs(settings.ledger(), at) if batch.kind == "vintage"]
    for batch in read:
        if "released_from" in batch.scope:  # rows of a file read before: out of quarantine, in as figures
            rows.update({"observations": batch.rows_read, "quarantined": -batch.rows_read})
            continue
        rows["read"] += batch.rows_read
        rows.update({name: batch.counts.get(name, 0) for name in WENT})
    files = [batch for batch in read if "released_from" not in batch.scope]
    return Conservation(len(files), dict(rows), tuple(unaccounted(read)))


def unaccounted(batches: Iterable[Batch]) -> list[str]:
    """A sentence for each file that had rows which went nowhere."""
    problems = []
    for batch in batches:
        went = sum(batch.counts.get(name, 0) for name in WENT)
        if went != batch.rows_read:
            problems.append(
                f"{batch.file_name} (batch {batch.id}): {batch.rows_read} rows read, {went} accounted for"
            )
    return problems


def wholeness(settings: Settings, built: SnapshotRef) -> list[str]:
    """What is wrong with a snapshot, or with what the log says of it; nothing where all is well."""
    try:
        problems = list(verify_snapshot(built.path, own_keys(settings, built)).problems)
    except SnapshotError as error:
        return [str(error)]
    said = [
        event["payload"]
        for event in settings.ledger().events("snapshot_built")
        if event["payload"]["id"] == built.id
    ]
    if not said:
        problems.append(f"the log says nothing of {built.id}")
    elif said[-1]["manifest_sha256"] != built.manifest_sha256:
        problems.append("manifest.json is not the one that the log speaks of")
    return problems


def _inputs(ledger: Ledger, at: KnownAt) -> list[Batch]:
    """Files read or refused by then, of the collections looked at, in the order they were recorded."""
    catalogue = load_catalogue()
    collections = {rating_collection(i.code, catalogue, simulated=at.simulated) for i in catalogue.core()}
    return [
        b
        for b in ledger.batches(as_recorded=at.head)
        if b.kind in ("vintage", "rejected")
        and b.collection in collections
        and b.voided_by is None
        and (b.published_at or 0) <= at.as_published
    ]


def _newest(ledger: Ledger, at: KnownAt) -> dict[str, Batch]:
    """The newest release of each collection; of one release the last that was tried."""
    found: dict[str, Batch] = {}
    for batch in sorted(_inputs(ledger, at), key=lambda b: (b.published_at or 0, b.id)):
        if "released_from" not in batch.scope:
            found[batch.collection or ""] = batch
    return found


def _refused(ledger: Ledger, release: Batch | None) -> dict[str, list[list[dict[str, str]]]]:
    """The reasons of a release's refused rows by indicator, in the order of its rows."""
    reasons: dict[str, list[list[dict[str, str]]]] = {}
    for row in ledger.quarantine(release.id) if release else []:
        reasons.setdefault(row["indicator"] or "", []).append(row["reasons"])
    return reasons


def _received(
    collection: str,
    release: Batch | None,
    checks: list[dict[str, Any]],
    refused: list[list[dict[str, str]]],
    docs: Path | None,
) -> Received:
    if release is None:
        return Received(collection)
    failed = [c["payload"] for c in checks if not c["payload"]["success"]]
    critical = next((c["message"] for c in failed if c["severity"] == "critical"), None)
    return Received(
        collection=collection,
        batch=release.id,
        file_name=release.file_name,
        published_at=release.published_at,
        refused_file=(critical or "the file was refused") if release.kind == "rejected" else None,
        refused_rows=dict(Counter(reason["check"] for reasons in refused for reason in reasons)),
        example=refused[0][0]["message"] if refused else None,
        failed_checks={c["check"]: c["failed"] for c in failed},
        checks=len(checks),
        first_check=checks[0]["position"] if checks else None,
        docs=docs,
    )
