"""Methods: a rating method as data, loaded only when it proves itself.

Here: what a method holds, where the shipped ones lie (`methods/*.toml`), loading one by id or path.
Not here: the form of the file (method_form.py), proving it (method_file.py), applying a method (rating.py).

A method is a chain of steps, each a pure function of frames that is given the values below:

    figures -> bands           bandings, adjustments, alternatives, periods   bands.bands
    bands -> scores, levels    parts and `inputs`: what counts for what       scores.part_scores
    (recorded words -> levels                                                 judgements.as_recorded)
    levels -> capped levels    caps, then part_caps                           judgements.capped*
    capped levels -> star      one table with a cell for every combination    stars.stars

The steps after banding name the thing rated by `organisation` and, where a frame has it, `case`: with a row
per organisation and case, all what-if cases are judged at once (rating.decide).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

import polars as pl

from ratings.bands import Adjustment, Alternative, Banding, Periods
from ratings.catalogue import Catalogue, Indicator, load_catalogue
from ratings.errors import MethodError, NotFoundError
from ratings.judgements import Cap, JudgementRules, Part, PartCap
from ratings.stars import Parts, StarTable

Status = Literal["official", "reconstructed", "illustrative"]


@dataclass(frozen=True, slots=True)
class Method:
    """One version of a rating method.

    Attributes:
        id: stable name, also the name of its file.
        version: version of the method's text; raised with every change.
        title: what it is, for people.
        status: `official` (published as such), `reconstructed` (from published facts), `illustrative`
            (invented here; may be built, never released).
        effective_from: first day it is in force.
        effective_to: last day; None while in force.
        population: kinds of organisation that it rates.
        sources: where it is published.
        notes: what a reader of its results should know.
        prefixes: beginnings of the indicator codes in its scope.
        core: True where only core indicators are in its scope.
        periods: which periods count.
        bandings: how figures are cut; the one without indicators is for all the others.
        adjustments: changes of figures before they are banded.
        alternatives: indicators whose better band of two counts.
        parts: the judgements and the words of their levels; none for a method of bands alone.
        judgements: where judgements come from; None for a method without judgements.
        caps: key thresholds.
        part_caps: judgements that cap another, in an order in which each is settled before it caps.
        tables: option -> proven star table; empty for a method without an overall star.
        default_option: the table used when none is asked for.
        file: name of the file it was read from.
        sha256: hash of that file and of every file it refers to.
    """

    id: str
    version: str
    title: str
    status: Status
    effective_from: date
    effective_to: date | None
    population: tuple[str, ...]
    sources: tuple[str, ...]
    notes: str
    prefixes: tuple[str, ...]
    core: bool
    periods: Periods
    bandings: tuple[Banding, ...]
    adjustments: tuple[Adjustment, ...]
    alternatives: tuple[Alternative, ...]
    parts: Parts
    judgements: JudgementRules | None
    caps: tuple[Cap, ...]
    part_caps: tuple[PartCap, ...]
    tables: Mapping[str, StarTable]
    default_option: str
    file: str
    sha256: str

    @property
    def stars(self) -> bool:
        """Whether it has an overall star at all."""
        return bool(self.tables)

    @property
    def recorded(self) -> bool:
        """Whether its judgements are the regulator's, not computed from figures."""
        return self.judgements is not None and self.judgements.basis == "recorded"

    def table(self, option: str | None = None) -> StarTable:
        """The star table of an option, by default the method's own choice.

        Raises:
            MethodError: the method has no stars, or no such option.
        """
        name = option or self.default_option
        if not self.tables:
            raise MethodError(
                f"{self.id} has no overall star",
                file=self.file,
                hint="choose a method that has: starledger methods list",
            )
        if name not in self.tables:
            raise MethodError(
                f"{self.id} has no option {name!r}",
                file=self.file,
                hint=f"choose one of {', '.join(self.tables)}",
            )
        return self.tables[name]

    def in_scope(self, indicator: Indicator) -> bool:
        """Whether the method looks at this indicator."""
        return indicator.code.startswith(self.prefixes) and (indicator.core or not self.core)

    def part(self, name: str) -> Part:
        """One part by its name."""
        return next(part for part in self.parts.all if part.name == name)

    def inputs(self, catalogue: Catalogue) -> pl.DataFrame:
        """Which indicators count for which part.

        An indicator that its publisher does not let be compared, or that has no good end, counts for none,
        except where a part names it with a weight.

        Returns:
            One row per (part, indicator): `part`, `service`, `aspect`, `indicator`, `weight`.
        """
        rows = [
            (part.name, part.service, part.aspect, code, weight)
            for part in self.parts.all
            for code, weight in self._weights(part, catalogue).items()
        ]
        names = ("part", "service", "aspect", "indicator")
        schema = dict.fromkeys(names, pl.String) | {"weight": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _weights(self, part: Part, catalogue: Catalogue) -> Mapping[str, int]:
        if part.rule is None:
            return {}
        if part.rule.weights is not None:
            return part.rule.weights
        stand_ins = {one.alternative for one in self.alternatives}
        return {
            indicator.code: 1
            for indicator in catalogue.indicators.values()
            if self.in_scope(indicator)
            and indicator.service in part.rule.services
            and indicator.banded
            and indicator.polarity != "none"
            and indicator.code not in stand_ins
        }

    def in_force(self, day: date) -> bool:
        """Whether this version is in force on a day."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def check_in_force(self, day: date) -> None:
        """Refuse a day on which this version is not in force.

        Raises:
            MethodError: naming the days on which it is.
        """
        if not self.in_force(day):
            until = self.effective_to or "today"
            raise MethodError(
                f"{self.id} is not in force on {day}, only from {self.effective_from} to {until}",
                file=self.file,
                hint="ask for a day within, or for another method",
            )


def load_method(identifier: str | Path, catalogue: Catalogue | None = None) -> Method:
    """Load a method and prove it.

    Args:
        identifier: id of a shipped method, or path of a method file.
        catalogue: catalogue that its indicators must stand in; the bundled one by default.

    Returns:
        The method.

    Raises:
        NotFoundError: no shipped method has this id.
        MethodError: the file contradicts itself; names file, table and key, with the case that shows it.
    """
    if isinstance(identifier, Path) or identifier.endswith(".toml"):
        path = Path(identifier)
        if not path.is_file():
            raise _unknown(path)
        return _read(path.parent, path.name, catalogue)
    if catalogue is None:
        return _shipped(identifier)
    return _read(_folder(), f"{identifier}.toml", catalogue)


def method_text(identifier: str | Path) -> str:
    """The text of a method's file.

    Raises:
        NotFoundError: there is no such method.
    """
    if isinstance(identifier, Path) or identifier.endswith(".toml"):
        file: Traversable = Path(identifier)
    else:
        file = _folder() / f"{identifier}.toml"
    if not file.is_file():
        raise _unknown(identifier)
    return file.read_text(encoding="utf-8")


def list_methods() -> list[Method]:
    """All shipped methods, in order of id."""
    return [_shipped(name) for name in shipped_ids()]


def shipped_ids() -> list[str]:
    """Ids of the shipped methods, without loading them."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml")
    )


def _folder() -> Traversable:
    return files("ratings") / "methods"


@cache
def _shipped(identifier: str) -> Method:
    return _read(_folder(), f"{identifier}.toml", None)


def _read(folder: Traversable, name: str, catalogue: Catalogue | None) -> Method:
    from ratings.method_file import read_method  # here, because that file builds what this one defines

    if not (folder / name).is_file():
        raise _unknown(name.removesuffix(".toml"))
    return read_method(folder, name, load_catalogue() if catalogue is None else catalogue)


def _unknown(identifier: str | Path) -> NotFoundError:
    if str(identifier).endswith(".toml"):
        return NotFoundError("there is no such file", file=str(identifier), hint="check the path")
    return NotFoundError(f"no method {str(identifier)!r}", hint=f"choose one of {', '.join(shipped_ids())}")
