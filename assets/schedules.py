"""Schedules: what happens at a time of day, in the time of London, summer and winter.

Here: when; every hour lies outside the one that clocks skip or repeat.
Not here: what happens (jobs.py, operations.py), what happens because something came (sensors.py).

(Annotations are not postponed in this file: Dagster reads those of the functions it calls.)
"""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from assets.jobs import build_ratings, sweep_freshness
from assets.operations import alert_overdue_returns, prune_run_history, verify
from assets.partitions import ROUNDS
from assets.resources import Warehouse
from pipelines.drafts import next_draft, round_name
from pipelines.overdue import returns_due

ZONE = "Europe/London"
_ON = dg.DefaultScheduleStatus.RUNNING
RETURNS_TAG = "starledger/returns_due"


@dg.schedule(
    name="release_calendar",
    job=build_ratings,
    cron_schedule="0 18 * * *",
    execution_timezone=ZONE,
    default_status=_ON,
    description="On the evening of a day on which the calendar expects a return: a draft of that evening.",
)
def release_calendar(
    context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a draft on the days of the release calendar."""
    evening = context.scheduled_execution_time
    day = evening.astimezone(ZoneInfo(ZONE)).date()
    due = returns_due(day)
    if not due:
        return dg.SkipReason(f"no return is due on {day.isoformat()}")
    draft = next_draft(warehouse.place(), warehouse.method)
    if draft.simulated:
        return dg.SkipReason("invented figures have a calendar of their own")
    if draft.blocked or not draft.round:
        return dg.SkipReason(draft.why)
    round_asked = round_name(int(evening.timestamp()) * 1_000_000)
    context.instance.add_dynamic_partitions(str(ROUNDS.name), [round_asked])
    return dg.RunRequest(
        run_key=f"release calendar {day.isoformat()}",
        partition_key=round_asked,
        tags={RETURNS_TAG: ", ".join(due)},
    )


def _nightly(job: Any, name: str, cron: str, description: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=ZONE,
        default_status=_ON,
        description=description,
    )
    def tick(warehouse: dg.ResourceParam[Warehouse]) -> dg.RunRequest | dg.SkipReason:
        where = warehouse.place()
        if not where.has_ledger():
            return dg.SkipReason(f"there is no ledger in {where.warehouse} yet")
        return dg.RunRequest()

    return tick


def schedules() -> Sequence[dg.ScheduleDefinition]:
    """Every schedule."""
    return [
        release_calendar,
        _nightly(
            sweep_freshness,
            "nightly_freshness",
            "30 4 * * *",
            "Every night: each figure against its calendar, as of the new day.",
        ),
        _nightly(
            alert_overdue_returns,
            "morning_overdue_returns",
            "0 7 * * *",
            "Every morning: which returns are late, each told once.",
        ),
        _nightly(verify, "nightly_verification", "0 3 * * *", "Every night: the ledger and every snapshot."),
        _nightly(prune_run_history, "weekly_pruning", "0 5 * * 0", "Every Sunday: old runs of Dagster go."),
    ]
