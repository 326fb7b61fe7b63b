"""Catalogue: the indicators that are rated and carried, and the register of organisations they are about.

Here: what an indicator, an organisation and its codes are, and how they are looked up.
    `catalogue/indicators.csv` holds the core (about 200 indicators, each rated from one collection);
    `collections/*_measures.csv` hold what the collections carry besides, in the same columns;
    `catalogue/release_dates.csv` holds release dates that publishers announced;
    `catalogue/organisations.csv`, `organisation_codes.csv`, `successions.csv` and
    `simulated_organisations.csv` are the register.
Not here: reading those files and proving them (catalogue_file.py), how a source file is read
    (collections.py), how an indicator is banded (methods.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

import polars as pl

from ratings.errors import NotFoundError

POLARITIES = ("higher", "lower", "none")
POLARITY_BASES = ("official", "inferred", "")
ORGANISATION_KINDS = ("council", "aggregate", "simulated", "facility")
SUCCESSION_KINDS = ("recode", "rename", "merge", "split")
NAME_SCHEME = "name"
SIMULATED_SCHEME = "SIM"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One centrally required measure.

    Attributes:
        code: stable code with the prefix of its framework, such as `LAIT:InfMort`.
        definition: version of its definition; another definition is another series, not a revision.
        title: official title.
        topic: the chapter it stands in at its publisher.
        service: `children`, `adults` or a part of them (`children finance`, `education`, ...).
        unit: `percent`, `count`, `rate per 10,000`, `GBP`, ...
        polarity: which end is good: `higher`, `lower`, or `none`.
        polarity_basis: `official` (the publisher says so), `inferred` (a reading), blank (nobody says).
        source_return: statutory return that feeds it; blank where not found.
        owner: the body that answers for its figures, as the publisher names it; the publisher where it names
            none.
        period_rule: how its period labels are read (see periods.py).
        publication_lag_days: days from the end of a period to its publication; None where unknown.
        lag_basis: how the lag is known. All are upper bounds.
        grace_days: how late a figure may be before it counts as out of date.
        last_period: canonical period after which the series stopped; None while it runs.
        valid_min: smallest value that can be true, None for no bound. In the indicator's unit.
        valid_max: largest value that can be true, None for no bound. In the indicator's unit.
        decimals: decimal places shown by the publisher, None where not said.
        banded: False where the publisher forbids comparing councils by quartile.
        collection: the one collection whose figures are rated; blank where none carries it yet.
        core: True for indicators that become assets and are rated.
        source: where these facts stand.
    """

    code: str
    definition: str
    title: str
    topic: str
    service: str
    unit: str
    polarity: str
    polarity_basis: str
    source_return: str
    owner: str
    period_rule: str
    publication_lag_days: int | None
    lag_basis: str
    grace_days: int
    last_period: str | None
    valid_min: float | None
    valid_max: float | None
    decimals: int | None
    banded: bool
    collection: str
    core: bool
    source: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """A body that is rated, or an aggregate of such bodies.

    Attributes:
        id: our own stable name, such as `barking-and-dagenham`.
        name: name for people.
        kind: `council`, `facility` (a care home), `simulated`, or `aggregate` (a region, a type of council,
            the nation: kept, but never banded).
        region: id of the aggregate it lies in, or None.
        opened: first day of its existence; None where it is older than the data.
        closed: last day of its existence; None while it exists.
    """

    id: str
    name: str
    kind: str
    region: str | None
    opened: date | None
    closed: date | None


@dataclass(frozen=True, slots=True)
class Code:
    """What a scheme calls an organisation, and when.

    Attributes:
        organisation: id of the organisation.
        scheme: `LA` (the Department for Education's three digits), `GSS` (nine characters), `CASSR` (the
            adult social care returns' codes), `name` (a name as printed somewhere) or `SIM`.
        code: the code, as text.
        valid_from: first day, None for as long as anyone remembers.
        valid_to: last day, None for until today.
    """

    organisation: str
    scheme: str
    code: str
    valid_from: date | None
    valid_to: date | None

    def holds(self, at: date | None) -> bool:
        """Whether the code is valid on the day `at` (today's codes, where `at` is None)."""
        if at is None:
            return self.valid_to is None
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_to is None or at <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Succession:
    """What became of an organisation.

    Attributes:
        predecessor: id of the organisation before.
        successor: id of the organisation after (the same, where only codes or standing changed).
        kind: `recode`, `rename`, `merge` or `split`.
        date: first day of the new state.
        note: what happened, in a few words.
    """

    predecessor: str
    successor: str
    kind: str
    date: date
    note: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """A release date that a publisher announced.

    Attributes:
        indicator: code of the indicator.
        period: canonical period that the release is about.
        release_on: the day it is to come out.
        announced_on: the day this was announced; before it nobody could know.
        source: where it was announced.
    """

    indicator: str
    period: str
    release_on: date
    announced_on: date
    source: str


@dataclass(frozen=True)
class Catalogue:
    """All indicators and organisations that are known, by code and id.

    Attributes:
        indicators: every indicator by its code, the core first.
        organisations: every organisation by its id.
        codes: every dated code, each organisation's own name among them (scheme `name`).
        successions: reorganisations, oldest first.
        sha256: hash over the names and bytes of all catalogue files.
        announcements: announced release dates, in the order they were announced.
    """

    indicators: Mapping[str, Indicator]
    organisations: Mapping[str, Organisation]
    codes: tuple[Code, ...]
    successions: tuple[Succession, ...]
    sha256: str
    announcements: tuple[Announcement, ...] = ()

    def announced(self, at: date) -> Mapping[str, Mapping[str, date]]:
        """Release dates announced by a day: indicator -> period -> date. The last announcement counts."""
        known: dict[str, dict[str, date]] = {}
        for each in self.announcements:
            if each.announced_on <= at:
                known.setdefault(each.indicator, {})[each.period] = each.release_on
        return known

    def core(self) -> list[Indicator]:
        """The indicators that become assets and are rated, in the order of the file."""
        return [indicator for indicator in self.indicators.values() if indicator.core]

    def indicator(self, code: str) -> Indicator:
        """One indicator by its code.

        Raises:
            NotFoundError: nothing has that code; the message names close ones.
        """
        if code in self.indicators:
            return self.indicators[code]
        raise NotFoundError(
            f"no indicator {code!r}", hint=_near(code, self.indicators, "codes", "indicators.csv")
        )

    def resolve_indicator(self, text: str) -> Indicator:
        """An indicator by its code, or by what follows the colon where only one ends so.

        Raises:
            NotFoundError: nothing has that code; the message names close ones.
        """
        if text not in self.indicators:
            ending = [i for code, i in self.indicators.items() if code.partition(":")[2] == text]
            if len(ending) == 1:
                return ending[0]
        return self.indicator(text)

    def resolve(self, text: str, *, scheme: str | None = None, at: date | None = None) -> Organisation:
        """The organisation that `text` means: an id, a name or alias, or a code of any scheme.

        Args:
            text: what a person typed or a file printed. Case, dots and doubled spaces do not matter.
            scheme: accept codes of this scheme only.
            at: the day on which the code was used, where codes or names changed hands (`Dorset` was a
                county until 2019). Without it today's meaning wins, then the last one there was.

        Raises:
            NotFoundError: nothing is called that, or two things are; the message names the candidates.
        """
        if scheme is None and text in self.organisations:
            return self.organisations[text]
        wanted = _folded(text)
        hits = [c for c in self.codes if (scheme is None or c.scheme == scheme) and _folded(c.code) == wanted]
        for narrowed in ([c for c in hits if c.holds(at)], _latest(hits) if at is None else []):
            found = {c.organisation for c in narrowed}
            if len(found) == 1:
                return self.organisations[found.pop()]
            if found:
                raise NotFoundError(
                    f"{text!r} may mean {' or '.join(sorted(found))}", hint="use the id, or name the scheme"
                )
        if scheme is None and (organisation := self.organisations.get(wanted.replace(" ", "-"))):
            return organisation
        known = {c.code for c in self.codes if c.scheme == (scheme or NAME_SCHEME)}
        raise NotFoundError(
            f"no organisation is called {text!r}",
            hint=_near(text, known, "names and codes", "organisation_codes.csv"),
        )

    def frame(self) -> pl.DataFrame:
        """Every indicator as a row; the columns are the attributes of `Indicator`."""
        return pl.DataFrame(
            [{f.name: getattr(i, f.name) for f in fields(Indicator)} for i in self.indicators.values()],
            schema=_INDICATOR_SCHEMA,
        )

    def organisation_frame(self) -> pl.DataFrame:
        """Every organisation as a row; the columns are the attributes of `Organisation`."""
        return pl.DataFrame(
            [{f.name: getattr(o, f.name) for f in fields(Organisation)} for o in self.organisations.values()],
            schema={
                "id": pl.String,
                "name": pl.String,
                "kind": pl.String,
                "region": pl.String,
                "opened": pl.Date,
                "closed": pl.Date,
            },
        )

    def plus(self, bodies: Iterable[Organisation], codes: Iterable[Code] = ()) -> Catalogue:
        """With these organisations besides, each found by its name, and these codes of theirs."""
        added = {body.id: body for body in bodies if body.id not in self.organisations}
        names = [Code(body.id, NAME_SCHEME, body.name, None, None) for body in added.values()]
        return replace(
            self,
            organisations=MappingProxyType({**self.organisations, **added}),
            codes=(*self.codes, *names, *codes),
        )

    def existing(self, kinds: Iterable[str], day: date) -> pl.DataFrame:
        """The organisations of some kinds that existed on a day; columns as `organisation_frame`."""
        return self.organisation_frame().filter(
            pl.col("kind").is_in(list(kinds)),
            pl.col("opened").is_null() | (pl.col("opened") <= day),
            pl.col("closed").is_null() | (pl.col("closed") >= day),
        )

    def code_frame(self, scheme: str, at: date | None = None) -> pl.DataFrame:
        """One row per code of a scheme, to join rows of a file on.

        Args:
            scheme: a code scheme, such as `LA`.
            at: with a day, only what was valid then. Without one, every code there ever was, each with
                the organisation that held it last.

        Returns:
            columns `code`, `organisation`; no code twice.
        """
        codes = [c for c in self.codes if c.scheme == scheme]
        held = [c for c in codes if c.holds(at)] if at is not None else sorted(codes, key=_held_until)
        by_code = {c.code: c.organisation for c in held}
        return pl.DataFrame(
            {"code": list(by_code), "organisation": list(by_code.values())},
            schema={"code": pl.String, "organisation": pl.String},
        )


_INDICATOR_SCHEMA = {
    "code": pl.String,
    "definition": pl.String,
    "title": pl.String,
    "topic": pl.String,
    "service": pl.String,
    "unit": pl.String,
    "polarity": pl.String,
    "polarity_basis": pl.String,
    "source_return": pl.String,
    "owner": pl.String,
    "period_rule": pl.String,
    "publication_lag_days": pl.Int64,
    "lag_basis": pl.String,
    "grace_days": pl.Int64,
    "last_period": pl.String,
    "valid_min": pl.Float64,
    "valid_max": pl.Float64,
    "decimals": pl.Int64,
    "banded": pl.Boolean,
    "collection": pl.String,
    "core": pl.Boolean,
    "source": pl.String,
}


@cache
def load_catalogue() -> Catalogue:
    """Read the catalogue that comes with this package and prove it consistent.

    Raises:
        DefinitionError: a file contradicts itself or another; names file, row and column.
    """
    # Imported here, because that file builds what this one defines.
    from ratings.catalogue_file import read_catalogue

    root = files("ratings")
    return read_catalogue(
        indicators=[root / "catalogue" / "indicators.csv", *measure_files()],
        organisations=[
            root / "catalogue" / "organisations.csv",
            root / "catalogue" / "simulated_organisations.csv",
        ],
        codes=root / "catalogue" / "organisation_codes.csv",
        successions=root / "catalogue" / "successions.csv",
        releases=root / "catalogue" / "release_dates.csv",
    )


def measure_files() -> list[Traversable]:
    """The dictionaries of the collections (`collections/*_measures.csv`), by name."""
    found = (
        entry
        for entry in (files("ratings") / "collections").iterdir()
        if entry.name.endswith("_measures.csv")
    )
    return sorted(found, key=lambda entry: entry.name)


def _latest(codes: list[Code]) -> list[Code]:
    """Of codes that all ended, those that ended last."""
    last = max((_held_until(code) for code in codes), default=None)
    return [code for code in codes if _held_until(code) == last]


def _held_until(code: Code) -> date:
    return code.valid_to or date.max


def _folded(text: str) -> str:
    return " ".join(text.replace(".", "").replace("'", "").casefold().split())


def _near(text: str, among: Iterable[str], what: str, file: str) -> str:
    """The next step after a name that nothing has: the names like it, else where all of them stand."""
    close = difflib.get_close_matches(text, list(among), n=3, cutoff=0.5)
    return (
        f"did you mean {', '.join(repr(c) for c in close)}?"
        if close
        else f"choose from the {what} in ratings/catalogue/{file}"
    )
