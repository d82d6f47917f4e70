"""A study of portfolios has the same results from the UI as from ``whatif run``."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets_tests.graphql import HERE, Asked
from whatif_assets_tests.living.tables import differences, tables_of
from whatif_assets_tests.orchestration.assets import test_memberships

by_command_line = test_memberships.home


@pytest.mark.usefixtures("undrawn")
def test_the_ui_and_the_command_line_give_the_same_bits(
    by_command_line: Home, tmp_path: Path
) -> None:
    home, study = set_up(tmp_path / "by_ui", test_memberships.write(tmp_path))
    keys = [one.key for one in home.configurations(study)]
    sessions = [day.isoformat() for day in study.sessions(home.market)]
    with dg.instance_for_test(overrides=HERE) as instance:
        ui = Asked(home.path, instance)
        ui.add_partitions("configurations", keys)
        assert ui.launch("prepare_sessions", sessions[0], sessions[-1]) == "SUCCESS"
        for key in keys:
            assert ui.launch("evaluate_configurations", key) == "SUCCESS"
        assert ui.launch("rank_configurations") == "SUCCESS"
        assert ui.stale() == {}

    by_ui, by_command = tables_of(home.path), tables_of(by_command_line.path)
    assert len(by_ui["leaderboard"]) == len(keys)
    assert len(by_ui["positions"]) > 0
    assert differences(by_ui, by_command) == []
    assert by_ui.keys() == by_command.keys()
