"""A fault at every file call of landing and of publishing: whole or not at all, and the next run mends it.

`make test` breaks a part of the calls, `make test-faults` every one (STARLEDGER_FAULT_STEP=1).
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from ratings.errors import StarledgerError
from tests.faults import acts
from tests.faults.file_calls import KINDS, Calls, broken
from tests.faults.processes import WarmProcess
from warehouse.canonical import sha256_of
from warehouse.landing import Landing
from warehouse.snapshots import latest, snapshot_ids, verify

STEP = int(os.environ.get("STARLEDGER_FAULT_STEP", "11"))
pytestmark = pytest.mark.slow


def enumerated(act: str, root: Path) -> list[str]:
    """The file calls that an act makes, in order."""
    with broken(root, Calls()) as calls:
        acts.ACTS[act](root)
    return calls.names


def break_off(act: str, root: Path, at: int, kind: str) -> bool:
    """Let an act run into a fault; whether it succeeded all the same."""
    if kind == "kill":
        code = WarmProcess(acts.die_at_a_call, act, root, at).end()
        assert code in (0, -signal.SIGKILL), "it died of something else: see above"
        return code == 0
    try:
        with broken(root, Calls(at, kind)):
            acts.ACTS[act](root)
    except StarledgerError:  # anything else is an error that nobody is told what to do about
        return False
    return True


def chosen(calls: list[str], kind: str) -> list[int]:
    """Which calls to break: every STEP-th, and for a part of a write only writes."""
    fit = [n for n, name in enumerate(calls, 1) if kind not in ("short", "torn") or name == "write"]
    offset = KINDS.index(kind) % max(1, min(STEP, len(fit)))
    return fit[offset::STEP]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_file_call_of_landing_leaves_whole_files_only(tmp_path: Path, kind: str) -> None:
    pattern = tmp_path / "pattern"
    pattern.mkdir()
    first = acts.lay_out_landing(pattern)
    shutil.copytree(pattern, tmp_path / "counted")
    calls = enumerated("land", tmp_path / "counted")
    assert {"open", "read", "write", "fsync", "rename", "mkdir", "chmod"} <= set(calls)
    problems = []
    for at in chosen(calls, kind):
        root = tmp_path / f"{kind}-{at}"
        shutil.copytree(pattern, root)
        try:
            succeeded = break_off("land", root, at, kind)
            _assert_landing_whole(root, first.sha256)
            if succeeded:
                assert Landing(root / "landing").path(sha256_of(root / "second.csv")).exists()
            elif kind != "kill" and calls[at - 1] != "unlink":
                assert not list((root / "landing").glob(".landing-*")), "an unfinished copy was left"
            old = time.time() - 2 * 86_400  # what a crash left is taken away after a day
            for left in (root / "landing").glob(".landing-*"):
                os.utime(left, (old, old))
            landed = acts.land(root)
            assert sha256_of(landed.path) == landed.sha256
            _assert_landing_whole(root, first.sha256)
            assert not list((root / "landing").glob(".landing-*")), "an unfinished copy was never removed"
        except Exception as error:
            problems.append(f"call {at} ({calls[at - 1]}): {error!r}")
        shutil.rmtree(root)
    assert not problems, f"{kind}: " + "\n".join(problems)


def _assert_landing_whole(root: Path, first: str) -> None:
    visible = list((root / "landing").glob("[0-9a-f][0-9a-f]/*"))
    assert all(sha256_of(file) == file.name for file in visible)
    assert first in {file.name for file in visible}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_file_call_of_publishing_leaves_whole_snapshots_only(
    tmp_path: Path, kind: str
) -> None:
    pattern = tmp_path / "pattern"
    pattern.mkdir()
    first = acts.lay_out_snapshots(pattern)
    shutil.copytree(pattern, tmp_path / "counted")
    calls = enumerated("publish", tmp_path / "counted")
    assert {"open", "write", "fsync", "rename", "replace", "mkdir", "chmod"} <= set(calls)
    problems = []
    for at in chosen(calls, kind):
        root = tmp_path / f"{kind}-{at}"
        shutil.copytree(pattern, root)
        try:
            succeeded = break_off("publish", root, at, kind)
            released = _released_and_whole(root)
            assert released != first.id if succeeded else released in snapshot_ids(root / "snapshots")
            second = acts.publish(root)
            assert _released_and_whole(root) == second.id
            assert snapshot_ids(root / "snapshots") == sorted([first.id, second.id])
            left = {e.name for e in (root / "snapshots").iterdir()} - {first.id, second.id, "latest.json"}
            assert not left - {".release-lock"}, f"never removed: {left}"
        except Exception as error:
            problems.append(f"call {at} ({calls[at - 1]}): {error!r}")
        shutil.rmtree(root)
    assert not problems, f"{kind}: " + "\n".join(problems)


def _released_and_whole(root: Path) -> str:
    for identifier in snapshot_ids(root / "snapshots"):
        assert verify(root / "snapshots" / identifier) == []
    said = latest(root / "snapshots")
    assert said is not None
    assert said["id"] in snapshot_ids(root / "snapshots")
    return str(said["id"])
