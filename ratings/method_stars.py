"""Method stars: the star tables of a method file, read and proved.

Here: rules, written-out CSV files and weighted means as proven tables; another method's table; the stars that
    were published.
Not here: what proves a table (stars.py), the other tables of the file (method_file.py).
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable

from ratings.method_form import MeanForm, ObservedForm, RuleForm, StarsForm, TableForm
from ratings.method_place import Place, aspects_of, level_of
from ratings.methods import load_method, method_text
from ratings.stars import (
    Levels,
    Limit,
    Mean,
    Parts,
    StarRule,
    StarScale,
    StarTable,
    expand,
    prove,
    star_words,
    write_out,
)


def read_stars(
    form: StarsForm | None, parts: Parts, folder: Traversable, top: Place
) -> tuple[dict[str, StarTable], str, list[bytes]]:
    """Star tables by option, the default option, and the bytes of other files that they rest on.

    Raises:
        MethodError: naming table and key, with the combination that shows the fault.
    """
    if form is None:
        return {}, "", []
    place = top.within("stars")
    if not parts.all:
        raise place.error("stars", "there are stars but no judgements to make them of")
    if form.from_method is not None:
        return _borrowed(form, parts, place)
    if form.lowest is None or form.highest is None or not 0 <= form.lowest < form.highest:
        raise place.error("lowest", "lowest and highest star are needed, 0 or more and the lowest below")
    if not form.tables:
        raise place.error("tables", "there is no table")
    observed = _observed(form.observed, parts, form, place)
    tables: dict[str, StarTable] = {}
    referred: list[bytes] = []
    for name, one in form.tables.items():
        within = place.within("tables").within(name)
        scale = StarScale(form.lowest, form.highest, name, one.title, top.file, one.not_monotone.strip())
        if sum((bool(one.rules), one.csv is not None, one.mean is not None)) != 1:
            raise within.error("rules", "exactly one of rules, csv and mean is needed")
        tables[name] = _table(one, parts, observed, scale, folder, within, referred)
    if form.default not in tables:
        raise place.error("default", f"there is no table {form.default!r}")
    return tables, form.default, referred


def _borrowed(form: StarsForm, parts: Parts, place: Place) -> tuple[dict[str, StarTable], str, list[bytes]]:
    """The table of another method, which has the same parts and scales."""
    assert form.from_method is not None
    if form.option is None:
        raise place.error("option", "is missing: which table of the other method")
    for key, given in (("tables", form.tables), ("observed", form.observed), ("default", form.default)):
        if given:
            raise place.error(key, "stands in the other method, from_method")
    theirs = tomllib.loads(method_text(form.from_method)).get("stars", {})
    if f"{form.from_method}.toml" == place.file or "from_method" in theirs:
        raise place.error(
            "from_method",
            f"{form.from_method} has no table of its own, so this could go in a cycle",
            "name the method whose table it is",
        )
    other = load_method(form.from_method)
    if other.parts.scales != parts.scales or other.parts.names != parts.names:
        raise place.error("from_method", f"{other.id} has other parts or other scales than this method")
    return {form.option: other.table(form.option)}, form.option, [other.sha256.encode()]


def _observed(
    forms: Sequence[ObservedForm], parts: Parts, form: StarsForm, place: Place
) -> dict[Levels, int]:
    observed: dict[Levels, int] = {}
    for number, one in enumerate(forms):
        within = place.within("observed", number)
        levels = _levels(one.parts, parts, within)
        if levels in observed:
            raise within.error("parts", "this combination was given before")
        observed[levels] = _star(one.stars, form, within)
    return observed


def _levels(words: Mapping[str, str], parts: Parts, place: Place) -> Levels:
    """One word for each part, as levels in the order of the parts."""
    for name in words:
        if name not in parts.names:
            raise place.error(name, f"is not one of {', '.join(parts.names)}")
    for name in parts.names:
        if name not in words:
            raise place.error(name, "is missing")
    return tuple(level_of(name, words[name], parts, place, word_key=name) for name in parts.names)


def _star(star: int, form: StarsForm, place: Place) -> int:
    assert form.lowest is not None
    assert form.highest is not None
    if not form.lowest <= star <= form.highest:
        raise place.error("stars", f"{star} is not a star from {form.lowest} to {form.highest}")
    return star


def _table(
    form: TableForm,
    parts: Parts,
    observed: Mapping[Levels, int],
    scale: StarScale,
    folder: Traversable,
    place: Place,
    referred: list[bytes],
) -> StarTable:
    if form.mean is not None:
        if observed:
            raise place.error("mean", "a weighted mean is its own authority: nothing observed is needed")
        return write_out(_mean(form.mean, parts, scale, place.within("mean")), parts, scale)
    if form.csv is not None:
        if not (folder / form.csv).is_file():
            raise place.error("csv", f"there is no file {form.csv!r} beside the method")
        raw = (folder / form.csv).read_bytes()
        referred.append(raw)
        return _cells(raw, parts, observed, scale, place)
    rules = [_rule(one, parts, scale, place.within("rules", n)) for n, one in enumerate(form.rules)]
    return expand(rules, parts, observed, scale)


def _rule(form: RuleForm, parts: Parts, scale: StarScale, place: Place) -> StarRule:
    if not scale.lowest <= form.stars <= scale.highest:
        raise place.error("stars", f"{form.stars} is not a star from {scale.lowest} to {scale.highest}")
    if (form.points_at_least is None) != (not form.points):
        raise place.error("points", "points and points_at_least belong together")
    for aspect in form.points:
        if aspect not in parts.scales:
            raise place.error("points", f"{aspect!r} is not one of {', '.join(parts.scales)}")
    try:
        form.says.format(who="", points=0)
    except (KeyError, IndexError, ValueError):
        raise place.error("says", "only {who} and {points} can be filled in") from None
    return StarRule(
        stars=form.stars,
        says=form.says,
        any_at_most=aspects_of(form.any_at_most, parts, place, "any_at_most"),
        any_at_least=aspects_of(form.any_at_least, parts, place, "any_at_least"),
        all_at_least=aspects_of(form.all_at_least, parts, place, "all_at_least"),
        points_at_least=form.points_at_least,
        points=dict(form.points),
    )


def _mean(form: MeanForm, parts: Parts, scale: StarScale, place: Place) -> Mean:
    if set(form.weights) != set(parts.names):
        odd = sorted(set(form.weights) ^ set(parts.names))
        raise place.error("weights", f"every part needs one weight; look at {', '.join(odd)}")
    for name, weight in form.weights.items():
        if weight < 1:
            raise place.error(f"weights.{name}", f"{weight} is not a weight; it must be at least 1")
    total = sum(form.weights.values())
    if total != form.sum:
        given = " + ".join(str(weight) for weight in form.weights.values())
        raise place.error("weights", f"{given} = {total}, not {form.sum}")
    for part in parts.all:
        levels = len(parts.scales[part.aspect])
        if len(form.points) != levels:
            raise place.error("points", f"{len(form.points)} given, {levels} needed for {part.name}")
    limits = []
    for number, one in enumerate(form.limits):
        within = place.within("limits", number)
        level = level_of(one.part, one.at_most, parts, within)
        if not scale.lowest <= one.stars < scale.highest:
            raise within.error("stars", f"{one.stars} caps nothing, or is no star")
        limits.append(Limit(one.part, level, one.stars))
    return Mean(dict(form.weights), tuple(form.points), form.rounding, tuple(limits))


def _cells(
    raw: bytes, parts: Parts, observed: Mapping[Levels, int], scale: StarScale, place: Place
) -> StarTable:
    """A star table written out row by row in a CSV: a column per part, and `stars`."""
    stars: dict[Levels, int] = {}
    for line, row in enumerate(csv.DictReader(io.StringIO(raw.decode("utf-8"))), start=2):
        where = Place(place.file, f"{place.name} line {line}")
        word = row.pop("stars", "")
        levels = _levels({str(name): str(text) for name, text in row.items()}, parts, where)
        if levels in stars:
            raise where.error(parts.names[0], "this combination was given before")
        if word not in {str(star) for star in range(scale.lowest, scale.highest + 1)}:
            raise where.error("stars", f"{word!r} is not a star from {scale.lowest} to {scale.highest}")
        stars[levels] = int(word)
    says = {levels: f"{star_words(star)} because the star table gives it" for levels, star in stars.items()}
    failures = {levels for levels, star in stars.items() if star == scale.lowest}
    return prove(stars, says, parts, observed, scale, failures=failures)
