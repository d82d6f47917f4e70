"""Take the pictures in ``docs/images`` from the running UI.

Run it as ``make screenshots``. It opens the UI on a temporary copy of ``data``,
materialises the demo study in one backfill of all assets, and takes the pictures with
Chromium, which must be installed (Debian: ``apt-get install chromium``). This takes
about five minutes. With a home that has the demo's results, as in
``python -m docs.take_screenshots data``, only the pictures of the report are taken.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from whatif_assets.home.home import Home
from whatif_assets_tests.end_to_end.browser import chromium, find_browser
from whatif_assets_tests.end_to_end.ui import ROOT, Ui, dagster_dev, wait_for

IMAGES = ROOT / "docs" / "images"
LARGEST = 400_000
WIDTH, HEIGHT = 1400, 900
GRAPH_WIDTH, GRAPH_HEIGHT = 2200, 1900  # names of assets are read at this size
STEPS_OF_ZOOM = 1
MILLISECONDS_TO_SETTLE = 2500
RESULTS = ("lake", "ledger", "reports", "*.duckdb", ".dagster", "__pycache__")
CHAIN = (
    "price_bars",
    "features",
    "data_quality",
    "trained_models",
    "forecasts",
    "forecast_quality",
    "model_cards",
    "backtest_results",
    "result_quality",
    "leaderboard",
    "holdout_results",
    "placebo_results",
    "verdicts",
    "frozen_winner",
    "forward_results",
    "best_configuration",
)
GROUPS = ("market", "models", "results")
# The UI shows the columns of an asset above its results, unless they are folded.
FOLD_COLUMNS = "localStorage.setItem('collapsible-section-Columns', 'true')"
STUDY = "demo"
CONFIGURATION = f"{STUDY}.gbt"


def main() -> None:
    """Take every picture, or only those of the report of a given home."""
    browser = find_browser()
    if browser is None:
        sys.exit(
            "Chromium was not found. Install it (Debian: apt-get install chromium), or "
            "set its path: CHROMIUM=/path/to/chrome make screenshots"
        )
    if sys.argv[1:]:
        take_report(browser, Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory(prefix="whatif_screenshots_") as temporary:
        home = Path(temporary) / "home"
        shutil.copytree(ROOT / "data", home, ignore=shutil.ignore_patterns(*RESULTS))
        with dagster_dev(Path(temporary), {"WHATIF_HOME": str(home)}) as url:
            ui = Ui(url, "whatif_assets")
            backfill = materialize_all(ui)
            with open_page(browser, url) as page:
                take_all(page, ui, backfill)
        take_report(browser, home)


def materialize_all(ui: Ui) -> str:
    """Launch the backfill of *Materialize all* for all sessions; return its id."""
    wait_for(lambda: ui.partition_keys("backtest_results"), 60, "no configurations")
    print("Materialising the demo study in the UI ...", flush=True)
    backfill = ui.backfill(CHAIN, ui.partition_keys("price_bars"))
    status = ui.finish_backfill(backfill, seconds=1800)
    if status != "COMPLETED_SUCCESS":
        reasons = [ui.reasons(run) for run in ui.runs_of(backfill)]
        sys.exit("\n".join([f"The backfill ended as {status}.", *reasons]))
    return backfill


@contextmanager
def open_page(browser: str, url: str) -> Iterator[Page]:
    """Open a page of the UI with the navigation hidden."""
    with chromium(browser) as running:
        page = running.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{url}/overview")
        page.get_by_text("Hide navigation").click()
        page.evaluate(FOLD_COLUMNS)
        yield page


def take_all(page: Page, ui: Ui, backfill: str) -> None:
    """Take a picture of each page of the UI that the documentation shows."""
    take_graph(page, ui.url)
    page.goto(f"{ui.url}/runs/b/{backfill}")
    take(page, "backfill", "100% completed", height=700)
    open_partition(page, ui, "backtest_results", CONFIGURATION)
    take(page, "backtest_results", "leaders", height=1040)
    page.goto(f"{ui.url}/assets/leaderboard")
    take(page, "leaderboard", f"{STUDY}_leaders", height=1040)


def open_partition(page: Page, ui: Ui, asset: str, key: str) -> None:
    """Open the page of one partition of an asset."""
    page.goto(f"{ui.url}/assets/{asset}?view=partitions&partition={key}")


def take_graph(page: Page, url: str) -> None:
    """Take a picture of the whole asset graph, with its groups expanded."""
    page.set_viewport_size({"width": GRAPH_WIDTH, "height": GRAPH_HEIGHT})
    unfolded = ",".join(f"global@global:{group}" for group in GROUPS)
    page.goto(f"{url}/asset-groups?expanded={unfolded}")
    page.get_by_text(CHAIN[-1]).first.wait_for()
    page.wait_for_timeout(MILLISECONDS_TO_SETTLE)
    fold = '//input[starts-with(@placeholder, "Jump to")]/following::button[1]'
    page.locator(f"xpath={fold}").click()
    page.wait_for_timeout(MILLISECONDS_TO_SETTLE)
    # A double click fits the graph to the page, and the top bar hides what is there.
    page.locator("[data-svg-viewport]").dispatch_event("dblclick")
    page.wait_for_timeout(MILLISECONDS_TO_SETTLE)
    zoom_out = page.locator("#zoom-slider-container button").nth(1)
    for _ in range(STEPS_OF_ZOOM):
        zoom_out.click()
    take(page, "asset_graph", CHAIN[-1], GRAPH_HEIGHT, GRAPH_WIDTH)


def take_report(browser: str, home: Path) -> None:
    """Take pictures of parts of the demo's report."""
    with chromium(browser) as running:
        page = running.new_page()
        page.goto(Home.open(home).page(STUDY).as_uri())
        for anchor, height in (("verdict", 760), ("equity", 620)):
            page.evaluate(f"location.hash = '{anchor}'")
            take(page, f"report_{anchor}", "Verdict", height, 1120)


def take(
    page: Page, name: str, awaited: str, height: int = HEIGHT, width: int = WIDTH
) -> None:
    """Take a picture after a text has appeared and the page has settled."""
    page.set_viewport_size({"width": width, "height": height})
    page.get_by_text(awaited).first.wait_for()
    page.wait_for_timeout(MILLISECONDS_TO_SETTLE)
    target = IMAGES / f"{name}.png"
    target.parent.mkdir(exist_ok=True)
    page.screenshot(path=target)
    size = target.stat().st_size
    print(f"{target.relative_to(ROOT)}: {size // 1000} kB", flush=True)
    if size > LARGEST:
        sys.exit(f"{target} is larger than {LARGEST // 1000} kB.")


if __name__ == "__main__":
    main()
