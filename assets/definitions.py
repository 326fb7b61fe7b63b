"""Definitions: everything that Dagster loads, put together.

Here: assets, checks, jobs and resources, from the catalogue alone: loading needs no ledger.
Not here: what any of them does.
"""

from __future__ import annotations

import os

import dagster as dg

from assets.indicators import indicator_assets
from assets.jobs import EXECUTOR, build_ratings
from assets.resources import Warehouse
from assets.stars import rating_assets

# Nothing phones home, also where nobody set this for the process.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


@dg.definitions
def defs() -> dg.Definitions:
    """What there is to see and to launch."""
    indicators = indicator_assets()
    rating = rating_assets([key for collection in indicators for key in collection.keys])
    return dg.Definitions(
        assets=[*indicators, rating],
        jobs=[build_ratings],
        resources={"warehouse": Warehouse()},
        executor=EXECUTOR,
    )
