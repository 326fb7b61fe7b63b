"""Method file: the TOML form of a rating method, read strictly.

Here: every table of the file becomes a value; what is unknown, missing, out of order, or contradicts the
    catalogue is refused, naming file, table and key.
Not here: what the values mean when applied (bands.py, judgements.py, stars.py); finding the file
    (methods.py).
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Literal, cast

from ratings.bands import Banding, Periods
from ratings.catalogue import Catalogue
from ratings.errors import MethodError
from ratings.judgements import SCALE, Cap, JudgementRules, LevelRule
from ratings.methods import Method, Status, load_method
from ratings.stars import (
    ASPECTS,
    PART_NAMES,
    SERVICES,
    STAR_WORDS,
    Levels,
    StarRule,
    StarTable,
    expand,
    prove,
)
from ratings.toml_table import Table


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
        top = Table(name, "", tomllib.loads(raw.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise MethodError(f"cannot be read as TOML: {fault}", file=name) from fault
    digest = hashlib.sha256(raw)
    identity = top.text("id")
    if f"{identity}.toml" != name:
        raise top.error("id", f"{identity!r} is not the name of the file", f"name the file {identity}.toml")
    start, end = top.day("effective_from"), top.day("effective_to", None)
    assert start is not None
    if end is not None and end < start:
        raise top.error("effective_to", f"{end} is before effective_from, {start}")
    scope = top.table("scope")
    prefixes, core = scope.texts("prefixes"), bool(scope.take("core", bool))
    scope.done()
    codes = {c for c, i in catalogue.indicators.items() if c.startswith(prefixes) and (i.core or not core)}
    if not codes:
        raise scope.error("prefixes", "no indicator of the catalogue is in this scope")
    scales = _scales(top.table("scales", {}))
    bandings = _bandings(top.tables("bandings"), codes)
    judgements = _judgements(top.table("judgements", {}), scales, bandings, catalogue)
    tables, default, referred = _stars(top.table("stars", {}), scales, folder, catalogue)
    for extra in referred:
        digest.update(extra)
    method = Method(
        id=identity,
        version=top.text("version"),
        title=top.text("title"),
        status=cast("Status", top.choice("status", ("official", "reconstructed", "illustrative"))),
        effective_from=start,
        effective_to=end,
        population=top.texts("population"),
        sources=top.texts("sources"),
        notes=top.text("notes", ""),
        prefixes=prefixes,
        core=core,
        periods=_periods(top.table("periods")),
        bandings=bandings,
        scales=scales,
        judgements=judgements,
        caps=_caps(top.tables("caps"), scales, (start, end), codes, catalogue),
        tables=tables,
        default_option=default,
        file=name,
        sha256=digest.hexdigest(),
    )
    top.done()
    if tables and judgements is None:
        raise top.error("stars", "there are stars but no judgements to make them of")
    return method


def _periods(table: Table) -> Periods:
    periods = Periods(
        minimum=table.take("minimum", int), kept=table.take("kept", int), history=table.take("history", int)
    )
    if not (1 <= periods.kept <= periods.history and periods.minimum >= 1):
        raise table.error("kept", "must be at least 1 and at most history; minimum at least 1")
    table.done()
    return periods


def _scales(table: Table) -> dict[str, tuple[str, ...]]:
    scales = {aspect: table.texts(aspect) for aspect in ASPECTS if aspect in table.content}
    table.done()
    for aspect, words in scales.items():
        if len(words) < 2:
            raise table.error(aspect, "a scale needs at least two words, worst first")
    return scales


def _bandings(tables: list[Table], codes: set[str]) -> tuple[Banding, ...]:
    bandings: list[Banding] = []
    named: dict[str, int] = {}
    for number, table in enumerate(tables, start=1):
        banding = Banding(
            kind=cast("Literal['quantiles', 'edges']", table.choice("kind", ("quantiles", "edges"))),
            labels=table.texts("labels"),
            boundary=cast("Literal['lower', 'better']", table.choice("boundary", ("lower", "better"))),
            edges=tuple(float(edge) for edge in table.numbers("edges", (int, float), [])),
            indicators=table.texts("indicators", []),
        )
        if len(banding.labels) < 2:
            raise table.error("labels", "at least two bands are needed, worst first")
        expected = len(banding.labels) - 1 if banding.kind == "edges" else 0
        if len(banding.edges) != expected:
            raise table.error("edges", f"{len(banding.edges)} given, {expected} needed for these labels")
        for low, high in pairwise(banding.edges):
            if low >= high:
                raise table.error("edges", f"{low:g} stands before {high:g}", "put them in ascending order")
        for code in banding.indicators or ("*",):
            if code in named:
                raise table.error("indicators", f"{code!r} already has bands in [bandings {named[code]}]")
            if code != "*" and code not in codes:
                raise table.error("indicators", f"{code!r} is not an indicator in this method's scope")
            named[code] = number
        table.done()
        bandings.append(banding)
    if len({len(banding.labels) for banding in bandings}) > 1:
        raise tables[0].error("labels", "all bandings of a method must have the same number of bands")
    return tuple(bandings)


def _judgements(
    table: Table, scales: Mapping[str, tuple[str, ...]], bandings: tuple[Banding, ...], catalogue: Catalogue
) -> JudgementRules | None:
    if not table.content:
        return None
    if set(scales) != set(ASPECTS):
        raise table.error("basis", "judgements need a scale for serving and for prospects")
    basis = cast("Literal['recorded', 'computed']", table.choice("basis", ("recorded", "computed")))
    if basis == "recorded":
        rounds = table.table("rounds")
        days = {name: rounds.day(name) for name in list(rounds.content)}
        table.done()
        return JudgementRules(
            basis=basis,
            rounds={name: day for name, day in days.items() if day is not None},
            services={service: (service,) for service in SERVICES},
            aspects={},
            missing="left_out",
        )
    if not bandings:
        raise table.error("basis", "computed judgements need bands")
    best = len(bandings[0].labels)
    services = table.table("services")
    members = {service: services.texts(service) for service in SERVICES}
    services.done()
    known = {indicator.service for indicator in catalogue.indicators.values()}
    listed = [member for service in SERVICES for member in members[service]]
    for member in listed:
        if listed.count(member) > 1 or member not in known:
            problem = "is listed twice" if listed.count(member) > 1 else "is not a service of the catalogue"
            raise services.error("children/adults", f"{member!r} {problem}")
    aspects = {}
    for aspect, least in (("serving", SCALE), ("prospects", (1 - best) * SCALE)):
        rule = table.table(aspect)
        level = LevelRule(
            cuts=rule.numbers("cuts", int),
            minimum_inputs=rule.take("minimum_inputs", int),
            held_at_best=rule.take("held_at_best", int, 0),
        )
        most = best * SCALE if aspect == "serving" else (best - 1) * SCALE
        if len(level.cuts) != len(scales[aspect]) - 1:
            raise rule.error(
                "cuts", f"{len(level.cuts)} given, {len(scales[aspect]) - 1} needed for the scale"
            )
        for low, high in pairwise((least, *level.cuts, most + 1)):
            if low >= high:
                raise rule.error("cuts", f"{low} stands before {high}: a level that no mean reaches")
        if level.minimum_inputs < 1 or not 0 <= level.held_at_best <= SCALE * (best - 1):
            raise rule.error(
                "minimum_inputs", "must be at least 1, and held_at_best no fall and no more than a rise"
            )
        rule.done()
        aspects[aspect] = level
    missing = cast("Literal['left_out', 'worst_band']", table.choice("missing", ("left_out", "worst_band")))
    table.done()
    return JudgementRules(basis=basis, rounds={}, services=members, aspects=aspects, missing=missing)


def _caps(
    tables: list[Table],
    scales: Mapping[str, tuple[str, ...]],
    force: tuple[date, date | None],
    codes: set[str],
    catalogue: Catalogue,
) -> tuple[Cap, ...]:
    caps: list[Cap] = []
    for table in tables:
        aspect = table.choice("aspect", tuple(scales))
        word = table.choice("at_most", scales[aspect])
        cap = Cap(
            indicator=table.text("indicator"),
            in_catalogue=bool(table.take("in_catalogue", bool, True)),
            service=table.choice("service", SERVICES),
            aspect=aspect,
            operator=cast("Literal['>', '<']", table.choice("fails", (">", "<"))),
            threshold=float(table.take("threshold", (int, float))),
            level=scales[aspect].index(word),
            effective_from=table.day("effective_from", None),
            effective_to=table.day("effective_to", None),
            exempt_below=table.take("exempt_below_denominator", int, None),
            rationale=table.text("rationale"),
            source=table.text("source", ""),
        )
        table.done()
        if cap.level == len(scales[aspect]) - 1:
            raise table.error("at_most", f"{word!r} is the best judgement there is, so nothing is capped")
        indicator = catalogue.indicators.get(cap.indicator)
        if cap.in_catalogue != (cap.indicator in codes):
            problem = (
                "is not an indicator in this method's scope"
                if cap.in_catalogue
                else "is in the catalogue after all"
            )
            raise table.error("indicator", f"{cap.indicator!r} {problem}")
        worse = {"lower": ">", "higher": "<"}.get(indicator.polarity if indicator else "")
        if worse is not None and cap.operator != worse:
            raise table.error("fails", f"{cap.operator!r} would fail the better figures of {cap.indicator}")
        first = cap.effective_from or force[0]
        last = cap.effective_to or force[1] or date.max
        if not force[0] <= first <= last <= (force[1] or date.max):
            raise table.error("effective_from", f"{first} to {last} is not a time within that of the method")
        for other in caps:
            same = (other.indicator, other.service, other.aspect, other.level)
            overlap = (other.effective_from or force[0]) <= last and first <= (
                other.effective_to or force[1] or date.max
            )
            if same == (cap.indicator, cap.service, cap.aspect, cap.level) and overlap:
                raise table.error(
                    "indicator", f"{cap.indicator!r} has two thresholds for one cap at one time"
                )
        caps.append(cap)
    return tuple(caps)


def _stars(
    table: Table, scales: Mapping[str, tuple[str, ...]], folder: Traversable, catalogue: Catalogue
) -> tuple[dict[str, StarTable], str, list[bytes]]:
    """Star tables by option, the default option, and the bytes of other files that they rest on."""
    if not table.content:
        return {}, "", []
    if "from_method" in table.content:
        other = load_method(table.text("from_method"))
        option = table.text("option")
        table.done()
        if other.scales != scales:
            raise table.error("from_method", f"{other.id} has other scales than this method")
        return {option: other.table(option)}, option, [other.sha256.encode()]
    observed: dict[Levels, int] = {}
    for row in table.tables("observed"):
        levels = tuple(
            scales[n.split("_")[1]].index(row.choice(n, scales[n.split("_")[1]])) for n in PART_NAMES
        )
        if levels in observed:
            raise row.error("children_serving", "this combination was given before")
        observed[levels] = _star(row)
        row.text("councils"), row.text("source")
        row.done()
    default = table.text("default")
    options = table.table("tables")
    tables: dict[str, StarTable] = {}
    referred: list[bytes] = []
    for name in list(options.content):
        one = options.table(name)
        title = one.text("title")
        if "csv" in one.content:
            written = one.text("csv")
            if not (folder / written).is_file():
                raise one.error("csv", f"there is no file {written!r} beside the method")
            raw = (folder / written).read_bytes()
            referred.append(raw)
            tables[name] = _cells(raw, scales, observed, name, title, table.file)
        else:
            rules = [_rule(row, scales) for row in one.tables("rules")]
            tables[name] = expand(rules, scales, observed, option=name, title=title, file=table.file)
        one.done()
    if default not in tables:
        raise table.error("default", f"there is no table {default!r}")
    table.done()
    return tables, default, referred


def _star(row: Table) -> int:
    star = int(row.take("stars", int))
    if not 0 <= star < len(STAR_WORDS):
        raise row.error("stars", f"{star} is not a star from 0 to {len(STAR_WORDS) - 1}")
    return star


def _rule(row: Table, scales: Mapping[str, tuple[str, ...]]) -> StarRule:
    conditions: dict[str, dict[str, int]] = {}
    for key in ("any_at_most", "any_at_least", "all_at_least"):
        words = row.table(key, {})
        conditions[key] = {
            a: scales[a].index(words.choice(a, scales[a])) for a in ASPECTS if a in words.content
        }
        words.done()
    weights = row.table("points", {})
    points = {aspect: int(weights.take(aspect, int)) for aspect in ASPECTS if aspect in weights.content}
    weights.done()
    rule = StarRule(
        stars=_star(row),
        says=row.text("says"),
        any_at_most=conditions["any_at_most"],
        any_at_least=conditions["any_at_least"],
        all_at_least=conditions["all_at_least"],
        points_at_least=row.take("points_at_least", int, None),
        points=points,
    )
    if (rule.points_at_least is None) != (not points):
        raise row.error("points", "points and points_at_least belong together")
    row.done()
    return rule


def _cells(
    raw: bytes,
    scales: Mapping[str, tuple[str, ...]],
    observed: Mapping[Levels, int],
    option: str,
    title: str,
    file: str,
) -> StarTable:
    """A star table written out row by row in a CSV: the four judgements and `stars`."""
    stars: dict[Levels, int] = {}
    for line, row in enumerate(csv.DictReader(io.StringIO(raw.decode("utf-8"))), start=2):
        where = Table(file, f"stars.tables.{option} line {line}", row)
        levels = tuple(
            scales[n.split("_")[1]].index(where.choice(n, scales[n.split("_")[1]])) for n in PART_NAMES
        )
        if levels in stars:
            raise where.error("children_serving", "this combination was given before")
        word = where.choice("stars", tuple(str(star) for star in range(len(STAR_WORDS))))
        stars[levels] = int(word)
    says = {levels: f"{STAR_WORDS[star]} because the star table gives it" for levels, star in stars.items()}
    failures = {levels for levels, star in stars.items() if star == 0}
    return prove(stars, says, scales, observed, failures=failures, option=option, title=title, file=file)
