"""Ingest: a source file becomes events.

Here: what happens, in order - land, read, understand, check, compare with what is known, append.
Not here: each of these steps (warehouse, ratings, validations, append_batch.py); taking back (void.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.against_known import published_totals
from pipelines.append_batch import (
    Keep,
    already_known,
    append_facts,
    append_figures,
    append_refusal,
    identity_of,
)
from pipelines.checked_rows import CONTENT, checked_rows
from pipelines.definitions import adopt_collection, signed
from pipelines.ingest_report import IngestReport, failed
from pipelines.settings import Settings
from pipelines.source_files import OBSERVED, STATED, SourceFile, find_source_files, published_by_file
from ratings.catalogue import load_catalogue
from ratings.collections import Collection, load_collection
from ratings.errors import InputError
from ratings.periods import period_bounds
from ratings.queries import NOTHING_ACCEPTED, accepted_findings
from ratings.reading import read_facts, read_figures
from validations.parts import totals_equal_parts
from validations.runner import Validation, refusal, validate_facts, validate_figures
from warehouse.event_log import (
    DEMONSTRATION,
    EVENT_SCHEMA,
    PRODUCTION,
    Ledger,
    now,
)
from warehouse.landing import LandedFile
from warehouse.named_in_log import with_named
from warehouse.observations import NO_EVENTS
from warehouse.query_log import recorded_queries
from warehouse.readers import read_rows
from warehouse.snapshot_manifest import iso
from warehouse.vintages import EVENT_COLUMNS

Progress = Callable[[str], None]


def ingest(
    settings: Settings,
    paths: Sequence[Path],
    collection: str,
    *,
    published_at: int | None = None,
    observed_at: int | None = None,
    releases: Path | None = None,
    scope: dict[str, Any] | None = None,
    supplier: str | None = None,
    reason: str | None = None,
    announced: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> list[IngestReport]:
    """Ingest source files, oldest publication first.

    Args:
        settings: where, and who does it.
        paths: files or directories.
        collection: what kind of file they are.
        published_at: when a single file was published, microseconds UTC. Default: what the file says of
            itself where its collection dates its rows, else `observed_at`.
        observed_at: when files that say nothing of it were first seen, microseconds UTC (recorded as
            `observed`). Default: now. Whoever may come twice with the same file gives the same time.
        releases: CSV of `file, published_at`.
        scope: what each file replaces (NewBatch.scope); default: as the collection says.
        supplier: who sent them.
        reason: why they are ingested.
        announced: publish times may lie in the future, because the source announced them: figures that were
            given out under an embargo. Until then no read as published by now shows them.
        dry_run: report what would happen and write nothing.
        progress: called with a sentence at each step.

    Returns:
        One report per file. A refused file is a report, not an exception: its bytes are kept and what the
        checks found is recorded.

    Raises:
        InputError: a file is missing, or nothing says when it was published.
        LedgerError: the ledger refuses or cannot be reached.
    """
    kind = load_collection(collection)
    dated = kind.published is not None
    found = find_source_files(paths, published_at=published_at, releases=releases, dated=dated)
    _not_in_the_future(found, observed_at, kind, announced=announced)
    if scope and kind.event != "observation":
        raise InputError(
            f"a file of collection {kind.id} replaces all of it", hint="leave --scope out: it is for figures"
        )
    ledger = _open(settings, kind, dry_run=dry_run)
    if scope:
        scope = _resolved(scope, ledger)
    if ledger and not dry_run:
        adopt_collection(settings, ledger, kind)
    reports = []
    for number, source in enumerate(found, start=1):
        progress(f"{number} of {len(found)}: {source.path.name}")
        reports.append(
            _ingest_one(settings, ledger, kind, source, scope, supplier, reason, observed_at, dry_run=dry_run)
        )
    return reports


def proposed(
    settings: Settings,
    path: Path,
    collection: str,
    *,
    published_at: int,
    scope: dict[str, Any] | None = None,
) -> tuple[IngestReport, pl.DataFrame]:
    """What a file of figures would add to the log. Nothing is written.

    Args:
        settings: where the log is.
        path: the file.
        collection: what kind of file it is.
        published_at: as if it had been published then, microseconds UTC.
        scope: what it replaces; default: as the collection says.

    Returns:
        The report of a dry run, and the events in the form of a timeline (observations.timeline), placed
        after everything that the log holds.

    Raises:
        InputError: the file is missing, is not one of figures, or would be refused.
        LedgerError: there is no ledger.
    """
    kind = load_collection(collection)
    if kind.event != "observation":
        raise InputError(
            f"a file of collection {kind.id} holds no figures",
            file=path.name,
            hint="only figures can be tried out before they are accepted",
        )
    ledger = settings.ledger()
    [source] = find_source_files([path], published_at=published_at, releases=None, dated=False)
    kept: list[pl.DataFrame] = []
    report = _ingest_one(
        settings, ledger, kind, source, _resolved(scope, ledger) if scope else None, None, None, None,
        dry_run=True, keep=kept.append,
    )  # fmt: skip
    if error := failed([report]):
        raise error
    events = kept[0] if kept else pl.DataFrame(schema=EVENT_SCHEMA).select(EVENT_COLUMNS)
    head, batches = ledger.head().position, ledger.batches()
    next_batch = batches[-1].id + 1 if batches else 1
    placed = events.with_row_index("place", offset=1).with_columns(
        position=head + pl.col("place").cast(pl.Int64),
        batch=pl.lit(next_batch, pl.Int64),
        stated_by=pl.col("stated_by").fill_null(next_batch),
        source_batch=pl.col("source_batch").fill_null(next_batch),
    )
    return report, placed.select(NO_EVENTS.columns).cast(NO_EVENTS.schema)


def _not_in_the_future(
    found: Sequence[SourceFile], observed_at: int | None, kind: Collection, *, announced: bool
) -> None:
    """A publish time to come is a slip, unless it is said that the source announced it.

    Raises:
        InputError: it is a slip, or facts that have no embargo.
    """
    late = next((s for s in found if (s.published_at or observed_at or 0) > now()), None)
    if late is None:
        return
    if not announced or late.published_at is None:
        raise InputError(
            f"publish time {iso(late.published_at or observed_at or 0)} lies in the future",
            file=late.path.name,
            hint="give the time at which the file was published; --announced says that the source gave it out"
            " before and announced this time; a release date alone stands in"
            " ratings/catalogue/release_dates.csv",
        )
    if kind.event != "observation":
        raise InputError(
            f"a file of collection {kind.id} cannot be announced",
            file=late.path.name,
            hint="ingest it when it is out: --announced is for figures",
        )


def _resolved(scope: dict[str, Any], ledger: Ledger | None) -> dict[str, Any]:
    """A scope whose every name is known: a misspelt one would silently replace nothing.

    Raises:
        NotFoundError: an organisation or indicator is not known.
        InputError: a period is not canonical.
    """
    catalogue = with_named(load_catalogue(), ledger) if ledger else load_catalogue()
    known = dict(scope)
    if "organisations" in scope:
        known["organisations"] = sorted(catalogue.resolve(name).id for name in scope["organisations"])
    if "indicators" in scope:
        known["indicators"] = sorted(catalogue.indicator(code).code for code in scope["indicators"])
    for period in scope.get("periods", []):
        period_bounds(period)
    return known


def _open(settings: Settings, kind: Collection, *, dry_run: bool) -> Ledger | None:
    if not settings.has_ledger():
        return None if dry_run else settings.found_ledger(DEMONSTRATION if kind.simulated else PRODUCTION)
    ledger = settings.ledger()
    if kind.simulated:
        ledger.require_demonstration()
    return ledger


def _ingest_one(
    settings: Settings,
    ledger: Ledger | None,
    kind: Collection,
    source: SourceFile,
    scope: dict[str, Any] | None,
    supplier: str | None,
    reason: str | None,
    observed_at: int | None,
    *,
    dry_run: bool,
    keep: Keep | None = None,
) -> IngestReport:
    name = source.path.name
    received_at = now()
    seen_at = received_at if observed_at is None else observed_at
    log = None if dry_run else ledger  # what may be written to; a dry run only reads
    accepted = accepted_findings(recorded_queries(ledger), kind.id) if ledger else NOTHING_ACCEPTED
    landed = LandedFile.of(source.path) if log is None else settings.landing.land(source.path)
    if log:
        log.record_landing(landed.sha256, landed.byte_size, name)
    base = signed(
        settings,
        "vintage",
        "",
        reason,
        collection=kind.id,
        published_at=source.published_at,
        published_basis=STATED if source.published_at is not None else OBSERVED,
        received_at=received_at,
        supplier=supplier or kind.publisher,
        file_name=name,
        file_sha256=landed.sha256,
        definitions_sha256=kind.sha256,
        simulated=kind.simulated,
    )
    try:
        rows = read_rows(landed.path, kind, name)
        published_at, basis = published_by_file(kind, source, rows, received_at, seen_at)
        base = replace(base, published_at=published_at, published_basis=basis)
        base = replace(base, identity=identity_of(base))
        if ledger and (known := ledger.by_identity(base.identity)):
            return already_known(name, known)
        validation = _validate(rows, kind, name, accepted)
        totals = published_totals(landed.path, kind, name, accepted)
    except InputError as error:
        check = refusal("file_readable", str(error))
        return append_refusal(log, replace(base, published_at=base.published_at or seen_at), name, 0, [check])
    if validation.refusal:
        return append_refusal(log, base, name, validation.rows.height, list(validation.results))
    if kind.event != "observation":
        return append_facts(
            log,
            base,
            kind,
            rows,
            checked_rows(
                rows, validation, ["source_row", "organisation", "organisation_code", "indicator"], totals
            ),
        )
    checked = checked_rows(
        rows, validation, CONTENT, totals_equal_parts(validation.rows, kind.totals, accepted)
    )
    del rows, validation  # hundreds of megabytes of text that nothing needs any more
    return append_figures(ledger, log, base, kind, checked, scope, accepted, keep)


def _validate(rows: pl.DataFrame, kind: Collection, name: str, accepted: pl.DataFrame) -> Validation:
    catalogue = load_catalogue()
    if kind.event == "observation":
        return validate_figures(read_figures(rows, kind, catalogue, name), accepted)
    return validate_facts(read_facts(rows, kind, catalogue), kind.event)
