"""Catalogue files: the CSV files of the catalogue, read and proved not to contradict themselves.

Here: every fault in them that can be seen, with file, row and column.
Not here: what their facts are for (catalogue.py).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TypeVar

from ratings.catalogue import (
    NAME_SCHEME,
    ORGANISATION_KINDS,
    POLARITIES,
    POLARITY_BASES,
    SIMULATED_SCHEME,
    SUCCESSION_KINDS,
    Announcement,
    Catalogue,
    Code,
    Indicator,
    Organisation,
    Succession,
)
from ratings.errors import DefinitionError, StarledgerError
from ratings.periods import parse_rule, period_bounds

T = TypeVar("T")


def read_catalogue(
    *,
    indicators: Iterable[Traversable],
    organisations: Iterable[Traversable],
    codes: Traversable,
    successions: Traversable,
    releases: Traversable | None = None,
) -> Catalogue:
    """Read a catalogue from given files (paths will do) and prove it consistent.

    Raises:
        DefinitionError: a file contradicts itself or another; names file, row and column.
    """
    digest = hashlib.sha256()
    by_code: dict[str, Indicator] = {}
    for file in indicators:
        for line in _lines(file, digest):
            indicator = _indicator(line)
            if indicator.code in by_code:
                raise line.fault("code", f"indicator {indicator.code!r} is defined twice")
            by_code[indicator.code] = indicator
    by_id: dict[str, Organisation] = {}
    held: dict[tuple[str, str], list[Code]] = {}  # by scheme and code
    regions: list[tuple[_Line, str]] = []
    for file in organisations:
        for line in _lines(file, digest):
            organisation = _organisation(line)
            if organisation.id in by_id:
                raise line.fault("id", f"organisation {organisation.id!r} is registered twice")
            by_id[organisation.id] = organisation
            if organisation.region:
                regions.append((line, organisation.region))
            _hold(
                held,
                Code(
                    organisation.id, NAME_SCHEME, organisation.name, organisation.opened, organisation.closed
                ),
                line,
                "name",
            )
            if simulated := line.get("code"):
                _hold(held, Code(organisation.id, SIMULATED_SCHEME, simulated, None, None), line, "code")
    for line, region in regions:
        if region not in by_id or by_id[region].kind != "aggregate":
            raise line.fault("region", f"{region!r} is not an aggregate of the register")
    for line in _lines(codes, digest):
        code = Code(
            _known(line, "organisation", by_id),
            line.text("scheme"),
            line.text("code"),
            line.optional("valid_from", date.fromisoformat),
            line.optional("valid_to", date.fromisoformat),
        )
        if code.valid_from and code.valid_to and code.valid_to < code.valid_from:
            raise line.fault("valid_to", "the code ends before it begins")
        _hold(held, code, line, "code")
    events = [
        Succession(
            _known(line, "predecessor", by_id),
            _known(line, "successor", by_id),
            line.choice("kind", SUCCESSION_KINDS),
            line.value("date", date.fromisoformat),
            line.get("note"),
        )
        for line in _lines(successions, digest)
    ]
    announcements = [
        announcement
        for line in (_lines(releases, digest) if releases is not None else ())
        for announcement in _announcements(line, by_code)
    ]
    return Catalogue(
        MappingProxyType(by_code),
        MappingProxyType(by_id),
        tuple(code for codes in held.values() for code in codes),
        tuple(sorted(events, key=lambda event: (event.date, event.predecessor, event.successor))),
        digest.hexdigest(),
        tuple(sorted(announcements, key=lambda each: each.announced_on)),
    )


@dataclass(frozen=True)
class _Line:
    """One line of a catalogue file, and where it stands."""

    file: str
    row: int
    cells: Mapping[str, str]

    def fault(self, column: str, message: str) -> DefinitionError:
        return DefinitionError(message, file=self.file, row=self.row, column=column)

    def get(self, column: str) -> str:
        return self.cells.get(column, "")

    def text(self, column: str) -> str:
        if not self.get(column):
            raise self.fault(column, "a value is missing")
        return self.get(column)

    def value(self, column: str, read: Callable[[str], T]) -> T:
        text = self.text(column)
        try:
            return read(text)
        except ValueError:
            raise self.fault(column, f"{text!r} cannot be read") from None

    def optional(self, column: str, read: Callable[[str], T]) -> T | None:
        return self.value(column, read) if self.get(column) else None

    def choice(self, column: str, among: tuple[str, ...]) -> str:
        if self.get(column) not in among:
            raise self.fault(
                column, f"{self.get(column)!r} is not one of {', '.join(a or 'blank' for a in among)}"
            )
        return self.get(column)


def _lines(file: Traversable, digest: hashlib._Hash) -> Iterator[_Line]:
    """The lines of a CSV file, cells stripped, its name and bytes added to the digest."""
    try:
        content = file.read_bytes()
    except OSError:
        raise DefinitionError("the file cannot be read", file=file.name) from None
    # Line endings are taken off: a checkout on Windows is the same catalogue.
    content = content.replace(b"\r\n", b"\n")
    digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    reader = csv.DictReader(io.StringIO(content.decode("utf-8")), strict=True)
    for cells in reader:
        if None in cells or None in cells.values():
            raise DefinitionError(
                "the line has more or fewer cells than the header", file=file.name, row=reader.line_num
            )
        yield _Line(file.name, reader.line_num, {name: cell.strip() for name, cell in cells.items()})


def _indicator(line: _Line) -> Indicator:
    rule = line.text("period_rule")
    try:
        parse_rule(rule)
    except DefinitionError as error:
        raise line.fault("period_rule", error.message) from None
    last_period = line.get("last_period") or None
    if last_period is not None:
        line.value("last_period", _is_period)
    low, high = line.optional("valid_min", float), line.optional("valid_max", float)
    if low is not None and high is not None and high < low:
        raise line.fault("valid_max", "the largest valid value is below the smallest")
    core = line.value("core", _yes_or_no)
    if core and not line.get("collection"):
        raise line.fault("collection", "a core indicator needs the collection it is rated from")
    polarity = line.choice("polarity", POLARITIES)
    basis = line.choice("polarity_basis", POLARITY_BASES)
    if polarity != "none" and not basis:
        raise line.fault("polarity_basis", "a polarity needs its basis: official or inferred")
    return Indicator(
        code=line.text("code"),
        definition=line.text("definition"),
        title=line.text("title"),
        topic=line.get("topic"),
        service=line.text("service"),
        unit=line.text("unit"),
        polarity=polarity,
        polarity_basis=basis,
        source_return=line.get("source_return"),
        owner=line.text("owner"),
        period_rule=rule,
        publication_lag_days=line.optional("publication_lag_days", int),
        lag_basis=line.get("lag_basis"),
        grace_days=line.value("grace_days", int),
        last_period=last_period,
        valid_min=low,
        valid_max=high,
        decimals=line.optional("decimals", int),
        banded=line.value("banded", _yes_or_no),
        collection=line.get("collection"),
        core=core,
        source=line.text("source"),
    )


def _announcements(line: _Line, indicators: Mapping[str, Indicator]) -> list[Announcement]:
    """The announcement of a line, for its one indicator or for every one of its source return."""
    code, source_return = line.get("indicator"), line.get("source_return")
    if bool(code) == bool(source_return):
        raise line.fault("indicator", "name either an indicator or a source return")
    named = [
        i
        for i in indicators.values()
        if code == i.code or (source_return and i.source_return == source_return)
    ]
    if not named:
        raise line.fault(
            "indicator" if code else "source_return", f"{code or source_return!r} is not in the catalogue"
        )
    period = line.value("period", _is_period)
    about = [i for i in named if _fits(period, i.period_rule)]
    if not about:
        raise line.fault("period", f"{period!r} is no period of {code or source_return!r}")
    release, announced = (line.value(name, date.fromisoformat) for name in ("release_on", "announced_on"))
    if release <= period_bounds(period)[1]:
        raise line.fault("release_on", f"{release} is before the period has ended")
    if announced > release:
        raise line.fault("announced_on", f"{announced} is after the release it announces")
    source = line.text("source")
    return [Announcement(i.code, period, release, announced, source) for i in about]


def _fits(period: str, rule: str) -> bool:
    """Whether a canonical period is one of this rule."""
    return any(p.canonical == period for p in parse_rule(rule).all_ending_in(period_bounds(period)[1].year))


def _organisation(line: _Line) -> Organisation:
    identifier = line.text("id")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", identifier):
        raise line.fault("id", f"{identifier!r} is not a lower-case name with hyphens")
    return Organisation(
        id=identifier,
        name=line.text("name"),
        kind=line.choice("kind", ORGANISATION_KINDS),
        region=line.get("region") or None,
        opened=line.optional("opened", date.fromisoformat),
        closed=line.optional("closed", date.fromisoformat),
    )


def _known(line: _Line, column: str, organisations: Mapping[str, Organisation]) -> str:
    identifier = line.text(column)
    if identifier not in organisations:
        raise line.fault(column, f"organisation {identifier!r} is not registered")
    return identifier


def _hold(held: dict[tuple[str, str], list[Code]], code: Code, line: _Line, column: str) -> None:
    """Take a code into the register, unless another organisation holds it at the same time."""
    holders = held.setdefault((code.scheme, code.code), [])
    for other in holders:
        before = (
            other.valid_to is not None and code.valid_from is not None and other.valid_to < code.valid_from
        )
        after = (
            code.valid_to is not None and other.valid_from is not None and code.valid_to < other.valid_from
        )
        if not before and not after:
            raise line.fault(
                column, f"{code.scheme} {code.code!r} is already held by {other.organisation} at that time"
            )
    holders.append(code)


def _is_period(text: str) -> str:
    try:
        period_bounds(text)
    except StarledgerError as error:
        raise ValueError(text) from error
    return text


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"
