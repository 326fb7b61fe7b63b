"""The grade of an indicator from the log: as a list, in a snapshot, in a trace, and again in a replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.trace import trace
from audit.trace_lines import lines
from pipelines import replay as replaying
from pipelines.quality import quality_list
from pipelines.rate import build
from pipelines.replay import replay
from pipelines.settings import Settings
from ratings.errors import NotFoundError
from ratings.quality import QualityRules, load_quality_rules
from tests.made_ledgers import COUNCILS, MEASURE, OUT, append, figure, warehouse, withdrawal

HOUR = 3_600_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Five of 153 councils have figures; later two are revised and one is withdrawn."""
    made = warehouse(tmp_path / "warehouse")
    append(made, [figure(c, 10.0) for c in COUNCILS])
    append(
        made,
        [figure("camden", 12.0), figure("hackney", 8.0), withdrawal("lambeth", "withdrawn")],
        at=OUT + HOUR,
    )
    return made


def of_measure(rows: list[dict[str, object]]) -> dict[str, object]:
    return next(row for row in rows if row["indicator"] == MEASURE)


def test_the_list_is_worst_first_with_reasons_and_counts(here: Settings) -> None:
    rows = quality_list(here, "lait", as_published=OUT + HOUR)
    assert {row["indicator"].partition(":")[0] for row in rows} == {"LAIT"}
    order = ["red", "amber", "green"]
    assert [row["grade"] for row in rows] == sorted((row["grade"] for row in rows), key=order.index)
    found = of_measure(rows)
    assert found["grade"] == "red"
    assert found["revision_size"] == pytest.approx(100 * (2 + 2) / (12 + 8))
    reasons = found["reasons"]
    assert isinstance(reasons, list)
    assert any("2 of 4 figures were revised, on average by 20.0 percent" in reason for reason in reasons)


def test_a_grade_is_of_what_was_published_by_then(here: Settings) -> None:
    found = of_measure(quality_list(here, as_published=OUT))
    assert (found["revised"], found["revision_size"], found["reporting"]) == (0, None, 5)


def test_the_list_agrees_with_the_snapshot_and_the_trace(here: Settings) -> None:
    at = OUT + HOUR
    listed = of_measure(quality_list(here, as_published=at))
    built = build(here, "lait-quartile", as_published=at)
    (row,) = built.table("quality", indicator=MEASURE).to_dicts()
    assert row | {"reasons": row["reasons"].split("\n")} == {k: v for k, v in listed.items() if k != "title"}
    found = trace(here.ledger(), here.landing, here.snapshots, "camden", MEASURE)
    assert found["figures"][0]["quality"] == {"grade": row["grade"], "reasons": row["reasons"].split("\n")}
    said = [sentence for _, sentence in lines(found)]
    assert "quality of the indicator: red" in said
    assert row["reasons"].split("\n")[0] in said


def test_other_thresholds_are_told_by_a_replay(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build(here, "lait-quartile", as_published=OUT)
    assert replay(here, built.id).identical
    assert built.manifest["quality_sha256"] == load_quality_rules().sha256

    def others() -> QualityRules:
        ours = load_quality_rules()
        return QualityRules(ours.version, ours.small_number, ours.isolated, ours.thresholds, "0" * 64)

    monkeypatch.setattr(replaying, "load_quality_rules", others)
    again = replay(here, built.id)
    assert (again.identical, again.changed) == (False, ("quality",))


def test_what_nothing_is_known_of_ends_with_a_sentence(here: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no indicator is rated from a1_2001"):
        quality_list(here, "a1_2001")
    with pytest.raises(NotFoundError, match="no figures are known"):
        quality_list(here, simulated=True)
    with pytest.raises(NotFoundError, match="no collection 'nope'"):
        quality_list(here, "nope")
