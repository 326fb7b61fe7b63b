"""Trace: how long a star takes to be taken apart from a shell, every library imported anew.

Here: wall and processor time of `starledger trace` in a process of its own: a whole star, one indicator, one
    event back to the stars that rest on it, and the page.
Not here: the pages of a server.

Run by `make bench-trace`; LAIT=DIR adds a folder with `vintages/` and `releases.csv`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe

TARGET_SECONDS = 1.5
TIMES = 5


def main() -> None:
    """Build a demonstration, trace, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lait", type=Path)
    lait = parser.parse_args().lait
    print(describe())
    with tempfile.TemporaryDirectory(prefix="starledger-bench-") as directory:
        where = ["--warehouse", directory]
        _run("demo", *where)
        if lait is not None:
            collection = ["--collection", "lait", "--releases", str(lait / "releases.csv")]
            _run("ingest", str(lait / "vintages"), *collection, *where)
            _run("rate", "--method", "lait-quartile", "--as-published", "2026-05-01", *where)
        page = str(Path(directory) / "page.html")
        for words in (
            ["sim-amberdale"],
            ["sim-amberdale", "--indicator", "ASCOF:1C(2A)"],
            ["sim-amberdale", "--html", page],
            ["walsall"],
            ["--event", "100000"],
            *([["leeds"], ["leeds", "--indicator", "LACStable_2016on"]] if lait else []),
        ):
            _measure(words, where)


def _measure(words: list[str], where: list[str]) -> None:
    walls, works = [], []
    for _ in range(TIMES):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        _run("trace", *words, *where)
        walls.append(time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(
        f"trace {' '.join(words[:3])}: {statistics.median(walls):.2f} s, of it processor"
        f" {statistics.median(works):.2f} s, the median of {TIMES} (target {TARGET_SECONDS} s)"
    )


def _run(*words: str) -> None:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", *words]
    # What is installed has its modules compiled: from their source every command takes a second longer.
    compiled = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=compiled)


if __name__ == "__main__":
    main()
