"""Ingest: a source file becomes events.

Here: what happens, in order - land, read, understand, check, compare with what is known, append.
Not here: each of these steps (warehouse, ratings, validations); taking a batch back (void.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.against_known import against_known, published_totals
from pipelines.definitions import adopt_collection, signed
from pipelines.ingest_report import DRY_RUN, INGESTED, KNOWN, REFUSED, IngestReport, conservation, failed
from pipelines.releases import ANNOUNCED, OBSERVED, STATED, Release, find_releases, parse_time
from pipelines.settings import Settings
from pipelines.void import RETRIES
from ratings.catalogue import load_catalogue
from ratings.collections import NOTE, Collection, load_collection
from ratings.errors import InputError, LedgerError
from ratings.periods import period_bounds
from ratings.queries import NOTHING_ACCEPTED, accepted_findings
from ratings.reading import read_facts, read_figures
from validations.check_result import WARNING, CheckResult
from validations.parts import totals_equal_parts
from validations.runner import Validation, refusal, validate_facts, validate_figures
from validations.suites import payload, suite_sha256
from warehouse.canonical import canonical_json
from warehouse.event_log import (
    DEMONSTRATION,
    EVENT_SCHEMA,
    FULL,
    OVERLAY,
    PRODUCTION,
    Batch,
    ConflictError,
    Ledger,
    NewBatch,
    event_frame,
    now,
    vintage_identity,
)
from warehouse.landing import LandedFile
from warehouse.observations import KEY, NO_EVENTS, timeline
from warehouse.query_log import recorded_queries
from warehouse.readers import ROW, read_rows
from warehouse.snapshot_manifest import iso
from warehouse.vintages import EVENT_COLUMNS, VintageEvents, vintage_events

CONTENT = [
    *KEY, "definition", "organisation_code", "period_label", "value", "numerator", "denominator",
    "obs_status", "conf_status", "source_row",
]  # fmt: skip

Progress = Callable[[str], None]
Keep = Callable[[pl.DataFrame], None]
"""Is given the events that a file of figures would append."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is left of a file after the checks. Nothing else of it is kept in memory.

    Attributes:
        read: rows in the file; where each holds several figures, those.
        accepted: one row per accepted figure or fact, columns as the collection's kind needs them.
        repeats: rows that say again what an earlier one says.
        quarantined: KEY columns of the refused, null as far as not understood.
        quarantine: refused rows as the quarantine table keeps them.
        out_of_scope: rows not to be read, by reason.
        results: what each check found.
    """

    read: int
    accepted: pl.DataFrame
    repeats: int
    quarantined: pl.DataFrame
    quarantine: pl.DataFrame
    out_of_scope: dict[str, int]
    results: tuple[CheckResult, ...]


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
    found = find_releases(paths, published_at=published_at, releases=releases, dated=dated)
    _not_in_the_future(found, observed_at, kind, announced=announced)
    if scope and kind.event != "observation":
        raise InputError(
            f"a file of collection {kind.id} replaces all of it", hint="leave --scope out: it is for figures"
        )
    if scope:
        scope = _resolved(scope)
    ledger = _open(settings, kind, dry_run=dry_run)
    if ledger and not dry_run:
        adopt_collection(settings, ledger, kind)
    reports = []
    for number, release in enumerate(found, start=1):
        progress(f"{number} of {len(found)}: {release.path.name}")
        reports.append(
            _ingest_one(
                settings, ledger, kind, release, scope, supplier, reason, observed_at, dry_run=dry_run
            )
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
    [release] = find_releases([path], published_at=published_at, releases=None, dated=False)
    kept: list[pl.DataFrame] = []
    report = _ingest_one(
        settings, ledger, kind, release, _resolved(scope) if scope else None, None, None, None,
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
    found: Sequence[Release], observed_at: int | None, kind: Collection, *, announced: bool
) -> None:
    """A publish time to come is a slip, unless it is said that the source announced it.

    Raises:
        InputError: it is a slip, or facts that have no embargo.
    """
    late = next((r for r in found if (r.published_at or observed_at or 0) > now()), None)
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


def _resolved(scope: dict[str, Any]) -> dict[str, Any]:
    """A scope whose every name is known: a misspelt one would silently replace nothing.

    Raises:
        NotFoundError: an organisation or indicator is not known.
        InputError: a period is not canonical.
    """
    catalogue = load_catalogue()
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
    if kind.simulated and ledger.kind != DEMONSTRATION:
        raise LedgerError(
            "a production ledger refuses simulated figures",
            hint="use a demonstration ledger: starledger demo makes one",
        )
    return ledger


def _ingest_one(
    settings: Settings,
    ledger: Ledger | None,
    kind: Collection,
    release: Release,
    scope: dict[str, Any] | None,
    supplier: str | None,
    reason: str | None,
    observed_at: int | None,
    *,
    dry_run: bool,
    keep: Keep | None = None,
) -> IngestReport:
    name = release.path.name
    received_at = now()
    seen_at = received_at if observed_at is None else observed_at
    log = None if dry_run else ledger  # what may be written to; a dry run only reads
    accepted = accepted_findings(recorded_queries(ledger), kind.id) if ledger else NOTHING_ACCEPTED
    landed = LandedFile.of(release.path) if log is None else settings.landing.land(release.path)
    if log:
        log.record_landing(landed.sha256, landed.byte_size, name)
    base = signed(
        settings,
        "vintage",
        "",
        reason,
        collection=kind.id,
        published_at=release.published_at,
        published_basis=STATED if release.published_at is not None else OBSERVED,
        received_at=received_at,
        supplier=supplier or kind.publisher,
        file_name=name,
        file_sha256=landed.sha256,
        definitions_sha256=kind.sha256,
        simulated=kind.simulated,
    )
    try:
        rows = read_rows(landed.path, kind, name)
        published_at, basis = _published_at(kind, release, rows, received_at, seen_at)
        base = replace(base, published_at=published_at, published_basis=basis)
        base = replace(base, identity=_identity(base))
        if ledger and (known := ledger.by_identity(base.identity)):
            return _known(name, known)
        validation = _validate(rows, kind, name, accepted)
        totals = published_totals(landed.path, kind, name, accepted)
    except InputError as error:
        check = refusal("file_readable", str(error))
        return _refuse(log, replace(base, published_at=base.published_at or seen_at), name, 0, [check])
    if validation.refusal:
        return _refuse(log, base, name, validation.rows.height, list(validation.results))
    if kind.event != "observation":
        return _append_facts(
            log,
            base,
            kind,
            rows,
            _checked(
                rows, validation, ["source_row", "organisation", "organisation_code", "indicator"], totals
            ),
        )
    checked = _checked(rows, validation, CONTENT, totals_equal_parts(validation.rows, kind.totals, accepted))
    del rows, validation  # hundreds of megabytes of text that nothing needs any more
    return _append_figures(ledger, log, base, kind, checked, scope, accepted, keep)


def _validate(rows: pl.DataFrame, kind: Collection, name: str, accepted: pl.DataFrame) -> Validation:
    catalogue = load_catalogue()
    if kind.event == "observation":
        return validate_figures(read_figures(rows, kind, catalogue, name), accepted)
    return validate_facts(read_facts(rows, kind, catalogue), kind.event)


def _checked(
    rows: pl.DataFrame, validation: Validation, columns: list[str], more: Sequence[CheckResult] = ()
) -> _Checked:
    in_scope = pl.col("out_of_scope").is_null()
    refused = validation.rows.filter(pl.col("reasons").is_not_null())
    outside = validation.rows.filter(~in_scope).group_by("out_of_scope").len().sort("out_of_scope")
    accepted = in_scope & ~pl.col("repeat") & pl.col("reasons").is_null()
    return _Checked(
        read=validation.rows.height,
        accepted=validation.rows.lazy().filter(accepted).select(columns).collect(),
        repeats=validation.rows.select((in_scope & pl.col("repeat")).sum()).item(),
        quarantined=refused.select(_key(refused)),
        quarantine=_quarantine(rows, refused),
        out_of_scope=dict(outside.iter_rows()),
        results=(*validation.results, *more),
    )


def _published_at(
    kind: Collection, release: Release, rows: pl.DataFrame, received_at: int, seen_at: int
) -> tuple[int, str]:
    """When the file was published: as given, else the latest date in its rows, else when it was seen."""
    if release.published_at is not None:
        return release.published_at, STATED if release.published_at <= received_at else ANNOUNCED
    if kind.published is None:
        return seen_at, OBSERVED
    times = _row_times(kind, rows)
    late = next((n for n, time in enumerate(times) if time is not None and time > received_at), None)
    if late is not None:
        raise InputError(
            f"the date {iso(times[late] or 0)} lies in the future",
            row=rows[ROW][late],
            column=kind.published.column,
            hint="correct the date, then ingest the file again",
        )
    days = [time for time in times if time is not None]
    return (max(days), STATED) if days else (seen_at, OBSERVED)


def _row_times(kind: Collection, rows: pl.DataFrame) -> list[int | None]:
    published = kind.published
    if published is None:
        return [None] * rows.height
    cells = rows[published.column].to_list() if published.column else [None] * rows.height
    days = {cell: published.day(cell) for cell in set(cells)}
    times = {cell: None if day is None else parse_time(day.isoformat()) for cell, day in days.items()}
    return [times[cell] for cell in cells]


def _identity(base: NewBatch) -> str:
    return vintage_identity(
        base.collection or "", base.published_at or 0, base.file_sha256 or "", base.definitions_sha256 or ""
    )


def _known(name: str, known: Batch) -> IngestReport:
    return IngestReport(
        file=name,
        status=KNOWN,
        batch=known.id,
        read=known.rows_read,
        unchanged=known.rows_read - known.counts["quarantined"] - known.counts["out_of_scope"],
        quarantined=known.counts["quarantined"],
        out_of_scope=known.counts["out_of_scope"],
        sha256=known.file_sha256 or "",
        published_at=iso(known.published_at or 0),
        message=f"this release is already known as batch {known.id}; nothing was appended",
    )


def _refuse(
    ledger: Ledger | None, base: NewBatch, name: str, read: int, checks: list[CheckResult]
) -> IngestReport:
    """Record that a file was refused, and why; its rows are not counted as read into the log."""
    batch = None
    if ledger:
        counts = {"read": read, "refused": read}
        identity = f"refused {_identity(base)} {suite_sha256()}"
        new = replace(base, kind="rejected", identity=identity, rows_read=read, counts=counts, scope=OVERLAY)
        batch = ledger.append(new, event_frame(check_events(base, checks, counts))).id
    failed = next(c for c in checks if c.severity == "critical" and not c.success)
    return IngestReport(
        file=name,
        status=REFUSED,
        batch=batch,
        read=read,
        checks=[asdict(c) for c in checks],
        sha256=base.file_sha256 or "",
        published_at=iso(base.published_at or 0),
        message=failed.message,
    )


def check_events(base: NewBatch, checks: Sequence[CheckResult], rows: dict[str, int]) -> list[dict[str, Any]]:
    """Check results as events, each with where the rows of the file went."""
    return [
        {
            "type": "check_result",
            "schema_version": 1,
            "collection": base.collection,
            "published_at": base.published_at,
            "payload": payload(check) | {"rows": rows},
        }
        for check in checks
    ]


def _quarantine(rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows as the quarantine table keeps them: key, all reasons, the row as printed.

    A row that holds several refused figures stands there once, with the reasons of each and what is common
    to their keys.
    """
    if refused["source_row"].is_duplicated().any():
        refused = _one_a_row(refused)
    printed = refused.select("source_row").join(
        rows, left_on="source_row", right_on=ROW, how="left", maintain_order="left"
    )
    raw = [
        canonical_json(row) for row in printed.drop("source_row", NOTE, strict=False).iter_rows(named=True)
    ]
    return refused.select("source_row", *_key(refused), "reasons").with_columns(
        pl.Series("raw", raw, dtype=pl.String)
    )


def _key(refused: pl.DataFrame) -> list[pl.Expr]:
    """The columns of the key, null where facts have none."""
    return [pl.col(c) if c in refused.columns else pl.lit(None, pl.String).alias(c) for c in KEY]


def _one_a_row(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused figures as rows of the file: each reason begins with the indicator that it is about."""
    reasons: dict[int, list[dict[str, str]]] = {}
    for row, indicator, said in refused.select("source_row", "indicator_printed", "reasons").iter_rows():
        reasons.setdefault(row, []).extend(
            reason | {"message": f"{indicator}: {reason['message']}"} for reason in json.loads(said)
        )
    texts = [json.dumps(said, ensure_ascii=False) for said in reasons.values()]
    common = [pl.when(pl.col(c).n_unique() == 1).then(pl.col(c).first()) for c in KEY]
    return (
        refused.group_by("source_row", maintain_order=True)
        .agg(common)
        .with_columns(pl.Series("reasons", texts, dtype=pl.String))
    )


def _scope(kind: Collection, given: dict[str, Any] | None, checked: _Checked) -> dict[str, Any]:
    """What the file replaces: as given, else as its collection says; refused rows count as spoken of."""
    if given:
        return given
    if kind.coverage != "partial":
        return FULL if kind.coverage == "full" else OVERLAY
    spoken = pl.concat(
        [checked.accepted.select(KEY).cast(pl.String), checked.quarantined.select(KEY).cast(pl.String)]
    )
    named = {f"{column}s": sorted(spoken[column].drop_nulls().unique()) for column in kind.replaces}
    return {"kind": "named", **named}


def _append_figures(
    ledger: Ledger | None,
    log: Ledger | None,
    base: NewBatch,
    kind: Collection,
    checked: _Checked,
    given: dict[str, Any] | None,
    accepted: pl.DataFrame,
    keep: Keep | None = None,
) -> IngestReport:
    scope = _scope(kind, given, checked)
    for _ in range(RETRIES):
        head = ledger.head() if ledger else None
        made, found = _compare(ledger, base, kind, checked, scope, accepted)
        report = replace(
            _report(base, replace(checked, results=(*checked.results, *found))),
            observations=made.observations,
            unchanged=made.unchanged + checked.repeats,
            withdrawn=sum(made.withdrawn.values()),
            withdrawn_reasons=made.withdrawn,
            relabelled=made.relabelled,
            repairs=made.repairs,
        )
        results = [*checked.results, *found, conservation(report)]
        if log is None or head is None:
            if keep:
                keep(made.events)
            return report
        found_events = event_frame(check_events(base, results, report.went()))
        events = pl.concat([made.events.select(EVENT_COLUMNS), found_events])
        new = replace(base, scope=scope, rows_read=checked.read, counts=report.counts())
        try:
            batch = log.append(new, events, checked.quarantine, expected_position=head.position)
        except ConflictError:
            continue
        if batch.first_position <= head.position:  # another process ingested the same release meanwhile
            return _known(base.file_name or "", batch)
        return replace(report, status=INGESTED, batch=batch.id)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def _report(base: NewBatch, checked: _Checked) -> IngestReport:
    """The part of a report that is known before anything is compared or written."""
    return IngestReport(
        file=base.file_name or "",
        status=DRY_RUN,
        read=checked.read,
        quarantined=checked.quarantined.height,
        out_of_scope=sum(checked.out_of_scope.values()),
        out_of_scope_reasons=checked.out_of_scope,
        warnings=sum(c.failed - c.silenced for c in checked.results if c.severity == WARNING),
        silenced=sum(c.silenced for c in checked.results),
        checks=[asdict(c) for c in checked.results],
        sha256=base.file_sha256 or "",
        published_at=iso(base.published_at or 0),
    )


def _compare(
    ledger: Ledger | None,
    base: NewBatch,
    kind: Collection,
    checked: _Checked,
    scope: dict[str, Any],
    accepted: pl.DataFrame,
) -> tuple[VintageEvents, list[CheckResult]]:
    """The events of a file, and what the checks find that hold it against what was known."""
    published_at = base.published_at or 0
    known = timeline(ledger, [kind.id]) if ledger else NO_EVENTS
    standing = [b for b in ledger.batches(kind.id, "vintage") if b.voided_by is None] if ledger else []
    made = vintage_events(
        checked.accepted,
        known,
        [b for b in standing if (b.published_at or 0) > published_at],
        collection=kind.id,
        scope=scope,
        published_at=published_at,
        quarantined=checked.quarantined,
    )
    return made, against_known(made, known, standing, base, accepted)


def _append_facts(
    log: Ledger | None, base: NewBatch, kind: Collection, rows: pl.DataFrame, checked: _Checked
) -> IngestReport:
    """Facts: an event for each accepted row, or for each judgement cell of it."""
    times = dict(zip(rows[ROW].to_list(), _row_times(kind, rows), strict=True))
    printed = {row[ROW]: row for row in rows.iter_rows(named=True)}
    events: list[dict[str, Any]] = []
    silent = 0
    for row in checked.accepted.iter_rows(named=True):
        payloads = _fact_payloads(kind, printed[row["source_row"]])
        silent += not payloads
        common = {
            "type": kind.event,
            "schema_version": 1,
            "collection": kind.id,
            "published_at": times[row["source_row"]] or base.published_at,
        }
        events += [common | row | {"payload": payload} for payload in payloads]
    if silent:
        checked = replace(checked, out_of_scope=checked.out_of_scope | {"no judgement given": silent})
    report = replace(
        _report(base, checked), observations=checked.accepted.height - silent, unchanged=checked.repeats
    )
    results = [*checked.results, conservation(report)]
    if log is None:
        return report
    events += check_events(base, results, report.went())
    scope = FULL if kind.coverage == "full" else OVERLAY
    new = replace(base, scope=scope, rows_read=checked.read, counts=report.counts())
    head = log.head()
    batch = log.append(new, event_frame(events), checked.quarantine)
    if batch.first_position <= head.position:
        return _known(base.file_name or "", batch)
    return replace(report, status=INGESTED, batch=batch.id)


def _fact_payloads(kind: Collection, row: dict[str, Any]) -> list[dict[str, Any]]:
    carried = {column: row[column] for column in kind.payload if row[column] is not None}
    if kind.columns.round:
        carried["round"] = row[kind.columns.round]
    if kind.event == "judgement":
        return [
            carried | {"service": j.service, "aspect": j.aspect, "judgement": row[j.column]}
            for j in kind.judgements
            if row[j.column]
        ]
    return [carried | ({"stars": row[kind.columns.value]} if kind.columns.value else {})]
