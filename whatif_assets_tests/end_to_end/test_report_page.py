"""The report's page in a browser: whole at every width, sortable, printable."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
def opened(
    browser: Browser, url: str, width: int = 1280, **settings: Any
) -> Iterator[Page]:
    """Open a page; afterwards nothing must have gone wrong and nothing been fetched."""
    page = browser.new_page(viewport={"width": width, "height": 800}, **settings)
    problems, requests = [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url)
    page.wait_for_function(
        "Array.from(document.querySelectorAll('.plot'))"
        ".every((one) => one.classList.contains('js-plotly-plot'))"
    )
    yield page
    page.close()
    assert problems == []
    # A file that the page gives to the reader is made in the page.
    assert [one for one in requests if not one.startswith("blob:")] == [url]


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


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_it_is_dark_as_the_system_until_the_reader_switches(browser, report):
    grid = "document.getElementById('chart-equity')._fullLayout.xaxis.gridcolor"
    with opened(browser, report, color_scheme="dark") as page:
        dark, lines = background(page), page.evaluate(grid)
        page.select_option("#theme", "light")
        assert background(page) == "rgb(255, 255, 255)" != dark
        assert page.evaluate(grid) != lines


def saved(page: Page, press: str) -> list[str]:
    """Press a button that gives a file; return the lines of the file."""
    with page.expect_download() as download:
        page.locator(press).click()
    return download.value.path().read_text(encoding="utf-8").splitlines()


def test_a_chart_gives_its_data_as_csv(browser, report):
    with opened(browser, report) as page:
        lines = saved(page, ".chart:has(#chart-drawdown) .tools button >> nth=0")
        points = page.evaluate(
            "document.getElementById('chart-drawdown').data"
            ".flatMap((one) => one.x).filter((x) => x !== null).length"
        )
    assert lines[0] == 'series,session,"below the last peak, %"'
    assert len(lines) == points + 1


def test_the_keyboard_zooms_a_chart_and_shows_the_whole(browser, report):
    span = """(() => { const [a, b] = document.getElementById('chart-equity')
        ._fullLayout.xaxis.range.map(Date.parse); return b - a; })()"""
    with opened(browser, report) as page:
        before = page.evaluate(span)
        page.locator("#chart-equity").focus()
        page.keyboard.press("+")
        assert page.evaluate(span) == pytest.approx(before / 2, rel=0.01)
        page.keyboard.press("0")
        assert page.evaluate(span) == pytest.approx(before, rel=0.01)


def test_the_equity_of_a_row_is_drawn_when_it_is_ticked(browser, report):
    names = "document.getElementById('chart-variants').data.map((one) => one.name)"
    with opened(browser, report) as page:
        before = page.evaluate(names)
        row = page.locator("#ranking tbody tr:has(input:not(:checked))").first
        name = row.locator("td").nth(1).inner_text().strip()
        row.locator("input").check()
        assert set(page.evaluate(names)) - set(before) == {name}


def test_trades_are_sorted_filtered_and_given_as_csv(browser, report):
    with opened(browser, report) as page:
        page.locator("#trades-table th", has_text="PnL").locator("button").click()
        cells = page.locator("#trades-table tbody tr td:nth-child(8)").all_inner_texts()
        profits = [float(cell.replace(",", "")) for cell in cells]
        assert profits == sorted(profits, reverse=True)
        symbol = page.locator("#trade-symbol option").nth(1).inner_text()
        page.select_option("#trade-symbol", symbol)
        names = page.locator("#trades-table tbody tr td:first-child").all_inner_texts()
        assert set(names) == {symbol}
        count = page.inner_text("#trade-count").split(" of ")[1].replace(",", "")
        assert len(saved(page, "#trade-csv")) == int(count) + 1


def test_candles_follow_the_chosen_symbol_and_session(browser, report):
    shown = """(() => { const one = document.getElementById('chart-prices').data[0];
        return [one.type, one.name, one.x[0].slice(0, 10)]; })()"""
    with opened(browser, report) as page:
        symbol = page.locator("#price-symbol option").last.inner_text()
        page.select_option("#price-symbol", label=symbol)
        page.click("#price-next")
        day = page.locator("#price-day option:checked").inner_text()
        assert page.evaluate(shown) == ["candlestick", symbol, day]


def test_every_chart_table_and_control_has_a_name(browser, report):
    nameless = """Array.from(document.querySelectorAll(
        '.plot, table, .scroll, select, input, button')).filter((one) =>
        !(one.ariaLabel || one.caption || one.closest('label') || one.innerText)).length"""
    with opened(browser, report) as page:
        assert page.evaluate(nameless) == 0


def test_two_results_are_compared(browser, report):
    front = report.replace("tiny.html", "_studies.html")
    page = browser.new_page()
    page.goto(front)
    page.set_input_files("#compare-file", report.removeprefix("file://"))
    page.wait_for_function("document.getElementById('compare-b').length === 2")
    rows = page.locator("#compare-rows tr").all_inner_texts()
    assert all(len(set(row.split("\t")[1:])) == 1 for row in rows)
    assert page.locator("#compare-chart polyline").count() == 2
    page.close()


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
