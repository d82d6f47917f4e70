"""Dagster shows as stale exactly the assets that depend on a change."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from whatif_assets.home.creation import DEFINITIONS
from whatif_assets.home.home import Home
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps.freshness import Freshness
from whatif_assets_tests.domain.quality.clean_bars import clean_bars
from whatif_assets_tests.graphql import Shown
from whatif_assets_tests.lake_files import folder_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

MARKET = """
source: parquet
path: bars.parquet
first_session: 2018-11-21
last_session: 2018-11-26
base_bar: 5min
"""
STUDY = """
features: [{ema: {timeperiod: 2}}]
label: {price: close, horizon: 1, kind: return}
evaluation: {method: split, train: 2}
configurations:
  fit: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  cross: {strategy: "rules.py:Cross"}
"""
RULES = """
from whatif_assets.domain.accounts._backtrader import bt


class Cross(bt.Strategy):
    def next(self):
        self.order_target_size(target=1)
"""
FIRST, HALF_DAY, LAST = "2018-11-21", "2018-11-23", "2018-11-26"
# These assets rank and judge results, and leave out stale ones.
WHOLE = {"leaderboard", "placebo_results", "holdout_results", "result_quality"}


@pytest.fixture(scope="module")
def run_home(tmp_path_factory) -> Path:
    """A home in which a study has been run, with its history and its source."""

    def make(folder: Path) -> None:
        path = folder / "home"
        (path / "studies").mkdir(parents=True)
        clean_bars().to_parquet(path / "bars.parquet", index=False)
        (path / "market.yaml").write_text(MARKET)
        (path / "definitions.py").write_text(DEFINITIONS)
        (path / "studies" / "rules.py").write_text(RULES)
        (path / "studies" / "small.yaml").write_text(STUDY)
        home = Home.open(path)
        with nothing_drawn(), instance_of(home) as instance:
            rerun(home, instance)

    return made_once(tmp_path_factory, "staleness", make) / "home"


@pytest.fixture
def home(run_home, tmp_path) -> Home:
    """A copy of the home, to be changed freely."""
    return Home.open(Path(shutil.copytree(run_home, tmp_path / "home")))


@pytest.fixture
def source(home) -> Path:
    """The file of the home's source."""
    return home.path / "bars.parquet"


def stale(home: Home, instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """Return what is shown as stale after the sensor has run, by asset."""
    observe(Freshness(home), instance)
    shown = Shown(home.path, instance).stale()
    assert {state for states in shown.values() for state in states.values()} <= {
        "STALE"
    }
    return {asset: set(states) for asset, states in shown.items()}


def rerun(home: Home, instance: dg.DagsterInstance) -> None:
    (study,) = home.studies().values()
    assert Runner(home, instance).run(study) == []


def test_after_a_full_run_all_is_fresh(run_home):
    home = Home.open(run_home)
    with instance_of(home) as instance:
        assert Shown(home.path, instance).stale() == {}
        assert stale(home, instance) == {}


def test_the_same_run_once_more_leaves_all_fresh(home):
    with instance_of(home) as instance:
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_a_run_records_in_a_new_history_what_is_fresh(home):
    with dg.instance_for_test() as instance:
        rerun(home, instance)
        assert stale(home, instance) == {}
        shown = instance.get_materialized_partitions(dg.AssetKey("price_bars"))
        assert shown == {FIRST, HALF_DAY, LAST}


@pytest.mark.parametrize("touched", [False, True])
def test_a_run_records_what_a_run_that_died_had_written(home, source, touched):
    bars = pd.read_parquet(source)
    bars.loc[bars.index[bars["ts"] >= LAST][0], "volume"] += 1
    bars.to_parquet(source, index=False)
    with dg.DagsterInstance.ephemeral() as elsewhere:
        # The records are lost, as if the run had died before it passed them to Dagster.
        rerun(home, elsewhere)
    if touched:
        # The file changes but the bars do not, so they have to be read again.
        bars.to_parquet(source, index=False, compression=None)
    with instance_of(home) as instance:
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_a_corrected_bar_makes_its_session_stale_and_then_what_reads_it(home, source):
    bars = pd.read_parquet(source)
    of_last = (bars["ts"] >= LAST) & (bars["symbol"] == "AAA")
    row = bars.index[of_last][0]
    bars.loc[row, "volume"] += 1
    bars.to_parquet(source, index=False)
    with instance_of(home) as instance:
        sessions = {FIRST, HALF_DAY, LAST}  # all sessions are in one file
        found = stale(home, instance)
        assert found.pop("price_bars") == sessions
        assert found.keys() == WHOLE
        runner = Runner(home, instance)
        assert runner.run_keys("price_bars", sorted(sessions), sorted(sessions)) == []
        found = stale(home, instance)
        assert found.pop("features") == {LAST}
        assert found.pop("data_quality") == {""}
        assert found.pop("forward_results") == {""}
        # Models are trained on the two sessions before.
        assert found.pop("backtest_results") == {"small.fit", "small.cross"}
        assert found.pop("forecasts") == {"small.fit"}
        assert found.pop("forecast_quality") == {"small.fit"}
        assert found.pop("model_cards") == {"small.fit"}
        assert found.keys() == WHOLE
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_a_changed_rule_makes_its_own_results_stale(home):
    study = home.path / "studies" / "small.yaml"
    study.write_text(study.read_text().replace("0.0001", "0.0002"))
    with instance_of(home) as instance:
        found = stale(home, instance)
        assert found.pop("backtest_results") == {"small.fit"}
        assert found.keys() == WHOLE
        causes = Shown(home.path, instance).causes("backtest_results", "small.fit")
        assert causes == ["evaluation_inputs has a new data version"]
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_a_changed_label_makes_models_and_what_comes_of_them_stale(home):
    study = home.path / "studies" / "small.yaml"
    study.write_text(study.read_text().replace("horizon: 1", "horizon: 2"))
    with instance_of(home) as instance:
        found = stale(home, instance)
        assert found.pop("trained_models") == {"small.fit"}
        assert found.pop("forecasts") == {"small.fit"}
        assert found.pop("forecast_quality") == {"small.fit"}
        assert found.pop("model_cards") == {"small.fit"}
        assert found.pop("backtest_results") == {"small.fit"}
        assert found.keys() == WHOLE
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_edited_code_of_a_strategy_makes_its_results_stale(home):
    rules = home.path / "studies" / "rules.py"
    rules.write_text(rules.read_text().replace("target=1", "target=2"))
    with instance_of(home) as instance:
        found = stale(home, instance)
        assert found.pop("backtest_results") == {"small.cross"}
        assert found.keys() == WHOLE
        rerun(home, instance)
        assert stale(home, instance) == {}


def test_a_new_version_of_an_assets_code_makes_all_of_it_stale(home, monkeypatch):
    from whatif_assets.steps.code_versions import CODE_VERSIONS

    monkeypatch.setitem(CODE_VERSIONS, "forecasts", "another")
    with instance_of(home) as instance:
        found = stale(home, instance)
        assert found["forecasts"] == {"small.fit", "small.cross"}
        assert "trained_models" not in found
        assert "features" not in found
        causes = Shown(home.path, instance).causes("forecasts", "small.fit")
        assert causes == ["forecasts has a new code version"]


def test_a_new_session_makes_nothing_stale_but_what_reads_it(home):
    """A later session of another study changes neither bars nor results."""
    with instance_of(home) as instance:
        shutil.rmtree(folder_of(home.lake, "features", LAST))
        shutil.rmtree(folder_of(home.lake, "price_bars", LAST))
        found = stale(home, instance)
    assert "features" not in found
    assert "trained_models" not in found
    assert found["backtest_results"] == {"small.fit", "small.cross"}
