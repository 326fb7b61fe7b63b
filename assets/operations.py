"""Operations: single acts that Dagster can launch, each a job of one step.

Here: ingest, verify, replay, release, settle, alert of overdue returns, pruning of old runs; what each asks
    for and what it shows.
Not here: the acts themselves (pipelines); when they are launched (schedules.py, sensors.py).

(Annotations are not postponed in this file: Dagster reads those of the functions it calls.)
"""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from assets.jobs import EXECUTOR, SAFE_AGAIN
from assets.resources import READ_AGAIN, Warehouse, told
from assets.sources import landed
from assets.stars import SNAPSHOT_TAG
from pipelines import publish
from pipelines.alerts import AlertError, send
from pipelines.inbox import take
from pipelines.ledger_proofs import verify as verify_ledger
from pipelines.overdue import overdue_alert, overdue_returns
from pipelines.replay import replay as build_again
from pipelines.source_files import parse_time
from ratings.errors import LedgerError
from warehouse.release_history import RELEASED
from warehouse.snapshots import list_snapshots
from warehouse.snapshots import verify as verify_snapshot

BATCH_TAG, COLLECTION_TAG = "starledger/batch", "starledger/collection"
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class Arrived(dg.Config):
    """Files to take from the inbox."""

    collection: str = Field(description="Name of the folder in the inbox.")
    files: list[str] = Field(default=[], description="Names of files in it; by default all there are.")


@dg.op(retry_policy=READ_AGAIN, description="Ingests files of the inbox and moves each to done or refused.")
def take_files(context: dg.OpExecutionContext, config: Arrived, warehouse: Warehouse) -> None:
    """Take files from the inbox. A refused file fails the run, after every other file was taken."""
    with told(LedgerError):
        where = warehouse.settings(context)
        taken = take(where, config.collection, config.files, tell=context.log.info)
    batches = sorted({str(file.batch) for file in taken if file.batch})
    context.instance.add_run_tags(
        context.run_id,
        {COLLECTION_TAG: config.collection} | ({BATCH_TAG: ", ".join(batches)} if batches else {}),
    )
    for file in taken:
        if file.batch and not file.refused:
            context.log_event(landed(config.collection, file))
    if refused := [file for file in taken if file.refused]:
        raise dg.Failure(
            "; ".join(f"{file.file} was refused: {file.message}" for file in refused),
            metadata={file.file: str(file.moved_to or "left where it was") for file in refused},
            allow_retries=False,
        )


@dg.job(tags=SAFE_AGAIN, executor_def=EXECUTOR, description="Ingests files that lie in the inbox.")
def ingest() -> None:
    """Take files from the inbox."""
    take_files()


class Trusted(dg.Config):
    """What the ledger is held against."""

    checkpoint: str = Field(default="", description="Text of a checkpoint that was kept elsewhere.")


@dg.op(retry_policy=READ_AGAIN, description="Hashes the whole ledger again, and the files of every snapshot.")
def verify_all(context: dg.OpExecutionContext, config: Trusted, warehouse: Warehouse) -> None:
    """Verify the ledger and every snapshot."""
    where = warehouse.settings(context)
    with told():
        found = verify_ledger(where, config.checkpoint or None)
        problems = [str(problem) for problem in found.problems]
        snapshots = list_snapshots(where.snapshots)
        for built in snapshots:
            problems += [f"{built.id}: {problem}" for problem in verify_snapshot(built.path)]
    context.add_output_metadata({"events": found.events, "snapshots": len(snapshots)})
    if problems:
        raise dg.Failure("; ".join(problems[:20]), metadata={"problems": len(problems)}, allow_retries=False)
    context.log.info(f"{found.events} events and {len(snapshots)} snapshots are as they were written")


@dg.job(tags=SAFE_AGAIN, executor_def=EXECUTOR, description="Verifies the ledger and every snapshot.")
def verify() -> None:
    """Verify the ledger and every snapshot."""
    verify_all()


class Rebuilt(dg.Config):
    """The snapshot to build again."""

    snapshot: str = Field(default="", description="Its id; by default the one released now, else the newest.")


@dg.op(retry_policy=READ_AGAIN, description="Builds a snapshot again from the log and compares every table.")
def replay_snapshot(context: dg.OpExecutionContext, config: Rebuilt, warehouse: Warehouse) -> None:
    """Build a snapshot again and compare."""
    where = warehouse.settings(context)
    with told():
        chosen = config.snapshot or publish.released_or_newest(where)
        found = build_again(where, chosen)
    context.instance.add_run_tags(context.run_id, {SNAPSHOT_TAG: chosen})
    differ = [table.table for table in found.tables if not table.identical]
    context.add_output_metadata({"snapshot": chosen, "identical": found.identical})
    if not found.identical:
        raise dg.Failure(
            f"{chosen} is not what the log gives now; other tables: {', '.join(differ) or 'none'};"
            f" changed since: {', '.join(found.changed) or 'nothing'}",
            allow_retries=False,
        )


@dg.job(tags=SAFE_AGAIN, executor_def=EXECUTOR, description="Builds a snapshot again and compares.")
def replay() -> None:
    """Build a snapshot again and compare."""
    replay_snapshot()


class Step(dg.Config):
    """A step in the life of a snapshot, and the person who takes it."""

    snapshot: str = Field(description="Id of the snapshot.")
    actor: str = Field(description="Who takes the step: a person, by the name the log is to keep.")
    reason: str = Field(description="Why. Anybody can read it in the log.")
    state: str = Field(default=RELEASED, description=f"One of {', '.join(publish.STATES)}.")
    at: str = Field(
        default="", description="When it takes effect, ISO 8601. A time to come is an embargo. Default: now."
    )


@dg.op(description="Lets a snapshot enter a state. Never tried again by itself.")
def release_snapshot(context: dg.OpExecutionContext, config: Step, warehouse: Warehouse) -> None:
    """Let a snapshot enter a state, in the name of a person."""
    where = warehouse.place(config.actor.strip() or None, run_id=context.run_id)
    if not config.actor.strip():
        raise dg.Failure("a release needs a person: fill in `actor`", allow_retries=False)
    with told():
        done = publish.release(
            where,
            config.snapshot,
            state=config.state,
            at=parse_time(config.at) if config.at else None,
            reason=config.reason,
        )
    context.instance.add_run_tags(context.run_id, {SNAPSHOT_TAG: config.snapshot})
    context.add_output_metadata(
        {
            "state": done.step.state,
            "takes_effect": dg.MetadataValue.timestamp(done.step.at / 1_000_000),
            "embargoed": done.embargoed,
            "latest": done.latest or "nothing is released",
        }
    )


@dg.job(
    executor_def=EXECUTOR,
    description="Releases, holds or withdraws a snapshot: a named person's act, with a reason.",
)
def release() -> None:
    """Let a snapshot enter a state."""
    release_snapshot()


@dg.op(retry_policy=READ_AGAIN, description="Lets latest.json name what the log says is released now.")
def settle_latest(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Let embargoes that ended take effect."""
    with told():
        named = publish.settle(warehouse.settings(context))
    context.add_output_metadata({"latest": named or "nothing is released"})
    if named:
        context.instance.add_run_tags(context.run_id, {SNAPSHOT_TAG: named})


@dg.job(tags=SAFE_AGAIN, executor_def=EXECUTOR, description="Lets releases whose time has come take effect.")
def settle() -> None:
    """Let embargoes that ended take effect."""
    settle_latest()


@dg.op(retry_policy=READ_AGAIN, description="Tells people which source returns are late, each once.")
def alert_overdue(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Send an alert for each late source return."""
    where = warehouse.settings(context)
    with told(AlertError):
        late = overdue_returns(where, warehouse.method)
        sent = send(where, [overdue_alert(each) for each in late], now=time.time())
    context.add_output_metadata(
        {
            "late": len(late),
            "told_now": len(sent),
            "returns": dg.MetadataValue.md(
                "\n".join(f"- {each.source_return}: {len(each.indicators)} of its figures" for each in late)
                or "none"
            ),
        }
    )


@dg.job(tags=SAFE_AGAIN, executor_def=EXECUTOR, description="Tells people which source returns are late.")
def alert_overdue_returns() -> None:
    """Send an alert for each late source return."""
    alert_overdue()


class Kept(dg.Config):
    """How much of Dagster's own history stays."""

    keep_days: int = Field(default=90, ge=1, description="Runs that ended longer ago than this are removed.")


@dg.op(description="Removes old runs from Dagster's own storage. The ledger is not touched.")
def remove_old_runs(context: dg.OpExecutionContext, config: Kept) -> None:
    """Remove old runs, but never the last one of an asset or a job."""
    instance = context.instance
    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    records = instance.get_asset_records(list(instance.get_asset_keys()))
    shown = {record.asset_entry.last_run_id for record in records}
    old = instance.get_runs(dg.RunsFilter(statuses=_FINISHED, created_before=before))
    newest: dict[str, str] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=_FINISHED)):  # newest first
        newest.setdefault(run.job_name, run.run_id)
    gone = [run for run in old if run.run_id not in shown and run.run_id not in newest.values()]
    for run in gone:
        instance.delete_run(run.run_id)
    context.add_output_metadata({"removed": len(gone), "kept_although_old": len(old) - len(gone)})


@dg.job(executor_def=EXECUTOR, description="Removes old runs from Dagster's own storage.")
def prune_run_history() -> None:
    """Remove old runs."""
    remove_old_runs()


OPERATIONS = [ingest, verify, replay, release, settle, alert_overdue_returns, prune_run_history]
