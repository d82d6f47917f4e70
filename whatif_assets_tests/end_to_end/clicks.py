"""What a person does in the UI by clicking and typing, and what is then seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from whatif_assets.home.home import Home
from whatif_assets_tests.end_to_end.ui import Ui, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

# It ends before the sessions that are revealed, so that its winner stays.
KEPT = """
dates: {last: 2026-01-16}
features:
  - ema: {timeperiod: 5, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 5, holdout: 2}
configurations:
  forest:
    algorithm: random_forest
    n_trees: 3
    max_depth: 3
    strategy: forecast_threshold
    threshold: 0.0001
"""
FORM = "() => document.querySelector('.CodeMirror').CodeMirror.getValue()"
LAST_BACKFILL = """
{ partitionBackfillsOrError(limit: 1) {
  ... on PartitionBackfills { results { id } }
} }
"""
NEW_SESSIONS = ["2026-01-20", "2026-01-21"]  # the 19th is a holiday


def run_by_form(
    page: Page, ui: Ui, job: str, ends: str = "SUCCESS", **fields: str
) -> None:
    """Fill in the form of a job where it differs, launch it, and look at its end."""
    page.goto(f"{ui.url}/locations/{ui.location}/jobs/{job}/playground")
    page.get_by_role("button", name="Launch Run").wait_for()
    page.wait_for_function(f"({FORM})().includes('{job}_by_form')")
    lines = page.evaluate(FORM).splitlines()
    for name, value in fields.items():
        (place,) = (n for n, line in enumerate(lines) if f" {name}:" in line)
        lines[place] = f"{lines[place].partition(':')[0]}: {value}"
    page.locator(".CodeMirror-lines").first.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text("\n".join(lines))
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
    run = page.url.rpartition("/")[2].partition("?")[0]
    assert ui.finish_run(run) == ends, ui.reasons(run)
    page.goto(f"{ui.url}/runs/{run}")


def a_question_is_answered(page: Page, ui: Ui) -> None:
    """Ask by the form, and read the answer in the last step."""
    run_by_form(page, ui, "what_if", overrides="{threshold: 0.0005}")
    page.get_by_text("is new. It ranks").first.wait_for()
    page.get_by_text("Show Markdown").first.click()
    answer = page.get_by_role("dialog")
    answer.get_by_role("row", name="threshold 0.0001 0.0005").wait_for()
    assert "tiny.linear~threshold=0.0005" in ui.recorded("backtest_results")


def a_wrong_question_says_what_is_wrong(page: Page, ui: Ui) -> None:
    """Ask with a field that does not exist, and read why nothing was started."""
    run_by_form(page, ui, "what_if", "FAILURE", overrides="{treshold: 0.0005}")
    page.get_by_text("Did you mean 'threshold'?").first.wait_for()


def a_range_is_backfilled(page: Page, ui: Ui) -> None:
    """Type a range of sessions, and launch their backfill."""
    before = last_backfill(ui)
    page.goto(f"{ui.url}/assets/price_bars?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    sessions = dialog.get_by_placeholder("ex: ")
    sessions.fill("[2026-01-07...2026-01-09]")
    sessions.press("Enter")
    dialog.get_by_text("3 partitions").wait_for()
    dialog.get_by_role("button", name="Launch backfill").click()
    wait_for(lambda: last_backfill(ui) != before, 60, "no backfill was launched")
    backfill = last_backfill(ui)
    assert ui.finish_backfill(backfill) == "COMPLETED_SUCCESS"
    (run,) = ui.runs_of(backfill)
    recorded = ui.recorded("price_bars")
    days = sorted(day for day, latest in recorded.items() if latest == run)
    assert days == ["2026-01-07", "2026-01-08", "2026-01-09"]


def last_backfill(ui: Ui) -> str:
    """Return the id of the backfill that was launched last; empty if there is none."""
    found = ui.ask(LAST_BACKFILL)["results"]
    return "".join(one["id"] for one in found)


def a_sealed_run_opens_no_holdout(page: Page, ui: Ui, home: Home) -> None:
    """Run a study with a holdout by the form, sealed: it is judged without it."""
    (home.studies_folder / "kept.yaml").write_text(KEPT)
    run_by_form(page, ui, "run_study", study="kept", sealed="true")
    page.get_by_text("kept_verdict").wait_for()
    assert home.lake.has("verdicts", "kept")
    assert not home.lake.has("holdout_results", "kept")


def the_record_has_the_revealed_sessions(page: Page, ui: Ui, home: Home) -> None:
    """Let two sessions pass; the frozen winner trades them, and the page shows it."""
    market = home.path / "market.yaml"
    last = str(home.market.last_session)
    market.write_text(market.read_text().replace(last, NEW_SESSIONS[-1]))
    page.goto(f"{ui.url}/locations")
    page.get_by_role("button", name="Reload all").click()
    page.get_by_role("button", name="Reload all").wait_for()
    run_by_form(page, ui, "bars_to_winner", sealed="true")  # kept ends its own bars
    with duckdb.connect(str(home.database), read_only=True) as database:
        found = database.execute(
            "SELECT session FROM forward_results WHERE study = 'kept' ORDER BY session"
        ).fetchall()
    assert [str(session) for (session,) in found] == NEW_SESSIONS
    page.goto(f"{ui.url}/assets/forward_results")
    rows = page.get_by_role("row").filter(has_text="session_return")
    for day in NEW_SESSIONS:
        rows.get_by_text(day).first.wait_for()
    picture = page.locator("img[src*='/logs/pictures/']").first
    picture.wait_for()
    assert picture.evaluate("one => one.complete && one.naturalWidth > 0")
