"""Snapshot tables: what stands in each table of a snapshot.

Here: every column with type, unit, nullability and meaning; the declared keys; what each schema version
    changed.
Not here: what a column is (snapshot_columns.py), directories and manifests (snapshots.py), how the rows come
    about (pipelines/tables.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from warehouse.snapshot_columns import Column, SnapshotTable

SCHEMA_CHANGES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: ("first tables: stars, judgements, bands, observations, freshness, organisations, lineage",),
        2: ("judgements are of any parts; stars say whether fresh data could change them",),
        3: ("quality is there, with the grade of each indicator and its reasons",),
        4: (
            "lineage.column is there: the column of the file that holds what the event says",
            "influence and counterfactuals are there; stars say what they are without red indicators",
            "quality counts the figures that a warning stands about, and those explained",
        ),
    }
)
"""What each schema version changed. One is added whenever a column is added, dropped, or comes to mean
something else; columns are only ever added, so that an old snapshot can be built again and compared."""

SCHEMA_VERSION = max(SCHEMA_CHANGES)

_ORGANISATION = Column("organisation", "string", "stable id of the organisation", required=True)
_INDICATOR = Column("indicator", "string", "code of the indicator in the catalogue", required=True)
_PERIOD = Column("period", "string", "period as an SDMX time range: first day and duration", required=True)
_MARKS = (
    Column("method_status", "string", "official, reconstructed or illustrative", required=True),
    Column("simulated", "bool", "true where organisations and figures are invented", required=True),
)
_DECISION = (
    Column("decision", "string", "binding decision: appeal_upheld, under_review, set_aside or suspended"),
    Column("decision_authority", "string", "who decided"),
    Column("decision_expires_at", "time", "when the decision ends by itself, null where it does not"),
    Column("decision_position", "int64", "position in the log of the decision"),
)

_STARS = SnapshotTable(
    "stars",
    "one row per organisation: its star and what it rests on",
    ("organisation",),
    (
        _ORGANISATION,
        Column("name", "string", "name of the organisation", required=True),
        Column("round", "string", "rating round, null where the method has none"),
        Column("star", "int64", "the star that counts, null where there is none", "stars"),
        Column("computed_star", "int64", "the star without any decision", "stars"),
        Column(
            "rating_status", "string", "rated, not_rated, under_review, set_aside or suspended", required=True
        ),
        Column("rating_status_reason", "string", "why it has this status", required=True),
        *_DECISION,
        Column("rule", "string", "the rule that bound the star, in a sentence"),
        Column(
            "oldest_deciding_age_days",
            "int64",
            "age of the oldest figure that counted, at as_published",
            "days",
        ),
        Column("oldest_deciding_indicator", "string", "indicator of that figure"),
        Column("inputs", "int64", "figures that counted", "figures", required=True),
        Column(
            "out_of_date_inputs",
            "int64",
            "of these, out of date by their own calendar",
            "figures",
            required=True,
        ),
        Column(
            "out_of_date_share", "double", "out_of_date_inputs / inputs, null without inputs", "share, 0 to 1"
        ),
        Column(
            "missing_inputs",
            "int64",
            "figures the method asks for and that are not known",
            "figures",
            required=True,
        ),
        Column(
            "out_of_date_indicators",
            "string",
            "codes of those out of date, separated by commas; blank where there is none",
            required=True,
        ),
        Column(
            "could_fresh_data_change_it",
            "string",
            "never, possibly or certainly: by figures in place of those out of date or missing",
            required=True,
        ),
        Column("lowest_star", "int64", "lowest star that such figures together could give", "stars"),
        Column("highest_star", "int64", "highest star that such figures together could give", "stars"),
        Column(
            "flipping_inputs",
            "int64",
            "inputs of which one alone could give another star: freshness.other_stars says how",
            "figures",
            required=True,
        ),
        Column("held_fixed", "string", "what the answer takes as given, in a sentence", required=True),
        Column(
            "red_inputs",
            "int64",
            "figures that counted and whose indicator is graded red",
            "figures",
            required=True,
        ),
        Column(
            "star_without_red",
            "int64",
            "computed_star if no indicator graded red had been asked for, null where there is none",
            "stars",
        ),
        *_MARKS,
    ),
)

_JUDGEMENTS = SnapshotTable(
    "judgements",
    "one row per organisation and part of its rating: the judgement and where it comes from",
    ("organisation", "part"),
    (
        _ORGANISATION,
        Column("part", "string", "name of the part in its method, such as children_serving", required=True),
        Column(
            "service", "string", "what it is about: children, adults; blank where there is one", required=True
        ),
        Column(
            "aspect", "string", "the question it answers: serving, prospects, staffing ...", required=True
        ),
        Column("judgement", "string", "the judgement that counts, null where there is none"),
        Column("undecided_judgement", "string", "the judgement after caps, without any decision"),
        Column("level", "int64", "its level, 0 worst", "levels"),
        Column(
            "score", "int64", "the mean it was computed from, null where recorded", "thousandths of a band"
        ),
        Column("basis", "string", "recorded by the regulator, or computed from bands", required=True),
        Column("computed_judgement", "string", "the judgement before caps"),
        Column("rule", "string", "how it came about, in a sentence"),
        Column("capped_by", "string", "key indicator or part that capped it, null where none did"),
        Column("cap_value", "double", "value of that indicator", "the indicator's unit"),
        Column("cap_threshold", "double", "its key threshold", "the indicator's unit"),
        Column("position", "int64", "position in the log of the recorded judgement"),
        *_DECISION,
        Column("inputs", "int64", "bands that counted", "figures"),
        Column("missing", "int64", "bands that are missing", "figures"),
    ),
)

_BANDS = SnapshotTable(
    "bands",
    "one row per organisation and indicator: the figure that counts and its band",
    ("organisation", "indicator"),
    (
        _ORGANISATION,
        _INDICATOR,
        Column("period", "string", "period of the figure, null where there is none"),
        Column("value", "double", "the figure, null where it is missing", "column unit"),
        Column("unit", "string", "unit of the figure"),
        Column("band", "int64", "the band, 1 worst; null where there is none", "bands"),
        Column("band_label", "string", "the band as the method writes it"),
        Column("band_reason", "string", "why this band, or why none, in a sentence"),
        Column("key", "bool", "true where the indicator is a key indicator with a threshold", required=True),
        Column("position", "int64", "position in the log of the figure's event"),
        Column("previous_period", "string", "period compared with for movement"),
        Column("previous_band", "int64", "band in that period", "bands"),
        Column("movement", "int64", "band minus previous band", "bands"),
        Column("stood_in", "string", "indicator whose better band counts instead, null where none does"),
        Column("age_days", "int64", "from the end of the figure's period to as_published", "days"),
        Column("freshness", "string", "fresh, due, out_of_date, missing or discontinued"),
    ),
)

_OBSERVATIONS = SnapshotTable(
    "observations",
    "one row per figure known at the snapshot's two times, of the organisations and indicators rated",
    ("organisation", "indicator", "period"),
    (
        _ORGANISATION,
        _INDICATOR,
        _PERIOD,
        Column("period_label", "string", "period as printed"),
        Column("period_start", "date", "first day of the period", required=True),
        Column("period_end", "date", "last day of the period", required=True),
        Column("definition", "string", "version of the indicator's definition"),
        Column("collection", "string", "collection it comes from", required=True),
        Column("value", "double", "the figure, null where it is missing", "the indicator's unit"),
        Column("numerator", "double", "as reported, null where not reported", "count"),
        Column("denominator", "double", "as reported, null where not reported", "count"),
        Column(
            "obs_status",
            "string",
            "SDMX CL_OBS_STATUS: A normal, P provisional, O missing, Q suppressed, ...",
        ),
        Column("conf_status", "string", "SDMX CL_CONF_STATUS, null where not known"),
        Column("published_at", "time", "when the source put it out", required=True),
        Column("position", "int64", "position of its event in the log", required=True),
        Column("source_batch", "int64", "batch whose file holds the cell", required=True),
        Column("source_row", "int64", "row of that file, as a person counts it"),
    ),
)

_FRESHNESS = SnapshotTable(
    "freshness",
    "one row per organisation and indicator: is the latest figure the one that should be known by now",
    ("organisation", "indicator"),
    (
        _ORGANISATION,
        _INDICATOR,
        Column("latest_period", "string", "latest period known"),
        Column("expected_period", "string", "period that should be known at as_published"),
        Column("state", "string", "fresh, due, out_of_date, missing or discontinued", required=True),
        Column("periods_behind", "int64", "periods between the two", "periods"),
        Column("days_late", "int64", "days since the expected figure should have been out", "days"),
        Column("age_days", "int64", "from the end of the latest period to as_published", "days"),
        Column("source_return", "string", "return that feeds the indicator, else its topic"),
        Column(
            "other_stars",
            "string",
            "bands or values of this figure that alone give another star, and which; null where none",
        ),
    ),
)

_QUALITY = SnapshotTable(
    "quality",
    "one row per indicator: what happened to its figures, and the grade that this gives",
    ("indicator",),
    (
        _INDICATOR,
        Column("figures", "int64", "figures with a value", "figures", required=True),
        Column("missing", "int64", "figures reported as missing", "figures", required=True),
        Column("suppressed", "int64", "of these, suppressed", "figures", required=True),
        Column("provisional", "int64", "figures that are provisional", "figures", required=True),
        Column("revised", "int64", "figures whose value was once another", "figures", required=True),
        Column("withdrawn", "int64", "figures taken back by their source", "figures", required=True),
        Column("quarantined", "int64", "rows refused, in all files read", "rows", required=True),
        Column(
            "flagged",
            "int64",
            "figures that a warning stands about, unexplained",
            "figures",
            required=True,
        ),
        Column(
            "answered",
            "int64",
            "figures whose warning was explained in a query, and the answer accepted",
            "figures",
            required=True,
        ),
        Column("revision_size", "double", "mean absolute revision relative to the later values", "percent"),
        Column("definitions", "int64", "versions of its definition", "versions", required=True),
        Column("organisations", "int64", "organisations rated", "organisations", required=True),
        Column(
            "reporting",
            "int64",
            "of these, with a value in the newest period they report",
            "organisations",
            required=True,
        ),
        Column(
            "suppressing",
            "int64",
            "of these, with their newest figure suppressed",
            "organisations",
            required=True,
        ),
        Column(
            "followed",
            "int64",
            "organisations whose figure is held against the calendar",
            "organisations",
            required=True,
        ),
        Column("out_of_date", "int64", "of these, out of date", "organisations", required=True),
        Column(
            "cases_known", "int64", "newest figures whose number of cases is known", "figures", required=True
        ),
        Column(
            "small_numbers", "int64", "of these, resting on fewer cases than 20", "figures", required=True
        ),
        Column("grade", "string", "green, amber or red: that of the worst dimension", required=True),
        Column(
            "reasons", "string", "why, a sentence a line, each with its number and threshold", required=True
        ),
    ),
)

_INFLUENCE = SnapshotTable(
    "influence",
    "one row per organisation and indicator that its method asks for: its star with this indicator left out",
    ("organisation", "indicator"),
    (
        _ORGANISATION,
        _INDICATOR,
        Column("counts_for", "string", "parts that it counts for or caps, by name", required=True),
        Column("known", "bool", "true where there is a figure that counts", required=True),
        Column("grade", "string", "quality of the indicator: green, amber or red", required=True),
        Column("star", "int64", "the star without any decision, null where there is none", "stars"),
        Column("star_without", "int64", "the star if the indicator had never been asked for", "stars"),
        Column("decides", "bool", "true where the two differ", required=True),
        Column("judgements_without", "string", "judgements that are others without it, in words"),
    ),
)

_COUNTERFACTUALS = SnapshotTable(
    "counterfactuals",
    "one row per organisation, input and direction in which a change of this input alone gives another star",
    ("organisation", "kind", "input", "direction"),
    (
        _ORGANISATION,
        Column("kind", "string", "figure or judgement", required=True),
        Column("input", "string", "figure: its indicator; judgement: its part", required=True),
        Column("direction", "string", "up to more stars, or down to fewer", required=True),
        Column("star", "int64", "the star then, without any decision", "stars", required=True),
        Column("now", "double", "the figure as it is", "the indicator's unit"),
        Column("relation", "string", "at_least, above, at_most or below: how it would stand to `figure`"),
        Column(
            "figure", "double", "the nearest figure from which on the star is that", "the indicator's unit"
        ),
        Column("now_judgement", "string", "the judgement as it is, after caps"),
        Column("judgement", "string", "the nearest judgement that gives that star"),
        Column(
            "distance",
            "double",
            "figure: share of the way from the lowest to the highest figure of its period, null where all "
            "are the same; judgement: levels",
            "share, or levels",
        ),
        Column("nearest", "bool", "true for the smallest distance of its kind and direction", required=True),
        Column("says", "string", "the change in a sentence", required=True),
    ),
)

_ORGANISATIONS = SnapshotTable(
    "organisations",
    "one row per organisation of the population",
    ("organisation",),
    (
        _ORGANISATION,
        Column("name", "string", "name of the organisation", required=True),
        Column("kind", "string", "council, facility or simulated", required=True),
        Column("region", "string", "region it lies in"),
        Column("opened", "date", "first day of its existence, null where older than the data"),
        Column("closed", "date", "last day of its existence, null while it exists"),
        Column("la_code", "string", "the Department for Education's three digits"),
        Column("gss_code", "string", "the nine characters of the Government Statistical Service"),
    ),
)

_LINEAGE = SnapshotTable(
    "lineage",
    "one row per step from a star towards the files it rests on",
    ("organisation", "from_kind", "from_id", "to_kind", "to_id"),
    (
        _ORGANISATION,
        Column("from_kind", "string", "star, judgement, cap, band or event", required=True),
        Column(
            "from_id",
            "string",
            "star: organisation; judgement: part; cap and band: indicator; event: its position",
            required=True,
        ),
        Column("to_kind", "string", "judgement, cap, band, event, batch or file", required=True),
        Column("to_id", "string", "as from_id; batch: its number; file: its SHA-256", required=True),
        Column("row", "int64", "row of the file, as a person counts it"),
        Column("column", "string", "column of the file that holds the figure or judgement"),
    ),
)

TABLES: Mapping[str, SnapshotTable] = MappingProxyType(
    {
        table.name: table
        for table in (
            _STARS,
            _JUDGEMENTS,
            _BANDS,
            _OBSERVATIONS,
            _FRESHNESS,
            _QUALITY,
            _INFLUENCE,
            _COUNTERFACTUALS,
            _ORGANISATIONS,
            _LINEAGE,
        )
    }
)

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType({name: table.schema() for name, table in TABLES.items()})
