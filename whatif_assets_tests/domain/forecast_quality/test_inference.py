"""The mean of a series: its t value allows for overlap, and noise is rarely called."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from whatif_assets.domain.forecast_quality.inference import mean_of, overlap


def standard_error(series, lag) -> float:
    """Standard error by the definition, with loops."""
    n, away = len(series), [value - np.mean(series) for value in series]
    weighted = plain = sum(a * a for a in away) / n
    for step in range(1, lag + 1):
        covariance = sum(away[i] * away[i - step] for i in range(step, n)) / n
        weighted += 2 * (1 - step / (lag + 1)) * covariance
        plain += 2 * covariance
    return math.sqrt(max(weighted, plain) / (n - 1))


@pytest.mark.parametrize("lag", [0, 1, 4])
@pytest.mark.parametrize("smooth", [1, 5])
def test_the_t_value_allows_for_overlap(lag, smooth):
    steps = np.random.default_rng(3).normal(0.3, 1, 60)
    series = np.convolve(steps, np.ones(smooth), mode="valid")
    found = mean_of(series, lag)
    assert found.t_value == pytest.approx(series.mean() / standard_error(series, lag))
    freedom = len(series) / (lag + 1) - 1
    expected = 2 * stats.t.sf(abs(found.t_value), freedom)
    assert found.p_value == pytest.approx(expected)
    assert found.deviation == pytest.approx(series.std(ddof=1))
    assert found.periods == len(series)


def test_without_overlap_it_is_students_t_test():
    series = np.random.default_rng(4).normal(0.3, 1, 25)
    found, expected = mean_of(series, 0), stats.ttest_1samp(series, 0)
    assert found.t_value == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_overlap_makes_the_mean_less_certain():
    steps = np.random.default_rng(5).normal(0.1, 1, 320)
    series = np.convolve(steps, np.ones(20) / 20, mode="valid")
    assert abs(mean_of(series, 19).t_value) < abs(mean_of(series, 0).t_value) / 2


def test_means_of_overlapping_noise_are_rarely_significant():
    corrected, plain = 0, 0
    for seed in range(100):
        steps = np.random.default_rng(seed).normal(size=254)
        series = np.convolve(steps, np.ones(5), mode="valid")
        corrected += mean_of(series, 4).p_value < 0.05
        plain += mean_of(series, 0).p_value < 0.05
    assert corrected <= 8
    assert plain >= 25


@pytest.mark.parametrize(
    ("series", "lag"),
    [([], 0), ([0.1], 0), ([0.1, 0.2, 0.1, 0.3], 0), ([0.1] * 9, 0), ([1, 2] * 4, 4)],
)
def test_too_little_has_no_t_value(series, lag):
    found = mean_of(np.array(series, dtype=float), lag)
    assert math.isnan(found.t_value)
    assert math.isnan(found.p_value)
    assert found.periods == len(series)
    assert math.isnan(found.mean) == (not series)


def test_missing_periods_are_left_out():
    series = np.random.default_rng(6).normal(size=12)
    gaps = np.insert(series, [2, 7], np.nan)
    assert mean_of(gaps, 1) == mean_of(series, 1)


@pytest.mark.parametrize(
    ("horizon", "bars", "crosses", "lag"),
    [
        (1, 1, True, 0),
        (5, 1, True, 4),
        (5, 390, False, 0),
        (5, 390, True, 1),
        (391, 390, True, 1),
        (392, 390, True, 2),
        (30, 21, True, 2),
    ],
)
def test_overlap_counts_the_periods_that_share_bars(horizon, bars, crosses, lag):
    assert overlap(horizon, bars, crosses) == lag
    if crosses:  # counted bar by bar
        last = bars - 1 + horizon  # the last bar whose return is in a period's returns
        later = [k for k in range(1, 40) if k * bars < last]
        assert len(later) == lag
