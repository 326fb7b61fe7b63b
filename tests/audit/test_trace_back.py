"""Trace back: from a file or an event to every star that rests on it, and the pages of both directions."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.trace import trace
from audit.trace_back import resting_on_event, resting_on_file
from audit.trace_back_lines import lines_back
from audit.trace_page import page
from pipelines.cli import app
from pipelines.cli.options import print_tree
from pipelines.decide import decide
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.decisions import Decision
from ratings.errors import InputError, NotFoundError
from tests.audit.test_trace import A1, LAIT, MAY_2002, MEASURE, RATINGS, ingested
from tests.made_ledgers import OUT, warehouse
from warehouse.snapshots import list_snapshots

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def of_2002(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("back-2002") / "w")
    ingested(made, "ratings.csv", RATINGS, "published_ratings")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "a1.csv", A1, "a1_2001")
    build(made, "ssi-2002", as_published=MAY_2002)
    return made


@pytest.fixture(scope="module")
def of_lait(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = warehouse(tmp_path_factory.mktemp("back-lait") / "w")
    name = "<script>alert(1)<script>.csv"
    ingested(made, name, LAIT.format(earlier=1, now=2), "lait", OUT)
    build(made, "lait-quartile", as_published=OUT)
    return made


def file_of(settings: Settings, name: str) -> str:
    [sha256] = {b.file_sha256 for b in settings.ledger().batches() if b.file_name == name}
    assert sha256 is not None
    return sha256


def back(settings: Settings, of: str | int, snapshot: str | None = None) -> dict[str, Any]:
    where = settings.ledger(), settings.snapshots
    found = (
        resting_on_file(*where, of, snapshot)
        if isinstance(of, str)
        else resting_on_event(where[0], settings.landing, where[1], of, snapshot)
    )
    assert json.loads(json.dumps(found)) == found
    return found


def text_of(found: dict[str, Any]) -> str:
    return "\n".join("  " * depth + sentence for depth, sentence in lines_back(found))


def test_a_file_of_judgements_leads_to_every_star_that_rests_on_them(of_2002: Settings) -> None:
    found = back(of_2002, file_of(of_2002, "ratings.csv"))
    assert [r["collection"] for r in found["file"]["releases"]] == ["published_ratings", "judgements"]
    [snapshot] = found["snapshots"]
    assert {s["name"]: s["star"] for s in snapshot["stars"]} == {"Bolton": 2, "Walsall": 0}
    parts = {way["part"]: way for way in snapshot["stars"][1]["through"]}
    assert len(parts) == 4
    assert (parts["children_serving"]["as"], parts["children_serving"]["row"]) == ("judgement", 2)
    assert not snapshot["edges"]  # fixed thresholds: nobody else's star moves with these figures
    assert "Walsall: 0 stars, through the judgement adults_prospects" in text_of(found)


def test_a_file_of_figures_leads_to_the_judgements_that_they_cap(of_2002: Settings) -> None:
    [snapshot] = back(of_2002, file_of(of_2002, "a1.csv")[:12])["snapshots"]
    ways = [way for star in snapshot["stars"] for way in star["through"]]
    assert {(w["indicator"], w["as"], w["part"], w["row"]) for w in ways if w["as"] == "cap"} == {
        ("PAF:A1", "cap", "children_serving", 2),
        ("PAF:A1", "cap", "children_serving", 3),
    }


def test_forward_and_back_agree_for_every_figure_and_judgement(of_2002: Settings) -> None:
    for name in ("Walsall", "Bolton"):
        ahead = trace(of_2002.ledger(), of_2002.landing, of_2002.snapshots, name)
        events = [f["event"] for f in ahead["figures"] if f["event"]]
        events += [j["event"]["event"] for j in ahead["judgements"] if j["event"]]
        assert len(events) == 5
        for event in events:
            [snapshot] = back(of_2002, event)["snapshots"]
            [star] = snapshot["stars"]
            assert (star["name"], star["star"]) == (name, ahead["star"]["star"])
            assert {way["event"] for way in star["through"]} == {event}


def test_bands_of_quantiles_say_that_their_edges_rest_on_it_too(of_lait: Settings) -> None:
    found = back(of_lait, file_of(of_lait, "<script>alert(1)<script>.csv"))
    [snapshot] = found["snapshots"]
    assert snapshot["edges"]
    assert [(s["name"], s["star"], s["rating_status"]) for s in snapshot["stars"]] == [
        ("Camden", None, None),
        ("Hackney", None, None),
    ]
    assert {way["indicator"] for star in snapshot["stars"] for way in star["through"]} == {MEASURE}
    assert "set the edges of everybody's bands" in text_of(found)
    assert "Camden: bands without a star, through LAIT:FirstYJS" in text_of(found)


def test_a_decision_leads_to_the_star_it_decided(tmp_path: Path) -> None:
    made = warehouse(tmp_path / "w")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    decided = decide(
        made,
        Decision(
            "Walsall", "ssi-2002", "2002-05", "star", "suspended", None, "High Court", "r", "", MAY_2002, None
        ),
    )
    build(made, "ssi-2002", as_published=MAY_2002)
    [snapshot] = back(made, decided.decision.position)["snapshots"]
    [star] = snapshot["stars"]
    assert (star["name"], star["rating_status"]) == ("Walsall", "suspended")
    assert [way["as"] for way in star["through"]] == ["star"]


def test_what_nothing_rests_on_is_said_so(of_2002: Settings) -> None:
    published = of_2002.ledger().batches("published_ratings", "vintage")[0].first_position
    found = back(of_2002, published)
    assert "no star of any snapshot here rests on it" in text_of(found)
    assert "No star of any snapshot here rests on it" in page(found)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--file", "0" * 64], "no file with SHA-256 0000"),
        (["--file", "returns/a.csv"], "is no SHA-256, and no file is called that"),
        (["--event", "99999"], "the log has no position 99999"),
        (["Walsall", "--event", "1"], "begins at one place"),
        ([], "begins at one place"),
        (["--event", "1", "--indicator", "A1"], "narrows the trace of an organisation"),
        (["--event", "1", "--snapshot", "nothing"], "there is no snapshot 'nothing'"),
    ],
)
def test_what_cannot_be_traced_is_refused_with_a_next_step(
    of_2002: Settings, arguments: list[str], says: str
) -> None:
    done = CliRunner().invoke(app, ["trace", *arguments, "--warehouse", str(of_2002.warehouse)])
    assert isinstance(done.exception, InputError | NotFoundError), done.output
    assert says in str(done.exception)


def test_a_file_is_named_by_its_path_too_and_the_page_replaces_the_text(
    of_2002: Settings, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text(A1)
    words = ["trace", "--file", str(tmp_path / "mine.csv"), "--warehouse", str(of_2002.warehouse)]
    told = CliRunner().invoke(app, words)
    assert "Bolton: 2 stars, through PAF:A1" in told.output
    written = CliRunner().invoke(app, [*words, "--html", str(tmp_path / "page.html")])
    assert written.output == f"{tmp_path / 'page.html'}: one page, nothing else needed\n"
    assert "What rests on a1.csv" in (tmp_path / "page.html").read_text()


def test_a_reader_at_a_terminal_sees_a_tree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [(0, "Walsall: [0] stars"), (1, "rule"), (2, "because"), (1, "figures")]
    print_tree(told)
    assert capsys.readouterr().out == "Walsall: [0] stars\n  rule\n    because\n  figures\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    print_tree(told)
    assert capsys.readouterr().out == "Walsall: [0] stars\n├── rule\n│   └── because\n└── figures\n"


class Elements(HTMLParser):
    """The elements of a page in order, and their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def pages(of_2002: Settings, of_lait: Settings) -> dict[str, str]:
    found = {}
    for where, name in ((of_2002, "Walsall"), (of_lait, "Camden")):
        ahead = trace(
            where.ledger(), where.landing, where.snapshots, name, None if name == "Walsall" else MEASURE
        )
        found[name] = page(ahead)
        [event, *_] = [f["event"] for f in ahead["figures"] if f["event"]]
        found[f"event of {name}"] = page(back(where, event))
        batch = next(b for b in where.ledger().batches(kind="vintage"))
        found[f"file of {name}"] = page(back(where, batch.file_sha256 or ""))
    return found


def test_a_page_holds_no_script_loads_nothing_and_escapes_what_sources_say(
    of_2002: Settings, of_lait: Settings
) -> None:
    for name, text in pages(of_2002, of_lait).items():
        elements = Elements(text)
        assert not elements.all("script"), name
        assert not {"src", "onclick"} & {key for _, attributes in elements.found for key in attributes}, name
        assert all((a["href"] or "").startswith("#") for a in elements.all("a")), name
        assert "default-src 'none'" in text
        assert "None" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL), name
    assert "&lt;script&gt;alert(1)&lt;script&gt;.csv" in pages(of_2002, of_lait)["file of Camden"]


def test_a_page_has_one_heading_captions_and_headed_rows(of_2002: Settings, of_lait: Settings) -> None:
    for name, text in pages(of_2002, of_lait).items():
        elements = Elements(text)
        assert len(elements.all("h1")) == 1, name
        assert elements.all("html") == [{"lang": "en-GB"}]
        assert len(elements.all("caption")) == len(elements.all("table")), name
        assert all(each.get("scope") in ("col", "row") for each in elements.all("th")), name
        assert "@media print" in text
    walsall = pages(of_2002, of_lait)["Walsall"]
    for said in ("425 days old", "zero because both services", "row 2", "Licence", "57", "reconstructed"):
        assert said in walsall


def test_axe_finds_no_fault_on_the_pages(of_2002: Settings, of_lait: Settings, tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        shown = browser.new_page()
        for name, text in pages(of_2002, of_lait).items():
            shown.set_content(text)
            faults = Axe().run(shown).response["violations"]
            assert not faults, (name, [fault["id"] for fault in faults])
        browser.close()


def test_a_snapshot_of_another_log_is_left_out(of_2002: Settings, of_lait: Settings) -> None:
    [other] = list_snapshots(of_lait.snapshots)
    found = resting_on_event(of_2002.ledger(), of_2002.landing, of_lait.snapshots, 3)
    assert found["snapshots"] == []
    assert other.id not in text_of(found)
