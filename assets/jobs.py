"""Jobs: what can be launched as a whole.

Here: the jobs made of assets, and how every run is executed.
Not here: jobs made of single acts (operations.py); when any of them is launched (schedules.py, sensors.py).
"""

from __future__ import annotations

import dagster as dg

from assets.sources import source_specs
from assets.stars import GROUP

# One process for all steps: a process of its own costs each step seconds of imports, and the log would be
# read once per step instead of once per run.
EXECUTOR = dg.in_process_executor

# Building reads the log and finds what was built before, so that a run that died may simply run again.
SAFE_AGAIN = {"dagster/max_retries": "2"}

_MADE_HERE = dg.AssetSelection.all() - dg.AssetSelection.assets(*(spec.key for spec in source_specs()))

build_ratings = dg.define_asset_job(
    "build_ratings",
    selection=_MADE_HERE,
    description="Reads what is known of every indicator and writes a draft snapshot. Releases nothing.",
    tags=SAFE_AGAIN,
    executor_def=EXECUTOR,
)

sweep_freshness = dg.define_asset_job(
    "sweep_freshness",
    selection=_MADE_HERE - dg.AssetSelection.groups(GROUP),
    description="Holds what is known of every indicator against its calendar, as of today. Rates nothing.",
    tags=SAFE_AGAIN,
    executor_def=EXECUTOR,
)
