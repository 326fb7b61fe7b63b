"""Definitions: everything that Dagster loads, put together.

Here: assets, checks, jobs, schedules and sensors, from the catalogue alone: loading needs no ledger.
Not here: what any of them does.
"""

from __future__ import annotations

import os

import dagster as dg

from assets.indicators import indicator_assets
from assets.jobs import EXECUTOR, build_ratings, sweep_freshness
from assets.operations import OPERATIONS
from assets.resources import Warehouse
from assets.schedules import schedules
from assets.sensors import SENSORS
from assets.sources import source_specs
from assets.stars import rating_assets

# Nothing phones home, also where nobody set this for the process.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


@dg.definitions
def defs() -> dg.Definitions:
    """What there is to see and to launch."""
    indicators = indicator_assets()
    rating = rating_assets([key for collection in indicators for key in collection.keys])
    return dg.Definitions(
        assets=[*source_specs(), *indicators, rating],
        jobs=[build_ratings, sweep_freshness, *OPERATIONS],
        schedules=schedules(),
        sensors=SENSORS,
        resources={"warehouse": Warehouse()},
        executor=EXECUTOR,
    )
