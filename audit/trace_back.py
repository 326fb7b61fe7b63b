"""Trace back: every star that rests on a file, or on one event.

Here: file or event -> figures -> bands, caps and recorded judgements -> judgements -> stars, from the lineage
    that each snapshot carries, as plain values.
Not here: the other direction (trace.py), the sentences for people (trace_lines.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from audit.sources import Sources, batch_facts
from ratings.errors import MethodError, NotFoundError
from ratings.methods import load_method
from ratings.periods import describe_period
from warehouse.event_log import Ledger, now
from warehouse.landing import Landing
from warehouse.snapshot_manifest import iso
from warehouse.snapshots import SnapshotRef, list_snapshots, snapshot


def resting_on_file(
    ledger: Ledger, snapshots: Path, sha256: str, snapshot_id: str | None = None
) -> dict[str, Any]:
    """Every star that rests on a landed file.

    Args:
        ledger: the log.
        snapshots: the directory of all snapshots.
        sha256: of the file's bytes, in lower-case hex; the first digits will do where they name one file.
        snapshot_id: look only into this one; by default into every snapshot of this log.

    Returns:
        Plain values: `file` (`sha256`, `names`, `byte_size`, `landed_at`, and `releases`: every batch that
        was read from it), `event` (null), and `snapshots`: of each its `id`, `label`, `method`,
        `as_published`, `simulated`, `edges` (true where its bands are quantiles, so that these figures set
        the edges of other organisations' bands too), and `stars`: per organisation its id, `name`, `star`,
        `rating_status`, and `through`: each way from the file to the star, with `event`, `row`, `column`,
        `indicator`, `as` (band, cap or judgement) and `part` (null where no judgement counts it).

    Raises:
        NotFoundError: no such file was landed here, or there is no such snapshot.
    """
    batches = [b for b in ledger.batches() if (b.file_sha256 or "").startswith(sha256)]
    found = sorted({b.file_sha256 for b in batches if b.file_sha256})
    if not sha256 or not found:
        raise NotFoundError(
            f"no file with SHA-256 {sha256 or '(none)'} was ever read here",
            hint="`starledger ledger batches` names the files; a path of a file will do too",
        )
    if len(found) > 1:
        raise NotFoundError(f"{sha256} begins {len(found)} hashes", hint="give more of it")
    landed = ledger.landed(found[0])
    return {
        "file": {
            "sha256": found[0],
            "names": sorted({b.file_name for b in batches if b.file_name}),
            "byte_size": landed["byte_size"],
            "landed_at": iso(landed["landed_at"]),
            "releases": [
                batch_facts(b)
                | {"collection": b.collection, "kind": b.kind, "read": b.rows_read, "counts": dict(b.counts)}
                for b in batches
                if (b.published_at or 0) <= now()
            ],
        },
        "event": None,
        "snapshots": [resting(each, "file", found[0]) for each in _of(ledger, snapshots, snapshot_id)],
    }


def resting_on_event(
    ledger: Ledger, landing: Landing, snapshots: Path, position: int, snapshot_id: str | None = None
) -> dict[str, Any]:
    """Every star that rests on one event of the log.

    Args:
        ledger: the log.
        landing: the landed bytes, to read its cells back.
        snapshots: the directory of all snapshots.
        position: of the event.
        snapshot_id: look only into this one; by default into every snapshot of this log.

    Returns:
        As `resting_on_file`, with `file` null and `event`: what it says, and its `source`.

    Raises:
        NotFoundError: the log has no such position, or it is under an embargo, or there is no such snapshot.
    """
    here = _of(ledger, snapshots, snapshot_id)
    return resting_on_events(Sources(ledger, landing), here, [position])[position]


def resting_on_events(
    sources: Sources, snapshots: Sequence[SnapshotRef], positions: Iterable[int]
) -> dict[int, dict[str, Any]]:
    """As `resting_on_event`, of many events in some snapshots: each table and file is read once."""
    events = {position: _event(sources, position) for position in positions}
    found: dict[int, dict[str, Any]] = {
        position: {"file": None, "event": event, "snapshots": []} for position, event in events.items()
    }
    for each in snapshots:
        held = _Held.of(each)
        for position, back in found.items():
            back["snapshots"].append(_stars(held, "event", str(position)))
    return found


def resting(found: SnapshotRef, kind: str, identifier: str) -> dict[str, Any]:
    """Every star of one snapshot that rests on a file or an event, as in `snapshots` of `resting_on_file`.

    Args:
        found: the snapshot.
        kind: `file` or `event`.
        identifier: the file's whole SHA-256, or the event's position.
    """
    return _stars(_Held.of(found), kind, identifier)


def _event(sources: Sources, position: int) -> dict[str, Any]:
    event = sources.ledger.event(position)
    if (event["published_at"] or 0) > now():
        raise NotFoundError(
            f"position {position} is under an embargo until {iso(event['published_at'])}",
            hint="ask again when it is out",
        )
    shown = ("type", "indicator", "organisation", "value", "obs_status", "conf_status", "reason", "payload")
    return {
        "position": position,
        **{name: event[name] for name in shown},
        "period": describe_period(event["period"]) if event["period"] else None,
        "published_at": None if event["published_at"] is None else iso(event["published_at"]),
        "source": sources.of(event),
    }


def _of(ledger: Ledger, root: Path, snapshot_id: str | None) -> list[SnapshotRef]:
    """The snapshots of this log, the newest time first."""
    every = [snapshot(root, snapshot_id)] if snapshot_id else list_snapshots(root)[::-1]
    return [each for each in every if each.manifest["ledger"]["origin"] == ledger.origin]


@dataclass(frozen=True, slots=True)
class _Held:
    """What a snapshot holds that a trace back reads: its steps, its stars, the names of its organisations."""

    snapshot: SnapshotRef
    steps: pl.DataFrame
    stars: dict[str, dict[str, Any]]
    names: dict[str, str]

    @classmethod
    def of(cls, found: SnapshotRef) -> _Held:
        stars = {row["organisation"]: row for row in found.table("stars").iter_rows(named=True)}
        names = dict(found.table("organisations").select("organisation", "name").iter_rows())
        return cls(found, found.table("lineage"), stars, names)


def _stars(held: _Held, kind: str, identifier: str) -> dict[str, Any]:
    found, stars, names = held.snapshot, held.stars, held.names
    manifest = found.manifest
    ways = _ways(held.steps, kind, identifier)
    by_organisation: dict[str, list[dict[str, Any]]] = {}
    for way in ways.iter_rows(named=True):
        by_organisation.setdefault(way.pop("organisation"), []).append(way)
    return {
        "id": found.id,
        "label": manifest["label"],
        "method": manifest["method"]["id"],
        "as_published": manifest["as_published"],
        "simulated": manifest["simulated"],
        "edges": bool(by_organisation) and _moves_edges(manifest["method"]["id"]),
        "stars": [
            {
                "organisation": who,
                "name": names.get(who, who),
                "star": stars[who]["star"] if who in stars else None,
                "rating_status": stars[who]["rating_status"] if who in stars else None,
                "through": through,
            }
            for who, through in sorted(by_organisation.items())
        ],
    }


def _ways(steps: pl.DataFrame, kind: str, identifier: str) -> pl.DataFrame:
    """Every way up: organisation, event, row, column, as, indicator, part.

    A recorded judgement and a decision lead to their outcome without a band.
    """
    key = "organisation"
    start = steps.filter(pl.col("from_kind") == "event", pl.col("to_kind").is_in(["file", "batch"]))
    if kind == "file":
        start = start.filter(pl.col("to_kind") == "file", pl.col("to_id") == identifier)
    else:
        start = start.filter(pl.col("from_id") == identifier)
    column = "column" if "column" in steps.columns else pl.lit(None, pl.String).alias("column")
    events = (
        start.select(key, pl.col("from_id").alias("event"), "row", column)
        .sort("row", nulls_last=True)
        .unique([key, "event"], keep="first", maintain_order=True)
    )
    led = steps.filter(pl.col("to_kind") == "event").select(key, "from_kind", "from_id", "to_id")
    reached = led.join(events, left_on=[key, "to_id"], right_on=[key, "event"])
    reached = reached.select(
        key, pl.col("to_id").cast(pl.Int64).alias("event"), "row", "column", "from_kind", "from_id"
    )
    counted = steps.filter(pl.col("from_kind") == "judgement", pl.col("to_kind").is_in(["band", "cap"]))
    figures = reached.filter(pl.col("from_kind").is_in(["band", "cap"])).join(
        counted.select(key, from_kind="to_kind", from_id="to_id", part="from_id"),
        on=[key, "from_kind", "from_id"],
        how="left",
    )
    outcomes = reached.filter(pl.col("from_kind").is_in(["judgement", "star"])).with_columns(
        part=pl.col("from_id"), from_id=pl.lit(None, pl.String)
    )
    order = [key, "part", "as", "indicator", "event"]
    return (
        pl.concat([figures, outcomes.select(figures.columns)])
        .rename({"from_kind": "as", "from_id": "indicator"})
        .sort(order, nulls_last=True)
    )


def _moves_edges(method_id: str) -> bool:
    """Whether a method's bands are quantiles of the figures; False for a method that is here no more."""
    try:
        return any(
            banding.kind == "quantiles" and not banding.frozen_period
            for banding in load_method(method_id).bandings
        )
    except (NotFoundError, MethodError):
        return False
