"""Two users work at the same time on a server that keeps its history in PostgreSQL."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

import whatif_assets as wi
from whatif_assets.home.creation import set_up
from whatif_assets.orchestration.automation import JOBS
from whatif_assets_tests.conftest import ROOT
from whatif_assets_tests.end_to_end.server import dagster_server, postgres
from whatif_assets_tests.end_to_end.ui import Ui, wait_for

SESSION_ASSETS = ["price_bars", "features"]
CONFIGURATION_ASSETS = list(JOBS["evaluate_configurations"])
RANKED = list(JOBS["rank_configurations"])
SATURDAY = "2026-01-10"


@pytest.mark.postgres
def test_runs_side_by_side_end_as_one_after_the_other(
    tmp_path, tiny_study, finished_home
):
    home, _ = set_up(tmp_path / "home", tiny_study)
    variables = {"WHATIF_HOME": str(home.path)}
    with (
        postgres(tmp_path) as database,
        dagster_server(tmp_path, {**variables, **database}) as url,
    ):
        ui = Ui(url, "whatif_assets")
        wait_for(lambda: not ui.load_errors(), 120, "the home did not load")
        sessions = ui.partition_keys("price_bars")
        middle = len(sessions) // 2
        done = side_by_side(
            ui, SESSION_ASSETS, sessions[:middle], sessions[middle:], [SATURDAY]
        )
        assert done == ["SUCCESS", "SUCCESS", "FAILURE"]
        assert set(ui.recorded("features")) == set(sessions)
        keys = wait_for(
            lambda: ui.partition_keys("backtest_results"), 120, "no configuration"
        )
        done = side_by_side(ui, CONFIGURATION_ASSETS, keys[:2], keys[2:])
        assert done == ["SUCCESS"] * 2
        # Two people rank at the same time.
        assert side_by_side(ui, RANKED, [], []) == ["SUCCESS"] * 2
    pd.testing.assert_frame_equal(
        wi.open(home.path).leaderboard(), wi.open(finished_home).leaderboard()
    )


def side_by_side(ui: Ui, assets: list[str], *ranges: list[str]) -> list[str]:
    """Launch a run per range of partitions at once; return how each of them ended."""
    runs = [
        ui.launch(assets, *((keys[0], keys[-1]) if keys else ())) for keys in ranges
    ]
    return [ui.finish_run(run) for run in runs]


def test_the_files_of_the_deployment_fit_together():
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    instance = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    fields = instance["storage"]["custom"]["config"]["postgres_db"].values()
    given = compose["services"]["code"]["environment"]
    assert {field["env"] for field in fields} <= set(given)
    (server,) = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())[
        "load_from"
    ]
    assert str(server["grpc_server"]["port"]) in compose["services"]["code"]["command"]
    assert (ROOT / "deploy" / "Dockerfile").exists()
