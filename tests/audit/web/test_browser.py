"""Browser: the pages as people use them, in headless Chromium, by clicks and by keyboard alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from audit.web.addresses import on_server
from audit.web.app import create_app
from audit.web.pages.ratings import ratings
from audit.web.render import html
from pipelines.settings import Settings
from tests.audit.web.conftest import EVIL
from tests.audit.web.made_told import Told
from tests.audit.web.test_pages import archive

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    app = create_app(archive(settings, "internal"), hosts=("127.0.0.1",))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    running.join()


@pytest.fixture(scope="module")
def address(shown: Settings) -> Iterator[str]:
    with served(shown) as where:
        yield where


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    assert CHROMIUM.exists(), "the pages are tested in Chromium. Next: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_a_star_is_followed_to_its_cell_and_back_by_clicks(browser_page: Page, address: str) -> None:
    page = browser_page
    page.goto(address)
    page.get_by_role("link", name="May 2002").click()
    page.get_by_label("Name").fill("walsall")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("link", name="Walsall").click()
    expect(page.get_by_text("No stars (0)").first).to_be_visible()
    page.get_by_role("region", name="Key indicators").get_by_role("link").first.click()
    cells = page.get_by_role("region", name="Cells of row 2")
    expect(cells.get_by_role("cell", name="57", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back to the star of Walsall").click()
    page.get_by_role("link", name="Recorded judgement").first.click()
    expect(
        page.get_by_role("region", name="Cells of row 2").get_by_role("cell", name="poor", exact=True).first
    ).to_be_visible()
    page.get_by_role("link", name="Back to the star of Walsall").click()
    expect(page.get_by_role("heading", name="Walsall", level=1)).to_be_visible()


def test_a_figure_leads_to_its_file_and_to_what_was_known_on_another_day(
    browser_page: Page, address: str, shown: Settings
) -> None:
    page = browser_page
    [snapshot] = [path.name for path in shown.snapshots.iterdir() if path.name.startswith("ssi-2002")]
    page.goto(f"{address}/snapshots/{snapshot}/organisations/walsall")
    page.get_by_role("region", name="Key indicators").get_by_role("link").first.click()
    page.get_by_role("link", name="a1.csv").click()
    expect(page.get_by_text("The kept bytes have this SHA-256.")).to_be_visible()
    page.get_by_role("region", name="Stars of this rating").get_by_role("link", name="Walsall").click()
    page.get_by_label("As published by").fill("2002-05-29")
    page.get_by_role("button", name="Show what was known").click()
    expect(page.get_by_text("No rating rests only on what was published by 29 May 2002.")).to_be_visible()
    page.get_by_label("As published by").fill("2002-05-30")
    page.get_by_role("button", name="Show what was known").click()
    page.get_by_role("link", name="Back to the page").click()
    expect(page.get_by_role("heading", name="Walsall", level=1)).to_be_visible()


def reach(page: Page, found: str) -> None:
    """Press Tab until what has the focus answers to a condition in JavaScript."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate(f"(e => {found})(document.activeElement)"):
            return
    pytest.fail(f"nothing that is {found} is reached by the Tab key at {page.url}")


def follow(page: Page, text: str) -> None:
    """Tab to a link that says this, and press Enter."""
    reach(page, f"e.tagName === 'A' && e.textContent.startsWith('{text}')")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_star_is_followed_to_its_cell_and_back_by_keyboard_alone(browser_page: Page, address: str) -> None:
    page = browser_page
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    follow(page, "May 2002")
    reach(page, "e.id === 'q'")
    page.keyboard.type("walsall")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    follow(page, "Walsall")
    follow(page, "Stability of placements")
    expect(page.get_by_role("cell", name="57", exact=True)).to_be_visible()
    follow(page, "Back to the star")
    expect(page.get_by_role("heading", name="Walsall", level=1)).to_be_visible()


def test_no_kind_of_page_has_a_serious_fault_of_accessibility(
    browser_page: Page, address: str, shown: Settings
) -> None:
    [snapshot] = [path.name for path in shown.snapshots.iterdir() if path.name.startswith("ssi-2002")]
    about = f"/snapshots/{snapshot}"
    walsall = f"{about}/organisations/walsall"
    event = shown.ledger().events("evidence")[0]["position"]
    sha256 = shown.ledger().batches("judgements")[-1].file_sha256
    for path in (
        "/",
        about,
        f"{about}?q=nobody",
        walsall,
        f"{walsall}/figures",
        f"{walsall}/figures/PAF:A1?published=2002-01-01",
        f"{about}/indicators/PAF:A1",
        f"{about}/freshness",
        f"{about}/freshness?by=organisation&indicator=PAF:A1",
        f"{about}/events/{event}",
        f"{about}/files/{sha256}",
        "/ledger",
        f"{about}/indicators/PAF:A1?organisation=walsall&recorded=2030-01-01",
        f"{about}/known?of=organisations/walsall&published=2001-01-01",
        "/words",
        "/nowhere",
    ):
        browser_page.goto(address + path)
        assert not grave_faults(browser_page), path


def grave_faults(page: Page) -> list[tuple[str, str]]:
    """What axe finds on a page that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


def test_two_ratings_are_compared_by_choice_and_no_page_of_it_has_a_serious_fault(
    browser_page: Page, told: Told
) -> None:
    page, compared = browser_page, f"/snapshots/{told.july}/compare/{told.may}"
    with served(told.settings) as where:
        page.goto(f"{where}/snapshots/{told.july}")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_text("of 150 stars")).to_be_visible()
        for path in (f"/snapshots/{told.july}/compare", compared, f"{compared}/figures"):
            page.goto(where + path)
            assert not grave_faults(page), path


def test_what_a_file_says_is_text_and_never_a_script(
    browser_page: Page, address: str, shown: Settings
) -> None:
    [snapshot] = [path.name for path in shown.snapshots.iterdir() if path.name.startswith("ssi-2002")]
    for path in ("/", f"/snapshots/{snapshot}/organisations/walsall"):
        browser_page.goto(address + path)
        assert browser_page.title() != "taken"
        assert EVIL in browser_page.inner_text("main")
        assert browser_page.locator("script").count() == 0


def test_a_council_named_as_a_script_is_shown_as_text(shown: Settings) -> None:
    found = archive(shown, "internal")
    snapshot = found.entries()[0].id
    value = ratings(found, snapshot)
    row = replace(value.found.rows[0], name=EVIL)
    named = replace(value, found=replace(value.found, rows=(row,)))
    reader = {"audience": "internal", "user": None, "query": ""}
    text = html("ratings.html", named, on_server(), "/", reader)
    assert EVIL not in text
    assert "&lt;script&gt;" in text
