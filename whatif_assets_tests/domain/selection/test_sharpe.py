"""Sharpe ratios after many trials: published answers, and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.selection.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpes_of,
    supported_trials,
)

# Bailey and Lopez de Prado, The deflated Sharpe ratio, 2014: five years of daily
# returns, annual Sharpe ratio 2.5, the best of 100 trials whose Sharpe ratios have
# an annual variance of 1/2.
PUBLISHED = Moments(n=1250, sharpe=2.5 / math.sqrt(250), skewness=-3, kurtosis=10)
PUBLISHED_VARIANCE = 0.5 / 250


def test_the_deflated_sharpe_ratio_is_that_of_the_published_example() -> None:
    threshold = expected_maximum_sharpe(100, PUBLISHED_VARIANCE)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    value = deflated_sharpe(PUBLISHED, 100, PUBLISHED_VARIANCE)
    assert value == pytest.approx(0.900397, abs=5e-7)


def test_expected_maximum_and_minimum_length_are_the_published_ones() -> None:
    assert expected_maximum(100) == pytest.approx(2.5306, abs=5e-5)
    assert minimum_backtest_length(45, 1.0) == pytest.approx(4.9981, abs=5e-5)


@pytest.mark.parametrize("trials", [5, 50, 500])
def test_expected_maximum_is_near_that_of_simulated_numbers(trials: int) -> None:
    drawn = np.random.default_rng(1).normal(size=(4000, trials)).max(axis=1).mean()
    assert expected_maximum(trials) == pytest.approx(drawn, rel=0.05)


@settings(deadline=None)
@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_trials_are_luckier(a: float, b: float) -> None:
    assert (a <= b) <= (expected_maximum(a) <= expected_maximum(b))


@settings(deadline=None)
@given(st.floats(0.1, 30), st.floats(0.1, 5))
def test_the_supported_trials_have_that_minimum_length(
    years: float, sharpe: float
) -> None:
    trials = supported_trials(years, sharpe)
    if 1.5 < trials < 1e11:
        assert minimum_backtest_length(trials, sharpe) == pytest.approx(years)


def test_a_probability_of_the_sharpe_ratio_of_normal_returns_by_hand() -> None:
    # Standard error sqrt((1 + SR^2 / 2) / (n - 1)) = 0.1 sqrt(1.005), threshold 0.
    moments = Moments(n=101, sharpe=0.1, skewness=0, kurtosis=3)
    expected = 0.5 * (1 + math.erf(1 / math.sqrt(1.005) / math.sqrt(2)))
    assert probabilistic_sharpe(moments) == pytest.approx(expected)


def test_after_the_minimum_track_record_the_probability_is_95_percent() -> None:
    length = minimum_track_record_length(PUBLISHED, threshold=0.05)
    longer = Moments(round(length), PUBLISHED.sharpe, -3, 10)
    assert probabilistic_sharpe(longer, 0.05) == pytest.approx(0.95, abs=1e-3)
    assert minimum_track_record_length(PUBLISHED, threshold=1) == math.inf


def test_moments_by_hand() -> None:
    # Mean 1/4, deviations -1/4 three times and 3/4.
    moments = Moments.of(np.array([0.0, 0.0, 0.0, 1.0]))
    assert moments.sharpe == pytest.approx(0.25 / 0.5)
    assert moments.skewness == pytest.approx(2 / math.sqrt(3))
    assert moments.kurtosis == pytest.approx(7 / 3)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0] * 9, [0.1] * 9])
def test_without_variation_nothing_is_defined(returns: list[float]) -> None:
    moments = Moments.of(np.array(returns))
    assert math.isnan(moments.sharpe)
    assert math.isnan(probabilistic_sharpe(moments))
    assert math.isnan(deflated_sharpe(moments, 10, 0.1))
    assert math.isnan(minimum_track_record_length(moments))
    assert np.isnan(sharpes_of(np.array([returns]))).all()
