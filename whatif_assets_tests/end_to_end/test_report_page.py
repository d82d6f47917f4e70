"""The report's page in a browser: whole at every width, sortable, printable."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from whatif_assets.home.home import Home
from whatif_assets_tests.end_to_end.browser import chromium, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (1280, 768, 390)
# Playwright itself warns where a test of asyncio's came before.
pytestmark = [pytest.mark.ui, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium; install it, or name it in CHROMIUM")
    with chromium(executable) as running:
        yield running


@pytest.fixture(scope="module")
def report(finished_home: Path) -> str:
    return Home.open(finished_home).page("tiny").as_uri()


@contextlib.contextmanager
def opened(browser: Browser, url: str, width: int = 1280) -> Iterator[Page]:
    """Open a page; afterwards nothing must have gone wrong and nothing been fetched."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    problems, requests = [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url)
    page.wait_for_function(
        "document.querySelectorAll('.js-plotly-plot .main-svg').length > 9"
    )
    yield page
    page.close()
    assert problems == []
    assert requests == [url]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(browser, report, width):
    with opened(browser, report, width) as page:
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) == width
        over = """Array.from(document.querySelectorAll('.chart svg.main-svg'))
            .filter((one) => one.getBoundingClientRect().right > innerWidth).length"""
        assert page.evaluate(over) == 0


def test_a_chart_follows_the_window(browser, report):
    with opened(browser, report) as page:
        chart = page.locator("#chart-equity svg.main-svg").first
        before = chart.bounding_box()["width"]
        page.set_viewport_size({"width": 500, "height": 800})
        page.wait_for_timeout(600)
        assert before > 900
        assert chart.bounding_box()["width"] < 500


def ranks(page: Page) -> list[str]:
    return page.locator("#ranking tbody tr:visible td:first-child").all_inner_texts()


def figures(page: Page, column: str) -> list[str]:
    heads = page.locator("#ranking thead th").all_inner_texts()
    number = [head.strip(" \u25b2\u25bc") for head in heads].index(column) + 1
    cells = page.locator(f"#ranking tbody tr td:nth-child({number})")
    return cells.evaluate_all("(cells) => cells.map((cell) => cell.dataset.v)")


def test_the_leaderboard_is_sorted_by_a_press_and_back_by_another(browser, report):
    with opened(browser, report) as page:
        head = page.locator("#ranking thead th", has_text="sharpe")
        for direction in (-1, 1):
            head.click()
            values = figures(page, "sharpe")
            known = [float(value) for value in values if value]
            assert known == sorted(known, reverse=direction < 0)
            # Undefined values stay last in both directions.
            assert all(values[: len(known)])
        assert head.get_attribute("aria-sort") == "ascending"


def test_the_leaderboard_is_filtered_by_words_and_role(browser, report):
    with opened(browser, report) as page:
        every = len(ranks(page))
        page.fill("#find", "forest 0.0002")
        assert len(ranks(page)) == 2
        assert page.inner_text("#count") == "2 shown"
        page.fill("#find", "")
        assert len(ranks(page)) == every
        page.select_option("#role", "placebo")
        assert len(ranks(page)) == 1


def test_it_prints(browser, report):
    with opened(browser, report) as page:
        printed = page.pdf(format="A4", print_background=True)
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 25


def test_charts_fit_the_paper_while_it_prints_and_the_screen_again(browser, report):
    with opened(browser, report) as page:
        chart = page.locator("#chart-equity svg.main-svg").first
        before = chart.bounding_box()["width"]
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert chart.bounding_box()["width"] == 680
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        page.wait_for_timeout(600)
        assert chart.bounding_box()["width"] == before
