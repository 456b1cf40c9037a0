"""The report in a real browser, with the network off."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from smnas.report.page import render_report

pytestmark = pytest.mark.browser
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = "no chromium on this machine: the report was NOT opened in a browser"
        if os.environ.get("SMNAS_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, run_folder: Path) -> Iterator[tuple[Page, list[str]]]:
    """The report, and everything that it complained about or tried to fetch."""
    report = render_report(run_folder)
    complaints: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: complaints.append(request.url) if _leaves(request.url) else None,
    )
    page.goto(report.as_uri())
    page.wait_for_selector("#growth-plot .scatterlayer .point")
    yield page, complaints
    context.close()


def _leaves(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def test_it_opens_offline_without_complaint(opened: tuple[Page, list[str]]) -> None:
    page, complaints = opened
    assert complaints == []
    assert page.title() == "smnas: trees"
    broken = "Array.from(document.images).filter(i => !i.naturalWidth).length"
    page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.wait_for_function("Array.from(document.images).every(i => i.complete)")
    assert page.evaluate(broken) == 0


def test_every_trial_is_a_point_and_is_drawn(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    data = "document.getElementById('front-plot').data.filter(t => t.mode === 'markers')"
    numbers = page.evaluate(f"{data}.flatMap(t => t.customdata)")
    assert sorted(numbers) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert page.locator("#front-plot .scatterlayer .point").count() == 10


def test_hovering_shows_the_arch(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    page.locator("#front-plot").scroll_into_view_if_needed()
    point = page.locator("#front-plot .scatterlayer .point").first
    box = point.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#front-plot .hoverlayer .hovertext")
    shown = page.locator("#front-plot .hoverlayer .hovertext").first.text_content() or ""
    assert "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina" in shown


def test_a_heading_sorts_the_table(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    times = "Array.from(document.querySelector('.sortable').tBodies[0].rows)"
    times += ".map(r => Number(r.cells[6].dataset.value))"
    heading = page.locator(".sortable th", has_text="ms").first
    heading.click()
    assert page.evaluate(times) == [8, 6, 4, 2]
    heading.click()
    assert page.evaluate(times) == [2, 4, 6, 8]


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_runs_over_the_edge(opened: tuple[Page, list[str]], width: int) -> None:
    page, _ = opened
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
