"""Lineage events: how a snapshot came about, as OpenLineage events.

Here: one run for each file that its figures were read from, and one for the rating, with schema, column
    lineage, versions and what is known of quality.
Not here: the way of a single star (trace.py), Dagster's own lineage (assets).

Nothing is sent anywhere: the events are values, and the command line writes them to a file. They are the same
whenever they are made: times are those of the log, and the ids of runs follow from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from openlineage.client import set_producer
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    documentation_dataset,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    ownership_dataset,
    processing_engine_run,
    schema_dataset,
)

from ratings.collections import Collection, load_collection
from ratings.errors import NotFoundError, SnapshotError
from warehouse.batches import Batch
from warehouse.event_log import Ledger
from warehouse.snapshot_manifest import iso
from warehouse.snapshot_tables import TABLES
from warehouse.snapshots import SnapshotRef

Facets = dict[str, DatasetFacet]

OBSERVATIONS = (
    ("indicator", "string", "code of the indicator in the catalogue"),
    ("organisation", "string", "stable id of the organisation"),
    ("period", "string", "period as an SDMX time range: first day and duration"),
    ("value", "double", "the figure, null where it is missing"),
    ("numerator", "double", "as reported, null where not reported"),
    ("denominator", "double", "as reported, null where not reported"),
    ("obs_status", "string", "SDMX CL_OBS_STATUS"),
)
"""What every collection of figures becomes."""

JUDGEMENTS = (
    ("organisation", "string", "stable id of the organisation"),
    ("service", "string", "children or adults"),
    ("aspect", "string", "serving or prospects"),
    ("judgement", "string", "the judgement as recorded"),
)
"""What a collection of judgements becomes."""

_FIGURES = "observation"

_MADE_OF: Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]] = {
    "observations": {name: ((name, "IDENTITY"),) for name, _, _ in OBSERVATIONS},
    "bands": {
        "value": (("value", "IDENTITY"),),
        "period": (("period", "IDENTITY"),),
        "band": (("value", "TRANSFORMATION"), ("obs_status", "TRANSFORMATION")),
    },
    "freshness": {"latest_period": (("period", "AGGREGATION"),), "state": (("period", "AGGREGATION"),)},
    "quality": {
        "figures": (("value", "AGGREGATION"),),
        "suppressed": (("obs_status", "AGGREGATION"),),
        "grade": (("value", "AGGREGATION"), ("obs_status", "AGGREGATION")),
    },
}
"""Columns of a snapshot's tables, and the columns of the collections that they come from."""

_WITHIN: Mapping[str, Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "judgements": {
        "judgement": (("bands", "band", "AGGREGATION"), ("bands", "value", "TRANSFORMATION")),
        "computed_judgement": (("bands", "band", "AGGREGATION"),),
        "cap_value": (("bands", "value", "IDENTITY"),),
    },
    "stars": {
        "star": (("judgements", "judgement", "TRANSFORMATION"),),
        "computed_star": (("judgements", "judgement", "TRANSFORMATION"),),
        "could_fresh_data_change_it": (("freshness", "state", "TRANSFORMATION"),),
        "out_of_date_inputs": (("freshness", "state", "AGGREGATION"),),
    },
}
"""Columns that come from another table of the same snapshot."""


def lineage_events(ledger: Ledger, found: SnapshotRef) -> list[RunEvent]:
    """The OpenLineage events of a snapshot, in the order in which things happened.

    Args:
        ledger: the log that it was built from.
        found: the snapshot.

    Returns:
        A COMPLETE event for the ingest of every file that its figures or judgements came from, then one for
        the rating. Datasets are named in the namespace of the log: `landing/SHA256`, `collections/ID`,
        `snapshots/ID/TABLE`.

    Raises:
        SnapshotError: the snapshot is of another log.
        NotFoundError: the log does not speak of it.
    """
    if found.manifest["ledger"]["origin"] != ledger.origin:
        raise SnapshotError(
            f"{found.id} was built from another log than the one given",
            hint="name its own ledger with --warehouse or --database-url",
        )
    set_producer(f"urn:{found.manifest['code_version'].replace(' ', ':')}")
    namespace = f"starledger:{ledger.origin}"
    built = next(
        (e for e in ledger.events("snapshot_built") if e["payload"]["id"] == found.id),
        None,
    )
    if built is None:
        raise NotFoundError(f"the log says nothing of {found.id}", hint="run `starledger snapshots settle`")
    batches = _files(ledger, found)
    checks: dict[int, list[dict[str, Any]]] = {}
    for event in ledger.events("check_result", as_recorded=found.manifest["as_recorded"]):
        checks.setdefault(event["batch"], []).append(event["payload"])
    ingests = [_ingest(namespace, batch, checks.get(batch.id, [])) for batch in batches]
    return [*ingests, _rating(namespace, found, batches, ledger.batch(built["batch"]))]


def _files(ledger: Ledger, found: SnapshotRef) -> list[Batch]:
    """The batches whose files a snapshot rests on, in the order they were recorded."""
    reached = found.table("lineage").filter(pl.col("from_kind") == "event", pl.col("to_kind") == "batch")[
        "to_id"
    ]
    wanted = {int(number) for number in reached.unique()}
    return [b for b in ledger.batches() if b.id in wanted and b.file_sha256 and b.collection]


def _run(namespace: str, what: str, at: int) -> Run:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}/{what}")
    return Run(str(identity), {"nominalTime": nominal_time_run.NominalTimeRunFacet(iso(at))})


def _job(namespace: str, name: str) -> Job:
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="STARLEDGER", jobType="JOB")
    return Job(namespace, name, {"jobType": kind})


def _ingest(namespace: str, batch: Batch, checks: Iterable[dict[str, Any]]) -> RunEvent:
    collection = load_collection(batch.collection or "")
    sha256 = batch.file_sha256 or ""
    publisher = ownership_dataset.Owner(name=collection.publisher, type="PUBLISHER")
    file = InputDataset(
        namespace,
        f"landing/{sha256}",
        facets={
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(sha256),
            "documentation": documentation_dataset.DocumentationDatasetFacet(
                f"{batch.file_name}: {collection.title}, {collection.licence}"
            ),
            "ownership": ownership_dataset.OwnershipDatasetFacet([publisher]),
        },
        inputFacets={
            "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
                columnMetrics={}, rowCount=batch.rows_read
            ),
            "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                [
                    data_quality_assertions_dataset.Assertion(
                        assertion=check["check"],
                        success=check["success"],
                        severity="error" if check["severity"] in ("critical", "error") else "warn",
                        description=check["message"] or None,
                        actual=str(check["failed"]),
                    )
                    for check in checks
                ]
            ),
        },
    )
    made = OutputDataset(
        namespace,
        f"collections/{collection.id}",
        facets={
            "schema": _schema(OBSERVATIONS if collection.event == _FIGURES else JUDGEMENTS),
            "columnLineage": _from_file(namespace, sha256, collection),
        },
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=batch.counts.get("observations", 0)
            )
        },
    )
    return RunEvent(
        eventTime=iso(batch.recorded_at),
        run=_run(namespace, f"batch {batch.id}", batch.published_at or batch.recorded_at),
        job=_job(namespace, f"ingest.{collection.id}"),
        eventType=RunState.COMPLETE,
        inputs=[file],
        outputs=[made],
    )


def _from_file(
    namespace: str, sha256: str, collection: Collection
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Which columns of the file each column of what is known was read from."""
    if collection.event == _FIGURES:
        read = collection.read_from()
    else:
        said = [column for column in [collection.columns.organisation] if column]
        read = {"organisation": tuple(said), "judgement": tuple(j.column for j in collection.judgements)}
    file = f"landing/{sha256}"
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        {
            field: _fields((namespace, file, column, "TRANSFORMATION") for column in columns)
            for field, columns in read.items()
            if columns
        }
    )


def _rating(namespace: str, found: SnapshotRef, batches: list[Batch], built: Batch) -> RunEvent:
    manifest = found.manifest
    collections = sorted({b.collection or "" for b in batches})
    figures = found.table("observations")
    quality = found.table("quality")
    run = _run(namespace, found.id, built.recorded_at)
    run.facets = (run.facets or {}) | {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=manifest["code_version"].rpartition(" ")[2], name="starledger"
        )
    }
    return RunEvent(
        eventTime=iso(built.recorded_at),
        run=run,
        job=_job(namespace, f"rate.{manifest['method']['id']}"),
        eventType=RunState.COMPLETE,
        inputs=[_input(namespace, each, batches, figures, quality) for each in collections],
        outputs=[_table(namespace, found, name, collections) for name in sorted(manifest["tables"])],
    )


def _input(
    namespace: str, collection: str, batches: list[Batch], figures: pl.DataFrame, quality: pl.DataFrame
) -> InputDataset:
    """A collection as the rating saw it: how many figures, and the grade of each indicator."""
    mine = figures.filter(pl.col("collection") == collection)
    values = mine["value"]
    metrics = data_quality_metrics_input_dataset.ColumnMetrics(
        nullCount=values.null_count(),
        count=float(values.len() - values.null_count()),
        min=_number(values.min()),
        max=_number(values.max()),
    )
    grades = quality.filter(pl.col("indicator").is_in(mine["indicator"].unique().to_list()))
    newest = max((b.last_position for b in batches if b.collection == collection), default=0)
    return InputDataset(
        namespace,
        f"collections/{collection}",
        facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet(f"position {newest}")},
        inputFacets={
            "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
                columnMetrics={"value": metrics} if mine.height else {}, rowCount=mine.height
            ),
            "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                [
                    data_quality_assertions_dataset.Assertion(
                        assertion="quality_grade",
                        success=row["grade"] != "red",
                        column="value",
                        severity="warn",
                        name=row["indicator"],
                        description=row["reasons"].replace("\n", "; "),
                        expected="green or amber",
                        actual=row["grade"],
                    )
                    for row in grades.sort("indicator").iter_rows(named=True)
                ]
            ),
        },
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _table(namespace: str, found: SnapshotRef, name: str, collections: list[str]) -> OutputDataset:
    said, table = found.manifest["tables"][name], TABLES[name]
    here = f"snapshots/{found.id}"
    fields = {
        field: _fields(
            [
                (namespace, f"collections/{collection}", column, subtype)
                for collection in collections
                if load_collection(collection).event == _FIGURES
                for column, subtype in made_of
            ]
        )
        for field, made_of in _MADE_OF.get(name, {}).items()
    }
    for field, within in _WITHIN.get(name, {}).items():
        inputs = [(namespace, f"{here}/{other}", column, subtype) for other, column, subtype in within]
        if field == "judgement":
            inputs += [
                (namespace, f"collections/{collection}", field, "IDENTITY")
                for collection in collections
                if load_collection(collection).event == field
            ]
        fields[field] = _fields(inputs)
    facets: Facets = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(said["digest"]),
        "documentation": documentation_dataset.DocumentationDatasetFacet(table.meaning),
        "schema": _schema((c.name, c.type, c.meaning) for c in table.columns),
    }
    if fields:
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields)
    return OutputDataset(
        namespace,
        f"{here}/{name}",
        facets=facets,
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=said["rows"], size=said.get("bytes"), fileCount=1
            )
        },
    )


def _schema(columns: Iterable[tuple[str, str, str]]) -> schema_dataset.SchemaDatasetFacet:
    return schema_dataset.SchemaDatasetFacet(
        [schema_dataset.SchemaDatasetFacetFields(name, kind, meaning) for name, kind, meaning in columns]
    )


def _fields(inputs: Iterable[tuple[str, str, str, str]]) -> column_lineage_dataset.Fields:
    return column_lineage_dataset.Fields(
        [
            column_lineage_dataset.InputField(
                namespace, name, column, [column_lineage_dataset.Transformation("DIRECT", subtype)]
            )
            for namespace, name, column, subtype in inputs
        ]
    )
