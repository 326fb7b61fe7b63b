"""Rate: what is known at a point on both time axes becomes a draft snapshot.

Here: the stages in order - definitions adopted, inputs read, method applied, tables made, snapshot written
    and recorded. Each is a function of its own, so that an orchestrator can call them one by one.
Not here: which inputs are read (inputs.py), what a method says (ratings), what stands in a table (tables.py),
    releasing (publish.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import polars as pl

from pipelines.attest import attest, sources
from pipelines.definitions import adopt, blank_event, signed
from pipelines.inputs import SIMULATED, Inputs, input_collections, read_inputs, recorded_decisions
from pipelines.settings import Settings, code_version
from pipelines.tables import snapshot_tables
from ratings.catalogue import load_catalogue
from ratings.decisions import decided
from ratings.errors import SnapshotError
from ratings.methods import Method, load_method
from ratings.quality import load_quality_rules
from ratings.rating import Rating, rate
from warehouse.batches import Batch
from warehouse.event_log import Ledger, event_frame, now
from warehouse.release_history import current, history
from warehouse.snapshot_manifest import About, iso
from warehouse.snapshots import SnapshotRef, remove, snapshot, snapshot_ids, verify, write_snapshot

Progress = Callable[[str], None]

_INPUT_KINDS = ("vintage", "void", "query")
_DAY = 86_400_000_000


def build(
    settings: Settings,
    method_id: str | Path,
    *,
    as_published: int | None = None,
    as_recorded: int | None = None,
    label: str | None = None,
    simulated: bool = False,
    round: str | None = None,
    option: str | None = None,
    progress: Progress | None = None,
) -> SnapshotRef:
    """Build a draft snapshot.

    Args:
        settings: where, and who builds.
        method_id: id of a shipped method, or path of a method file.
        as_published: what the sources had put out by then, microseconds UTC; by default the start of today.
        as_recorded: what the log held up to this position, rounded down to the end of a batch; by default the
            end of the last batch that is an input.
        label: for people; what is simulated or illustrative says so before it.
        simulated: rate the invented councils on invented figures, and nothing else.
        round: rating round of recorded judgements; by default the latest known.
        option: star table; by default the method's own choice.
        progress: told a sentence at each stage.

    Returns:
        The snapshot; `existed` is true where the same had been built before.

    Raises:
        LedgerError: there is no ledger.
        MethodError: the method does not fit what is asked.
        NotFoundError: no such method, or nothing is known to rate.
        SnapshotError: the snapshot cannot be written.
    """
    tell = progress or (lambda _sentence: None)
    ledger = settings.ledger()
    method, catalogue = load_method(method_id), load_catalogue()
    published = start_of_today() if as_published is None else as_published
    tell(f"{method.title} ({method.status}), as published by {iso(published)}")
    definitions = adopt(settings, ledger, method, catalogue, method_id)
    if as_recorded is None:
        collections = input_collections(method, catalogue, simulated=simulated)
        as_recorded = input_position(ledger, collections, definitions, method)
    inputs = read_inputs(
        ledger,
        method,
        catalogue,
        as_published=published,
        as_recorded=as_recorded,
        simulated=simulated,
        round=round,
    )
    tell(f"{inputs.figures.height} figures of {inputs.organisations.height} organisations")
    rating = apply(inputs, option=option)
    tell(f"{rating.bands.height} bands, {rating.judgements.height} judgements, {rating.stars.height} stars")
    tables = snapshot_tables(inputs, rating, option=option)
    return write(settings, ledger, inputs, rating, tables, label=label, option=option)


def start_of_today() -> int:
    """Midnight UTC at the start of today, in microseconds."""
    return now() // _DAY * _DAY


def input_position(
    ledger: Ledger, collections: Collection[str], definitions: Sequence[Batch], method: Method
) -> int:
    """The end of the last batch that is an input.

    Files and voids of these collections, these definitions, decisions on what this method gives. Whatever
    else the log holds is none, so that building twice gives one id.
    """
    inputs = [b for b in ledger.batches() if b.kind in _INPUT_KINDS and b.collection in collections]
    decisions = [decision.position for decision in recorded_decisions(ledger, method.id)]
    return max([b.last_position for b in [*inputs, *definitions]] + decisions, default=0)


def apply(inputs: Inputs, *, option: str | None = None) -> Rating:
    """Apply the method to its inputs, then the decisions to what it gives.

    Raises:
        MethodError: the method is not in force, or knows no such round or option.
    """
    computed = rate(
        inputs.method,
        inputs.figures,
        inputs.judgements,
        inputs.organisations,
        inputs.catalogue,
        at_us=inputs.as_published,
        round=inputs.round,
        option=option,
    )
    return decided(computed, inputs.decisions, inputs.method, option=option)


def about(
    ledger: Ledger,
    inputs: Inputs,
    rating: Rating,
    *,
    label: str | None,
    option: str | None,
    supersedes: str | None,
) -> About:
    """What the snapshot of a rating says of itself."""
    method = inputs.method
    warnings = [
        w
        for w, holds in ((SIMULATED, inputs.simulated), (method.status, method.status == "illustrative"))
        if holds
    ]
    says = label or f"{method.title}{f', round {rating.round}' if rating.round else ''}"
    return About(
        method={
            "id": method.id,
            "version": method.version,
            "title": method.title,
            "status": method.status,
            "sha256": method.sha256,
            "option": (option or method.default_option) if method.stars else None,
            "round": rating.round,
            "sources": list(method.sources),
        },
        catalogue_sha256=inputs.catalogue.sha256,
        quality_sha256=load_quality_rules().sha256,
        as_published=inputs.as_published,
        as_recorded=inputs.as_recorded,
        ledger={"origin": ledger.origin, "kind": ledger.kind},
        simulated=inputs.simulated,
        label=f"[{', '.join(warnings)}] {says}" if warnings else says,
        code_version=code_version(),
        supersedes=supersedes,
        sources=sources(ledger, inputs),
    )


def write(
    settings: Settings,
    ledger: Ledger,
    inputs: Inputs,
    rating: Rating,
    tables: dict[str, pl.DataFrame],
    *,
    label: str | None = None,
    option: str | None = None,
) -> SnapshotRef:
    """Write the snapshot, then the event that says it exists; take care of what a crash left between the two.

    Raises:
        SnapshotError: it cannot be written.
    """
    settle_directories(settings, ledger)
    earlier = _released(ledger, inputs.method.id)
    says = about(ledger, inputs, rating, label=label, option=option, supersedes=earlier)
    built = write_snapshot(
        settings.snapshots,
        says,
        tables,
        lambda manifest: attest(settings, ledger, inputs, tables, manifest),
    )
    record(settings, ledger, built)
    return built


def record(settings: Settings, ledger: Ledger, built: SnapshotRef) -> Batch:
    """Append the event `snapshot_built`, once per snapshot."""
    manifest = built.manifest
    payload = {
        "id": built.id,
        "method": manifest["method"]["id"],
        "status": manifest["method"]["status"],
        "label": manifest["label"],
        "simulated": manifest["simulated"],
        "as_published": manifest["as_published"],
        "as_recorded": manifest["as_recorded"],
        "digest": manifest["digest"],
        "manifest_sha256": built.manifest_sha256,
        "supersedes": manifest["supersedes"],
    }
    batch = signed(settings, "snapshot", built_identity(built.id), simulated=manifest["simulated"])
    return ledger.append(batch, event_frame([blank_event("snapshot_built", payload)]))


def built_identity(snapshot_id: str) -> str:
    """The identity of the batch that says a snapshot was built."""
    return f"snapshot {snapshot_id}"


def settle_directories(settings: Settings, ledger: Ledger) -> None:
    """Finish or remove what a crash left: a directory of this log without its event.

    A whole one gets its event, a broken one is taken away; directories of other logs are not touched.
    """
    known = {event["payload"]["id"] for event in ledger.events("snapshot_built")}
    for identifier in snapshot_ids(settings.snapshots):
        if identifier in known:
            continue
        try:
            found = snapshot(settings.snapshots, identifier)
        except SnapshotError:
            continue  # never complete under this name, so nothing that was built here
        if found.manifest["ledger"]["origin"] != ledger.origin:
            continue
        if verify(found.path):
            remove(found)
        else:
            record(settings, ledger, found)


def _released(ledger: Ledger, method: str) -> str | None:
    """The id of the snapshot released now, if it is of this method."""
    step = current(history(ledger), now())
    methods = {e["payload"]["id"]: e["payload"]["method"] for e in ledger.events("snapshot_built")}
    return step.snapshot if step and methods.get(step.snapshot) == method else None
