"""Jobs: what can be launched as a whole.

Here: the job that reads every indicator and builds a draft.
Not here: when it is launched, and releasing a draft: that is a person's act.
"""

from __future__ import annotations

import dagster as dg

# One process for all steps: a process of its own costs each step seconds of imports, and the log would be
# read once per step instead of once per run.
EXECUTOR = dg.in_process_executor

build_ratings = dg.define_asset_job(
    "build_ratings",
    selection=dg.AssetSelection.all(),
    description="Reads what is known of every indicator and writes a draft snapshot. Releases nothing.",
    executor_def=EXECUTOR,
)
