"""What a person does in the UI gives what the command line gives, to the last bit.

One test, since each step needs the one before it. The daemon looks at backfills twice
a minute: so one backfill goes through it, and something else is done meanwhile.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from whatif_assets.core.home import Home, set_up
from whatif_assets_tests.end_to_end.ui import Ui, dagster_dev, wait_for

SESSION_ASSETS = ["price_bars", "features"]
CONFIGURATION_ASSETS = ["trained_models", "forecasts", "backtest_results"]
CONFIGURATIONS = [
    "tiny.linear",
    "tiny.forest~max_depth=2",
    "tiny.forest~max_depth=3",
    "tiny.hold",
    "tiny.placebo",
]
WHAT_IF = "tiny.linear~threshold=0.0003"
SATURDAY = "2026-01-10"


@pytest.mark.slow
def test_the_ui_alone_gives_what_the_command_line_gives(
    tmp_path, tiny_study, finished_home
):
    home, _ = set_up(tmp_path / "home", tiny_study)
    with dagster_dev(tmp_path, {"WHATIF_HOME": str(home.path)}) as url:
        ui = Ui(url, "whatif_assets")
        assert ui.load_errors() == {}
        the_sensor_registers_the_configurations(ui)
        sessions = ui.partition_keys("price_bars")
        backfill = ui.backfill(SESSION_ASSETS, sessions)
        a_saturday_is_refused(ui, home)
        (run,) = ui.runs_of(backfill)
        the_run_records(ui, run, SESSION_ASSETS, sessions)
        ui.add_partition(WHAT_IF)
        run = ui.launch(CONFIGURATION_ASSETS, CONFIGURATIONS[0], WHAT_IF)
        the_run_records(ui, run, CONFIGURATION_ASSETS, [*CONFIGURATIONS, WHAT_IF])
        a_bad_key_fails_with_the_field_named(ui)
        run = ui.launch(["leaderboard", "best_configuration"])
        assert ui.finish_run(run) == "SUCCESS", ui.reasons(run)
        the_page_is_handed_out(url, home)
    ranked = leaderboard(home.path)
    what_if = ranked["configuration"] == WHAT_IF
    assert what_if.sum() == 1
    pd.testing.assert_frame_equal(
        ranked[~what_if].drop(columns="rank").reset_index(drop=True),
        leaderboard(finished_home).drop(columns="rank"),
        check_exact=True,
    )


def the_sensor_registers_the_configurations(ui: Ui) -> None:
    keys = wait_for(
        lambda: ui.partition_keys("backtest_results"), 60, "no key was registered"
    )
    assert keys == CONFIGURATIONS


def a_saturday_is_refused(ui: Ui, home: Home) -> None:
    run = ui.launch(["price_bars"], SATURDAY)
    assert ui.finish_run(run) == "FAILURE"
    assert f"{SATURDAY} is no session of XNYS (weekend)" in ui.reasons(run)
    assert run not in ui.recorded("price_bars").values()
    assert SATURDAY not in home.lake.keys("price_bars")


def a_bad_key_fails_with_the_field_named(ui: Ui) -> None:
    key = "tiny.linear~treshold=0.0003"
    ui.add_partition(key)
    run = ui.launch(["trained_models"], key)
    assert ui.finish_run(run) == "FAILURE"
    assert "treshold: unknown field" in ui.reasons(run)
    assert "Did you mean 'threshold'?" in ui.reasons(run)
    assert key not in ui.recorded("trained_models")


def the_run_records(ui: Ui, run: str, assets: list[str], keys: list[str]) -> None:
    assert ui.finish_run(run) == "SUCCESS", ui.reasons(run)
    for asset in assets:
        assert ui.recorded(asset) == dict.fromkeys(keys, run)


def the_page_is_handed_out(url: str, home: Home) -> None:
    with urllib.request.urlopen(f"{url}/logs/reports/tiny/html") as answer:
        assert answer.read() == home.page("tiny").read_bytes()


def leaderboard(home: Path) -> pd.DataFrame:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as database:
        return database.execute("FROM leaderboard").df()
