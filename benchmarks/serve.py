"""Serve: how long an organisation's page takes with many readers at once, and what memory the server takes.

Here: the server in a process of its own, 16 readers on loopback, every organisation of every snapshot several
    times, in no order. The first time of each page is among the times, and both kinds are printed apart too.
Not here: the pages that a browser shows (tests/audit/web/test_browser.py).

Run by `make bench-serve`: the demonstration, built for it. LAIT=DIR adds a folder with `vintages/` and
`releases.csv`; ARGS="--warehouse DIR" measures a warehouse that is there.
"""

from __future__ import annotations

import argparse
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from benchmarks.machine import describe
from warehouse.snapshots import list_snapshots

READERS, AGAIN = 16, 4
TARGET_MS, TARGET_MIB = 150, 600
_PROGRAM = "from pipelines.cli import main; main()"


def main() -> None:
    """Build a demonstration if none is given, serve it, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--lait", type=Path)
    given.add_argument("--warehouse", type=Path)
    asked = parser.parse_args()
    print(describe())
    if asked.warehouse:
        _measure(asked.warehouse, str(asked.warehouse))
        return
    with tempfile.TemporaryDirectory(prefix="starledger-bench-") as directory:
        real = ["--lait", str(asked.lait)] if asked.lait else []
        command = [sys.executable, "-c", _PROGRAM, "demo", "--warehouse", directory, *real]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        vintages = len(list((asked.lait / "vintages").iterdir())) if asked.lait else 0
        _measure(Path(directory), f"the demonstration{f' and {vintages} LAIT vintages' if vintages else ''}")


def _measure(warehouse: Path, what: str) -> None:
    paths = _paths(warehouse)
    again = paths * AGAIN
    random.Random(0).shuffle(again)
    port = _free_port()
    command = ["serve", "--audience", "internal", "--port", str(port), "--warehouse", str(warehouse)]
    server = subprocess.Popen([sys.executable, "-c", _PROGRAM, *command], stdout=subprocess.DEVNULL)
    try:
        _wait(server, port)
        first = _read_all(port, paths)
        later = _read_all(port, again)
        memory = _most_memory(server.pid)
    finally:
        server.terminate()
        server.wait()
    print(f"{what}: pages of {len(paths)} organisations, {1 + AGAIN} times each, {READERS} readers at once")
    _say("all", first + later, f" (target: p95 under {TARGET_MS} ms)")
    _say("the first time", first)
    _say("the other times", later)
    print(f"memory of the server: at most {memory:.0f} MiB (target: under {TARGET_MIB} MiB)")


def _paths(warehouse: Path) -> list[str]:
    """The page of every organisation of every snapshot, in an order that is always the same."""
    paths = [
        f"/snapshots/{found.id}/organisations/{name}"
        for found in list_snapshots(warehouse / "snapshots")
        for name in found.table("organisations")["organisation"]
    ]
    random.Random(0).shuffle(paths)
    return paths


def _read_all(port: int, paths: Sequence[str]) -> list[float]:
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(_reader(port), paths))


def _reader(port: int) -> Callable[[str], float]:
    """Reads a page over a connection of its own, as a new reader does, and says how many seconds it took."""

    def read(path: str) -> float:
        start = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with status {answer.status}")
        return time.perf_counter() - start

    return read


def _say(which: str, times: Sequence[float], beside: str = "") -> None:
    cuts = quantiles(times, n=100)
    print(
        f"{which}: {len(times)} pages, median {1000 * cuts[49]:.0f} ms, p95 {1000 * cuts[94]:.0f} ms,"
        f" longest {1000 * max(times):.0f} ms{beside}"
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        try:
            _reader(port)("/style.css")
            return
        except OSError:
            if server.poll() is not None:
                raise
            time.sleep(0.1)
    raise TimeoutError("the server did not start within a minute")


def _most_memory(process: int) -> float:
    """MiB that a process has taken at most so far."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
