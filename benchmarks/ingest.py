"""Ingest: seconds and memory for the real LAIT vintages, from file to events.

Here: the first vintage, an unchanged one, all of them in order, reading one back.
Not here: correctness (tests/pipelines/test_lait.py).

Run by `make bench-ingest`, with ARGS="DIR" for another directory with vintages/ and releases.csv.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe

DEFAULT = Path(__file__).parents[2] / "shared" / "data" / "lait"
TARGETS = {
    "first vintage": "10 s",
    "unchanged vintage": "4 s",
    "all vintages": "60 s",
    "peak memory": "1,536 MiB",
    "observations --as-published": "3 s",
}


def main() -> None:
    """Measure and print."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not (directory / "releases.csv").is_file():
        sys.exit(
            f"no releases.csv in {directory}; name a directory with LAIT files: make bench-ingest ARGS=DIR"
        )
    print(describe())
    started = time.perf_counter()
    import great_expectations  # noqa: F401 (imported to be timed apart)

    print(f"importing Great Expectations, apart: {time.perf_counter() - started:.1f} s")
    with tempfile.TemporaryDirectory() as temporary:
        measured = measure(directory, Path(temporary) / "warehouse")
    for name, value in measured.items():
        print(f"{name:30} {value:>12}   target: under {TARGETS[name]}")


def measure(directory: Path, warehouse: Path) -> dict[str, str]:
    """Ingest every vintage in order into an empty warehouse, then read one back as a command would."""
    from pipelines.ingest import ingest
    from pipelines.settings import settings

    here = settings(warehouse)
    seconds: dict[str, float] = {}
    unchanged: list[str] = []
    for file in sorted((directory / "vintages").iterdir()):
        started = time.perf_counter()
        (report,) = ingest(here, [file], "lait", releases=directory / "releases.csv")
        seconds[file.name] = time.perf_counter() - started
        print(
            f"  {file.name} {seconds[file.name]:.2f} s, {report.observations:,} new of {report.read:,} rows"
        )
        if not report.observations and not report.withdrawn:
            unchanged.append(file.name)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    started = time.perf_counter()
    command = ["observations", "--collection", "lait", "--as-published", "2025-02-14T13:00Z"]
    out = ["--out", str(warehouse / "out.parquet"), "--warehouse", str(warehouse)]
    subprocess.run([Path(sys.executable).with_name("starledger"), *command, *out], check=True)
    reading = time.perf_counter() - started
    return {
        "first vintage": f"{next(iter(seconds.values())):.1f} s",
        "unchanged vintage": f"{seconds[unchanged[0]]:.1f} s" if unchanged else "none was unchanged",
        "all vintages": f"{sum(seconds.values()):.1f} s",
        "peak memory": f"{peak:,} MiB",
        "observations --as-published": f"{reading:.1f} s",
    }


if __name__ == "__main__":
    main()
