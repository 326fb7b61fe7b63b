"""Collections: what kinds of source file there are, and how each is read.

Here: the schema of `collections/*.toml`, one file per kind of source file, and the values it becomes.
Not here: reading and proving those files (collection_file.py), reading the bytes of a source (warehouse),
    turning rows into figures by these rules (reading.py).

A collection file has these tables (every key is optional unless marked *):

    id* title* publisher* licence* source      top level; `id` is the file's name without .toml
    event*      observation | judgement | published_rating | evidence: what a row becomes
    coverage*   full | partial | overlay: what a file replaces
    replaces    of a partial file: what it is complete for, of period, organisation, indicator
    simulated   true: figures of invented organisations
    payload     columns that a fact carries along as printed; evidence has kind, service, finding and says
    [file]           formats*, encoding, delimiter, skip_rows, header_rows, sheet, notes, thousands,
                     most_rows
    [columns]        which column holds what: indicator group organisation name period round value numerator
                     denominator status; a `group` stands before the indicator: `group | indicator`
    [aliases]        a column as named here = the names it has in other releases
    [indicator]      prefix; fixed (files about one indicator); codes (printed code -> catalogue code)
    [organisation]   scheme*; fixed (files about one organisation); at (the register as on that day);
                     named_as (the file's names are the register: the kind of organisation that they name);
                     otherwise (columns to look in where that of the organisation is blank)
    [[measures]]     indicator*, value*, numerator, denominator: a file with a column for each indicator; one
                     table for each, in place of `columns.indicator` and `columns.value`
    [period]         source* column | file_name; pattern (of the file name, with a group `period`);
                     rule* indicator | a period rule; label period | month (the period it lies in is meant);
                     before (so many periods before that one are meant)
    [published]      column (a date per row; a bare year or month means its last day) or fixed (all rows);
                     pattern (of the cell, with a group `date`)
    [markers.X]      obs_status*, conf_status, meaning*: what the text X in a value cell says
    [statuses]       what the status column says = obs_status, where it is not that already; "" for blank
    [ratio]          scale*, printed: value = scale x numerator / denominator; the printed one is for checking
    [pivot]          column*, value, numerator, denominator, part, reason*: rows that belong together; a row
                     whose `column` says `value` (left out: anything else) is a figure, those that say
                     `numerator` or `denominator` hold these in the column `part` (left out: that of the
                     value) and are counted with the reason
    [[totals]]       parts*, total, numbers value | numerator, rounded_to: indicators whose numbers add up to
                     that of another, or without `total` to the denominator that they share
    [[judgements]]   column*, service*, aspect*: each filled cell of the column is one judgement
    [allowed]        a column of facts = the words that may stand in it; "" for blank
    [[out_of_scope]] column*, in or not_in*, reason*: rows that are counted but not read
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from importlib.resources import files

from ratings.errors import InputError, NotFoundError
from ratings.periods import month_of

COVERAGES = ("full", "partial", "overlay")
EVENTS = ("observation", "judgement", "published_rating", "evidence")
EVIDENCE_SAYS = ("kind", "service", "finding", "says")
COUNTED = "row"  # the column that a file's rows are numbered in when read
NOTE = "(note below the table)"  # where a collection has notes, the column that says which rows are
MOST_ROWS = 5_000_000
SCOPES = ("period", "organisation", "indicator")
LABELS = ("period", "month")
ADDED = ("value", "numerator")
FORMATS = ("parquet", "csv", "csv.gz", "xlsx")
# SDMX code lists CL_OBS_STATUS and CL_CONF_STATUS, as far as they are used here.
OBS_STATUSES = ("A", "P", "E", "M", "L", "N", "O", "Q")
CONF_STATUSES = ("F", "C")


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How the bytes become a table of text.

    Attributes:
        formats: endings a file may have, `csv.gz` among them.
        encoding: of a CSV; `utf-8-sig` also takes off a byte order mark.
        delimiter: of a CSV.
        skip_rows: rows above the header.
        header_rows: rows that the header has; the names in them are joined by a space, top to bottom.
        sheet: of a workbook; None where it has one.
        notes: whether lines below the table that fill one cell are notes, to be counted and not read.
        thousands: what groups the digits of large numbers by three, None where nothing may.
        most_rows: a file of more rows is refused before it is read.
    """

    formats: tuple[str, ...]
    encoding: str
    delimiter: str
    skip_rows: int
    header_rows: int
    sheet: str | None
    notes: bool
    thousands: str | None
    most_rows: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the source holds what, by its exact name; None where the source has no such column."""

    indicator: str | None
    group: str | None
    organisation: str | None
    name: str | None
    period: str | None
    round: str | None
    value: str | None
    numerator: str | None
    denominator: str | None
    status: str | None

    def named(self) -> tuple[str, ...]:
        """Every column named here, once."""
        return tuple(dict.fromkeys(c for f in fields(self) if (c := getattr(self, f.name)) is not None))


@dataclass(frozen=True, slots=True)
class Marker:
    """What a text in a value cell says instead of a number.

    Attributes:
        obs_status: SDMX observation status: M cannot exist, L not collected, N above zero but rounds to it,
            O missing, Q suppressed.
        conf_status: SDMX confidentiality status, None where not known.
        meaning: for people.
    """

    obs_status: str
    conf_status: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class PeriodSource:
    """Where a row's period comes from.

    Attributes:
        source: `column` (the period column) or `file_name` (the whole file is about one period).
        pattern: regular expression with a group `period`, searched in the file name.
        rule: `indicator` (each indicator's own rule) or a period rule for all rows.
        label: `period` (the label names a period of the rule) or `month` (it names a month, and the period
            of the rule in which that month lies is meant).
        before: of a month: so many periods before the one in which it lies are meant.
    """

    source: str
    pattern: str | None
    rule: str
    label: str = "period"
    before: int = 0

    def from_file_name(self, file_name: str) -> str | None:
        """The period label in a file's name, None where it has none."""
        found = re.search(self.pattern, file_name) if self.pattern else None
        return found["period"] if found else None


@dataclass(frozen=True, slots=True)
class Published:
    """How rows tell when they were published: a column of dates, or one date for all.

    Attributes:
        column: the column, None where `fixed` is given.
        fixed: the day of all rows.
        pattern: regular expression with a group `date`, searched in the cell; None where the cell is a date.
    """

    column: str | None
    fixed: date | None
    pattern: str | None = None

    def day(self, cell: str | None = None) -> date | None:
        """The day a row was published; None where its cell is blank, and the file's own time has to do.

        Where only a year or a month is known, its last day: by then it was surely out.

        Raises:
            InputError: the cell holds something else.
        """
        text = (cell or "").strip()
        if self.fixed is not None or not text:
            return self.fixed
        inside = re.search(self.pattern, text) if self.pattern else None
        said = inside["date"] if inside else text
        found = re.fullmatch(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", said)
        try:
            if (inside is None) == (self.pattern is not None) or (found is None and inside is None):
                raise ValueError(text)
            if found is None:
                year, month = month_of(said)
                return date(year, month, monthrange(year, month)[1])
            year, month = int(found[1]), int(found[2] or 12)
            return date(year, month, int(found[3]) if found[3] else monthrange(year, month)[1])
        except ValueError:
            raise InputError(
                f"{text!r} is not a date", column=self.column, hint="write YYYY-MM-DD, or YYYY-MM, or YYYY"
            ) from None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A value computed as `scale` x numerator / denominator; `printed` is the column to check it with."""

    scale: int
    printed: str | None


@dataclass(frozen=True, slots=True)
class Pivot:
    """Rows of one figure that stand on lines of their own.

    Attributes:
        column: the column that says what a line is.
        value: what the lines of figures say; empty where all do that are neither of the next two.
        numerator: what the line of a figure's numerator says, in one release or another; empty if none does.
        denominator: likewise.
        part: the column that holds the number on those lines; None where it is that of the value.
        reason: why these lines are counted as out of scope.
    """

    column: str
    value: tuple[str, ...]
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    part: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One indicator of a file that has a column for each.

    Attributes:
        indicator: its code, before the collection's prefix.
        value: the column of its value.
        numerator: the column of its numerator, None if there is none.
        denominator: likewise.
    """

    indicator: str
    value: str
    numerator: str | None
    denominator: str | None

    def named(self) -> tuple[str, ...]:
        """The columns named here."""
        return tuple(c for c in (self.value, self.numerator, self.denominator) if c is not None)


@dataclass(frozen=True, slots=True)
class Total:
    """Indicators that add up, for each organisation and period.

    Attributes:
        parts: their codes.
        total: the code of what they add up to; None where it is the denominator that they share.
        numbers: which of their numbers add up: `value` or `numerator`.
        rounded_to: where all of them are multiples of this, they may each be half of it off; None where
            nothing is rounded.
    """

    parts: tuple[str, ...]
    total: str | None
    numbers: str
    rounded_to: float | None


@dataclass(frozen=True, slots=True)
class JudgementColumn:
    """A column whose filled cells are judgements on one service and aspect."""

    column: str
    service: str
    aspect: str


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """Rows that are counted and not read: those whose `column` holds one of `values` (or none of them).

    Attributes:
        column: the column that decides.
        values: the texts it is compared with; an empty text stands for an empty cell.
        negated: True where rows are left out that hold none of `values`.
        reason: why, for the count.
    """

    column: str
    values: tuple[str, ...]
    negated: bool
    reason: str


@dataclass(frozen=True)
class Collection:
    """One kind of source file, and how to read it. The charter of this module explains every part."""

    id: str
    title: str
    publisher: str
    licence: str
    source: str
    event: str
    coverage: str
    replaces: tuple[str, ...]
    simulated: bool
    payload: tuple[str, ...]
    file: FileFormat
    columns: Columns
    aliases: Mapping[str, tuple[str, ...]]
    indicator_prefix: str
    indicator_fixed: str | None
    indicator_codes: Mapping[str, str]
    organisation_scheme: str
    organisation_fixed: str | None
    organisations_at: date | None
    organisations_named_as: str | None
    organisation_otherwise: tuple[str, ...]
    period: PeriodSource | None
    published: Published | None
    markers: Mapping[str, Marker]
    statuses: Mapping[str, str]
    ratio: Ratio | None
    pivot: Pivot | None
    measures: tuple[Measure, ...]
    totals: tuple[Total, ...]
    judgements: tuple[JudgementColumn, ...]
    allowed: Mapping[str, tuple[str, ...]]
    out_of_scope: tuple[OutOfScope, ...]
    sha256: str

    def indicator_code(self, printed: str) -> str:
        """The catalogue code of an indicator as the source prints it. It may turn out to be unknown."""
        return self.indicator_codes.get(printed, self.indicator_prefix + printed)

    def read_from(self, code: str | None = None) -> dict[str, tuple[str, ...]]:
        """Which columns of a file each column of its figures is read from.

        Args:
            code: of this indicator; by default of all that the collection holds.

        Returns:
            By `indicator`, `organisation`, `period`, `value`, `numerator`, `denominator` and `obs_status`;
            what no column holds is left out. A value that no column holds is reckoned from the other two.
        """
        columns, own = self.columns, self.measure(code)
        measures = [own] if own else ([] if code else self.measures)
        values: list[str | None] = [each.value for each in measures] or [columns.value]
        numerators = [each.numerator for each in measures] or [columns.numerator]
        denominators = [each.denominator for each in measures] or [columns.denominator]
        named = {
            "indicator": [columns.indicator],
            "organisation": [columns.organisation],
            "period": [columns.period],
            "value": values if any(values) else [*numerators, *denominators],
            "numerator": numerators,
            "denominator": denominators,
            "obs_status": [columns.status, *values],
        }
        found = {field: tuple(dict.fromkeys(c for c in read if c)) for field, read in named.items()}
        return {field: read for field, read in found.items() if read}

    def number_columns(self) -> frozenset[str]:
        """The columns that hold numbers."""
        columns, pivot = self.columns, self.pivot
        named = [columns.value, columns.numerator, columns.denominator, pivot.part if pivot else None]
        return frozenset([c for c in named if c] + [c for m in self.measures for c in m.named()])

    def printed_as(self, header: Iterable[str]) -> dict[str, str]:
        """The name that each column has in a file: its own, else the first of its aliases that is there.

        Args:
            header: the column names of the file.

        Returns:
            By the name it has here, for every required column that is there.
        """
        there, found = set(header), {}
        for column in self.required_columns():
            names = (column, *self.aliases.get(column, ()))
            if printed := next((name for name in names if name in there), None):
                found[column] = printed
        return found

    def measure(self, code: str | None) -> Measure | None:
        """The columns of one indicator by its catalogue code; None where it has none of its own."""
        return next((m for m in self.measures if self.indicator_code(m.indicator) == code), None)

    def required_columns(self) -> tuple[str, ...]:
        """Every column without which a file is not of this collection."""
        extra = [
            *self.payload,
            *(column for measure in self.measures for column in measure.named()),
            *(j.column for j in self.judgements),
            *(o.column for o in self.out_of_scope),
            *self.allowed,
            *self.organisation_otherwise,
            *([self.pivot.column] if self.pivot else []),
            *([self.pivot.part] if self.pivot and self.pivot.part else []),
            *([self.published.column] if self.published and self.published.column else []),
            *([self.ratio.printed] if self.ratio and self.ratio.printed else []),
        ]
        return tuple(dict.fromkeys([*self.columns.named(), *extra]))


@cache
def load_collection(identifier: str) -> Collection:
    """One collection of this package by its id.

    Raises:
        NotFoundError: there is no such collection; the message lists those there are.
        DefinitionError: its file is wrong; names file, table and key.
    """
    # Imported here, because that file builds what this one defines.
    from ratings.collection_file import read_collection

    file = files("ratings") / "collections" / f"{identifier}.toml"
    if not re.fullmatch(r"[a-z0-9_]+", identifier) or not file.is_file():
        raise NotFoundError(
            f"no collection {identifier!r}", hint=f"choose one of {', '.join(_identifiers())}"
        )
    return read_collection(file)


def list_collections() -> list[Collection]:
    """Every collection of this package, by id."""
    return [load_collection(identifier) for identifier in _identifiers()]


def _identifiers() -> list[str]:
    names = (entry.name for entry in (files("ratings") / "collections").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
