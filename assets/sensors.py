"""Sensors: what happens because something came.

Here: files in the inbox, figures that no draft holds, embargoes that end, runs that fail.
Not here: what then happens (operations.py, jobs.py); what happens at a time of day (schedules.py).

(Annotations are not postponed in this file: Dagster reads those of the functions it calls.)
"""

import time

import dagster as dg

from assets.jobs import build_ratings
from assets.operations import COLLECTION_TAG, ingest, settle
from assets.partitions import ROUNDS
from assets.resources import Warehouse
from assets.stars import SNAPSHOT_TAG
from pipelines.alerts import Alert, send
from pipelines.drafts import next_draft
from pipelines.inbox import inbox, look
from pipelines.publish import unsettled
from pipelines.settings import inbox_still_seconds

_ON = dg.DefaultSensorStatus.RUNNING
_BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_SHOWN = 5


@dg.sensor(
    name="inbox",
    job=ingest,
    minimum_interval_seconds=10,
    default_status=_ON,
    description="Files dropped into inbox/COLLECTION/ of the warehouse are ingested, each once.",
)
def inbox_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult:
    """Ask for an ingest of the files that are complete."""
    found = look(
        inbox(warehouse.place()), context.cursor, now=time.time(), still_seconds=inbox_still_seconds()
    )
    waiting = "; ".join(found.waiting[:_SHOWN])
    if len(found.waiting) > _SHOWN:
        waiting += f"; and {len(found.waiting) - _SHOWN} more"
    requests = [
        dg.RunRequest(
            run_key=arrival.key,
            run_config={
                "ops": {
                    "take_files": {"config": {"collection": arrival.collection, "files": list(arrival.files)}}
                }
            },
            tags={COLLECTION_TAG: arrival.collection},
        )
        for arrival in found.arrivals
    ]
    return dg.SensorResult(
        requests, cursor=found.cursor, skip_reason=None if requests else waiting or "nothing new in the inbox"
    )


@dg.sensor(
    name="draft",
    job=build_ratings,
    minimum_interval_seconds=10,
    default_status=_ON,
    description="Builds a draft when figures came and every blocking check in the log passed.",
)
def draft_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a draft once nothing is being ingested any more."""
    due = next_draft(warehouse.place(), warehouse.method)
    if not due.due:
        return dg.SkipReason(due.why)
    busy = context.instance.get_runs_count(dg.RunsFilter(job_name=ingest.name, statuses=_BUSY))
    if busy:
        return dg.SkipReason(f"{due.why}; waiting until {busy} runs of ingest have ended")
    return dg.SensorResult(
        [
            dg.RunRequest(
                run_key=f"{warehouse.method} {due.round} {due.position}",
                partition_key=due.round,
                tags={"starledger/why": due.why},
            )
        ],
        dynamic_partitions_requests=[ROUNDS.build_add_request([due.round])],
    )


@dg.sensor(
    name="embargo",
    job=settle,
    minimum_interval_seconds=30,
    default_status=_ON,
    description="Lets a release take effect when its time has come.",
)
def embargo_sensor(warehouse: dg.ResourceParam[Warehouse]) -> dg.RunRequest | dg.SkipReason:
    """Ask to settle where latest.json lags behind the log."""
    where = warehouse.place()
    if not where.has_ledger():
        return dg.SkipReason(f"there is no ledger in {where.warehouse} yet")
    step = unsettled(where)
    if step is None:
        return dg.SkipReason("latest.json says what the log says")
    return dg.RunRequest(run_key=f"{step.snapshot} {step.position}", tags={SNAPSHOT_TAG: step.snapshot})


@dg.run_failure_sensor(
    name="run_failure",
    minimum_interval_seconds=30,
    default_status=_ON,
    description="Tells people, as alerts.toml says, of every run that failed; of the same failure once.",
)
def run_failure_sensor(context: dg.RunFailureSensorContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
    """Send an alert for a failed run."""
    send(warehouse.place(), [failure_alert(context)], now=time.time())


def failure_alert(context: dg.RunFailureSensorContext) -> Alert:
    """The alert for a failed run: the same job that fails for the same reason is the same alert."""
    run = context.dagster_run
    reasons = [_reason(event) for event in context.get_step_failure_events()]
    why = "; ".join(reasons) or context.failure_event.message or "it ended without a reason"
    collection = run.tags.get(COLLECTION_TAG)
    return Alert(
        key=f"run failure {run.job_name}: {why}",
        subject=f"{run.job_name} failed{f' for {collection}' if collection else ''}",
        text=f"{why}\n\nRun {run.run_id}\nNext: look at the run in Dagster; docs/runbook.md, A failed run",
        group=collection or run.job_name,
    )


def _reason(event: dg.DagsterEvent) -> str:
    """Why a step failed: our own sentence where there is one, else what was raised."""
    failed = event.step_failure_data
    if failed.user_failure_data and failed.user_failure_data.description:
        return str(failed.user_failure_data.description)
    error = failed.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "no reason given"


SENSORS = [inbox_sensor, draft_sensor, embargo_sensor, run_failure_sensor]
