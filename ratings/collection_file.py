"""Collection files: the TOML files of the collections, read and proved.

Here: every fault in them that can be seen, with file, table and key; a key that nobody knows is one.
Not here: what their keys mean (collections.py).
"""

from __future__ import annotations

import codecs
import hashlib
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from importlib.resources.abc import Traversable
from types import MappingProxyType

from ratings.catalogue import ORGANISATION_KINDS, load_catalogue
from ratings.collection_table import Table
from ratings.collections import (
    ADDED,
    CONF_STATUSES,
    COUNTED,
    COVERAGES,
    EVENTS,
    EVIDENCE_SAYS,
    FORMATS,
    LABELS,
    MOST_ROWS,
    OBS_STATUSES,
    SCOPES,
    Collection,
    Columns,
    FileFormat,
    JudgementColumn,
    Marker,
    Measure,
    OutOfScope,
    PeriodSource,
    Pivot,
    Published,
    Ratio,
    Total,
)
from ratings.errors import DefinitionError
from ratings.periods import parse_rule


def read_collection(file: Traversable) -> Collection:
    """Read a collection from its TOML file (a path will do).

    The hash covers the file, the catalogue and every dictionary: two readings with the same hash turn the
    same bytes into the same figures.

    Raises:
        DefinitionError: the file is wrong; names file, table and key.
    """
    try:
        content = file.read_bytes().replace(b"\r\n", b"\n")
        top = Table(file.name, "", tomllib.loads(content.decode("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DefinitionError(f"the file cannot be read: {error}", file=file.name) from None
    indicator, organisation = top.table("indicator"), top.table("organisation")
    period, published = top.table("period"), top.table("published")
    ratio, pivot = top.table("ratio"), top.table("pivot")
    result = Collection(
        id=top.text("id"),
        title=top.text("title"),
        publisher=top.text("publisher"),
        licence=top.text("licence"),
        source=top.text("source", ""),
        event=top.choice("event", EVENTS),
        coverage=top.choice("coverage", COVERAGES),
        replaces=top.texts("replaces", SCOPES),
        simulated=top.flag("simulated"),
        payload=top.texts("payload"),
        file=_file_format(top.table("file")),
        columns=_columns(top.table("columns")),
        aliases=MappingProxyType(top.table("aliases").lists()),
        indicator_prefix=indicator.text("prefix", ""),
        indicator_fixed=indicator.maybe("fixed"),
        indicator_codes=MappingProxyType(indicator.mapping("codes")),
        organisation_scheme=organisation.text("scheme"),
        organisation_fixed=organisation.maybe("fixed"),
        organisations_at=organisation.day("at"),
        organisations_named_as=organisation.choice("named_as", ORGANISATION_KINDS)
        if "named_as" in organisation.content
        else None,
        organisation_otherwise=organisation.texts("otherwise"),
        period=_period_source(period) if period.present else None,
        published=_published(published) if published.present else None,
        markers=MappingProxyType(_markers(top.table("markers"))),
        statuses=MappingProxyType(_statuses(top.table("statuses"))),
        ratio=Ratio(ratio.number("scale"), ratio.maybe("printed")) if ratio.present else None,
        pivot=_pivot(pivot) if pivot.present else None,
        measures=tuple(_measure(table) for table in top.tables("measures")),
        totals=tuple(_total(table) for table in top.tables("totals")),
        judgements=tuple(
            JudgementColumn(t.text("column"), t.text("service"), t.text("aspect"))
            for t in top.tables("judgements")
        ),
        allowed=top.table("allowed").lists(),
        out_of_scope=tuple(_out_of_scope(table) for table in top.tables("out_of_scope")),
        sha256=hashlib.sha256(content + b"\0" + load_catalogue().sha256.encode()).hexdigest(),
    )
    top.finish()
    _prove(result, file.name)
    return result


def _file_format(table: Table) -> FileFormat:
    encoding, delimiter = table.text("encoding", "utf-8-sig"), table.text("delimiter", ",")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise table.fault("encoding", f"{encoding!r} is the name of no encoding") from None
    if len(delimiter) != 1:
        raise table.fault("delimiter", "this must be one character")
    return FileFormat(
        formats=table.texts("formats", FORMATS),
        encoding=encoding,
        delimiter=delimiter,
        skip_rows=table.number("skip_rows", 0),
        header_rows=table.number("header_rows", 1),
        sheet=table.maybe("sheet"),
        notes=table.flag("notes"),
        thousands=table.maybe("thousands"),
        most_rows=table.number("most_rows", MOST_ROWS),
    )


def _columns(table: Table) -> Columns:
    return Columns(**{field.name: table.maybe(field.name) for field in fields(Columns)})


def _pattern(table: Table, group: str) -> str | None:
    """A regular expression with a group of this name, where one is given."""
    pattern = table.maybe("pattern")
    try:
        if pattern is not None and group not in re.compile(pattern).groupindex:
            raise table.fault("pattern", f"the pattern has no group named `{group}`")
    except re.error as error:
        raise table.fault("pattern", f"not a regular expression: {error}") from None
    return pattern


def _published(table: Table) -> Published:
    column, fixed, pattern = table.maybe("column"), table.day("fixed"), _pattern(table, "date")
    if (column is None) == (fixed is None):
        raise table.fault("column", "name a column or a fixed date, and not both")
    if pattern and column is None:
        raise table.fault("pattern", "a pattern is for a column")
    return Published(column, fixed, pattern)


def _measure(table: Table) -> Measure:
    return Measure(
        table.text("indicator"), table.text("value"), table.maybe("numerator"), table.maybe("denominator")
    )


def _total(table: Table) -> Total:
    parts, total = table.texts("parts"), table.maybe("total")
    if len(parts) < 2:
        raise table.fault("parts", "name two parts at least")
    for code in (*parts, *([total] if total else [])):
        if code not in load_catalogue().indicators:
            raise table.fault("total" if code == total else "parts", f"no indicator {code!r}")
    numbers = table.choice("numbers", ADDED) if "numbers" in table.content else ADDED[0]
    return Total(parts, total, numbers, table.amount("rounded_to"))


def _period_source(table: Table) -> PeriodSource:
    pattern = _pattern(table, "period")
    source = table.choice("source", ("column", "file_name"))
    if (source == "file_name") != (pattern is not None):
        raise table.fault("pattern", "a pattern is for periods from the file name, and needed there")
    rule = table.text("rule")
    if rule != "indicator":
        try:
            parse_rule(rule)
        except DefinitionError as error:
            raise table.fault("rule", error.message) from None
    label = table.choice("label", LABELS) if "label" in table.content else LABELS[0]
    before = table.number("before", 0)
    if before and label != "month":
        raise table.fault("before", "only a label that is a month can stand for an earlier period")
    return PeriodSource(source, pattern, rule, label, before)


def _markers(table: Table) -> dict[str, Marker]:
    return {
        text: Marker(
            marker.choice("obs_status", OBS_STATUSES),
            marker.choice("conf_status", CONF_STATUSES) if "conf_status" in marker.content else None,
            marker.text("meaning"),
        )
        for text, marker in table.named_tables()
    }


def _statuses(table: Table) -> dict[str, str]:
    """What the status column says, as SDMX observation statuses; these themselves where none is given."""
    return {key: table.choice(key, OBS_STATUSES) for key in table.content} or {s: s for s in OBS_STATUSES}


def _pivot(table: Table) -> Pivot:
    return Pivot(
        table.text("column"),
        table.texts("value"),
        table.texts("numerator"),
        table.texts("denominator"),
        table.maybe("part"),
        table.text("reason"),
    )


def _out_of_scope(table: Table) -> OutOfScope:
    if ("in" in table.content) == ("not_in" in table.content):
        raise table.fault("in", "say either `in` or `not_in`")
    negated = "not_in" in table.content
    return OutOfScope(
        table.text("column"), table.texts("not_in" if negated else "in"), negated, table.text("reason")
    )


def _prove(collection: Collection, file: str) -> None:
    """Refuse a collection whose parts do not fit together."""

    def fault(key: str, message: str) -> DefinitionError:
        return DefinitionError(message, file=file, column=key)

    if f"{collection.id}.toml" != file:
        raise fault("id", f"the id {collection.id!r} is not the name of the file")
    if not collection.file.formats:
        raise fault("file.formats", "no format is named")
    if not collection.file.header_rows:
        raise fault("file.header_rows", "columns are found by their names, which stand in one row at least")
    if (collection.coverage == "partial") != bool(collection.replaces):
        raise fault("replaces", "a partial collection, and only that, names what its files are complete for")
    columns = collection.columns
    if (columns.organisation is None) == (collection.organisation_fixed is None):
        raise fault("columns.organisation", "name a column or [organisation] fixed, and not both")
    if any(key not in OBS_STATUSES for key in collection.statuses) and columns.status is None:
        raise fault("statuses", "there is no columns.status for them to stand in")
    if collection.organisation_otherwise and columns.organisation is None:
        raise fault("organisation.otherwise", "these are looked in where columns.organisation is blank")
    if COUNTED in collection.required_columns():
        raise fault(
            "columns",
            f"{COUNTED!r} is the name of the row's own number: use another, with this one as its alias",
        )
    for column, others in collection.aliases.items():
        if column not in collection.required_columns():
            raise fault(f"aliases.{column}", "no column of this name is read")
        if doubled := set(others) & set(collection.required_columns()):
            raise fault(f"aliases.{column}", f"{min(doubled)!r} is read as a column of its own")
    if collection.organisation_fixed and collection.organisation_fixed not in load_catalogue().organisations:
        raise fault("organisation.fixed", f"{collection.organisation_fixed!r} is not registered")
    known = load_catalogue().indicators
    for printed, code in collection.indicator_codes.items():
        if code not in known:
            raise fault(f"indicator.codes.{printed}", f"no indicator {code!r}")
    if collection.indicator_fixed is not None and collection.indicator_fixed not in known:
        raise fault("indicator.fixed", f"no indicator {collection.indicator_fixed!r}")
    if collection.organisations_named_as and (columns.organisation is None or collection.organisations_at):
        raise fault(
            "organisation.named_as", "names need the column they stand in, and are no codes of a register"
        )
    if collection.event != "observation":
        if collection.event == "evidence":
            if missing := [name for name in EVIDENCE_SAYS if name not in collection.payload]:
                raise fault("payload", f"evidence needs the columns {', '.join(missing)}")
        elif columns.round is None:
            raise fault("columns.round", "a fact about a rating needs the column of its round")
        if (collection.event == "judgement") != bool(collection.judgements):
            raise fault(
                "judgements", "a collection of judgements, and only that, names its judgement columns"
            )
        return
    if collection.measures:
        _prove_measures(collection, fault)
    elif (columns.indicator is None) == (collection.indicator_fixed is None):
        raise fault("columns.indicator", "name a column or [indicator] fixed, and not both")
    if collection.period is None or (collection.period.source == "column") != (columns.period is not None):
        raise fault("columns.period", "figures need a period: a column, or a pattern of the file name")
    if not collection.measures and (columns.value is None) != (collection.ratio is not None):
        raise fault("columns.value", "name a column or a [ratio], and not both")
    if collection.ratio and not (columns.numerator and columns.denominator):
        raise fault("ratio", "a ratio needs the columns of its numerator and denominator")


def _prove_measures(collection: Collection, fault: Callable[[str, str], DefinitionError]) -> None:
    """Refuse a file with a column for each indicator that is also said to have one for all."""
    columns = collection.columns
    if (
        columns.indicator
        or collection.indicator_fixed
        or columns.value
        or columns.numerator
        or columns.denominator
    ):
        raise fault("measures", "the columns of each measure stand in its own table, and nowhere else")
    if collection.ratio or collection.pivot:
        raise fault("measures", "neither a [ratio] nor a [pivot] goes with them")
    codes = [collection.indicator_code(m.indicator) for m in collection.measures]
    for code in codes:
        if codes.count(code) > 1:
            raise fault("measures.indicator", f"{code!r} stands there twice")
        if code not in load_catalogue().indicators:
            raise fault("measures.indicator", f"no indicator {code!r}")
