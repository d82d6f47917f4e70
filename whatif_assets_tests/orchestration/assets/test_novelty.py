"""Rows unlike the training rows have no forecast, through the whole chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.home import Home
from whatif_assets.orchestration.records import stored_metadata
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_model_parts import MARKET
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.undrawn import nothing_drawn

STUDY = """
features: [{roc: {timeperiod: 2}}, {rsi: {timeperiod: 3}}]
label: {price: close, horizon: 1, kind: return, across_sessions: true}
evaluation: {method: walk_forward, train: 15, test: 15, holdout: 10}
cash: 100000
configurations:
  all: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  near: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001,
    novelty: 0.8, each: {model_per: [all, symbol]}}
"""
NEAR = "seen.near~model_per=all"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        bars().to_parquet(folder / "bars.parquet")
        (folder / "seen.yaml").write_text(MARKET + STUDY)
        with nothing_drawn():
            assert run_studies(folder / "home", str(folder / "seen.yaml"))

    return Home.open(made_once(tmp_path_factory, "novelty", make) / "home")


def test_other_rows_have_the_forecasts_of_the_model_without(home: Home) -> None:
    every, near = (home.lake.read("forecasts", key) for key in ("seen.all", NEAR))
    keys = ["symbol", "ts"]
    kept = every.merge(near[keys], on=keys)
    pd.testing.assert_frame_equal(kept, near)
    assert 0.05 < 1 - len(near) / len(every) < 0.6


def test_the_share_of_novel_rows_is_shown(home: Home) -> None:
    every, near = (home.lake.read("forecasts", key) for key in ("seen.all", NEAR))
    shown = stored_metadata(home.lake, "forecasts", NEAR)
    assert shown["novel_rows"].value == len(every) - len(near)
    assert shown["novel_share"].value == pytest.approx(1 - len(near) / len(every))
    assert "novel_rows" not in stored_metadata(home.lake, "forecasts", "seen.all")
    cards = home.lake.read("model_cards", NEAR).set_index("fold")
    counts = [frame.groupby("fold").size() for frame in (every, near)]
    np.testing.assert_allclose(cards["novel"], 1 - counts[1] / counts[0])
    assert (home.lake.read("model_cards", "seen.all")["novel"] == 0).all()


def test_the_card_describes_the_model_on_all_rows(home: Home) -> None:
    own = [home.lake.read("feature_importance", key) for key in ("seen.all", NEAR)]
    pd.testing.assert_frame_equal(*own)


def test_a_model_for_each_symbol_has_its_own_limit(home: Home) -> None:
    trained = home.lake.read("trained_models", "seen.near~model_per=symbol")
    assert trained["train_rmse"].notna().any()
    assert len(home.lake.read("forecasts", "seen.near~model_per=symbol"))
    assert home.lake.has("verdicts", "seen")
