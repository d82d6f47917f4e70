"""Model cards of a home: what a model was made from, and what it relies on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.home.home import Home
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.model_cards import TABLE, TABLES
from whatif_assets_tests.steps.test_freshness import correct

KEY = "tiny.linear"
FEATURES = ["ema_5_close_to_vwap", "close_to_vwap"]


@pytest.fixture(scope="module")
def tables(finished_home: Path) -> dict[str, pd.DataFrame]:
    lake = Home.open(finished_home).lake
    return {name: lake.read(name, KEY) for name in TABLES}


def test_a_card_says_what_the_model_is(
    tables: dict[str, pd.DataFrame], finished_home: Path
) -> None:
    home = Home.open(finished_home)
    (card,) = tables[TABLE].to_dict("records")
    _, study = home.find(KEY)
    (fold,) = study.folds(home.market)
    assert json.loads(card["features"]) == FEATURES
    assert json.loads(card["label"])["horizon"] == 5
    assert (card["algorithm"], card["backend"], card["seed"]) == ("linear", "local", 7)
    assert card["train_last"] == pd.Timestamp(fold.train[-1])
    assert card["test_first"] == pd.Timestamp(fold.test[0])
    assert "numpy" in json.loads(card["libraries"])


def test_scores_are_those_of_the_forecasts(
    tables: dict[str, pd.DataFrame], finished_home: Path
) -> None:
    lake = Home.open(finished_home).lake
    (card,) = tables[TABLE].to_dict("records")
    known = lake.read("forecasts", KEY).dropna(subset=["label"])
    error = known["forecast"] - known["label"]
    assert card["test_rows"] == len(known)
    assert card["test_rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    ic = known["forecast"].corr(known["label"], method="spearman")
    assert card["test_ic"] == pytest.approx(ic)
    fitted = lake.read("trained_models", KEY)
    assert card["train_rmse"] == pytest.approx(fitted["train_rmse"].iloc[0])
    assert card["train_rows"] == fitted["train_rows"].iloc[0]


def test_every_feature_has_its_figures(tables: dict[str, pd.DataFrame]) -> None:
    importance = tables["feature_importance"]
    assert importance["feature"].tolist() == FEATURES
    assert importance[["importance", "shapley"]].sum().tolist() == pytest.approx([1, 1])
    assert tables["feature_drift"]["feature"].tolist() == FEATURES
    rising = tables["partial_dependence"].groupby("feature")
    assert rising["value"].is_monotonic_increasing.all()
    assert rising.size().tolist() == [10, 10]


def test_the_learning_curve_ends_with_the_model_itself(
    tables: dict[str, pd.DataFrame],
) -> None:
    curve, (card,) = tables["learning_curve"], tables[TABLE].to_dict("records")
    assert curve["sessions"].tolist() == [1, 3, 6]
    assert curve["train_rows"].is_monotonic_increasing
    last = curve.iloc[-1]
    for name in ("train_rows", "train_rmse", "test_rmse", "train_ic", "test_ic"):
        assert last[name] == pytest.approx(card[name])


def test_a_rule_has_no_card(finished_home: Path) -> None:
    lake = Home.open(finished_home).lake
    assert all(lake.read(name, "tiny.hold").empty for name in TABLES)


def test_cards_are_stale_with_their_models(copied_home: Path) -> None:
    home = Home.open(copied_home)
    assert Freshness(home).of(TABLE, KEY).is_fresh
    correct(home, "trained_models", KEY)
    assert not Freshness(home).of(TABLE, KEY).is_fresh
    assert Freshness(home).of(TABLE, "tiny.forest~max_depth=2").is_fresh
