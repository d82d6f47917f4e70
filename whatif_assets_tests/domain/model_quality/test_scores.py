"""Scores of forecasts: figures calculated by hand, and those of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from whatif_assets.domain.model_quality.scores import rank_correlation, scores_of

NAN = np.nan


def test_scores_are_as_calculated() -> None:
    labels = np.array([1.0, 3.0, NAN, 2.0])
    forecasts = np.array([2.0, 3.0, 5.0, NAN])
    found = scores_of(forecasts, labels, np.zeros(4))
    assert (found.rows, found.ic) == (2, pytest.approx(1))
    assert found.rmse == pytest.approx(np.sqrt(0.5))
    assert found.skill == pytest.approx(1 - 0.5 / 5)


def test_what_is_not_defined_is_nan() -> None:
    none = scores_of(np.ones(2), np.full(2, NAN), np.zeros(2))
    assert none.rows == 0
    assert np.isnan([none.rmse, none.skill, none.ic]).all()
    unmoved = scores_of(np.array([0.0, 1.0]), np.zeros(2), np.zeros(2))
    assert np.isnan([unmoved.skill, unmoved.ic]).all()


def test_the_rank_correlation_is_that_of_scipy() -> None:
    draw = np.random.default_rng(2)
    a, b = draw.integers(0, 5, 40).astype(float), draw.normal(size=40)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(rank_correlation(np.ones(4), b[:4]))
