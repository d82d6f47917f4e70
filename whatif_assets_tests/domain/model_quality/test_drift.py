"""Drift: figures calculated by hand, and those of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from whatif_assets.domain.model_quality.drift import (
    kolmogorov_smirnov,
    stability_index,
)

VALUES = st.lists(st.floats(-5, 5), min_size=2, max_size=30).map(np.array)


def test_the_stability_index_of_halves_is_as_calculated() -> None:
    """Half of training and three quarters of the test lie below the median."""
    train = np.arange(100.0)
    test = np.array([10.0, 20.0, 30.0, 80.0])
    expected = 0.25 * np.log(1.5) + -0.25 * np.log(0.5)
    assert stability_index(train, test, bins=2) == pytest.approx(expected)


def test_the_same_values_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=1_000)
    assert stability_index(values, values) == 0
    assert stability_index(np.ones(10), np.ones(5)) == 0
    assert kolmogorov_smirnov(values, values) == 0


def test_values_that_training_never_had_are_a_large_shift() -> None:
    values = np.random.default_rng(1).normal(size=1_000)
    assert stability_index(values, values + 100) > 5
    assert kolmogorov_smirnov(values, values + 100) == 1


@settings(max_examples=50)
@given(VALUES, VALUES)
def test_the_distance_is_that_of_scipy(train: np.ndarray, test: np.ndarray) -> None:
    expected = ks_2samp(train, test, method="asymp").statistic
    assert kolmogorov_smirnov(train, test) == pytest.approx(expected)
    assert stability_index(train, test) >= 0


def test_without_values_nothing_is_known() -> None:
    assert np.isnan(stability_index(np.ones(0), np.ones(3)))
    assert np.isnan(kolmogorov_smirnov(np.ones(3), np.ones(0)))
