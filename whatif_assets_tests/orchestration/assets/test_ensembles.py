"""Ensembles through the whole chain: each is a model like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.examples import examples_of, probe_examples, stacking_folds
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.holdout import evaluate_holdout
from whatif_assets.steps.model_export import export_model
from whatif_assets.steps.placebos import WinnerShape, shuffled_labels
from whatif_assets.steps.training import read_models, training_frame
from whatif_assets.steps.winner import Winner
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_model_parts import MARKET
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.undrawn import nothing_drawn

STUDY = """
features: [{roc: {timeperiod: 2}}, {rsi: {timeperiod: 3}}]
label: {price: close, horizon: 2, kind: return, across_sessions: true}
evaluation: {method: walk_forward, train: 20, test: 20, holdout: 10}
cash: 100000
rank_by: sharpe
configurations:
  line: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  forest: {algorithm: random_forest, n_trees: 3, strategy: forecast_threshold,
    threshold: 0.0001}
  both: {algorithm: ensemble, members: [line, forest], search_folds: 2,
    strategy: forecast_threshold, threshold: 0.0001,
    each: {combine: [mean, rank_mean, stacking]}}
  wrong: {algorithm: ensemble, members: [line, gone], strategy: forecast_threshold}
"""
MEAN, STACKED = "joint.both~combine=mean", "joint.both~combine=stacking"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        bars().to_parquet(folder / "bars.parquet")
        (folder / "joint.yaml").write_text(MARKET + STUDY)
        with nothing_drawn():
            # A wrong configuration fails the run, after all others have been run.
            assert not run_studies(folder / "home", str(folder / "joint.yaml"))

    return Home.open(made_once(tmp_path_factory, "ensembles", make) / "home")


def test_the_mean_is_that_of_the_members_forecasts(home: Home) -> None:
    one, two, mean = (
        home.lake.read("forecasts", key) for key in ("joint.line", "joint.forest", MEAN)
    )
    expected = (one["forecast"] + two["forecast"]) / 2
    np.testing.assert_allclose(mean["forecast"], expected, rtol=1e-12)
    pd.testing.assert_frame_equal(mean[["symbol", "ts"]], one[["symbol", "ts"]])


def test_a_wrong_ensemble_costs_no_other(home: Home) -> None:
    keys = home.lake.keys("backtest_results")
    assert {"joint.line", "joint.forest", MEAN, STACKED} < {*keys}
    assert "joint.wrong" not in keys
    with pytest.raises(BadInput, match=r"joint.wrong: members: .* 'gone'"):
        home.find("joint.wrong")


def asked(home: Home) -> tuple[Study, Configuration]:
    configuration, study = home.find(STACKED)
    return study, configuration


def test_the_folds_of_stacking_are_purged_and_seen_by_the_leak_gate(home: Home) -> None:
    study, configuration = asked(home)
    frame = training_frame(home, study, configuration)
    fold = study.folds(home.market)[0]
    examples = examples_of(study, configuration, frame, fold)
    folds = stacking_folds(study, configuration, examples)
    assert len(folds) == 2
    for train, validation in folds:
        rows = examples.rows
        assert rows["label_ts"][train].max() < rows["ts"][validation].min()
    finding = probe_examples(study, configuration, frame, fold, examples)
    assert finding.passed
    assert "2 folds of a search" in str(finding)


def test_placebo_and_holdout_follow_from_being_a_model(home: Home) -> None:
    study, configuration = asked(home)
    variant = configuration.variants()[0]
    winner = Winner(home, study, configuration, variant, {})
    own = home.lake.read("forecasts", STACKED)
    made = [one.forecasts for one in shuffled_labels(WinnerShape.of(winner))]
    assert len(made) == 3
    assert all(len(one) == len(own) for one in made)
    assert evaluate_holdout(winner, "local", dict).daily["pnl"].notna().all()
    assert len(home.lake.read("model_cards", STACKED))
    assert len(home.lake.read("learning_curve", STACKED))


def test_an_ensemble_is_exported(home: Home, tmp_path: Path) -> None:
    found = export_model(home, STACKED, tmp_path)
    with np.load(found.folder / found.models[0]) as file:
        weights = file["weights"]
    (model,) = read_models(home, STACKED, 1).models.values()
    np.testing.assert_array_equal(weights, model.weights)


def test_an_edited_member_makes_its_ensembles_stale(home: Home, tmp_path: Path) -> None:
    copied = Home.open(Path(shutil.copytree(home.path, tmp_path / "copied")))
    path = copied.studies_folder / "joint.yaml"
    path.write_text(path.read_text().replace("n_trees: 3", "n_trees: 4"))
    fresh = Freshness(Home.open(copied.path))
    states = {key: fresh.of("trained_models", key) for key in ("joint.line", MEAN)}
    assert states["joint.line"].is_fresh
    assert not states[MEAN].is_fresh
    assert "settings" in str(states[MEAN])
