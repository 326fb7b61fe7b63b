"""Serve: how long an organisation's page takes with many readers at once, and what memory the server takes.

Here: the server in a process of its own, 16 readers on loopback, every organisation of the newest snapshot
    several times; the first time of each page is among the times.
Not here: making the warehouse: `starledger demo` does, and is given by its directory (default var/demo).
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from benchmarks.machine import describe
from warehouse.snapshots import list_snapshots

READERS, ROUNDS, PORT = 16, 5, 8765


def main() -> None:
    """Serve, read, print."""
    warehouse = Path(sys.argv[1] if len(sys.argv) > 1 else "var/demo")
    found = list_snapshots(warehouse / "snapshots")[-1]
    ids = found.table("organisations")["organisation"].to_list()
    paths = [f"/snapshots/{found.id}/organisations/{name}" for name in ids] * ROUNDS
    program = "from pipelines.cli import main; main()"
    asked = ["serve", "--audience", "internal", "--port", str(PORT), "--warehouse", str(warehouse)]
    server = subprocess.Popen([sys.executable, "-c", program, *asked], stdout=subprocess.DEVNULL)
    try:
        _wait(server)
        with ThreadPoolExecutor(READERS) as readers:
            times = sorted(readers.map(_read, paths))
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    finally:
        server.terminate()
        server.wait()
    cuts = quantiles(times, n=100)
    print(describe())
    print(f"{len(paths)} pages of {len(ids)} organisations of {found.id}, {READERS} readers at once")
    print(f"median {1000 * cuts[49]:.0f} ms, p95 {1000 * cuts[94]:.0f} ms (asked for: under 150 ms)")
    print(f"memory of the server at most {memory / 1024:.0f} MiB (asked for: under 600 MiB)")


def _wait(server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            _read("/")
            return
        except OSError:
            if server.poll() is not None:
                raise
            time.sleep(0.1)
    raise TimeoutError("the server did not start within a minute")


def _read(path: str) -> float:
    start = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered with status {answer.status}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
