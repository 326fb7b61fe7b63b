"""Compare: what changed between two ratings, and why.

Here: which ratings can be compared, each outcome that is another with its causes, and how often each cause.
Not here: the split by cause (audit/diff.py), the figures that differ (differing.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query

from audit import diff
from audit.web.archive import Archive, NotWholeError, Opened
from audit.web.pages.about import (
    SNAPSHOT_ID,
    About,
    PageNumber,
    PageRows,
    Part,
    Search,
    SnapshotId,
    about,
    part,
    title,
)
from audit.web.pages.differing import KINDS, differing, in_order
from ratings.errors import MethodError, SnapshotError

OtherAsked = Annotated[
    str, Query(pattern=f"^$|{SNAPSHOT_ID}", max_length=120, description="Id of another snapshot")
]
Cause = Annotated[
    Literal[
        "", "reorganisation", "definition", "withdrawal", "revision", "fresh_data", "judgement", "method",
        "decision",
    ],
    Query(description="Only outcomes that this cause moved"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """An outcome that a cause moved.

    Attributes:
        organisation: its id.
        name: its name.
        indicator: of a band; null for a star.
        indicator_title: what it is called.
        before: value in the earlier rating.
        after: value in the later one.
        steps: from the one to the other, a cause each.
        figures: of the organisation and indicator, how many differ in which way.
    """

    organisation: str
    name: str
    indicator: str | None
    indicator_title: str | None
    before: int | None
    after: int | None
    steps: tuple[diff.Part, ...]
    figures: dict[str, int]

    @property
    def back(self) -> bool:
        """Whether it came back to where it was."""
        first, last = self.steps[0], self.steps[-1]
        return (self.before, first.status_before) == (self.after, last.status_after)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a cause did in all.

    Attributes:
        cause: by the names of `audit.diff.CAUSES`.
        means: the same in words.
        rows: of the inputs that changed.
        up: outcomes that it moved up.
        down: that it moved down.
        other: that came, went, or changed their status.
    """

    cause: str
    means: str
    rows: int
    up: int
    down: int
    other: int

    @property
    def moved_anything(self) -> bool:
        """Whether a row or an outcome is another by it."""
        return bool(self.rows or self.up or self.down or self.other)


@dataclass(frozen=True, slots=True)
class Differs:
    """Something the two ratings were made from that is another: its name, and what it was and is."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two ratings.

    Attributes:
        outcome: star, or band where the method has no stars.
        compared: outcomes compared.
        changed: of these, others in the later rating.
        effects: of each cause, in the order in which they are applied.
        figures: how many figures differ in which way; without those withheld from this reader.
        made_from: method, catalogue, times and code, where they are others.
        found: outcomes that any cause moved.
    """

    outcome: str
    compared: int
    changed: int
    effects: tuple[Effect, ...]
    figures: dict[str, int]
    made_from: tuple[Differs, ...]
    found: Part[Moved]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ratings side by side.

    Attributes:
        about: the rating that was asked from.
        earlier: of the two the one of the earlier time; null where no other was named.
        later: the other.
        problem: why they cannot be compared; null where they can.
        difference: null where they cannot be.
        choices: ratings that the first can be compared with.
        q: part of a name or code.
        cause: only outcomes that it moved.
    """

    about: About
    earlier: About | None
    later: About | None
    problem: str | None
    difference: Difference | None
    choices: tuple[About, ...]
    q: str
    cause: str


def compare(
    archive: Archive,
    snapshot: SnapshotId,
    other: SnapshotId,
    q: Search = "",
    cause: Cause = "",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> Comparison:
    """What changed between two ratings, and why."""
    return _comparison(archive, snapshot, other, q, cause, page, rows)


def compare_asked(
    archive: Archive,
    snapshot: SnapshotId,
    other: OtherAsked = "",
    q: Search = "",
    cause: Cause = "",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> Comparison:
    """The ratings that one can be compared with; or, where another is named, what changed and why."""
    return _comparison(archive, snapshot, other, q, cause, page, rows)


def choices(archive: Archive, found: Opened) -> tuple[About, ...]:
    """The ratings that one can be compared with, the newest first."""
    others = []
    for entry in archive.entries():
        try:
            other, said = about(archive, entry.id)
        except NotWholeError:
            continue  # named on the first page
        if other.id != found.id and unlike(found, other) is None:
            others.append(said)
    return tuple(sorted(others, key=lambda each: (each.as_published, each.id), reverse=True))


def unlike(one: Opened, other: Opened) -> str | None:
    """Why two ratings have nothing that could be compared; None where they have."""
    if one.manifest["simulated"] != other.manifest["simulated"]:
        return "one is of invented organisations, and the other of real ones"
    stars = [bool(each.manifest["tables"]["stars"]["rows"]) for each in (one, other)]
    if stars[0] != stars[1]:
        return "one gives stars, and the other bands only"
    bodies = [set(each.table("organisations")["organisation"]) for each in (one, other)]
    return None if bodies[0] & bodies[1] else "they rate no organisation in common"


def _comparison(
    archive: Archive, snapshot: str, other: str, q: str, cause: str, page: int, rows: int
) -> Comparison:
    found, said = about(archive, snapshot)
    earlier = later = problem = difference = None
    if other:
        beside, said_of_it = about(archive, other)
        first, second = in_order(found, beside)
        earlier, later = (said, said_of_it) if first is found else (said_of_it, said)
        problem = "it is the same rating" if snapshot == other else unlike(found, beside)
        if problem is None:
            try:
                difference = _difference(archive, first, second, q, cause, page, rows)
            except (MethodError, SnapshotError) as error:
                problem = error.message
    return Comparison(said, earlier, later, problem, difference, choices(archive, found), q, cause)


def _difference(
    archive: Archive, before: Opened, after: Opened, q: str, cause: str, page: int, rows: int
) -> Difference:
    found = archive.compared(before, after)
    figures = differing(before, after)
    by = ["organisation", "indicator"] if found["outcome"] == "band" else ["organisation"]
    counted: dict[tuple[str, ...], dict[str, int]] = {}
    for *key, kind, count in figures.group_by(*by, "kind").len().sort("kind").iter_rows():
        counted.setdefault(tuple(key), {})[kind] = count
    moved = [_moved(archive, change, counted) for change in found["changes"]]
    wanted = q.casefold().strip()
    fitting = [
        each
        for each in moved
        if wanted in f"{each.name} {each.indicator or ''} {each.indicator_title or ''}".casefold()
        and (not cause or cause in {step.cause for step in each.steps})
    ]
    kinds = dict(figures.group_by("kind").len().iter_rows())
    return Difference(
        outcome=found["outcome"],
        compared=found["compared"],
        changed=sum(not each.back for each in moved),
        effects=tuple(
            Effect(name, means, found["rows"][name], **found["totals"][name])
            for name, means in diff.CAUSES.items()
        ),
        figures={kind: kinds.get(kind, 0) for kind in KINDS},
        made_from=tuple(
            Differs(what, _text(each["before"]), _text(each["after"]))
            for what, each in found["made_from"].items()
        ),
        found=part(fitting, page, rows),
    )


def _moved(
    archive: Archive, change: Mapping[str, Any], counted: Mapping[tuple[str, ...], dict[str, int]]
) -> Moved:
    indicator = change["indicator"]
    key = (change["organisation"],) if indicator is None else (change["organisation"], indicator)
    return Moved(
        organisation=change["organisation"],
        name=change["name"],
        indicator=indicator,
        indicator_title=None if indicator is None else title(archive, indicator),
        before=change["before"],
        after=change["after"],
        steps=tuple(
            diff.Part(**{name: value for name, value in step.items() if name != "change"})
            for step in change["parts"]
        ),
        figures=counted.get(key, {}),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
