"""Inbox: one look of the sensor at files that were seen before.

Here: the time of a tick with 10,000 files in the inbox that an earlier tick asked for, with its cursor.
Not here: taking files (benchmarks/ingest.py).

Run by `make bench-inbox`, with ARGS="--files N" for another number.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe

TARGET_SECONDS = 1.0
TICKS = 5


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    files = parser.parse_args().files
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    os.environ["STARLEDGER_INBOX_STILL_SECONDS"] = "0"
    print(describe())
    with tempfile.TemporaryDirectory(prefix="starledger-bench-") as directory:
        folder = Path(directory) / "warehouse" / "inbox" / "lait"
        folder.mkdir(parents=True)
        for number in range(files):
            (folder / f"{number:06}.csv").write_text("a,b\n1,2\n")
        _ticks(Path(directory), files)


def _ticks(directory: Path, files: int) -> None:
    import dagster as dg

    from assets.resources import Warehouse
    from assets.sensors import inbox_sensor

    cursor, asked, seconds = None, 0, []
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        while asked < files or len(seconds) < TICKS:
            seen_before = asked == files
            with dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={"warehouse": Warehouse(directory=str(directory / "warehouse"))},
            ) as context:
                begun = time.perf_counter()
                found = inbox_sensor.evaluate_tick(context)
                if seen_before:
                    seconds.append(time.perf_counter() - begun)
            cursor = found.cursor
            asked += sum(
                len(request.run_config["ops"]["take_files"]["config"]["files"])
                for request in found.run_requests or []
            )
    worst = max(seconds)
    print(
        f"a tick with {files:,} files already seen: {worst:.2f} s, the slowest of {TICKS}"
        f" (target {TARGET_SECONDS:.0f} s); cursor {len(cursor or '') / 1000:.0f} kB"
    )


if __name__ == "__main__":
    main()
