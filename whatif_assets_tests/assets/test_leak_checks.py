"""The leak gate in the chain: a leak is refused, named, and blocks what depends on it."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest

from whatif_assets.core.features import FEATURES, FeatureFunction
from whatif_assets.core.home import Home, set_up
from whatif_assets.core.leaks import PROBES
from whatif_assets.runs import Runner
from whatif_assets_tests.conftest import TINY_STUDY
from whatif_assets_tests.core.planted_leaks import centred_mean

KEY = "tiny.forest~max_depth=2"
CHECKED = {
    "features": ["features_see_no_future"],
    "trained_models": ["label_looks_forward", "training_stops_before_test"],
    "forecasts": ["forecasts_see_no_future"],
    "backtest_results": ["indicators_see_no_future", "fills_at_next_open"],
}
PEEKING = """
from whatif_assets.core.backtesting._backtrader import bt


class Peeking(bt.Strategy):
    def next(self):
        if len(self) % 5 == 0 and len(self) < self.data.buflen():
            rises = self.data.close[1] > self.data.close[0]
            self.order_target_size(target=1 if rises else -1)
"""


def last_check(instance: dg.DagsterInstance, asset: str, check: str):
    """Newest evaluation of a check."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    store = instance.event_log_storage
    record, *_ = store.get_asset_check_execution_history(key, limit=1)
    return record.evaluation


def test_every_probe_has_its_check_and_blocks(copied_home):
    home = Home.open(copied_home)
    day = home.market.sessions.dates()[4].isoformat()
    shutil.rmtree(home.lake.folder("features", day))
    for asset in list(CHECKED)[1:]:
        shutil.rmtree(home.lake.folder(asset, KEY))
    assert {check for checks in CHECKED.values() for check in checks} == set(PROBES)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [KEY])
        runner = Runner(home, instance)
        for asset, checks in CHECKED.items():
            key = day if asset == "features" else KEY
            assert runner.run_keys(asset, [key], [key]) == []
            for check in checks:
                found = last_check(instance, asset, check)
                assert found.passed
                assert found.blocking
                assert found.metadata["probed"].value >= 1
                assert found.metadata["largest_difference"].value == 0.0
                (row, *_) = found.metadata["findings"].records
                assert key in row.data["partition"]
                assert row.data["compared"]
        assert runner.run_keys("features", [day], [day]) == []
        reused = last_check(instance, "features", "features_see_no_future")
    assert reused.passed
    assert "reused" in reused.metadata["note"].value


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
        found = last_check(instance, "features", "features_see_no_future")
    told = failures[0]
    assert "Session 2026-01-05: the check features_see_no_future failed" in told
    assert "centred_mean of SYN0" in told
    assert "at 2026-01-05" in told
    assert "Nothing was written" in told
    assert not found.passed
    for table in ("features", "trained_models", "forecasts", "backtest_results"):
        assert home.lake.keys(table) == []


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
    assert "read no bar ahead" in told
    assert not home.lake.has("backtest_results", "tiny.peek")


@pytest.mark.parametrize("horizon", [4, 6])
def test_labels_of_another_horizon_leave_no_model(copied_home, monkeypatch, horizon):
    """A label that lies elsewhere than the study says, as a faulty join would."""
    from whatif_assets.core.models import dataset
    from whatif_assets.core.models.labels import Label, label

    def wrong(bars, said, *others):
        return label(bars, Label(said.price, horizon, said.kind), *others)

    monkeypatch.setattr(dataset, "label", wrong)
    home = Home.open(copied_home)
    shutil.rmtree(home.lake.folder("trained_models", KEY))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [KEY])
        (told,) = Runner(home, instance).run_keys("trained_models", [KEY], [KEY])
    assert "label_looks_forward failed" in told
    assert not home.lake.has("trained_models", KEY)
    assert not list(home.lake.folder("trained_models").glob(f"*{KEY[-1]}/*.model"))
