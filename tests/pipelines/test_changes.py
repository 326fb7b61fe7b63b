"""Changes: a snapshot says what it has other than the one it supersedes, and whether that is material."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from tests.made_ledgers import MEASURE, OUT, append, figure, judgements, overwrite, some_figures, warehouse
from warehouse.snapshots import SnapshotRef

MAY_2002 = 1_022_716_800_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


def said(built: SnapshotRef) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((built.path / "changes.json").read_text())
    return content


def test_the_first_of_its_method_supersedes_nothing(here: Settings) -> None:
    found = said(build(here, "lait-quartile", as_published=OUT))
    assert (found["supersedes"], found["material"], found["problem"]) == (None, None, None)


def test_a_correction_names_what_it_supersedes_and_every_figure_and_band_that_changed(here: Settings) -> None:
    first = build(here, "lait-quartile", as_published=OUT)
    release(here, first.id, reason="r")
    append(here, [figure("camden", 9.0), figure("hackney", 2.0, numerator=1.0)], at=OUT + 1)
    second = build(here, "lait-quartile", as_published=OUT + 1)
    found = said(second)
    assert found["supersedes"] == first.id
    shown = CliRunner().invoke(app, ["snapshots", "show", second.id, "--warehouse", str(here.warehouse)])
    assert f"supersedes {first.id}" in shown.output
    assert "licences Open Government Licence v3.0" in shown.output
    assert found["tables"]["observations"] == {"added": 0, "removed": 0, "changed": 2}
    assert found["indicators"] == {MEASURE: {"added": 0, "removed": 0, "changed": 2}}
    assert found["tables"]["bands"]["changed"] > 0
    assert found["material"] is True
    assert found["schema"] == {"from": 4, "to": 4, "changes": []}
    assert set(found["made_from"]) == {"as_published", "as_recorded"}


def test_a_change_that_moves_no_outcome_is_not_material(here: Settings) -> None:
    release(here, build(here, "lait-quartile", as_published=OUT).id, reason="r")
    append(here, [figure("camden", 1.0, obs_status="P")], at=OUT + 1)
    found = said(build(here, "lait-quartile", as_published=OUT + 1))
    assert found["tables"]["observations"]["changed"] == 1
    assert found["material"] is False


def test_every_star_that_changed_is_listed(here: Settings) -> None:
    recorded = judgements("walsall", "no poor no poor") + judgements(
        "camden", "most promising most promising"
    )
    append(here, recorded, collection="judgements", at=MAY_2002)
    release(here, build(here, "ssi-2002", as_published=MAY_2002).id, reason="r")
    better = judgements("walsall", "yes excellent yes excellent")
    append(here, better + recorded[4:], collection="judgements", at=MAY_2002 + 1)
    found = said(build(here, "ssi-2002", as_published=MAY_2002 + 1))
    assert found["material"] is True
    assert [(each["organisation"], each["before"], each["after"]) for each in found["stars"]] == [
        ("walsall", 0, 3)
    ]


def test_a_damaged_predecessor_stops_nothing_and_is_said(here: Settings) -> None:
    first = build(here, "lait-quartile", as_published=OUT)
    release(here, first.id, reason="r")
    overwrite(first.path / "bands.parquet", b"")
    found = said(build(here, "lait-quartile", as_published=OUT + 1))
    assert found["supersedes"] == first.id
    assert found["material"] is None
    assert "cannot be compared: table bands cannot be read" in found["problem"]
