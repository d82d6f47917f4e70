"""Work in the UI has the same results as the command line, to the last bit.

It is one test, because each step needs the previous one. The daemon checks backfills
only twice a minute, so backfills of several homes go through it side by side, and other
steps run in the meantime. One of the homes has real minutes, where there are some.
"""

from __future__ import annotations

import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.automation import JOBS
from whatif_assets_tests.end_to_end import clicks
from whatif_assets_tests.end_to_end.browser import chromium, find_browser
from whatif_assets_tests.end_to_end.ui import Ui, UiError, dagster_dev, wait_for

SESSION_ASSETS = ["price_bars", "features"]
CONFIGURATION_ASSETS = list(JOBS["evaluate_configurations"])
RANKED = list(JOBS["rank_configurations"])
CONFIGURATIONS = [
    "tiny.linear",
    "tiny.forest~max_depth=2",
    "tiny.forest~max_depth=3",
    "tiny.hold",
    "tiny.placebo",
]
WHAT_IF = "tiny.linear~threshold=0.0003"
TYPED = "tiny.linear~threshold=0.0004"
BAD = "tiny.linear~treshold=0.0003"
SATURDAY = "2026-01-10"
WORKSPACE = """load_from:
  - python_module:
      module_name: whatif_assets.definitions
      location_name: whatif_assets
"""
LOCATION = """  - python_file:
      relative_path: {folder}/definitions.py
      location_name: {name}
"""


@pytest.mark.ui
@pytest.mark.slow
def test_the_ui_alone_gives_what_the_command_line_gives(
    tmp_path, tiny_study, finished_home, minutes
):
    home, _ = set_up(tmp_path / "home", tiny_study)
    second = a_second_home(finished_home, tmp_path / "other")
    workspace = tmp_path / "workspace.yaml"
    others = ["other", *(["minutes"] if minutes else [])]
    workspace.write_text(
        WORKSPACE + "".join(LOCATION.format(folder=n, name=n) for n in others)
    )
    with dagster_dev(tmp_path, {"WHATIF_HOME": str(home.path)}, workspace) as url:
        ui, other = Ui(url, "whatif_assets"), Ui(url, "other", "other")
        assert ui.load_errors() == {}
        assert {"price_bars", "other/price_bars"} <= ui.assets()
        for each in (ui, other):
            the_sensor_registers_the_configurations(each)
        real = RealMinutes.begin(url, minutes) if minutes else None
        other.add_partition(BAD)
        everything = other.backfill(
            [*CONFIGURATION_ASSETS, *RANKED], other.partition_keys("backtest_results")
        )
        sessions = ui.partition_keys("price_bars")
        backfill = ui.backfill(SESSION_ASSETS, sessions)
        a_saturday_is_refused(ui, home)
        (run,) = ui.runs_of(backfill)
        the_run_records(ui, run, SESSION_ASSETS, sessions)
        if real:
            real.go_on()
        ui.add_partition(WHAT_IF)
        run = ui.launch(CONFIGURATION_ASSETS, CONFIGURATIONS[0], WHAT_IF)
        the_run_records(ui, run, CONFIGURATION_ASSETS, [*CONFIGURATIONS, WHAT_IF])
        a_bad_key_fails_with_the_field_named(ui)
        run = ui.launch(RANKED)
        assert ui.finish_run(run) == "SUCCESS", ui.reasons(run)
        the_page_is_handed_out(url, home)
        the_study_is_judged(home)
        the_bad_key_among_good_ones_costs_itself_alone(other, everything, second)
        with_the_what_if_the_leaderboard_is_as_without_it(home, finished_home)
        if real:
            real.gives_what_the_command_line_gives()
        browser = find_browser()
        if browser is None:
            pytest.skip("only the clicks were left out: there is no Chromium")
        a_person_sees_it(browser, ui, other, everything)
        ui.remove_partition(BAD)
        a_person_works_with_forms(browser, ui, home)


@dataclass
class RealMinutes:
    """A study of real minutes whose backfills go through the UI.

    Attributes
    ----------
    ui
        Shows the home.
    by_command_line
        A home in which the same study was run by the command line.
    home
        The home in the UI.
    backfill
        The last backfill that was launched.
    """

    ui: Ui
    by_command_line: Path
    home: Home
    backfill: str

    @classmethod
    def begin(cls, url: str, homes: tuple[Home, Path]) -> RealMinutes:
        """Launch the backfill of the sessions."""
        home, by_command_line = homes
        ui = Ui(url, "minutes", "minutes")
        days = ui.partition_keys("price_bars")
        backfill = ui.backfill(SESSION_ASSETS, days)
        return cls(ui, by_command_line, home, backfill)

    def go_on(self) -> None:
        """Launch the backfill of the configurations."""
        assert self.ui.finish_backfill(self.backfill) == "COMPLETED_SUCCESS"
        keys = self.ui.partition_keys("forecasts")
        self.backfill = self.ui.backfill(CONFIGURATION_ASSETS, keys)

    def gives_what_the_command_line_gives(self) -> None:
        """Rank, and compare the leaderboards."""
        assert self.ui.finish_backfill(self.backfill) == "COMPLETED_SUCCESS"
        run = self.ui.launch(["leaderboard", "best_configuration"])
        assert self.ui.finish_run(run) == "SUCCESS", self.ui.reasons(run)
        expected = table(self.by_command_line, "leaderboard")
        assert len(expected)
        pd.testing.assert_frame_equal(
            table(self.home.path, "leaderboard"), expected, check_exact=True
        )


@pytest.fixture
def minutes(request, tmp_path) -> tuple[Home, Path] | None:
    """Set up the study of real minutes; with it, the home of the command line.

    There is none where the market data are missing.
    """
    try:
        study = request.getfixturevalue("minutes_study")
    except pytest.skip.Exception:
        return None
    home, _ = set_up(tmp_path / "minutes", study)
    return named(home.path, "minutes"), request.getfixturevalue(
        "minutes_by_command_line"
    )


def a_second_home(finished_home: Path, path: Path) -> Home:
    """Copy a home whose study has been run, and give its market a name."""
    shutil.copytree(
        finished_home, path, ignore=shutil.ignore_patterns(".dagster", "whatif.duckdb")
    )
    return named(path, "other")


def named(path: Path, name: str) -> Home:
    """Give the market of a home a name."""
    with (path / "market.yaml").open("a") as file:
        file.write(f"name: {name}\n")
    return Home.open(path)


def the_sensor_registers_the_configurations(ui: Ui) -> None:
    keys = wait_for(
        lambda: ui.partition_keys("backtest_results"), 120, "no key was registered"
    )
    assert keys == CONFIGURATIONS


def a_saturday_is_refused(ui: Ui, home: Home) -> None:
    run = ui.launch(["price_bars"], SATURDAY)
    assert ui.finish_run(run) == "FAILURE"
    assert f"{SATURDAY} is not a session of XNYS (weekend)" in ui.reasons(run)
    assert run not in ui.recorded("price_bars").values()
    assert SATURDAY not in home.lake.keys("price_bars")
    with pytest.raises(UiError, match=f"{SATURDAY}: not a session of price_bars"):
        ui.backfill(SESSION_ASSETS, ["2026-01-09", SATURDAY])


def a_bad_key_fails_with_the_field_named(ui: Ui) -> None:
    ui.add_partition(BAD)
    run = ui.launch(["trained_models"], BAD)
    assert ui.finish_run(run) == "FAILURE"
    assert "treshold: unknown field" in ui.reasons(run)
    assert "Did you mean 'threshold'?" in ui.reasons(run)
    assert BAD not in ui.recorded("trained_models")


def the_run_records(ui: Ui, run: str, assets: list[str], keys: list[str]) -> None:
    assert ui.finish_run(run) == "SUCCESS", ui.reasons(run)
    for asset in assets:
        assert ui.recorded(asset) == dict.fromkeys(keys, run)


def the_page_is_handed_out(url: str, home: Home) -> None:
    with urllib.request.urlopen(f"{url}/logs/reports/tiny/html") as answer:
        assert answer.read() == home.page("tiny").read_bytes()


def the_study_is_judged(home: Home) -> None:
    """The verdict and the report on the winner exist, and belong to the same state."""
    (row,) = table(home.path, "best_configuration").to_dict("records")
    assert row["conclusion"].count("Verdict: ") == 1
    assert "earlier state" not in row["conclusion"]
    assert len(table(home.path, "verdicts")) == 1


def the_bad_key_among_good_ones_costs_itself_alone(
    ui: Ui, backfill: str, home: Home
) -> None:
    assert ui.finish_backfill(backfill) == "COMPLETED_FAILED"
    reasons = "\n".join(ui.reasons(run) for run in ui.runs_of(backfill))
    assert "result_quality fails, so that the backfill does not end as a success" in (
        reasons
    )
    assert f"{BAD}: Configuration {BAD}: treshold: unknown field" in reasons
    assert set(table(home.path, "leaderboard")["configuration"]) == set(CONFIGURATIONS)
    assert len(table(home.path, "best_configuration")) == 1


def with_the_what_if_the_leaderboard_is_as_without_it(
    home: Home, finished_home: Path
) -> None:
    ranked = table(home.path, "leaderboard")
    what_if = ranked["configuration"] == WHAT_IF
    assert what_if.sum() == 1
    pd.testing.assert_frame_equal(
        ranked[~what_if].drop(columns="rank").reset_index(drop=True),
        table(finished_home, "leaderboard").drop(columns="rank"),
        check_exact=True,
    )


def a_person_sees_it(browser: str, ui: Ui, other: Ui, backfill: str) -> None:
    """Open pages and click: the leaderboard, a bad key, the backfill, a what-if."""
    with chromium(browser) as running:
        page = running.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{ui.url}/assets/leaderboard")
        leaders = page.get_by_role("row").filter(has_text="tiny_leaders")
        # One row a configuration, below the names of the columns.
        leaders.get_by_text("buy-and-hold of 100").wait_for()
        assert leaders.locator("table tr").count() == 1 + len(
            [*CONFIGURATIONS, WHAT_IF]
        )
        picture = page.locator("img[src*='/logs/pictures/']").first
        picture.wait_for()
        assert picture.evaluate("one => one.complete && one.naturalWidth > 0")
        partition = f"view=partitions&partition={BAD.replace('=', '%3D')}"
        page.goto(f"{ui.url}/assets/other/trained_models?{partition}")
        page.get_by_text("treshold: unknown field").first.wait_for()
        page.goto(f"{ui.url}/runs/b/{backfill}")
        page.get_by_text("Failed", exact=True).first.wait_for()
        page.goto(f"{ui.url}/assets/trained_models?view=partitions")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_text("Add a partition").click()
        page.get_by_placeholder("name").last.fill(TYPED)
        page.get_by_role("button", name="Save").click()
        wait_for(
            lambda: TYPED in ui.partition_keys("trained_models"), 30, "no key was added"
        )


def a_person_works_with_forms(browser: str, ui: Ui, home: Home) -> None:
    """Ask, backfill, run sealed, and come back when two sessions have passed."""
    with chromium(browser) as running:
        page = running.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        clicks.a_wrong_question_says_what_is_wrong(page, ui)
        clicks.a_question_is_answered(page, ui)
        clicks.a_range_is_backfilled(page, ui)
        clicks.a_sealed_run_opens_no_holdout(page, ui, home)
        clicks.the_record_has_the_revealed_sessions(page, ui, home)


def table(home: Path, name: str) -> pd.DataFrame:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as database:
        return database.execute(f"FROM {name}").df()
