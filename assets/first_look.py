"""First look: one run of `build_ratings` for a Dagster that has not seen this warehouse yet.

Here: what `make dev` does before it opens the pages, so that every asset, check and column has something to
    show, the files that were ingested without Dagster too. Where the warehouse was shown before, nothing.
Not here: any run after that (sensors.py, schedules.py).
"""

from __future__ import annotations

import dagster as dg

from assets.definitions import defs
from assets.partitions import ROUNDS
from assets.sources import landed
from assets.stars import SNAPSHOT
from pipelines.drafts import next_draft
from pipelines.inbox import Taken
from pipelines.settings import scheduled_method, settings


def main() -> None:
    """Run the job once, in the round that is the newest now."""
    newest = next_draft(settings(), scheduled_method())
    with dg.DagsterInstance.get() as instance:
        if not newest.round or instance.get_latest_materialization_event(SNAPSHOT):
            return
        print("Reading every indicator for the first time, so that Dagster has something to show")
        instance.add_dynamic_partitions(str(ROUNDS.name), [newest.round])
        for batch in settings().ledger().batches(kind="vintage"):
            taken = Taken(batch.file_name or "", "known before", batch.id, read=batch.rows_read)
            instance.report_runless_asset_event(landed(batch.collection or "", taken))
        job = defs().resolve_job_def("build_ratings")
        job.execute_in_process(
            instance=instance,
            partition_key=newest.round,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            raise_on_error=False,
        )


if __name__ == "__main__":
    main()
