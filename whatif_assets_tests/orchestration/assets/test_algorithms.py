"""Classifiers and users' estimators in the chain, from a study to forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import trials_of
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.training import read_models

CONFIGURATIONS = """
  classes: {algorithm: logistic, label: up, strategy: forecast_threshold}
  mine: {algorithm: "models/mine.py:Line", model_per: symbol, factor: 2.0,
         strategy: forecast_threshold}
  sorted: {algorithm: gradient_boosting_classifier, model_per: symbol, n_trees: 5,
           label: up, strategy: forecast_threshold}
  batch: {algorithm: "models/mine.py:Batch", strategy: forecast_threshold}
  wrong: {algorithm: logistic, strategy: forecast_threshold}
"""
NAMES = ("classes", "mine", "sorted")
MINE = """
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Line(RegressorMixin, BaseEstimator):
    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, x, y):
        self.line = self.factor * np.linalg.lstsq(x, y, rcond=None)[0]
        return self

    def predict(self, x):
        return x @ self.line


class Batch(Line):
    def predict(self, x):
        return super().predict(x - x.mean(axis=0))
"""


@pytest.fixture
def home(copied_home: Path) -> Home:
    """Return a home whose study has more configurations, which were not run."""
    study = copied_home / "studies" / "tiny.yaml"
    labels = "labels: {up: {price: vwap, horizon: 5, kind: direction}}\n"
    study.write_text(labels + study.read_text() + CONFIGURATIONS)
    (study.parent / "models").mkdir()
    (study.parent / "models" / "mine.py").write_text(MINE)
    return Home.open(copied_home)


def key(name: str) -> str:
    return f"tiny.{name}"


@pytest.fixture
def run(home: Home) -> Iterator[Runner]:
    """Return a runner that knows the configurations."""
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [key(name) for name in (*NAMES, "batch")]
        instance.add_dynamic_partitions("configurations", keys)
        yield Runner(home, instance)


def run_model(run: Runner, *names: str) -> list[str]:
    keys = [key(name) for name in names]
    failures = run.run_keys("trained_models", keys, keys)
    return failures + run.run_keys("forecasts", keys, keys)


def test_classifiers_and_estimators_are_forecast_and_fresh(
    home: Home, run: Runner
) -> None:
    assert run_model(run, *NAMES) == []
    assert run.run_keys("model_cards", [key("mine")], [key("mine")]) == []
    for name in NAMES:
        frame = home.lake.read("forecasts", key(name))
        assert len(frame) > 100
        assert np.isfinite(frame["forecast"]).all()
        if name in ("classes", "sorted"):
            assert frame["forecast"].abs().max() <= 1
            assert set(frame["label"].dropna()) <= {-1.0, 0.0, 1.0}
    fresh = Freshness(home)
    assert all(fresh.of("forecasts", key(name)).is_fresh for name in NAMES)
    trial = trials_of(home, *reversed(home.find(key("mine"))))
    file = home.studies_folder / "models" / "mine.py"
    file.write_text(MINE.replace("x @ self.line", "2 * (x @ self.line)"))
    edited = Freshness(home)
    why = str(edited.of("trained_models", key("mine")))
    assert why.startswith("stale: code of models/mine.py:Line")
    assert edited.of("trained_models", key("classes")).is_fresh
    assert trials_of(home, *reversed(home.find(key("mine")))) != trial
    model = read_models(home, key("mine"), 0).models["SYN01"]
    with pytest.raises(BadInput, match="or its code may have been edited"):
        model.predict(np.ones((3, 2)))


def test_forecasts_scaled_over_their_batch_are_refused(home: Home, run: Runner) -> None:
    (failure,) = run_model(run, "batch")
    assert "Configuration tiny.batch: the check forecasts_see_no_future" in failure
    assert not home.lake.has("forecasts", key("batch"))


def test_a_classifier_of_a_label_without_classes_is_refused_before_a_run(
    home: Home,
) -> None:
    with pytest.raises(
        BadInput, match="logistic is a classifier, but a label of kind "
    ):
        home.find(key("wrong"))
