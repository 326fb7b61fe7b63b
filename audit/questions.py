"""Questions: what else do we need to know before we rely on a star.

Here: what is missing, overdue, dubious, deciding or contradicted by evidence, as questions, the most
    important first.
Not here: the evidence itself (evidence.py), the rules (ratings), where each figure comes from (trace.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.evidence import evidence_of
from audit.explanation import explanation
from audit.method_versions import built_with
from audit.trace import choose
from ratings.catalogue import Catalogue, Organisation, load_catalogue
from ratings.errors import NotFoundError
from ratings.methods import Method
from ratings.queries import ACCEPTED, Query
from ratings.stars import SERVICE_WORDS
from warehouse.event_log import Ledger
from warehouse.named_in_log import with_named
from warehouse.query_log import recorded_queries
from warehouse.snapshots import SnapshotRef, snapshot

KINDS = ("no_judgement", "star_deciding", "contradicted", "unanswered", "overdue", "missing", "dubious")
"""What a question is about, the most important first."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to find out.

    Attributes:
        kind: one of KINDS.
        service: the service it is about, None where it is the whole organisation.
        indicator: the indicator it is about, None where it is a judgement.
        decides: whether the answer can change the star: a judgement that one level better or worse gives
            another star, a figure that alone can give another one by moving, by coming, or by being left out.
        asks: the question in a sentence.
    """

    kind: str
    service: str | None
    indicator: str | None
    decides: bool
    asks: str


def questions(
    ledger: Ledger, snapshots: Path, organisation: str, snapshot_id: str | None = None
) -> dict[str, Any]:
    """What else do we need to know of an organisation.

    Args:
        ledger: the log that the snapshot was built from.
        snapshots: the directory of all snapshots.
        organisation: id, name or code.
        snapshot_id: the snapshot; by default the one released now, else the one built last, that holds it.

    Returns:
        `organisation`, `snapshot`, `star`, and `questions` in order: first those that can change the star,
        then by kind as in KINDS, then by indicator.

    Raises:
        NotFoundError: nothing is called that, or no snapshot holds it.
    """
    catalogue = with_named(load_catalogue(), ledger)
    body = catalogue.resolve(organisation)
    found = snapshot(snapshots, snapshot_id) if snapshot_id else choose(snapshots, ledger, body.id, None)
    if found is None or found.table("organisations", organisation=body.id).is_empty():
        raise NotFoundError(
            f"{body.name} is in no snapshot" if found is None else f"{body.name} is not in {found.id}",
            hint="build one with `starledger rate`, or see `starledger snapshots list`",
        )
    stars = found.table("stars", organisation=body.id).to_dicts()
    said = found.manifest["method"]
    method = built_with(ledger, said["id"], said["sha256"])
    services = services_of(method, catalogue)
    evidence, queries = evidence_of(ledger, body.id), recorded_queries(ledger)
    asked = questions_of(found, catalogue, body, method, services, evidence, queries)
    return {
        "organisation": {"id": body.id, "name": body.name},
        "snapshot": found.id,
        "star": stars[0]["star"] if stars else None,
        "questions": [asdict(question) for question in asked],
    }


def questions_of(
    found: SnapshotRef,
    catalogue: Catalogue,
    body: Organisation,
    method: Method,
    services: Mapping[str, str],
    evidence: Sequence[dict[str, Any]],
    queries: Iterable[Query],
) -> list[Question]:
    """What else do we need to know of an organisation that a snapshot holds, the most important first.

    Args:
        found: the snapshot.
        catalogue: the indicators.
        body: the organisation.
        method: the very one that the snapshot was built with.
        services: as `services_of` gives them.
        evidence: what is known beside its figures, as `evidence_of` gives it.
        queries: those put to suppliers; of an organisation's own, those not accepted are asked again.
    """
    return sorted(
        _questions(found, catalogue, body, method, services, evidence, queries),
        key=lambda q: (not q.decides, KINDS.index(q.kind), q.indicator or "", q.asks),
    )


def services_of(method: Method, catalogue: Catalogue) -> dict[str, str]:
    """Indicator -> the service that it counts for, or caps."""
    caps = {cap.indicator: method.part(cap.part).service for cap in method.caps}
    counts = method.inputs(catalogue).sort("part", descending=True)
    return caps | dict(counts.select("indicator", "service").iter_rows())


def _questions(
    found: SnapshotRef,
    catalogue: Catalogue,
    body: Organisation,
    method: Method,
    services: Mapping[str, str],
    evidence: Sequence[dict[str, Any]],
    queries: Iterable[Query],
) -> Iterator[Question]:
    judgements = found.table("judgements", organisation=body.id).to_dicts()
    deciding = _deciding(method, found, judgements)
    touched = {row["service"] for row in judgements if row["part"] in deciding}
    why = explanation(found, body.id)
    yield from _of_judgements(method, judgements, deciding, catalogue)
    yield from _of_near(why, catalogue, services)
    yield from _of_figures(found, catalogue, body, services, why)
    yield from _of_queries(queries, body, services, touched)
    yield from _of_evidence(evidence, found, catalogue, body, method, judgements, services, touched)


def _deciding(method: Method, found: SnapshotRef, judgements: list[dict[str, Any]]) -> set[str]:
    """The parts whose judgement alone, one level better or worse, would give another star."""
    levels = {row["part"]: row["level"] for row in judgements}
    if not method.stars or any(levels.get(name) is None for name in method.parts.names):
        return set()
    table = method.table(found.manifest["method"]["option"])
    now = tuple(levels[name] for name in method.parts.names)
    changed = set()
    for i, name in enumerate(method.parts.names):
        for level in (now[i] - 1, now[i] + 1):
            other = (*now[:i], level, *now[i + 1 :])
            if 0 <= level < len(method.parts.scale(name)) and table.star(*other) != table.star(*now):
                changed.add(name)
    return changed


def _of_judgements(
    method: Method, judgements: list[dict[str, Any]], deciding: set[str], catalogue: Catalogue
) -> Iterator[Question]:
    """Judgements that are not there, and key thresholds that bind."""
    for row in judgements:
        what = method.part(row["part"]).title
        if row["level"] is None:
            yield Question(
                "no_judgement", row["service"] or None, None, True, f"What is {what}? {row['rule']}"
            )
        elif row["cap_value"] is not None:
            known = catalogue.indicators.get(row["capped_by"])
            unit = known.unit if known else ""
            asks = (
                f"Is {row['capped_by']} right at {row['cap_value']:g} {unit}? Within its threshold of "
                f"{row['cap_threshold']:g}, {what} would be {row['computed_judgement']!r}, "
                f"not {row['judgement']!r}"
            )
            yield Question(
                "star_deciding", row["service"] or None, row["capped_by"], row["part"] in deciding, asks
            )


def _of_near(
    why: dict[str, list[dict[str, Any]]], catalogue: Catalogue, services: Mapping[str, str]
) -> Iterator[Question]:
    """The figures that are nearest to another star; a cap that binds has asked of its own already."""
    capping = {cap["by"] for cap in why["caps"]}
    for row in why["counterfactuals"]:
        if row["kind"] == "figure" and row["nearest"] and row["input"] not in capping:
            asks = f"Is {_named(catalogue, row['input'])} right? It would be {row['says']}"
            yield Question("star_deciding", services.get(row["input"]), row["input"], True, asks)


def _of_figures(
    found: SnapshotRef,
    catalogue: Catalogue,
    body: Organisation,
    services: Mapping[str, str],
    why: dict[str, list[dict[str, Any]]],
) -> Iterator[Question]:
    """Figures that are late or were never reported, and indicators that cannot be relied on.

    Dubious is what is graded red, and what is graded amber where the star hangs on it.
    """
    graded = found.table("quality")
    quality = dict(
        zip(graded["indicator"], zip(graded["grade"], graded["reasons"], strict=True), strict=True)
    )
    rests = {row["indicator"] for row in why["rests_on"]}
    moves = rests | {row["input"] for row in why["counterfactuals"] if row["kind"] == "figure"}
    for row in found.table("freshness", organisation=body.id).to_dicts():
        code = row["indicator"]
        service, named = services.get(code), _named(catalogue, code)
        comes = row.get("other_stars") is not None
        if row["state"] == "out_of_date":
            late = f"{row['days_late']} days late" if row["days_late"] is not None else "late"
            asks = f"When will the figure of {row['expected_period']} for {named} come? It is {late}"
            yield Question("overdue", service, code, comes, asks)
        elif row["state"] == "missing":
            yield Question("missing", service, code, comes, f"Why was {named} never reported?")
        grade, reasons = quality.get(code, (None, ""))
        if row["state"] != "missing" and (grade == "red" or (grade == "amber" and code in rests)):
            reason = reasons.split("\n")[0]
            asks = f"Can {named} be relied on? It is graded {grade}: {reason}"
            yield Question("dubious", service, code, code in moves, asks)


def _named(catalogue: Catalogue, code: str) -> str:
    return f"{code} ({catalogue.indicator(code).title})"


def _of_queries(
    queries: Iterable[Query], body: Organisation, services: Mapping[str, str], touched: set[str]
) -> Iterator[Question]:
    """Queries on this organisation's figures that wait for an answer, or for someone to accept it.

    As they stand now: they are no input of a rating, and a snapshot binds only those of its own position.
    """
    for query in queries:
        if query.organisation == body.id and query.state != ACCEPTED:
            service = services.get(query.indicator or "")
            given = f"; answered, not accepted: {query.answer}" if query.answer is not None else ""
            asks = f"{query.question} (query {query.number}, {query.check}: {query.found}{given})"
            yield Question("unanswered", service, query.indicator, service in touched, asks)


def _of_evidence(
    evidence: Sequence[dict[str, Any]],
    found: SnapshotRef,
    catalogue: Catalogue,
    body: Organisation,
    method: Method,
    judgements: list[dict[str, Any]],
    services: Mapping[str, str],
    deciding: set[str],
) -> Iterator[Question]:
    """Evidence that says the opposite of a band, or of a judgement of how well people are served."""
    bands = found.table("bands", organisation=body.id)
    best = len(method.bandings[0].labels) if method.bandings else 0
    by_code = dict(zip(bands["indicator"], bands["band"], strict=True))
    served = {row["service"]: row for row in judgements if row["aspect"] == "serving"}
    for item in evidence:
        says, code = item["says"], item["indicator"]
        finding, quoted = (
            says.get("finding"),
            f"the {says['kind']} of {item['published_at'][:10]} says {says['says']!r}",
        )
        if finding not in ("good", "poor"):
            continue
        if code is not None:
            band = by_code.get(code)
            if band is not None and _opposite(finding, band - 1, best - 1):
                service = services.get(code)
                asks = f"Why does {code} stand in band {band} of {best}, when {quoted}?"
                yield Question("contradicted", service, code, service in deciding, asks)
            continue
        row = served.get(says.get("service", ""))
        if row is None or row["level"] is None:
            continue
        if _opposite(finding, row["level"], len(method.parts.scale(row["part"])) - 1):
            what = SERVICE_WORDS.get(row["service"], method.part(row["part"]).title)
            asks = f"Why are {what} judged {row['judgement']!r}, when {quoted}?"
            yield Question("contradicted", row["service"], None, row["service"] in deciding, asks)


def _opposite(finding: str, level: int, best: int) -> bool:
    """Whether a finding is good and the level in the lower half, or poor and it is in the upper half."""
    return 2 * level < best if finding == "good" else 2 * level > best
