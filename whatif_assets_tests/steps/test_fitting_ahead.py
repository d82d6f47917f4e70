"""Models fitted ahead are the ones that would be fitted later."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.steps import fitting_ahead as ahead
from whatif_assets.steps.examples import examples_of
from whatif_assets.steps.fitting_ahead import fit_ahead, fitted
from whatif_assets.steps.training import fit_fold, training_frame

KEY = "tiny.forest~max_depth=2"


@pytest.fixture
def asked(finished_home):
    """The arguments with which a model of the finished home is requested."""
    home = Home.open(finished_home)
    configuration, study = home.find(KEY)
    fold = study.folds(home.market)[0]
    frame = training_frame(home, study, configuration)
    examples = examples_of(study, configuration, frame, fold)
    return home, fold, study, configuration, examples


@pytest.fixture
def fits(monkeypatch):
    """The settings of every fit, recorded when it is made."""
    made = []

    def noted(study, configuration, examples, *options):
        made.append(examples)
        return fit_fold(study, configuration, examples, *options)

    monkeypatch.setattr(ahead, "fit_fold", noted)
    return made


def assert_same_forecasts(one, other, examples):
    found = [f.models.predict(examples.features, examples.rows) for f in (one, other)]
    np.testing.assert_array_equal(*found)


def test_a_model_fitted_ahead_is_fitted_once(asked, fits):
    home, fold, study, configuration, examples = asked
    fit_ahead(home, study, [configuration], "local", dict)
    ready = fitted(fold, study, configuration, examples, "local", dict)
    assert len(fits) == 1
    now = fit_fold(study, configuration, examples, "local", dict)
    assert ready.settings == now.settings
    assert_same_forecasts(ready, now, examples)


def test_it_is_given_once(asked, fits):
    home, fold, study, configuration, examples = asked
    fit_ahead(home, study, [configuration], "local", dict)
    for _ in range(2):
        fitted(fold, study, configuration, examples, "local", dict)
    assert len(fits) == 2


def test_of_other_rows_it_is_fitted_again(asked, fits):
    home, fold, study, configuration, examples = asked
    fit_ahead(home, study, [configuration], "local", dict)
    other = dataclasses.replace(examples, target=-examples.target)
    ready = fitted(fold, study, configuration, other, "local", dict)
    assert len(fits) == 2
    now = fit_fold(study, configuration, other, "local", dict)
    assert_same_forecasts(ready, now, examples)


def test_what_fails_ahead_is_told_where_it_is_asked_for(asked, monkeypatch):
    home, fold, study, configuration, examples = asked

    def fail(*_):
        raise BadInput("no memory left")

    monkeypatch.setattr(ahead, "fit_fold", fail)
    fit_ahead(home, study, [configuration], "local", dict)
    with pytest.raises(BadInput, match="no memory left"):
        fitted(fold, study, configuration, examples, "local", dict)
    monkeypatch.undo()
    fitted(fold, study, configuration, examples, "local", dict)


def test_without_data_nobody_waits_for_ever(asked, monkeypatch, fits):
    home, fold, study, configuration, examples = asked

    def fail(*_):
        raise BadInput("session 2024-01-02 is not materialised")

    monkeypatch.setattr(ahead, "training_frame", fail)
    fit_ahead(home, study, [configuration], "local", dict)
    fitted(fold, study, configuration, examples, "local", dict)
    assert len(fits) == 1
