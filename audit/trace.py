"""Trace: a star taken apart, down to the cells of the files it rests on.

Here: star -> judgements and caps -> bands -> figures -> events with every version -> files, as plain values.
Not here: from an event to its cell (sources.py), the sentences for people (trace_lines.py).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from audit.evidence import evidence_of
from audit.explanation import explanation
from audit.figures import figure, figures_of_log, said_of
from audit.sources import Sources
from ratings.catalogue import Catalogue, Indicator, Organisation, load_catalogue
from ratings.errors import NotFoundError, SnapshotError
from ratings.queries import Query, about
from warehouse.event_log import Ledger, now
from warehouse.landing import Landing
from warehouse.named_in_log import with_named
from warehouse.query_log import query_row, recorded_queries
from warehouse.snapshot_manifest import iso, microseconds
from warehouse.snapshots import SnapshotRef, latest, snapshot, snapshot_ids

Trace = dict[str, Any]


def trace(
    ledger: Ledger,
    landing: Landing,
    snapshots: Path,
    organisation: str,
    indicator: str | None = None,
    snapshot_id: str | None = None,
    *,
    sources: Sources | None = None,
) -> Trace:
    """Take the rating of an organisation apart.

    Args:
        ledger: the log that the snapshot was built from.
        landing: the landed bytes.
        snapshots: the directory of all snapshots.
        organisation: id, name or code.
        indicator: only the figures of this one (its code, or the part after the colon where that is unique)
            and the judgements that rest on it; then every version has the text of its cell.
        snapshot_id: the snapshot; by default the one released now, else the one built last, that holds the
            organisation (and the indicator). Where none does, the figures are traced from the log alone.
        sources: looks up where events come from; whoever traces more than once keeps one.

    Returns:
        Plain values, ready for JSON, always with these keys: `organisation`, `snapshot` (null without one),
        `star` (null where there is none), `decision` (the event of a decision on the star, null without one),
        `flips` (the figures of which a fresh value alone would give another star, and which star),
        `published` (a rating that the regulator published for the same round, null if none is known),
        `caps`, `counterfactuals` and `rests_on` (explanation.py; empty where there is no star), `judgements`,
        `figures`, `evidence`. A judgement has its `rule`, `cap`, the event it was recorded by
        and the `figures` it rests on. A figure has its band, age, freshness, `quality` (grade and reasons of
        its indicator in this snapshot, null without one), `queries` (those on it or its indicator, as the log
        held them at the snapshot's position) and `source`; key indicators, or those asked for,
        also `history`: every version with both its times and its source. `evidence` is what was published by
        the snapshot's time beside the figures, whenever it was recorded.

    Raises:
        NotFoundError: nothing is called that, or nothing is known of it.
        SnapshotError: the snapshot is of another log, or cannot be read.
    """
    catalogue = with_named(load_catalogue(), ledger)
    body = catalogue.resolve(organisation)
    measure = catalogue.resolve_indicator(indicator) if indicator else None
    sources = sources or Sources(ledger, landing)
    found = (
        snapshot(snapshots, snapshot_id)
        if snapshot_id
        else choose(snapshots, ledger, body.id, measure.code if measure else None)
    )
    result: Trace = {
        "organisation": _organisation(catalogue, body),
        "snapshot": None,
        "star": None,
        "decision": None,
        "flips": [],
        "published": None,
        "caps": [],
        "counterfactuals": [],
        "rests_on": [],
        "judgements": [],
        "figures": [],
        "evidence": [],
    }
    if found is None:
        result["figures"] = figures_of_log(sources, catalogue, body, measure)
        queries = recorded_queries(ledger)
        for row in result["figures"]:
            row["queries"] = _queries(queries, row["indicator"], body, row["period"])
        result["evidence"] = _evidence(sources, body, measure)
        if not result["figures"] and not result["evidence"]:
            raise NotFoundError(
                f"nothing is known of {body.name}" + (f" in {measure.code}" if measure else ""),
                hint="run `starledger ingest` first, or `starledger snapshots list` to see what was built",
            )
        return result
    return result | _from_snapshot(sources, catalogue, found, body, measure)


def _from_snapshot(
    sources: Sources, catalogue: Catalogue, found: SnapshotRef, body: Organisation, measure: Indicator | None
) -> Trace:
    if found.manifest["ledger"]["origin"] != sources.ledger.origin:
        raise SnapshotError(
            f"{found.id} was built from another log than the one given",
            hint="name its own ledger with --warehouse or --database-url",
        )
    if found.table("organisations", organisation=body.id).is_empty():
        raise NotFoundError(f"{body.name} is not in {found.id}", hint="run `starledger snapshots list`")
    stars = found.table("stars", organisation=body.id).to_dicts()
    steps = found.table("lineage", organisation=body.id).to_dicts()
    fresh = found.table("freshness", organisation=body.id).sort("indicator").to_dicts()
    bands = found.table("bands", organisation=body.id).to_dicts()
    judgements = [
        _judgement(sources, row, steps) for row in found.table("judgements", organisation=body.id).to_dicts()
    ]
    if measure:
        bands = [row for row in bands if row["indicator"] == measure.code]
        if not bands:
            raise NotFoundError(
                f"{found.id} has no figure of {measure.code} for {body.name}",
                hint="leave the indicator out to see which it has",
            )
        judgements = [row for row in judgements if measure.code in row["figures"]]
    decides: dict[str, list[str]] = {}
    for judgement in judgements:
        for code in judgement["figures"]:
            decides.setdefault(code, []).append(judgement["part"])
    grades = {row["indicator"]: _quality(row) for row in found.table("quality").to_dicts()}
    manifest = found.manifest
    queries = recorded_queries(sources.ledger, as_recorded=manifest["as_recorded"])
    until = max(now(), microseconds(manifest["as_published"]))
    said = said_of(sources, [row["indicator"] for row in bands], body.id, until=until)
    return {
        "snapshot": {
            "id": found.id,
            "label": manifest["label"],
            "method": manifest["method"],
            "as_published": manifest["as_published"],
            "as_recorded": manifest["as_recorded"],
            "simulated": manifest["simulated"],
            "code_version": manifest["code_version"],
            "digest": manifest["digest"],
            "manifest_sha256": found.manifest_sha256,
            "checkpoint": manifest.get("checkpoint"),  # sealed since schema version 4
        },
        "star": _plain(stars[0]) if stars else None,
        "decision": _decision(sources, stars[0]) if stars else None,
        "flips": [
            {"indicator": row["indicator"], "state": row["state"], "other_stars": row["other_stars"]}
            for row in fresh
            if row.get("other_stars")
        ],
        "published": _published(sources, body, manifest["method"]["round"]),
        **(explanation(found, body.id) if stars else {}),
        "judgements": judgements,
        "figures": [
            figure(
                sources,
                catalogue,
                row,
                decides.get(row["indicator"], []),
                said,
                whole=measure is not None,
            )
            | {
                "quality": grades.get(row["indicator"]),
                "queries": _queries(queries, row["indicator"], body, row["period"]),
            }
            for row in bands
        ],
        "evidence": _evidence(sources, body, measure, microseconds(manifest["as_published"])),
    }


def _evidence(
    sources: Sources, body: Organisation, measure: Indicator | None, as_published: int | None = None
) -> list[dict[str, Any]]:
    """What is known beside the figures, with the cells it was read from."""
    code = measure.code if measure else None
    return [
        item | {"source": sources.of(sources.ledger.event(item["event"]))}
        for item in evidence_of(sources.ledger, body.id, code, as_published=as_published)
    ]


def _judgement(sources: Sources, row: dict[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A judgement with its cap, the event that recorded it, and the indicators it rests on."""
    rests = [s for s in steps if s["from_kind"] == "judgement" and s["from_id"] == row["part"]]
    cap = {"indicator": row["capped_by"], "value": row["cap_value"], "threshold": row["cap_threshold"]}
    keep = (
        "part",
        "service",
        "aspect",
        "judgement",
        "level",
        "basis",
        "computed_judgement",
        "undecided_judgement",
        "rule",
        "inputs",
        "missing",
    )
    recorded = sources.ledger.event(row["position"]) if row["position"] is not None else None
    row = _plain(row)
    return {key: row.get(key) for key in keep} | {
        "cap": cap if row["capped_by"] else None,
        "thresholds_met": sorted(
            s["to_id"] for s in rests if s["to_kind"] == "cap" and s["to_id"] != row["capped_by"]
        ),
        "figures": sorted({s["to_id"] for s in rests if s["to_kind"] in ("cap", "band")}),
        "event": _fact(sources, recorded) if recorded else None,
        "decision": _decision(sources, row),
    }


def _decision(sources: Sources, row: dict[str, Any]) -> dict[str, Any] | None:
    """The decision that a star or judgement stands under: its event, and why it was taken."""
    position = row.get("decision_position")  # snapshots of schema version 1 knew no decisions
    if position is None:
        return None
    event = sources.ledger.event(position)
    return _fact(sources, event) | {"reason": event["reason"]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a snapshot with its times as text, ready for JSON."""
    return {
        name: iso(microseconds(value.isoformat())) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _queries(
    queries: tuple[Query, ...], indicator: str, body: Organisation, period: str | None
) -> list[dict[str, Any]]:
    """The queries on a figure, as plain values."""
    return [query_row(query) for query in about(queries, indicator, body.id, period)]


def _quality(row: dict[str, Any]) -> dict[str, Any] | None:
    """The grade of an indicator, None in a snapshot built before there were grades."""
    if "grade" not in row:
        return None
    return {"grade": row["grade"], "reasons": row["reasons"].split("\n")}


def _published(sources: Sources, body: Organisation, round: str | None) -> dict[str, Any] | None:
    """The rating that was published for this round, if it is known."""
    if round is None:
        return None
    events = [
        e
        for e in sources.ledger.events("published_rating")
        if e["organisation"] == body.id and e["payload"].get("round") == round
    ]
    return _fact(sources, events[-1]) if events else None


def _fact(sources: Sources, event: dict[str, Any]) -> dict[str, Any]:
    """A recorded judgement or a published rating, with its source."""
    return {
        "event": event["position"],
        "published_at": iso(event["published_at"]) if event["published_at"] is not None else None,
        "says": event["payload"],
        "source": sources.of(event),
    }


def _organisation(catalogue: Catalogue, body: Organisation) -> dict[str, Any]:
    codes = [{"scheme": c.scheme, "code": c.code} for c in catalogue.codes if c.organisation == body.id]
    return {"id": body.id, "name": body.name, "kind": body.kind, "region": body.region, "codes": codes}


def choose(root: Path, ledger: Ledger, organisation: str, indicator: str | None) -> SnapshotRef | None:
    """The snapshot released now, else the one built last, that holds what is asked for."""
    released = latest(root)
    built = [event["payload"]["id"] for event in ledger.events("snapshot_built")]
    here = set(snapshot_ids(root))
    for identifier in dict.fromkeys([*([released["id"]] if released else []), *reversed(built)]):
        if identifier in here:
            found = snapshot(root, identifier)
            wanted = {"indicator": indicator} if indicator else {}
            table = "bands" if indicator else "organisations"
            if not found.table(table, organisation=organisation, **wanted).is_empty():
                return found
    return None
