"""Build ratings: the whole Dagster job over the full-width demonstration, in one process.

Here: the time from launch to end of `build_ratings` with Dagster's SQLite storage, first on a new instance
    and again on the same; and how many events that wrote.
Not here: making the demonstration warehouse, which is done before and not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.machine import describe
from pipelines.ingest import ingest
from pipelines.settings import Settings, settings
from pipelines.simulate import simulate
from warehouse.event_log import DEMONSTRATION

TARGET_SECONDS = 30.0


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, help="a warehouse that is there; else one is made")
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    print(describe())
    with tempfile.TemporaryDirectory(prefix="starledger-bench-") as directory:
        warehouse = arguments.warehouse or _demonstration(Path(directory) / "warehouse")
        _run(warehouse, Path(directory) / "dagster", arguments.runs)


def _demonstration(warehouse: Path) -> Path:
    """The simulated cycle of the demonstration: 150 councils, every indicator of the core, four releases."""
    begun = time.perf_counter()
    where: Settings = settings(warehouse, actor="benchmark")
    where.found_ledger(DEMONSTRATION)
    simulate(warehouse / "simulated")
    ingest(
        where,
        [warehouse / "simulated" / "vintages"],
        "simulated",
        releases=warehouse / "simulated" / "releases.csv",
    )
    print(f"made a warehouse of 150 invented councils in {time.perf_counter() - begun:.1f} s (not counted)")
    return warehouse


def _run(warehouse: Path, storage: Path, runs: int) -> None:
    begun = time.perf_counter()
    import dagster as dg

    from assets.definitions import defs

    definitions = defs()
    job = definitions.resolve_job_def("build_ratings")
    print(f"imported Dagster and the definitions in {time.perf_counter() - begun:.1f} s")
    storage.mkdir()
    # As `make dev` keeps it: SQLite files on disk, written event by event.
    with dg.DagsterInstance.local_temp(str(storage), overrides={"telemetry": {"enabled": False}}) as instance:
        for number in range(1, runs + 1):
            begun, busy = time.perf_counter(), time.process_time()
            result = job.execute_in_process(
                instance=instance,
                run_config={"resources": {"warehouse": {"config": {"directory": str(warehouse)}}}},
            )
            seconds, busy = time.perf_counter() - begun, time.process_time() - busy
            kinds = Counter(event.event_type_value for event in result.all_events)
            print(
                f"run {number}: {seconds:.1f} s (target {TARGET_SECONDS:.0f} s),"
                f" {busy:.1f} s of processor time,"
                f" {kinds['ASSET_MATERIALIZATION']} assets, {kinds['ASSET_CHECK_EVALUATION']} checks,"
                f" {sum(kinds.values())} events"
            )


if __name__ == "__main__":
    main()
