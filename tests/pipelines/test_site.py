"""Site: every link of the folder leads to a file of it, the same again, and only what anybody may read."""

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from audit.web.addresses import file_of, to_file
from audit.web.archive import NotWholeError
from pipelines.cli import app
from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings, settings
from pipelines.site import EVENTS, FIGURES, SUMS, Written, write_site
from ratings.errors import InputError, LedgerError
from tests.pipelines.test_aged_care import FIRST, extract, taken
from warehouse.snapshot_manifest import microseconds
from warehouse.snapshots import list_snapshots

JUNE_2023 = microseconds("2023-06-30")


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def cared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A ledger of two facilities, rated."""
    directory = tmp_path_factory.mktemp("cared")
    here = settings(directory / "warehouse")
    taken(here, [extract(directory, "May 2023", "".join(FIRST.splitlines(True)[::4]))])
    build(here, "aged-care-au", as_published=JUNE_2023)
    return here


@pytest.fixture(scope="module")
def snapshot(cared: Settings) -> str:
    return list_snapshots(cared.snapshots)[0].id


@pytest.fixture(scope="module")
def draft_refused(cared: Settings, snapshot: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a snapshot before its release; it is released then."""
    out = tmp_path_factory.mktemp("draft") / "site"
    with pytest.raises(InputError) as refused:
        write_site(cared, snapshot, out, None, quiet)
    assert not out.exists()
    release(cared, snapshot, reason="seen by all")
    return str(refused.value)


@pytest.fixture(scope="module")
def written(
    cared: Settings, snapshot: str, draft_refused: str, tmp_path_factory: pytest.TempPathFactory
) -> Written:
    return write_site(cared, snapshot, tmp_path_factory.mktemp("whole") / "site", None, quiet)


class Links(HTMLParser):
    """The links of a page, its anchors, and the tags on it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.add(tag)
        self.anchors.add(said.get("id") or "")
        self.found += [said[name] or "" for name in ("href", "src", "action") if name in said]


def files_of(directory: Path) -> dict[str, bytes]:
    return {f.relative_to(directory).as_posix(): f.read_bytes() for f in directory.rglob("*") if f.is_file()}


def reached_from(directory: Path) -> set[str]:
    """Every file that links lead to, the first page on; a link that leads nowhere fails."""
    waiting, reached = [directory / "index.html"], {"index.html"}
    while waiting:
        page = waiting.pop()
        links = Links(page)
        assert "form" not in links.tags, page
        for link in links.found:
            target, _, heading = link.partition("#")
            if link.startswith("data:"):
                continue
            assert not target.startswith(("/", "http")), (page, link)
            file = (page.parent / unquote(target)).resolve() if target else page
            assert file.is_file(), (page, link)
            if heading:
                assert heading in Links(file).anchors, (page, link)
            path = file.relative_to(directory.resolve()).as_posix()
            if path not in reached:
                reached.add(path)
                waiting += [file] if path.endswith(".html") else []
    return reached


def test_every_link_leads_to_a_file_and_every_file_is_reached(written: Written) -> None:
    files = files_of(written.directory)
    assert reached_from(written.directory.resolve()) == files.keys() - {SUMS}
    assert (written.depth, written.files) == (EVENTS, len(files))
    assert written.bytes == sum(map(len, files.values()))


def test_a_folder_holds_pages_twins_and_what_is_taken_away(written: Written, snapshot: str) -> None:
    kinds = {path.rpartition("/")[2] for path in files_of(written.directory)}
    kinds = {name for name in kinds if not name[0].isdigit()}
    assert kinds >= {"index.html", "index.json", "ratings.csv", "ratings.parquet", "proof.json", "style.css"}
    assert "distribution.svg" in kinds
    for path, content in files_of(written.directory).items():
        assert path.endswith(".html") == content.startswith(b"<!DOCTYPE html>"), path
        assert path.endswith(".json") == content.startswith((b"{", b"[")), path
    whose = f"snapshots/{snapshot}/organisations/agedcare-acacia-house-nsw/index"
    page = (written.directory / f"{whose}.html").read_text("utf-8")
    twin = json.loads((written.directory / "api" / f"{whose}.json").read_bytes())
    assert twin["star"]["reason"] in page
    assert "This is a copy of the pages of one rating" in page


def test_the_same_snapshot_gives_the_same_files(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path
) -> None:
    again = write_site(cared, snapshot, tmp_path / "elsewhere" / "copy", EVENTS, quiet)
    assert again.sha256 == written.sha256
    assert files_of(again.directory) == files_of(written.directory)


def test_the_list_of_hashes_binds_every_other_file(written: Written) -> None:
    files = files_of(written.directory)
    listed = files.pop(SUMS)
    assert hashlib.sha256(listed).hexdigest() == written.sha256
    said = dict(line.split("  ")[::-1] for line in listed.decode().splitlines())
    assert said == {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def test_a_shorter_folder_says_what_it_leaves_out_and_leads_nowhere_else(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path
) -> None:
    short = write_site(cared, snapshot, tmp_path / "short", FIGURES, quiet)
    paths = files_of(short.directory).keys()
    assert reached_from(short.directory.resolve()) == paths - {SUMS}
    assert not any("/events/" in path for path in paths)
    assert any("/figures/" in path for path in paths)
    figure = next(path for path in paths if path.endswith("index.html") and path.count("/") == 6)
    text = (short.directory / figure).read_text("utf-8")
    assert 'href="#left-out"' in text
    assert "Pages of single events" in text


def test_a_draft_is_refused_with_what_to_do(draft_refused: str) -> None:
    assert "is not released" in draft_refused
    assert "release it first" in draft_refused


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="there is something already"):
        write_site(cared, snapshot, tmp_path, None, quiet)
    assert files_of(tmp_path) == {"note.txt": b"mine"}


def test_a_snapshot_that_was_altered_is_refused(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path
) -> None:
    table = cared.snapshots / snapshot / "freshness.parquet"
    whole = table.read_bytes()
    table.chmod(0o644)
    try:
        table.write_bytes(b"nonsense")
        with pytest.raises(NotWholeError, match=r"freshness\.parquet"):
            write_site(cared, snapshot, tmp_path / "bad", None, quiet)
        assert list(tmp_path.iterdir()) == []
    finally:
        table.write_bytes(whole)


def test_what_cannot_be_finished_leaves_nothing(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unproved(*_: object) -> None:
        raise LedgerError("its salt is gone")

    monkeypatch.setattr("audit.web.pages.event.proof_against", unproved)
    with pytest.raises(LedgerError, match=r"proof\.json cannot be written"):
        write_site(cared, snapshot, tmp_path / "half", EVENTS, quiet)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_much_it_wrote(
    cared: Settings, snapshot: str, written: Written, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    asked = ["export", "site", "--snapshot", snapshot, "--out", str(out), "--depth", "figures", "--json"]
    done = CliRunner().invoke(app, [*asked, "--warehouse", str(cared.warehouse)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["files"] == len(files_of(out))


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/", "index.html"),
        ("/api", "api/index.json"),
        ("/style.css", "style.css"),
        ("/ledger/checkpoint", "ledger/checkpoint"),
        ("/snapshots/s", "snapshots/s/index.html"),
        ("/snapshots/s?page=2&sort=-age", "snapshots/s/page-2.sort--age.html"),
        ("/snapshots/s/ratings.csv?q=a/b", "snapshots/s/ratings.q-a~2Fb.csv"),
        ("/a/PAF:A1%20%3C9/2000-04-01--P1Y", "a/PAF~3AA1~20~3C9/2000-04-01--P1Y/index.html"),
        ("/a/x~3Ay", "a/x~7E3Ay/index.html"),
    ],
)
def test_an_address_has_a_file_of_its_own_with_a_name_that_any_system_takes(address: str, file: str) -> None:
    assert file_of(address) == file
    assert unquote(to_file(address, "index.html")) == file
    assert to_file(address, f"x/y/{file}") == "../" * (file.count("/") + 2) + file
