"""Organisation: why one organisation has its star, on one page.

Here: star, reason, age, judgements, key indicators, what is late, what could change, what to ask, evidence,
    and the stars it had in other snapshots.
Not here: the list of all figures (figures.py), finding those other stars (past.py), one figure with its cells
    (figure.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.questions import questions_of
from audit.web.archive import Archive, Opened
from audit.web.pages.about import (
    About,
    OrganisationId,
    SnapshotId,
    about,
    batch_at,
    moment,
    one_organisation,
)
from audit.web.pages.figures import Figure, figures_of
from audit.web.pages.past import Past, history
from ratings.freshness import LATE
from ratings.methods import Method
from warehouse.snapshot_manifest import microseconds

_QUESTIONS = 10
_FLIPS = 5


@dataclass(frozen=True, slots=True)
class Star:
    """The star of an organisation, and what it rests on.

    Attributes:
        star: the star that counts, null where there is none.
        computed: the star without any decision.
        status: rated, not_rated, under_review, set_aside or suspended.
        status_reason: why it has this status.
        reason: the rule that bound the star, in a sentence.
        inputs: figures that counted.
        late: of these, out of date by their own calendar.
        missing: figures the method asks for and that are not known.
        oldest_days: age of the oldest figure that counted.
        oldest_indicator: whose figure that is.
        could_change: never, possibly or certainly, by fresh data.
        lowest: lowest star that fresh data could give.
        highest: highest star that fresh data could give.
        held_fixed: what that answer takes as given.
        decision: outcome of a binding decision, null without one.
        decision_authority: who decided.
        decision_expires: when it ends by itself.
        decision_event: its event.
    """

    star: int | None
    computed: int | None
    status: str
    status_reason: str
    reason: str | None
    inputs: int
    late: int
    missing: int
    oldest_days: int | None
    oldest_indicator: str | None
    could_change: str | None
    lowest: int | None
    highest: int | None
    held_fixed: str | None
    decision: str | None
    decision_authority: str | None
    decision_expires: datetime | None
    decision_event: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judgement, and where it comes from.

    Attributes:
        part: its name in the method.
        title: what it is called.
        judgement: what counts, null where there is none.
        basis: recorded by the regulator, or computed from bands.
        rule: how it came about.
        event: the event that recorded it.
        inputs: bands that counted.
        missing: bands that are missing.
        computed: the judgement before caps.
        capped_by: key indicator or part that capped it.
        cap_value: value of that indicator.
        cap_threshold: its key threshold.
        decision: a binding decision on it.
        decision_authority: who decided.
        undecided: the judgement without that decision.
    """

    part: str
    title: str
    judgement: str | None
    basis: str
    rule: str | None
    event: int | None
    inputs: int | None
    missing: int | None
    computed: str | None
    capped_by: str | None
    cap_value: float | None
    cap_threshold: float | None
    decision: str | None
    decision_authority: str | None
    undecided: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the figures: an inspection, a survey, a complaint; `sha256` of its file."""

    event: int
    published_at: datetime
    kind: str
    says: str
    finding: str | None
    service: str | None
    indicator: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is open."""

    kind: str
    indicator: str | None
    decides: bool
    asks: str


@dataclass(frozen=True, slots=True)
class OrganisationPage:
    """Everything about one organisation in one snapshot.

    Attributes:
        about: the snapshot.
        organisation: its id.
        name: its name.
        kind: council or simulated.
        region: where it lies.
        codes: its codes, by scheme.
        star: null where the method has no stars.
        published_star: the star that the regulator published for the same round, null where not known.
        published_event: the event that says so.
        cite: how to cite this rating.
        judgements: the judgements behind the star.
        key: the key indicators, or where the method names none, the figures in the lowest bands.
        late: figures that are out of date or missing, the latest first; those that count before the others.
        figures: how many figures the rating looked at.
        could_flip: figures of which one alone could give another star.
        questions: what else do we need to know, the most important first.
        questions_total: how many questions there are.
        evidence: what is known beside the figures, the oldest first.
        history: the stars in snapshots of the same method, the oldest first.
    """

    about: About
    organisation: str
    name: str
    kind: str
    region: str | None
    codes: dict[str, str]
    star: Star | None
    published_star: str | None
    published_event: int | None
    cite: str
    judgements: tuple[Judgement, ...]
    key: tuple[Figure, ...]
    late: tuple[Figure, ...]
    figures: int
    could_flip: tuple[Figure, ...]
    questions: tuple[Asked, ...]
    questions_total: int
    evidence: tuple[Evidence, ...]
    history: tuple[Past, ...]


def organisation(archive: Archive, snapshot: SnapshotId, organisation: OrganisationId) -> OrganisationPage:
    """Why an organisation has its star."""
    found, said = about(archive, snapshot)
    body = one_organisation(archive, found, organisation)
    rows = found.table("stars", organisation=organisation).to_dicts()
    star = _star(rows[0]) if rows else None
    every = figures_of(archive, found, organisation)
    method = archive.method(found)
    beside = archive.evidence(found, organisation)
    asked = questions_of(
        found,
        archive.catalogue,
        archive.catalogue.organisations[organisation],
        method,
        archive.services(found),
        beside,
        archive.queries(organisation),
    )
    published = _published(archive, found, organisation)
    late = [f for f in every if f.state in LATE]
    return OrganisationPage(
        about=said,
        organisation=organisation,
        name=body["name"],
        kind=body["kind"],
        region=body["region"],
        codes={name: body[name] for name in ("la_code", "gss_code") if body[name]},
        star=star,
        published_star=published[0] if published else None,
        published_event=published[1] if published else None,
        cite=_cite(said, body["name"], star),
        judgements=tuple(
            _judgement(method, row) for row in found.table("judgements", organisation=organisation).to_dicts()
        ),
        key=_key(every),
        late=tuple(sorted(late, key=lambda f: (not f.counts_for, -(f.days_late or 0), f.indicator))),
        figures=len(every),
        could_flip=tuple([f for f in every if f.other_stars][:_FLIPS]),
        questions=tuple(Asked(q.kind, q.indicator, q.decides, q.asks) for q in asked[:_QUESTIONS]),
        questions_total=len(asked),
        evidence=tuple(_evidence(archive, item) for item in beside),
        history=history(archive, found, organisation),
    )


def _star(row: dict[str, Any]) -> Star:
    return Star(
        star=row["star"],
        computed=row["computed_star"],
        status=row["rating_status"],
        status_reason=row["rating_status_reason"],
        reason=row["rule"],
        inputs=row["inputs"],
        late=row["out_of_date_inputs"],
        missing=row["missing_inputs"],
        oldest_days=row["oldest_deciding_age_days"],
        oldest_indicator=row["oldest_deciding_indicator"],
        # Snapshots of earlier schema versions do not say all of it.
        could_change=row.get("could_fresh_data_change_it"),
        lowest=row.get("lowest_star"),
        highest=row.get("highest_star"),
        held_fixed=row.get("held_fixed"),
        decision=row.get("decision"),
        decision_authority=row.get("decision_authority"),
        decision_expires=row.get("decision_expires_at"),
        decision_event=row.get("decision_position"),
    )


def _judgement(method: Method, row: dict[str, Any]) -> Judgement:
    return Judgement(
        part=row["part"],
        title=method.part(row["part"]).title,
        judgement=row["judgement"],
        basis=row["basis"],
        rule=row["rule"],
        event=row["position"],
        inputs=row["inputs"],
        missing=row["missing"],
        computed=row["computed_judgement"],
        capped_by=row["capped_by"],
        cap_value=row["cap_value"],
        cap_threshold=row["cap_threshold"],
        decision=row.get("decision"),
        decision_authority=row.get("decision_authority"),
        undecided=row.get("undecided_judgement"),
    )


def _key(every: list[Figure]) -> tuple[Figure, ...]:
    """The key indicators; where a method names none, what stands in the lowest bands."""
    if key := [f for f in every if f.key]:
        return tuple(key)
    banded = [f for f in every if f.band is not None]
    return tuple(sorted(banded, key=lambda f: (f.band or 0, f.indicator))[:_QUESTIONS])


def _evidence(archive: Archive, item: dict[str, Any]) -> Evidence:
    says = item["says"]
    return Evidence(
        event=item["event"],
        published_at=moment(microseconds(item["published_at"])),
        kind=says["kind"],
        says=says["says"],
        finding=says.get("finding"),
        service=says.get("service"),
        indicator=item["indicator"],
        sha256=batch_at(archive, item["event"]).file_sha256,
    )


def _published(archive: Archive, found: Opened, organisation: str) -> tuple[str, int] | None:
    """The star that was published for the snapshot's round, and the event that says so."""
    name = found.manifest["method"]["round"]
    if name is None:
        return None
    events = [
        event
        for event in archive.published_ratings(found, organisation)
        if event["payload"].get("round") == name
    ]
    if not events or events[-1]["payload"].get("stars") is None:
        return None
    return str(events[-1]["payload"]["stars"]), events[-1]["position"]


def _cite(about: About, name: str, star: Star | None) -> str:
    """How to cite a rating: what it says, by which method, on what, and the hash that binds it."""
    if star is None:
        says = "bands"
    elif star.star is None:
        says = "no star"
    else:
        says = f"{star.star} {'star' if star.star == 1 else 'stars'}"
    marks = [about.method_status, *(["simulated"] if about.simulated else []), about.state]
    return (
        f"{name}: {says}. {about.method_title}, version {about.method_version} ({', '.join(marks)}). "
        f"As published by {about.as_published:%d %B %Y}, as recorded up to position {about.as_recorded}. "
        f"Snapshot {about.id}, manifest SHA-256 {about.manifest_sha256}."
    )
