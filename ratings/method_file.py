"""Method file: the TOML form of a rating method, read strictly and proved.

Here: a file becomes a method; what is out of order, contradicts the catalogue, or leaves a case without one
    outcome is refused, naming file, table and key.
Not here: which keys there are (method_form.py); the star table (method_stars.py); what the values mean when
    applied (bands.py, judgements.py, stars.py); finding the file (methods.py).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from datetime import date
from importlib.resources.abc import Traversable
from itertools import pairwise

from ratings.bands import Adjustment, Alternative, Banding, Periods
from ratings.catalogue import Catalogue
from ratings.errors import MethodError
from ratings.judgements import SCALE, Cap, JudgementRules, Part, PartCap, PartRule
from ratings.method_form import BandingForm, MethodForm, PartForm, read_form
from ratings.method_place import Place, level_of
from ratings.method_stars import read_stars
from ratings.methods import Method
from ratings.stars import MOST_COMBINATIONS, Parts


def read_method(folder: Traversable, name: str, catalogue: Catalogue) -> Method:
    """Read a method file and prove it.

    Args:
        folder: where the file lies, and the files that it names.
        name: name of the file.
        catalogue: catalogue that its indicators must stand in.

    Returns:
        The method.

    Raises:
        MethodError: naming file, table and key.
    """
    raw = (folder / name).read_bytes()
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise MethodError(f"cannot be read as TOML: {fault}", file=name) from fault
    form, top = read_form(content, name), Place(name)
    if f"{form.id}.toml" != name:
        raise top.error("id", f"{form.id!r} is not the name of the file", f"name the file {form.id}.toml")
    if form.effective_to is not None and form.effective_to < form.effective_from:
        raise top.error(
            "effective_to", f"{form.effective_to} is before effective_from, {form.effective_from}"
        )
    codes = {
        code
        for code, i in catalogue.indicators.items()
        if code.startswith(tuple(form.scope.prefixes)) and (i.core or not form.scope.core)
    }
    if not codes:
        raise top.within("scope").error("prefixes", "no indicator of the catalogue is in this scope")
    bandings = _bandings(form.bandings, codes, catalogue, top)
    parts = _parts(form, bandings, codes, catalogue, top)
    tables, default, referred = read_stars(form.stars, parts, folder, top)
    return Method(
        id=form.id,
        version=form.version,
        title=form.title,
        status=form.status,
        effective_from=form.effective_from,
        effective_to=form.effective_to,
        population=tuple(form.population),
        sources=tuple(form.sources),
        notes=form.notes.strip(),
        prefixes=tuple(form.scope.prefixes),
        core=form.scope.core,
        periods=_periods(form, top.within("periods")),
        bandings=bandings,
        adjustments=_adjustments(form, codes, top),
        alternatives=_alternatives(form, codes, top),
        parts=parts,
        judgements=_judgements(form, top.within("judgements")),
        caps=_caps(form, parts, codes, catalogue, top),
        part_caps=_part_caps(form, parts, top),
        tables=tables,
        default_option=default,
        file=name,
        sha256=hashlib.sha256(b"".join([raw, *referred])).hexdigest(),
    )


def _periods(form: MethodForm, place: Place) -> Periods:
    periods = form.periods
    if not (1 <= periods.kept <= periods.history and periods.minimum >= 1):
        raise place.error("kept", "must be at least 1 and at most history; minimum at least 1")
    return Periods(periods.minimum, periods.kept, periods.history, periods.inherited)


def _bandings(
    forms: Sequence[BandingForm], codes: set[str], catalogue: Catalogue, top: Place
) -> tuple[Banding, ...]:
    known_regions = {o.region for o in catalogue.organisations.values() if o.region}
    named: dict[tuple[str, str], int] = {}
    for number, form in enumerate(forms):
        place = top.within("bandings", number)
        if len(form.labels) < 2:
            raise place.error("labels", "at least two bands are needed, worst first")
        _edges(form, place)
        for region in form.regions:
            if region not in known_regions:
                raise place.error("regions", f"{region!r} is not a region of the catalogue")
        for code in form.indicators or ["*"]:
            if code != "*" and code not in codes:
                raise place.error("indicators", f"{code!r} is not an indicator in this method's scope")
            for region in form.regions or ["*"]:
                if (code, region) in named:
                    first = named[code, region]
                    raise place.error("indicators", f"{code!r} already has bands in [bandings {first}]")
                named[code, region] = number + 1
    for (code, _), number in named.items():
        if (code, "*") not in named:
            raise top.within("bandings", number - 1).error(
                "regions", f"{code!r} has no bands outside these regions", "add a banding without regions"
            )
    if len({len(form.labels) for form in forms}) > 1:
        raise top.within("bandings", 0).error(
            "labels", "all bandings of a method must have the same number of bands"
        )
    return tuple(
        Banding(
            kind=form.kind,
            labels=tuple(form.labels),
            boundary=form.boundary,
            edges=tuple(form.edges),
            stretches=tuple(form.bands),
            frozen_period=form.frozen_period,
            indicators=tuple(form.indicators),
            regions=tuple(form.regions),
            source=form.source,
        )
        for form in forms
    )


def _edges(form: BandingForm, place: Place) -> None:
    """Edges are as many as needed, in order, of known origin; every band can be reached."""
    bands = len(form.labels)
    if form.kind == "two_sided":
        if len(form.bands) != len(form.edges) + 1 or not form.edges:
            raise place.error(
                "bands", f"{len(form.bands)} given, {len(form.edges) + 1} needed for these edges"
            )
        for number in range(1, bands + 1):
            if number not in form.bands:
                raise place.error("bands", f"no figure reaches band {number}, {form.labels[number - 1]!r}")
        for number in form.bands:
            if not 1 <= number <= bands:
                raise place.error("bands", f"there is no band {number}, only 1 to {bands}")
        for one, other in pairwise(form.bands):
            if one == other:
                raise place.error("bands", f"band {one} stands on both sides of an edge that parts nothing")
    else:
        if form.bands:
            raise place.error("bands", "only two_sided bands are given stretch by stretch")
        expected = bands - 1 if form.kind == "edges" else 0
        if len(form.edges) != expected:
            raise place.error("edges", f"{len(form.edges)} given, {expected} needed for these labels")
    for low, high in pairwise(form.edges):
        if low >= high:
            raise place.error("edges", f"{low:g} stands before {high:g}", "put them in ascending order")
    if form.edges and not form.source.strip():
        raise place.error("source", "is missing: edges need to say where they come from")
    if (form.relative == "frozen") != bool(form.frozen_period):
        raise place.error("frozen_period", "relative = 'frozen' and frozen_period belong together")
    if form.frozen_period and form.kind != "quantiles":
        raise place.error("frozen_period", "only the edges of quantiles can be frozen; others never move")


def _adjustments(form: MethodForm, codes: set[str], top: Place) -> tuple[Adjustment, ...]:
    for number, one in enumerate(form.adjustments):
        place = top.within("adjustments", number)
        _known(one.indicator, "indicator", codes, place)
        if one.multiply <= 0:
            raise place.error("multiply", f"{one.multiply:g} would turn the figures round")
        if one.multiply == 1 and one.add == 0:
            raise place.error("add", "nothing is adjusted")
        _within(one.effective_from, one.effective_to, form, place)
    return tuple(
        Adjustment(one.indicator, one.add, one.multiply, one.effective_from, one.effective_to, one.rationale)
        for one in form.adjustments
    )


def _alternatives(form: MethodForm, codes: set[str], top: Place) -> tuple[Alternative, ...]:
    edges: dict[str, list[str]] = {}
    for number, one in enumerate(form.alternatives):
        place = top.within("alternatives", number)
        _known(one.indicator, "indicator", codes, place)
        _known(one.alternative, "alternative", codes, place)
        if not form.bandings:
            raise place.error("indicator", "there are no bands of which the better could be kept")
        edges.setdefault(one.indicator, []).append(one.alternative)
        if one.indicator in edges.get(one.alternative, []) or one.indicator == one.alternative:
            raise place.error(
                "alternative", f"a cycle: {one.indicator} and {one.alternative} stand for each other"
            )
        if one.alternative in edges or any(one.indicator in others for others in edges.values()):
            raise place.error("alternative", "an indicator that stands in for another cannot have a stand-in")
    return tuple(
        Alternative(one.indicator, one.alternative, one.when_missing, one.rationale)
        for one in form.alternatives
    )


def _parts(
    form: MethodForm, bandings: tuple[Banding, ...], codes: set[str], catalogue: Catalogue, top: Place
) -> Parts:
    for aspect, words in form.scales.items():
        if len(words) < 2:
            raise top.within("scales").error(aspect, "a scale needs at least two words, worst first")
    if bool(form.parts) != (form.judgements is not None):
        raise top.error("parts", "parts and [judgements] belong together")
    best = len(bandings[0].labels) if bandings else 0
    parts = []
    seen: dict[tuple[str, str], str] = {}
    combinations = 1
    for number, one in enumerate(form.parts):
        place = top.within("parts", number)
        if one.aspect not in form.scales:
            raise place.error("aspect", f"{one.aspect!r} is not one of {', '.join(form.scales)}")
        if one.name in seen.values():
            raise place.error("name", f"{one.name!r} is there twice")
        if (one.service, one.aspect) in seen:
            raise place.error(
                "aspect", f"{seen[one.service, one.aspect]} already has this service and aspect"
            )
        seen[one.service, one.aspect] = one.name
        combinations *= len(form.scales[one.aspect])
        if combinations > MOST_COMBINATIONS:
            raise place.error("name", f"more than {MOST_COMBINATIONS:,} combinations cannot be proved")
        computed = form.judgements is not None and form.judgements.basis == "computed"
        if computed and not bandings:
            raise top.within("judgements").error("basis", "computed judgements need bands")
        levels = len(form.scales[one.aspect])
        rule = _rule(one, best, levels, codes, catalogue, place) if computed else None
        if not computed and one.measure is not None:
            raise place.error("measure", "a recorded judgement is not computed from bands")
        parts.append(Part(one.name, one.title, one.service, one.aspect, rule))
    for aspect in form.scales:
        if aspect not in {part.aspect for part in parts}:
            raise top.within("scales").error(aspect, "no part has this aspect")
    _services_once(form, top)
    scales = {aspect: tuple(words) for aspect, words in form.scales.items()}
    return Parts(tuple(parts), scales, _synonyms(form, top.within("synonyms")))


def _synonyms(form: MethodForm, place: Place) -> dict[str, str]:
    known = {word for words in form.scales.values() for word in words}
    for word, means in form.synonyms.items():
        if word in known:
            raise place.error(word, "is a word of a scale itself")
        if means not in known:
            raise place.error(word, f"{means!r} is not a word of any scale")
    return dict(form.synonyms)


def _services_once(form: MethodForm, top: Place) -> None:
    """A service of the catalogue belongs to one service of the method."""
    owner: dict[str, str] = {}
    for number, one in enumerate(form.parts):
        for member in one.services:
            if owner.setdefault(member, one.service) != one.service:
                raise top.within("parts", number).error(
                    "services", f"{member!r} is listed twice, for {owner[member]} and for {one.service}"
                )


def _rule(
    one: PartForm, best: int, levels: int, codes: set[str], catalogue: Catalogue, place: Place
) -> PartRule:
    if one.measure is None:
        raise place.error("measure", "is missing: judgements are computed")
    points = tuple(one.points) or tuple(range(1, best + 1))
    if len(points) != best:
        raise place.error("points", f"{len(points)} given, {best} needed for the bands")
    for low, high in pairwise(points):
        if low > high:
            raise place.error("points", f"{low} stands before {high}: a better band would be worth less")
    known = {indicator.service for indicator in catalogue.indicators.values()}
    for member in one.services:
        if member not in known:
            raise place.error("services", f"{member!r} is not a service of the catalogue")
    if bool(one.services) == bool(one.weights):
        raise place.error("services", "name either services or weights")
    for code, weight in one.weights.items():
        _known(code, f"weights.{code}", codes, place)
        if weight < 1:
            raise place.error(f"weights.{code}", f"{weight} is not a weight; it must be at least 1")
    spread = points[-1] - points[0]
    least, most = (
        (points[0] * SCALE, points[-1] * SCALE)
        if one.measure == "band"
        else (-spread * SCALE, spread * SCALE)
    )
    if len(one.cuts) != levels - 1:
        raise place.error("cuts", f"{len(one.cuts)} given, {levels - 1} needed for the scale")
    for low, high in pairwise((least, *one.cuts, most + 1)):
        if low >= high:
            raise place.error("cuts", f"{low} stands before {high}: a level that no mean reaches")
    for cut in one.cuts:
        if cut % one.rounded_to:
            raise place.error("cuts", f"{cut} is not among the means, rounded to {one.rounded_to}")
    if one.minimum_inputs < 1 or not 0 <= one.held_at_best <= SCALE * spread:
        raise place.error(
            "minimum_inputs", "must be at least 1, and held_at_best no fall and no more than a rise"
        )
    if one.weights and one.minimum_inputs > len(one.weights):
        raise place.error(
            "minimum_inputs", f"{one.minimum_inputs} of {len(one.weights)} indicators is never met"
        )
    return PartRule(
        measure=one.measure,
        cuts=tuple(one.cuts),
        minimum_inputs=one.minimum_inputs,
        missing=one.missing,
        points=points,
        services=tuple(one.services),
        weights=dict(one.weights) or None,
        held_at_best=one.held_at_best,
        rounding=one.rounding,
        rounded_to=one.rounded_to,
    )


def _judgements(form: MethodForm, place: Place) -> JudgementRules | None:
    if form.judgements is None:
        return None
    rounds = dict(form.judgements.rounds)
    if (form.judgements.basis == "recorded") != bool(rounds):
        raise place.error("rounds", "recorded judgements have rounds, computed ones have none")
    for (one, earlier), (other, later) in pairwise(rounds.items()):
        if earlier >= later:
            raise place.error(f"rounds.{other}", f"{later} is not after round {one}, {earlier}")
    for name, day in rounds.items():
        if day < form.effective_from or (form.effective_to is not None and day > form.effective_to):
            raise place.error(f"rounds.{name}", f"{day} is not a day on which the method is in force")
    return JudgementRules(basis=form.judgements.basis, rounds=rounds)


def _caps(
    form: MethodForm, parts: Parts, codes: set[str], catalogue: Catalogue, top: Place
) -> tuple[Cap, ...]:
    caps: list[Cap] = []
    for number, one in enumerate(form.caps):
        place = top.within("caps", number)
        level = level_of(one.part, one.at_most, parts, place)
        if level == len(parts.scale(one.part)) - 1:
            raise place.error(
                "at_most", f"{one.at_most!r} is the best judgement there is, so nothing is capped"
            )
        cap = Cap(
            indicator=one.indicator,
            in_catalogue=one.in_catalogue,
            part=one.part,
            operator=one.fails,
            threshold=one.threshold,
            level=level,
            effective_from=one.effective_from,
            effective_to=one.effective_to,
            exempt_below=one.exempt_below_denominator,
            rationale=one.rationale,
            source=one.source,
        )
        if cap.in_catalogue != (cap.indicator in codes):
            problem = (
                "is not an indicator in this method's scope"
                if cap.in_catalogue
                else "is in the catalogue after all"
            )
            raise place.error("indicator", f"{cap.indicator!r} {problem}")
        indicator = catalogue.indicators.get(cap.indicator)
        worse = {"lower": ">", "higher": "<"}.get(indicator.polarity if indicator else "")
        if worse is not None and cap.operator != worse:
            raise place.error("fails", f"{cap.operator!r} would fail the better figures of {cap.indicator}")
        first, last = _within(cap.effective_from, cap.effective_to, form, place)
        for other in caps:
            same = (other.indicator, other.part, other.level) == (cap.indicator, cap.part, cap.level)
            begins = other.effective_from or form.effective_from
            ends = other.effective_to or form.effective_to or date.max
            if same and begins <= last and first <= ends:
                raise place.error(
                    "indicator", f"{cap.indicator!r} has two thresholds for one cap at one time"
                )
        caps.append(cap)
    return tuple(caps)


def _part_caps(form: MethodForm, parts: Parts, top: Place) -> tuple[PartCap, ...]:
    """Caps of parts on parts, each after those that cap the part it looks at."""
    caps = []
    for number, one in enumerate(form.part_caps):
        place = top.within("part_caps", number)
        level = level_of(one.part, one.at_most, parts, place)
        when = level_of(one.when_part, one.when_at_most, parts, place, "when_part", "when_at_most")
        if level == len(parts.scale(one.part)) - 1:
            raise place.error(
                "at_most", f"{one.at_most!r} is the best judgement there is, so nothing is capped"
            )
        caps.append(PartCap(one.part, level, one.when_part, when, one.rationale, one.source))
    ordered: list[PartCap] = []
    waiting = list(caps)
    while waiting:
        free = [cap for cap in waiting if cap.when_part not in {other.part for other in waiting}]
        if not free:
            chain = " -> ".join([cap.when_part for cap in waiting] + [waiting[0].when_part])
            raise top.within("part_caps", caps.index(waiting[0])).error(
                "when_part", f"a cycle: {chain}", "let no part cap what caps it"
            )
        ordered += free
        waiting = [cap for cap in waiting if cap not in free]
    return tuple(ordered)


def _known(code: str, key: str, codes: set[str], place: Place) -> None:
    if code not in codes:
        raise place.error(key, f"{code!r} is not an indicator in this method's scope")


def _within(
    effective_from: date | None, effective_to: date | None, form: MethodForm, place: Place
) -> tuple[date, date]:
    """First and last day, which lie within the method's own."""
    first = effective_from or form.effective_from
    last = effective_to or form.effective_to or date.max
    if not form.effective_from <= first <= last <= (form.effective_to or date.max):
        raise place.error("effective_from", f"{first} to {last} is not a time within that of the method")
    return first, last
