"""A study of portfolios has the same results from the UI as from ``whatif run``."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.creation import set_up
from whatif_assets_tests.graphql import HERE, Asked
from whatif_assets_tests.living.tables import differences, tables_of
from whatif_assets_tests.orchestration.assets.test_memberships import write

STUDY = """
market:
  source: parquet
  path: ../bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
  groups: {ores: [AAA, BBB]}
features: [{roc: {timeperiod: 2}}]
label: {price: close, horizon: 1, kind: return, across_sessions: true}
evaluation: {method: split, train: 15, holdout: 5}
cash: 100000
costs: {commission_bps: 1, borrow_bps: 50}
rank_by: sharpe
benchmark: CCC
universes:
  index: {file: lists/members.csv}
  liquid: {top: 2, sessions: 5}
configurations:
  chosen:
    strategy: rank_long_short
    score: roc+timeperiod=3
    each: {universe: [index, liquid]}
    sweep: {count: [1, 2], sides: [long, long_short]}
  learned: {strategy: rank_long_short, algorithm: linear, count: 1, universe: index}
"""


@pytest.mark.usefixtures("undrawn")
def test_the_ui_and_the_command_line_give_the_same_bits(tmp_path: Path) -> None:
    study = write(tmp_path, study=STUDY)
    assert run_studies(tmp_path / "by_command", str(study))

    home, found = set_up(tmp_path / "by_ui", study)
    keys = [one.key for one in home.configurations(found)]
    sessions = [day.isoformat() for day in found.sessions(home.market)]
    with dg.instance_for_test(overrides=HERE) as instance:
        ui = Asked(home.path, instance)
        ui.add_partitions("configurations", keys)
        assert ui.launch("prepare_sessions", sessions[0], sessions[-1]) == "SUCCESS"
        for key in keys:
            assert ui.launch("evaluate_configurations", key) == "SUCCESS"
        assert ui.launch("rank_configurations") == "SUCCESS"
        assert ui.stale() == {}

    by_ui, by_command = tables_of(home.path), tables_of(tmp_path / "by_command")
    assert len(by_ui["leaderboard"]) == 9
    assert len(by_ui["positions"]) > 0
    assert differences(by_ui, by_command) == []
    assert by_ui.keys() == by_command.keys()
