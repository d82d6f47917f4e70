"""Labels of all kinds in a home: what models learn, and what strategies read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_study, set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps.dataset import dataset
from whatif_assets.steps.examples import examples_of
from whatif_assets.steps.forecasting import Forecasts, forecast
from whatif_assets.steps.training import training_frame
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-12
features:
  - ema: {timeperiod: 5, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: close, horizon: 15, kind: triple_barrier, profit: 1.5, value: return}
labels:
  scaled: {price: close, horizon: 15, kind: scaled_return, volatility_window: 30}
  follow: {price: close, horizon: 15, kind: meta, side: {mom: {timeperiod: 10}}}
evaluation: {method: split, train: 4}
configurations:
  one:
    algorithm: linear
    strategy: forecast_threshold
    each: {label: [scaled, follow]}
    weight_uniqueness: true
  exits: {algorithm: linear, strategy: forecast_threshold}
"""
SCALED, FOLLOW, EXITS = (
    "kinds.one~label=scaled",
    "kinds.one~label=follow",
    "kinds.exits",
)
TABLES = ("trained_models", "forecasts", "forecast_quality")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with forecasts for each label; no backtest."""

    def make(folder: Path) -> None:
        study = folder / "kinds.yaml"
        study.write_text(STUDY)
        made, _ = set_up(folder / "home", study)
        keys = [SCALED, FOLLOW, EXITS]
        days = [day.isoformat() for day in made.market.sessions.dates()]
        with nothing_drawn(), dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("configurations", keys)
            runner = Runner(made, instance)
            for table in ("price_bars", "features"):
                assert not runner.run_keys(table, days, days)
            for table in TABLES:
                assert not runner.run_keys(table, keys, keys)

    yield Home.open(made_once(tmp_path_factory, "label_kinds", make) / "home")


def forecasts_of(home: Home, key: str) -> pd.DataFrame:
    configuration, study = home.find(key)
    days = [day for fold in study.folds(home.market) for day in fold.test]
    columns = [feature.column for feature in configuration.label.features]
    rows = dataset(home, configuration, days)[["symbol", "ts", *columns]]
    return home.lake.read("forecasts", key).merge(rows, on=["symbol", "ts"])


def test_models_learn_the_features_of_the_study_alone(home):
    for key in (SCALED, FOLLOW):
        configuration, study = home.find(key)
        frame = training_frame(home, study, configuration)
        (fold,) = study.folds(home.market)
        examples = examples_of(study, configuration, frame, fold)
        assert examples.features.shape[1] == 2
        assert len(configuration.features_read) > 2
        assert examples.weights.mean() == pytest.approx(1.0)
        assert examples.weights.std() > 0
        assert (examples.rows["label_ts"] > examples.rows["ts"]).all()


def test_forecasts_of_scaled_returns_become_returns_again(home):
    rows = forecasts_of(home, SCALED)
    past = rows["realized_volatility_30_close"]
    expected = rows["forecast"] * past * np.sqrt(15 / 30)
    np.testing.assert_allclose(rows["expected_return"], expected, rtol=1e-12)
    assert rows["forecast"].std() > 10 * rows["expected_return"].std()


def test_forecasts_of_meta_labels_have_the_side_of_the_trade(home):
    rows = forecasts_of(home, FOLLOW)
    side = np.sign(rows["mom_10_close"])
    np.testing.assert_array_equal(rows["expected_return"], rows["forecast"] * side)
    assert set(rows["label"].dropna()) == {0.0, 1.0}
    assert rows.loc[side == 0, "label"].isna().all()
    assert set(side.unique()) >= {-1.0, 1.0}


def test_only_forecasts_of_returns_at_the_horizon_can_be_calibrated(home):
    for key, is_return in ((SCALED, True), (FOLLOW, False), (EXITS, False)):
        quality = home.lake.read("forecast_quality", key)
        assert quality["slope"].notna().all() == is_return
        assert quality["rank_ic"].notna().all()


def test_classes_have_skill_only_beyond_their_share(home):
    """Forecasting that a trade never gains is right most of the time, and no skill."""
    configuration, study = home.find(FOLLOW)
    found = forecast(home, study, configuration)
    known = found.frame.dropna(subset=["label"])
    share = known["label"].mean()
    for value, skill in ((share, 0.0), (0.0, -share / (1 - share))):
        constant = Forecasts(known.assign(forecast=value), configuration.label)
        assert constant.accuracy()["skill"] == pytest.approx(skill, abs=1e-12)
        assert "information_coefficient" not in constant.accuracy()
    oracle = Forecasts(known.assign(forecast=known["label"]), configuration.label)
    assert oracle.accuracy()["information_coefficient"] == pytest.approx(1.0)


def test_a_side_that_the_market_cannot_have_is_told_with_its_line(tmp_path):
    path = tmp_path / "kinds.yaml"
    path.write_text(STUDY.replace("{mom: {timeperiod: 10}}", "{beta: {to: SPY}}"))
    with pytest.raises(BadInput, match=r":13: labels\.follow: .*'SPY' is not one of"):
        check_study(path)
