"""Documentation: what it shows must be true.

Here: a ```console block is a session: each line after `$ ` is run in the demonstration warehouse, and what it
prints must match, `…` standing for anything left out (alone: any lines). Every `starledger` and `make`
command in a ```console or ```sh block must exist, with its options. ```python blocks are run.
Not here: ```text blocks, which show what needs files that the project does not hold.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.settings import settings
from ratings.errors import StarledgerError
from warehouse import snapshot_page

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARKDOWN = [
    *PAGES,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs" / "adr").glob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SNAPSHOT_ID = re.compile(r"[a-z][a-z0-9-]*-\d{8}-…")
ENVIRONMENT = {"STARLEDGER_WAREHOUSE": "var/demo", "COLUMNS": "100"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it begins, its language, its text."""

    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text("utf-8")
    found = [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if block.language in languages]


def sessions(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with what is shown after it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every command that a page shows, and its words, comments apart."""
    for block in blocks(page, "sh", "console"):
        lines = (
            [command for command, _ in sessions(block)]
            if block.language == "console"
            else block.text.splitlines()
        )
        for line in lines:
            line = line.replace("--as-recorded …", "--as-recorded 1")
            if words := shlex.split(line, comments=True):
                yield f"{page.name}:{block.line}: {line}", words


def parse(words: list[str]) -> None:
    """Take a command line as the real one would, without running it."""
    command = typer.main.get_command(app)
    context = command.make_context(words[0], words[1:])
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def run(words: list[str]) -> str:
    """What a command prints, an error as `main` prints it."""
    result = CliRunner().invoke(app, words[1:])
    if isinstance(result.exception, StarledgerError):
        return f"{result.output}error: {result.exception}\n"
    assert result.exception is None, (words, result.exception)
    return result.output


def matches(shown: str, printed: str) -> bool:
    """Whether what is shown is what was printed, apart from `…` and blank lines."""
    pattern = ""
    for line in filter(None, map(str.rstrip, shown.splitlines())):
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("…")) + "\n"
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch(pattern, lines) is not None


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A finished demonstration: the directory with its `var/demo`, and what it printed."""

    directory: Path
    printed: str


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    directory = tmp_path_factory.mktemp("documented")
    before = Path.cwd()
    os.chdir(directory)
    try:
        printed = run(["starledger", "demo"])
    finally:
        os.chdir(before)
    return Demonstration(directory, printed)


@pytest.fixture
def workplace(demonstration: Demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a demonstration warehouse of one's own, to work in."""
    shutil.copytree(demonstration.directory, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("STARLEDGER_DATABASE_URL", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "here"


def whole(text: str) -> str:
    """A command with the ids of snapshots written out, and the position before the last batch."""

    def lengthened(match: re.Match[str]) -> str:
        [found] = Path("var/demo/snapshots").glob(match[0].replace("…", "*"))
        return found.name

    if "--as-recorded …" in text:
        last = settings(Path(ENVIRONMENT["STARLEDGER_WAREHOUSE"])).ledger().batches()[-1]
        text = text.replace("--as-recorded …", f"--as-recorded {last.first_position - 1}")
    return SNAPSHOT_ID.sub(lengthened, text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for where, words in commands(page):
        if words[0] == "make":
            assert words[1] in make_targets(), where
        elif words[0] == "starledger" and "--help" not in words:
            try:
                parse(words)
            except Exception as error:
                pytest.fail(f"{where}: {error}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "console", "python")], ids=lambda page: page.name
)
def test_what_a_page_shows_is_what_happens(page: Path, demonstration: Demonstration, workplace: Path) -> None:
    names: dict[str, object] = {}
    for block in blocks(page, "console", "python"):
        if block.language == "python":
            exec(compile(block.text, f"{page.name}:{block.line}", "exec"), names)
            continue
        for command, shown in sessions(block):
            words = shlex.split(whole(command))
            printed = demonstration.printed if words == ["make", "demo"] else run(words)
            assert matches(shown, printed), f"{page.name}:{block.line}: {command}\n{printed}"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, heading = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if heading:
            assert heading in headings(file), f"{page.name} links to {target}"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_lists_every_page_and_every_decision_under_its_title() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index, page.name
    for record in sorted((ROOT / "docs" / "adr").glob("*.md")):
        number, title = re.match(r"# (\d+)\. (.+)", record.read_text("utf-8")).groups()  # type: ignore[union-attr]
        assert record.name.startswith(f"{int(number):04d}-")
        assert f"{number}. [{title}](adr/{record.name})" in index


def test_a_decision_has_its_four_parts() -> None:
    for record in (ROOT / "docs" / "adr").glob("*.md"):
        text = record.read_text("utf-8")
        parts = [
            text.find(part) for part in ("\nStatus: ", "\n## Context", "\n## Decision", "\n## Consequences")
        ]
        assert -1 not in parts, record.name
        assert parts == sorted(parts), record.name


def test_the_snapshot_tables_are_described_as_the_code_has_them() -> None:
    text = (ROOT / "docs" / "snapshots.md").read_text("utf-8")
    marker = "<!-- from here on written by `starledger snapshots schema` -->\n\n"
    assert text.partition(marker)[2] == snapshot_page.page(), "after the marker: starledger snapshots schema"


def test_the_readme_counts_what_the_catalogue_holds() -> None:
    from ratings.catalogue import load_catalogue

    core = len(load_catalogue().core())
    for page in ("README.md", "CHANGELOG.md", "docs/index.md", "docs/data-engineer.md"):
        assert re.search(rf"\b{core}\b", (ROOT / page).read_text("utf-8")), page
