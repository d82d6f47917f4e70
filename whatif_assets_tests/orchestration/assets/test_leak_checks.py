"""The leak gate in the chain: a leak is refused and named, and blocks its dependents."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest

from whatif_assets.domain.features import FEATURES, FeatureFunction
from whatif_assets.domain.leaks import PROBES
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.runs import Runner
from whatif_assets_tests.conftest import TINY_STUDY
from whatif_assets_tests.lake_files import folder_of
from whatif_assets_tests.planted_leaks import centred_mean

KEY = "tiny.forest~max_depth=2"
BY_CONFIGURATION = ["trained_models", "forecasts", "backtest_results"]
PEEKING = """
from whatif_assets.domain.accounts._backtrader import bt


class Peeking(bt.Strategy):
    def next(self):
        if len(self) % 5 == 0 and len(self) < self.data.buflen():
            rises = self.data.close[1] > self.data.close[0]
            self.order_target_size(target=1 if rises else -1)
"""


def judge(home: Home, instance: dg.DagsterInstance, asset: str) -> dict:
    """Return the results of an asset's checks of the lake, by name."""
    job = build_definitions(home.path).resolve_job_def("rank_configurations")
    result = job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(asset)]
    )
    events = [e for e in result.all_events if e.event_type_value.endswith("EVALUATION")]
    return {e.event_specific_data.check_name: e.event_specific_data for e in events}


def test_every_probe_has_its_check_which_follows_what_is_in_the_lake(copied_home):
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        judged = judge(home, instance, "data_quality")
        judged |= judge(home, instance, "result_quality")
        again = judge(home, instance, "result_quality")
        for table in BY_CONFIGURATION:
            shutil.rmtree(folder_of(home.lake, table))
        without = judge(home, instance, "result_quality")
    assert PROBES.keys() | {"engine_parity"} <= judged.keys()
    for name in (*PROBES, "engine_parity"):
        check = judged[name]
        assert check.passed
        assert check.metadata["probed"].value >= 1
        assert check.metadata["largest_difference"].value <= 1e-9
        (row, *_) = check.metadata["findings"].records
        assert row.data["partition"].startswith(("session 2026", "configuration tiny."))
        assert row.data["compared"]
    assert {n: c.metadata for n, c in again.items()} == {
        n: judged[n].metadata for n in again
    }
    assert without == {}  # nothing to look at, so not evaluated


def test_a_leaking_feature_stops_the_run_before_a_model_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(FEATURES, "centred_mean", FeatureFunction(centred_mean))
    path = tmp_path / "tiny.yaml"
    leaking = "  - centred_mean\n  - close: {relative_to: vwap}"
    path.write_text(TINY_STUDY.replace("  - close: {relative_to: vwap}", leaking))
    home, study = set_up(tmp_path / "home", path)
    with dg.DagsterInstance.ephemeral() as instance:
        failures = Runner(home, instance).run(study)
        found = judge(home, instance, "data_quality")["features_see_no_future"]
    told = failures[0]
    assert "Session 2026-01-05: the check features_see_no_future failed" in told
    assert "centred_mean of SYN0" in told
    assert "at 2026-01-05" in told
    assert "Nothing was written" in told
    assert not found.passed
    assert home.lake.keys("features") == []
    for table in BY_CONFIGURATION:  # these configurations read no features
        assert home.lake.keys(table) == ["tiny.hold", "tiny.placebo"]


def test_a_strategy_that_reads_ahead_leaves_no_result(copied_home):
    studies = copied_home / "studies"
    (studies / "peeking.py").write_text(PEEKING)
    study = studies / "tiny.yaml"
    study.write_text(study.read_text() + '  peek: {strategy: "peeking.py:Peeking"}\n')
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", ["tiny.peek"])
        runner = Runner(home, instance)
        (told,) = runner.run_keys("backtest_results", ["tiny.peek"], ["tiny.peek"])
    assert "Configuration tiny.peek: the check fills_at_next_open failed" in told
    assert "Do not read later bars" in told
    assert not home.lake.has("backtest_results", "tiny.peek")


@pytest.mark.parametrize("horizon", [4, 6])
def test_labels_of_another_horizon_leave_no_model(copied_home, monkeypatch, horizon):
    """The label has another horizon than the study says, as after a faulty join."""
    from whatif_assets.domain.models.labels import Label, label
    from whatif_assets.steps import dataset

    def wrong(bars, said, *others):
        return label(bars, Label(said.price, horizon, said.kind), *others)

    monkeypatch.setattr(dataset, "label", wrong)
    home = Home.open(copied_home)
    shutil.rmtree(folder_of(home.lake, "trained_models", KEY))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [KEY])
        (told,) = Runner(home, instance).run_keys("trained_models", [KEY], [KEY])
    assert "label_looks_forward failed" in told
    assert not home.lake.has("trained_models", KEY)
    assert not list(folder_of(home.lake, "trained_models").glob(f"*{KEY[-1]}/*.model"))
