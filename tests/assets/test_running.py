"""The real thing: Dagster's webserver and daemon as processes, a file in the inbox, a draft snapshot."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from assets.operations import BATCH_TAG
from assets.stars import SNAPSHOT_TAG
from tests.made_ledgers import simulated_warehouse
from warehouse.snapshots import list_snapshots

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 240  # a busy machine needs several times what an idle one does
SECRETLY = ("STARLEDGER_DATABASE_URL", "STARLEDGER_ALERTS", "DAGSTER_POSTGRES_URL")
RUNS = "{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "docs" / "deploy" / "dagster.yaml").read_text())
    # Two processes that make Dagster's storage at one moment can spoil it: before both, as the runbook says.
    DagsterInstance.from_config(str(home)).dispose()
    kept = {name: value for name, value in os.environ.items() if name not in SECRETLY}
    return kept | {
        "DAGSTER_HOME": str(home),
        "STARLEDGER_WAREHOUSE": str(tmp_path / "w"),
        "STARLEDGER_METHOD": "lait-quartile",
        "STARLEDGER_INBOX_STILL_SECONDS": "0",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def started(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts programs, each with the processes that it starts in a group of its own, and stops them."""
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, *command: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=tmp_path,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def asked(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def test_a_file_dropped_into_the_inbox_becomes_a_draft_snapshot(
    started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    where = simulated_warehouse(tmp_path / "w")
    folder = where.warehouse / "inbox" / "simulated"
    folder.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    here = ("-m", "assets.definitions")
    daemon = started("daemon", "dagster._daemon", "run", *here)
    web = started("web", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *here)
    unfinished = folder / ".june.csv"
    rows = "".join(f"LAIT:CPP_Num,{n:03},2020,{n},,,\n" for n in range(1, 6))
    unfinished.write_text(f"indicator,organisation,period,value,numerator,denominator,status\n{rows}")
    unfinished.rename(folder / "june.csv")

    end = time.monotonic() + WAIT_SECONDS
    runs: dict[str, dict[str, str]] = {}
    while time.monotonic() < end and not {"ingest", "build_ratings"} <= set(runs):
        for name, process in {"daemon": daemon, "web": web}.items():
            assert process.poll() is None, (tmp_path / f"{name}.log").read_text()[-3000:]
        time.sleep(0.5)
        try:
            results = asked(port, RUNS)["runsOrError"]["results"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            continue  # still starting
        assert "FAILURE" not in {run["status"] for run in results}, results
        runs = {
            run["jobName"]: {tag["key"]: tag["value"] for tag in run["tags"]}
            for run in results
            if run["status"] == "SUCCESS"
        }
    [built] = list_snapshots(where.snapshots)
    [batch] = where.ledger().batches("simulated", "vintage")
    assert (folder / "done" / "june.csv").exists()
    assert batch.actor == "inbox"
    assert runs["ingest"][BATCH_TAG] == str(batch.id)
    assert runs["build_ratings"][SNAPSHOT_TAG] == built.id
    assert where.ledger().events("release") == []
