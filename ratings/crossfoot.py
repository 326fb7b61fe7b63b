"""Cross-foot: whether published totals of stars add up, and agree with each other.

Here: reading rows of totals as printed, and the rules that printed totals must obey. Every rule looks only at
    what the rows themselves state; where a row does not state something, the rule has nothing to say.
Not here: which stars councils really got (stars.py); correcting anything: what was printed stays as printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ratings.errors import InputError

STARS = ("zero", "one", "two", "three")
"""Columns of the counts, least star first; `percent_zero` and so on hold percentages stated beside them."""
_WORDS = {"zero": "zero stars", "one": "one star", "two": "two stars", "three": "three stars"}

_ROUND = re.compile(r"^(?P<round>\d{4}-\d{2})(?:\s*\((?P<remark>[^)]*)\)|\s+(?P<text>.+))?$")
_RESTRICTED = re.compile(r"\bthe (?P<councils>\d+) councils rated in (?P<year>\d{4})\b")
_NUMBER = re.compile(r"^\d+(?:\.\d+)?$")


@dataclass(frozen=True, slots=True)
class PublishedTotals:
    """How many councils got how many stars in one round, as one source printed it.

    Attributes:
        label: the round as the row names it, remark included.
        round: the round, `YYYY-MM`.
        counts: councils with zero, one, two and three stars; None where not stated.
        total: the total stated; None where not stated.
        rated: number of councils said to be rated in this round; None where not stated.
        percents: percentages stated beside the counts, as printed; None where not stated.
        restricted_to: beginning of the round (`YYYY` or `YYYY-MM`) whose councils alone are counted here;
            None where all councils of the row's own round are.
        row: row of the file, header = 1.
    """

    label: str
    round: str
    counts: tuple[int | None, ...]
    total: int | None
    rated: int | None
    percents: tuple[str | None, ...]
    restricted_to: str | None
    row: int

    @property
    def added(self) -> int | None:
        """The counts added up; None where one is not stated."""
        known = [count for count in self.counts if count is not None]
        return sum(known) if len(known) == len(STARS) else None

    @property
    def bases(self) -> tuple[int, ...]:
        """What a percentage of this row may have been taken of: its sum, its total, the councils rated."""
        return tuple(dict.fromkeys(base for base in (self.added, self.total, self.rated) if base))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in published totals that cannot all be true.

    Attributes:
        round: the round, `YYYY-MM`.
        label: the round as the row names it.
        row: row of the file, header = 1.
        rule: which rule found it: `sum_is_total`, `sum_is_councils_rated`, `percent_fits_count`,
            `one_round_one_count` or `same_councils_same_total`.
        expected: what the rule wants.
        found: what stands there.
        sentence: the finding for people.
    """

    round: str
    label: str
    row: int
    rule: str
    expected: str
    found: str
    sentence: str


def read_totals(rows: Iterable[Mapping[str, str | None]], file: str | None = None) -> list[PublishedTotals]:
    """Read rows of totals.

    Args:
        rows: cells as printed, in the order of the file. Columns `rating_round`, `zero`, `one`, `two`,
            `three`; and, where the source states them, `total`, `councils_rated`, `percent_zero` to
            `percent_three`, `restricted_to`. Without that last column a round named like `2004-11 restricted
            to the 142 councils rated in 2005` is understood too.
        file: name for messages.

    Returns:
        One value per row.

    Raises:
        InputError: a round or number cannot be read; names row and column.
    """
    totals = []
    for number, cells in enumerate(rows, start=2):
        label = (cells.get("rating_round") or "").strip()
        found = _ROUND.match(label)
        if found is None:
            raise InputError(
                f"{label!r} does not begin with a round",
                file=file,
                row=number,
                column="rating_round",
                hint="write it as YYYY-MM, any remark behind it",
            )
        said = _RESTRICTED.search(label)
        totals.append(
            PublishedTotals(
                label=label,
                round=found["round"],
                counts=tuple(_count(cells, star, number, file) for star in STARS),
                total=_count(cells, "total", number, file),
                rated=_count(cells, "councils_rated", number, file)
                or (int(said["councils"]) if said else None),
                percents=tuple(_percent(cells, f"percent_{star}", number, file) for star in STARS),
                restricted_to=(cells.get("restricted_to") or "").strip() or (said["year"] if said else None),
                row=number,
            )
        )
    return totals


def crossfoot(totals: Sequence[PublishedTotals]) -> list[Finding]:
    """Check published totals against themselves and each other.

    Args:
        totals: rows of one publication history, several per round where sources differ.

    Returns:
        Findings in the order of the rows; none where everything fits.
    """
    findings: list[Finding] = []
    for number, row in enumerate(totals):
        findings += _adds_up(row)
        findings += _percentages(row, totals)
        findings += _agrees_with_earlier(row, totals[:number])
        findings += _same_councils(row, totals)
    return findings


def _adds_up(row: PublishedTotals) -> Iterable[Finding]:
    if row.added is None:
        return
    addition = f"{' + '.join(str(count) for count in row.counts)} = {row.added}"
    if row.total is not None and row.total != row.added:
        yield _finding(
            row, "sum_is_total", row.total, row.added, f"{addition}, where a total of {row.total} is stated"
        )
    if row.rated is not None and row.rated != row.added:
        yield _finding(
            row,
            "sum_is_councils_rated",
            row.rated,
            row.added,
            f"{addition}, where {row.rated} councils are said to be rated",
        )


def _percentages(row: PublishedTotals, totals: Sequence[PublishedTotals]) -> Iterable[Finding]:
    for place, star in enumerate(STARS):
        count, stated = row.counts[place], row.percents[place]
        if count is None or stated is None or not row.bases:
            continue
        if any(rounds_to(count, base, stated) for base in row.bases):
            continue
        shares = " and ".join(f"{_share(count, base)} % of {base}" for base in row.bases)
        base = row.bases[-1]
        fitting = [n for n in range(base + 1) if rounds_to(n, base, stated)]
        elsewhere = [
            other.counts[place]
            for other in totals
            if other.round == row.round and other.counts[place] in fitting
        ]
        fits = (
            f"{stated} % fits {_either(fitting)} of {base}"
            if fitting
            else f"{stated} % fits no count of {base}"
        )
        if elsewhere:
            fits += f", and {elsewhere[0]} is what another row gives for the round"
        yield _finding(
            row,
            "percent_fits_count",
            f"{stated} %",
            f"{_share(count, base)} %",
            f"{count} with {_WORDS[star]} is {shares}, where {stated} % is stated; {fits}",
        )


def _agrees_with_earlier(row: PublishedTotals, earlier: Sequence[PublishedTotals]) -> Iterable[Finding]:
    """Two rows of one round and the same councils must say the same."""
    for other in earlier:
        if (other.round, other.restricted_to) != (row.round, row.restricted_to):
            continue
        pairs = [
            *zip((*STARS, "in total"), (*other.counts, other.total), (*row.counts, row.total), strict=True)
        ]
        differing = [(name, a, b) for name, a, b in pairs if a is not None and b is not None and a != b]
        if differing:
            yield _finding(
                row,
                "one_round_one_count",
                ", ".join(f"{name} {a}" for name, a, _ in differing),
                ", ".join(f"{name} {b}" for name, _, b in differing),
                f"row {row.row} gives "
                + ", and ".join(
                    f"{b} {_said(name)} where row {other.row} gives {a}" for name, a, b in differing
                ),
            )


def _same_councils(row: PublishedTotals, totals: Sequence[PublishedTotals]) -> Iterable[Finding]:
    """Where another row counts the councils of this round alone, both must count equally many."""
    mine = row.total if row.total is not None else row.added
    if row.restricted_to is not None or mine is None:
        return
    for other in totals:
        theirs = other.total if other.total is not None else other.added
        if other.restricted_to is None or not row.round.startswith(other.restricted_to) or theirs is None:
            continue
        if theirs != mine:
            yield _finding(
                row,
                "same_councils_same_total",
                theirs,
                mine,
                f"{mine} councils are counted, where row {other.row} counts {theirs} for the same councils "
                f"in {other.round}",
            )


def rounds_to(count: int, base: int, stated: str) -> bool:
    """Whether a count is the stated percentage of a base, in the digits that were printed.

    Exactly half a unit may have been rounded either way.

    Args:
        count: how many.
        base: of how many, above 0.
        stated: the percentage as printed, such as `55` or `54.7`.
    """
    decimals = len(stated.partition(".")[2])
    return abs(Fraction(100 * count, base) - Fraction(stated)) <= Fraction(1, 2 * 10**decimals)


def _share(count: int, base: int) -> str:
    """A percentage with one decimal place, halves up."""
    tenths = (2000 * count + base) // (2 * base)
    return f"{tenths // 10}.{tenths % 10}"


def _said(count: str) -> str:
    return f"with {_WORDS[count]}" if count in _WORDS else count


def _either(counts: Sequence[int]) -> str:
    return " or ".join(str(count) for count in counts) if len(counts) < 4 else f"{counts[0]} to {counts[-1]}"


def _finding(row: PublishedTotals, rule: str, expected: object, found: object, sentence: str) -> Finding:
    return Finding(row.round, row.label, row.row, rule, str(expected), str(found), sentence)


def _count(cells: Mapping[str, str | None], column: str, row: int, file: str | None) -> int | None:
    text = (cells.get(column) or "").strip()
    if text and not (text.isascii() and text.isdigit()):
        raise InputError(
            f"{text!r} is not a count", file=file, row=row, column=column, hint="write digits only"
        )
    return int(text) if text else None


def _percent(cells: Mapping[str, str | None], column: str, row: int, file: str | None) -> str | None:
    text = (cells.get(column) or "").strip()
    if text and not _NUMBER.match(text):
        raise InputError(
            f"{text!r} is not a percentage",
            file=file,
            row=row,
            column=column,
            hint="write it without the sign",
        )
    return text or None
