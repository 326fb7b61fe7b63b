"""What if: what is supposed comes out as it would if it were done, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.method_versions import method_named
from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.inputs import read_inputs
from pipelines.rate import build
from pipelines.settings import Settings
from pipelines.whatif import Supposition, matrix, whatif
from ratings.catalogue import load_catalogue
from ratings.errors import InputError, MethodError, NotFoundError
from ratings.methods import method_text
from tests.made_ledgers import MEASURE, OUT, append, figure, judgements, some_figures, warehouse
from warehouse.snapshot_manifest import microseconds

MAY = microseconds("2002-05-30")
A1 = "PAF:A1"
HEADER = (
    "council,reference_date,children_with_3plus_placements,children_looked_after,percent_printed,source_url\n"
)
CORRECTION = HEADER + "Camden,2001-03-31,90,372,24,x\nNowhere,2001-03-31,1,3,33,x\n"


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Camden at three stars on a placement figure that is well within its threshold."""
    made = warehouse(tmp_path / "w")
    a1 = [
        figure(c, 12.0, indicator=A1, period="2000-04-01/P1Y", denominator=372.0) for c in ("camden", "bury")
    ]
    append(made, a1, collection="a1_2001", at=MAY - 1)
    said = [*judgements("camden", "most excellent most excellent"), *judgements("bury", "no poor no poor")]
    append(made, said, collection="judgements", at=MAY)
    return made


def everything(here: Settings) -> tuple[int, set[Path]]:
    """The end of the log, and every file of the warehouse."""
    files = {path for path in here.warehouse.rglob("*") if path.suffix not in (".db-wal", ".db-shm")}
    return here.ledger().head().position, files


def run(here: Settings, *words: str) -> Any:
    return CliRunner().invoke(app, ["whatif", *words, "--warehouse", str(here.warehouse)])


def test_a_correction_gives_the_stars_that_it_gives_when_it_is_accepted(
    here: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "correction.csv"
    file.write_text(CORRECTION)
    before = everything(here)

    found = whatif(
        here,
        "ssi-2002",
        Supposition(file=file, collection="a1_2001", scope={"kind": "overlay"}),
        as_published=MAY,
    )

    assert everything(here) == before
    [change] = found["changes"]
    assert (change["organisation"], change["before"], change["after"]) == ("camden", 3, 2)
    assert [(part["cause"], part["own"]) for part in change["parts"]] == [("revision", 1)]
    assert "capped at 'some' by PAF:A1" in change["rule_after"]
    assert "capped" not in change["rule_before"]
    assert (found["file"]["observations"], found["file"]["quarantined"], found["file"]["withdrawn"]) == (
        1,
        1,
        0,
    )

    ingest(here, [file], "a1_2001", published_at=MAY, scope={"kind": "overlay"})
    stars = build(here, "ssi-2002", as_published=MAY).table("stars")
    counts = dict(stars.group_by("star").len().iter_rows())
    assert found["supposed"]["stars"] == {
        "none" if star is None else str(star): n
        for star, n in sorted(counts.items(), key=lambda pair: (pair[0] is None, pair[0]))
    }


def test_a_file_that_the_method_does_not_look_at_is_said_to_change_nothing(
    here: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "correction.csv"
    file.write_text(CORRECTION)
    late = whatif(here, "ssi-2002", Supposition(file=file, collection="a1_2001"))  # published today
    assert late["changes"] == []
    assert late["notes"] == [
        "the file changes no figure that ssi-2002 looks at, as known on the day of its round 2002-05"
    ]


def test_what_a_full_file_leaves_out_would_be_withdrawn(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "correction.csv"
    file.write_text(CORRECTION)
    found = whatif(here, "ssi-2002", Supposition(file=file, collection="a1_2001"), as_published=MAY)
    assert found["rows"]["withdrawal"] == found["file"]["withdrawn"] == 1  # bury's


def test_another_vintage_shows_what_was_published_since(here: Settings) -> None:
    some_figures(here)
    append(here, [figure("camden", 99.0)], at=OUT + 1)
    found = whatif(here, "lait-quartile", Supposition(as_published=OUT + 1), as_published=OUT)
    assert found["outcome"] == "band"
    camden = next(c for c in found["changes"] if c["organisation"] == "camden")
    assert (camden["indicator"], camden["before"], camden["after"]) == (MEASURE, 4, 1)
    assert {part["cause"] for part in camden["parts"]} == {"revision"}
    assert "rule_before" not in camden


def test_another_option_of_a_method_is_the_method(here: Settings) -> None:
    found = whatif(here, "ssi-2002", Supposition(option="B"), as_published=MAY)
    assert (found["as_it_is"]["option"], found["supposed"]["option"]) == ("A", "B")
    assert {part["cause"] for change in found["changes"] for part in change["parts"]} <= {"method"}


def test_next_years_version_is_applied_as_if_it_were_in_force_and_says_so(
    here: Settings, tmp_path: Path
) -> None:
    some_figures(here)
    build(here, "lait-quartile", as_published=OUT)
    text = method_text("lait-quartile")
    file = tmp_path / "lait-quartile.toml"
    newer = text.replace('version = "1"', 'version = "2"').replace(
        'labels = ["D", "C", "B", "A"]', 'labels = ["L", "H"]'
    )
    day = next(line for line in text.splitlines() if line.startswith("effective_from"))
    file.write_text(newer.replace(day, "effective_from = 2031-04-01"))

    found = whatif(here, "lait-quartile@1", Supposition(method=str(file)), as_published=OUT)

    assert found["notes"] == ["lait-quartile 2 is not in force on 2024-01-10: applied as it is on 2031-04-01"]
    assert found["supposed"]["version"] == "2"
    assert {part["cause"] for change in found["changes"] for part in change["parts"]} == {"method"}
    with pytest.raises(MethodError, match="not in force on 2024-01-10"):
        whatif(here, str(file), Supposition(as_published=OUT + 1), as_published=OUT)


def test_a_version_that_is_no_longer_installed_comes_out_of_the_log(here: Settings, tmp_path: Path) -> None:
    some_figures(here)
    file = tmp_path / "lait-quartile.toml"
    file.write_text(method_text("lait-quartile").replace('version = "1"', 'version = "0"'))
    build(here, file, as_published=OUT)
    ledger = here.ledger()
    assert method_named(ledger, "lait-quartile@0").version == "0"
    assert method_named(ledger, "lait-quartile@1").version == "1"
    with pytest.raises(NotFoundError, match=r"choose one of lait-quartile@0, lait-quartile@1"):
        method_named(ledger, "lait-quartile@7")
    with pytest.raises(NotFoundError, match="methods list"):
        method_named(ledger, "nobodys@7")


def test_figures_that_only_one_of_two_methods_looks_at_come_and_go_with_the_method(here: Settings) -> None:
    found = whatif(here, "ssi-2002", Supposition(method="adult-social-care-2006"), as_published=MAY)
    assert {part["cause"] for change in found["changes"] for part in change["parts"]} == {"method"}
    assert found["rows"]["withdrawal"] == found["rows"]["fresh_data"] == 0


def test_every_method_on_every_vintage(here: Settings) -> None:
    some_figures(here)
    append(here, [figure("camden", 99.0)], at=OUT + 1)
    before = everything(here)
    found = matrix(here, ["lait-quartile"], [OUT, OUT + 1, OUT - 1])
    assert everything(here) == before
    cells = found["cells"]
    assert [(c["up"], c["down"], c["other"]) for c in cells[:2]] == [(0, 0, 0), (3, 1, 0)]
    assert sum(cells[0]["stars"].values()) == cells[0]["rated"] == 5
    assert "nothing that lait-quartile rates was known" in cells[2]["problem"]
    with pytest.raises(InputError, match="give stars and others do not"):
        matrix(here, ["lait-quartile", "ssi-2002"], [OUT])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "ssi-2002"], "nothing is supposed to be otherwise"),
        (["--method", "ssi-2002", "--scope", "overlay"], "a scope is of a file"),
        (
            ["--method", "ssi-2002", "--against", "lait-quartile", "--scope", "overlay"],
            "a scope is of a file",
        ),
        (["--method", "ssi-2002", "--file", "a.csv"], "go together"),
        (["--method", "ssi-2002", "--file", "a.csv", "--collection", "a1_2001"], "no such file"),
        (["--method", "ssi-2002", "--against", "nobodys"], "no method 'nobodys'"),
        (["--method", "ssi-2002", "--against", "a", "--against", "b"], "add --matrix"),
        (["--method", "ssi-2002", "--matrix", "--option", "A"], "of methods and vintages alone"),
        (["--method", "ssi-2002", "--vintage", "soon"], "soon"),
        (["--method", "ssi-2002", "--against-option", "Z", "--as-published", "2002-05-30"], "no option 'Z'"),
    ],
)
def test_what_cannot_be_supposed_is_refused_with_the_next_step(
    here: Settings, words: list[str], says: str
) -> None:
    done = run(here, *words)
    assert done.exit_code
    assert says in str(done.exception)
    assert "Next: " in str(done.exception)


def test_a_file_that_would_be_refused_is_refused(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("a,b\n1,2\n")
    before = everything(here)
    with pytest.raises(InputError, match=r"wrong\.csv, row 1: not a file of collection a1_2001"):
        whatif(here, "ssi-2002", Supposition(file=file, collection="a1_2001"), as_published=MAY)
    with pytest.raises(InputError, match="holds no figures"):
        whatif(here, "ssi-2002", Supposition(file=file, collection="judgements"), as_published=MAY)
    assert everything(here) == before


def test_the_command_prints_what_would_change_and_why(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "correction.csv"
    file.write_text(CORRECTION)
    words = (
        "--method",
        "ssi-2002",
        "--as-published",
        "2002-05-30",
        "--file",
        str(file),
        "--collection",
        "a1_2001",
    )
    printed = run(here, *words, "--scope", "overlay").stdout
    assert "correction.csv, if it were accepted: observations 1, withdrawn 0, quarantined 1" in printed
    assert "Camden: star 3 -> 2 (revision)" in printed
    assert "then: two stars because" in printed
    said = json.loads(run(here, *words, "--json").stdout)
    assert said["as_it_is"]["stars"]["3"] == 1
    grid = run(
        here, "--method", "ssi-2002", "--as-published", "2002-05-30", "--vintage", "2002-12-01", "--matrix"
    )
    assert "ssi-2002@1" in grid.stdout


def test_a_reorganised_council_is_read_with_the_past_of_its_only_predecessor(
    here: Settings, tmp_path: Path
) -> None:
    # Northamptonshire was split in April 2021; both councils have it as their only predecessor.
    append(here, [figure("northamptonshire", 7.0, period=p) for p in ("2015-01-01/P1Y", "2022-01-01/P1Y")])
    file = tmp_path / "lait-quartile.toml"
    inherits = method_text("lait-quartile").replace("[periods]", "[periods]\ninherited = true")
    file.write_text(inherits)

    def known(method: str) -> set[tuple[str, float]]:
        inputs = read_inputs(
            here.ledger(),
            method_named(here.ledger(), method),
            load_catalogue(),
            as_published=microseconds("2024-06-01"),
            as_recorded=here.ledger().head().position,
        )
        mine = inputs.figures.filter(inputs.figures["organisation"] == "north-northamptonshire")
        return set(mine.select("period", "value").iter_rows())

    assert known(str(file)) == {("2015-01-01/P1Y", 7.0)}
    some_figures(here)
    assert known("lait-quartile") == set()
