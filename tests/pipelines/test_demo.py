"""The demonstration, from an empty directory to stars: one story, told twice."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.demo import FACTS, demo
from pipelines.settings import Settings, settings
from ratings.errors import InputError, LedgerError
from warehouse.snapshots import list_snapshots

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Story:
    """What was printed the first and the second time, and where it was done."""

    settings: Settings
    first: str
    second: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = settings(tmp_path_factory.mktemp("warehouse") / "demo", actor="tester")
    return Story(place, told(place), told(place))


def told(place: Settings, lait: Path | None = None) -> str:
    console = Console(file=io.StringIO(), width=100)
    demo(place, lait=lait, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def flat(text: str) -> str:
    """Text without its line breaks and tables' spaces."""
    return " ".join(text.split())


def totals(text: str, title: str) -> list[list[str]]:
    """The rows of a table of stars: name, then numbers."""
    part = text[text.index(title) :]
    rows = re.findall(r"^ *(zero|one|two|three|not rated)[ *]+([\d ,]+)$", part, re.MULTILINE)[:5]
    return [[name, *numbers.split()] for name, numbers in rows]


def test_may_2002_has_the_published_totals_beside_the_councils_rated_here(story: Story) -> None:
    assert totals(story.first, "Totals by star, May 2002") == [
        ["zero", "1", "10"],
        ["one", "6", "82"],
        ["two", "1", "50"],
        ["three", "6", "8"],
        ["not rated", "136"],
    ]


def test_every_complete_published_rating_is_matched(story: Story) -> None:
    assert "24 of 24 published ratings with all four judgements" in flat(story.first)


def test_both_faulty_totals_are_caught(story: Story) -> None:
    text = flat(story.first)
    assert "10 + 76 + 50 + 8 = 144, where 150 councils are said to be rated" in text
    assert "76 with one star is 52.8 % of 144 and 50.7 % of 150, where 55 % is stated" in text
    assert "3 + 31 + 83 + 26 = 143, where 142 councils are said to be rated" in text


def test_the_figures_of_a1_are_425_days_old_on_30_may_2002(story: Story) -> None:
    text = flat(story.first)
    assert "A1 (placement stability), 76 councils" in text
    assert "425 days old on 30 May 2002" in text
    published = next(s for s in list_snapshots(story.settings.snapshots) if s.id.startswith("ssi-2002"))
    assert set(published.table("freshness", indicator="PAF:A1")["age_days"].drop_nulls()) == {425}


def test_every_star_is_given_to_some_simulated_council_and_all_are_accounted_for(story: Story) -> None:
    rows = totals(story.first, "Totals by star, SIMULATED and ILLUSTRATIVE")
    counts = {name: int(number) for name, number in rows}
    assert sum(counts.values()) == 150
    assert all(count > 0 for count in counts.values())
    assert max(counts.values()) < 100


def test_whatever_is_simulated_or_illustrative_says_so(story: Story) -> None:
    simulated = story.first[story.first.index("2. A cycle") : story.first.index("What to try")]
    titles = [
        line for line in simulated.splitlines() if line.startswith(("Ingested", "Totals", "Most", "2."))
    ]
    assert len(titles) == 5
    assert all("SIMULATED" in title for title in titles)
    ledger = story.settings.ledger()
    assert ledger.kind == "demonstration"
    assert all(
        batch.simulated == (batch.collection == "simulated") for batch in ledger.batches(kind="vintage")
    )
    for snapshot in list_snapshots(story.settings.snapshots):
        if snapshot.manifest["simulated"]:
            assert snapshot.summary()["tags"] == ["illustrative", "simulated"]
            assert "simulated" in snapshot.manifest["label"]
            assert snapshot.table("stars")["simulated"].all()
            break
    else:
        pytest.fail("no snapshot is simulated")


def test_the_most_out_of_date_and_the_most_dubious_inputs_are_listed(story: Story) -> None:
    for title, columns in (
        ("Most out-of-date inputs", ("days late", "days old")),
        ("Most dubious inputs", ("suppressed", "revised", "withdrawn", "refused")),
    ):
        part = re.split(r"^(?:Most|What) ", story.first[story.first.index(title) + 1 :], flags=re.MULTILINE)[
            0
        ]
        assert all(column in part for column in columns)
        assert len(re.findall(r"^ *(?:LAIT|ASCOF):", part, re.MULTILINE)) == 5


def test_nothing_is_wider_than_100_columns_but_what_is_to_be_copied(story: Story) -> None:
    for line in story.first.splitlines():
        assert len(line) <= 100 or line.startswith(("Snapshot: ", "starledger ")), line
        assert "…" not in line or not re.search(r"\d", line.split("…", 1)[1]), f"a number is cut: {line}"


def test_the_paths_that_are_printed_are_snapshots(story: Story) -> None:
    printed = re.findall(r"^Snapshot: (.+)$", story.first, re.MULTILINE)
    assert [Path(path).name for path in printed] == [
        snapshot.id for snapshot in sorted(list_snapshots(story.settings.snapshots), key=lambda s: s.id)
    ]
    assert all((Path(path) / "stars.parquet").is_file() for path in printed)


def test_told_again_it_knows_every_file_and_gives_the_same_snapshots(story: Story) -> None:
    assert story.second.count("already known") == len(FACTS) + 4
    assert "already known" not in story.first
    paths = [re.findall(r"^Snapshot: .+$", text, re.MULTILINE) for text in (story.first, story.second)]
    assert paths[0] == paths[1]
    assert len(story.settings.ledger().batches(kind="vintage")) == len(FACTS) + 4


def test_the_next_three_commands_work(story: Story) -> None:
    commands = re.findall(r"^starledger (.+)$", story.first, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        script = "from pipelines.cli import main; main()"
        ran = subprocess.run(
            [sys.executable, "-c", script, *shlex.split(command)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stderr}"
        assert ran.stdout.strip()


def test_a_production_ledger_is_not_used_for_a_demonstration(tmp_path: Path) -> None:
    place = settings(tmp_path, actor="tester")
    place.found_ledger("production")
    with pytest.raises(LedgerError, match="production"):
        told(place)


def test_a_directory_without_real_files_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    place = settings(tmp_path / "demo", actor="tester")
    with pytest.raises(InputError, match="vintages"):
        told(place, lait=tmp_path)
    assert not place.warehouse.exists()


@pytest.mark.slow
def test_real_files_are_banded_where_there_are_some(tmp_path: Path, shared_data: Path) -> None:
    place = tmp_path / "lait"
    (place / "vintages").mkdir(parents=True)
    newest = "2026-04-08_2e30e395.parquet"
    (place / "vintages" / newest).symlink_to(shared_data / "lait" / "vintages" / newest)
    (place / "releases.csv").write_text(f"file,published_at\n{newest},2026-04-08T11:52:18Z\n")
    text = told(settings(tmp_path / "demo", actor="tester"), lait=place)
    bands = {
        band: int(count.replace(",", ""))
        for band, count in re.findall(
            r"^ *([A-D]) +([\d,]+)", text[text.index("Bands of 175") :], re.MULTILINE
        )
    }
    assert set(bands) == set("ABCD")
    assert max(bands.values()) < 1.1 * min(bands.values())
