"""Determinism: one log position, method and code give one snapshot, whatever surrounds the building of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.inputs import read_inputs
from pipelines.rate import apply, build
from pipelines.replay import replay
from pipelines.settings import Settings
from pipelines.snapshot_checks import check
from pipelines.tables import snapshot_tables
from ratings.catalogue import load_catalogue
from ratings.methods import load_method
from tests.made_ledgers import EARLIER, OUT, append, figure, judgements, some_figures, warehouse
from warehouse.copying import copy
from warehouse.database import Database
from warehouse.snapshot_tables import TABLES
from warehouse.table_digest import digest

METHODS = ("lait-quartile", "ssi-2002")
BUILD = """
import json, sys
from pathlib import Path
from pipelines.rate import build
from pipelines.replay import replay
from pipelines.settings import Settings
from pipelines.snapshot_checks import check
place, at, *methods = sys.argv[1:]
here = Settings(Path(place), Path(place) / "ledger.db", "tester")
print(json.dumps([build(here, method, as_published=int(at)).manifest for method in methods]))
"""
QUIET = {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0", "POLARS_MAX_THREADS": "1"}
LOUD = {
    "LC_ALL": "tr_TR.UTF-8",
    "TZ": "Pacific/Kiritimati",
    "PYTHONHASHSEED": "4711",
    "POLARS_MAX_THREADS": "4",
    "ARROW_NUM_THREADS": "3",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("determined") / "w")
    some_figures(made)
    append(
        made,
        [figure("camden", 2.5), figure("hackney", None), figure("camden", 3.0, period=EARLIER)],
        at=OUT + 1,
    )
    recorded = judgements("walsall", "most uncertain some promising") + judgements(
        "camden", "yes poor no excellent"
    )
    append(made, recorded, collection="judgements")
    return made


def what(manifest: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Of each table the digest of its rows and the hash of its bytes."""
    return {name: (said["digest"], said["sha256"]) for name, said in manifest["tables"].items()}


def test_locale_time_zone_hash_seed_and_threads_change_no_byte_of_a_table(
    here: Settings, tmp_path: Path
) -> None:
    built = []
    for number, surroundings in enumerate((QUIET, LOUD)):
        place = shutil.copytree(here.warehouse, tmp_path / str(number))
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(place), str(OUT + 2), *METHODS],
            env=os.environ | surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        built.append(json.loads(done.stdout))
    for one, other in zip(*built, strict=True):
        assert one["id"] == other["id"]
        assert what(one) == what(other)


def test_the_order_of_rows_changes_nothing(here: Settings) -> None:
    ledger, catalogue = here.ledger(), load_catalogue()
    for name in METHODS:
        inputs = read_inputs(
            ledger, load_method(name), catalogue, as_published=OUT + 2, as_recorded=ledger.head().position
        )
        found = set()
        for seed in (None, 1, 2):
            shuffled = (
                inputs
                if seed is None
                else replace(
                    inputs,
                    **{
                        part: getattr(inputs, part).sample(fraction=1, shuffle=True, seed=seed)
                        for part in ("figures", "organisations", "judgements", "counts")
                    },
                )
            )
            tables = snapshot_tables(shuffled, apply(shuffled))
            found.add(tuple(digest(table.arrow(tables[n]), table.key) for n, table in TABLES.items()))
        assert len(found) == 1, name


def test_sqlite_and_postgresql_give_the_same_snapshot(
    here: Settings, new_postgresql: Callable[[], Database], tmp_path: Path
) -> None:
    ours = [build(here, name, as_published=OUT + 2) for name in METHODS]
    database = new_postgresql()
    copy(here.ledger(), database)
    shutil.copytree(
        here.warehouse / "keys", tmp_path / "w" / "keys"
    )  # the log names the key that signs for it
    there = Settings(tmp_path / "w", database.url.render_as_string(hide_password=False), "tester")
    for name, one in zip(METHODS, ours, strict=True):
        other = build(there, name, as_published=OUT + 2)
        assert one.id == other.id
        assert what(one.manifest) == what(other.manifest)
        assert check(there, other.id)[1].problems == ()
        assert replay(there, other.id).identical
