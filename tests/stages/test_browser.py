"""The report as a person opens it: in a browser, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmft.figures import FIGURES

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: see envs/laptop.txt")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: install it (Debian: chromium)")
WIDTHS = {"desktop": 1280, "phone": 390}
LOADED = "images => images.filter(i => i.complete && i.naturalWidth > 0 && i.getBoundingClientRect().width > 0).length"


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS.values(), ids=WIDTHS.keys())
def opened(browser: "playwright.Browser", reported: Path, request: pytest.FixtureRequest) -> Iterator[tuple]:
    """(the page, what it complained of, what it asked for)."""
    context = browser.new_context(offline=True, viewport={"width": request.param, "height": 900})
    page, wrong, asked = context.new_page(), [], []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda one: wrong.append(one.url[:80]))
    page.on("request", lambda one: asked.append(one.url[:80]))
    page.goto((reported / "report.html").as_uri())
    yield page, wrong, asked
    context.close()


def test_every_figure_is_seen_and_nothing_is_fetched(opened: tuple) -> None:
    page, wrong, asked = opened
    assert page.locator("figure img").evaluate_all(LOADED) == len(FIGURES)
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_every_entry_of_the_contents_leads_to_its_place(opened: tuple) -> None:
    page, wrong, _ = opened
    links = page.locator("nav a")
    names = [link.removeprefix("#") for link in links.evaluate_all("links => links.map(a => a.getAttribute('href'))")]
    assert set(FIGURES) < set(names)
    for i, name in enumerate(names):
        links.nth(i).click()
        assert page.url.endswith(f"#{name}")
        assert page.locator(f"[id='{name}']").evaluate("e => e.getBoundingClientRect().top < innerHeight"), name
        assert page.locator(f"[id='{name}']").evaluate("e => e.getBoundingClientRect().bottom > 0"), name
    assert wrong == []


def test_only_tables_and_figures_scroll_sideways(opened: tuple) -> None:
    """The page itself is as wide as the window, on a phone too."""
    page, _, _ = opened
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
