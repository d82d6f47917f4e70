"""The edge of one series: golden figures, dependence, tails, undefined cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from whatif_assets.domain.selection.edge import edge_of, variance_inflation


def autoregressive(rho: float, series: int, sessions: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(series, sessions))
    rows[:, 0] /= math.sqrt(1 - rho**2)
    for session in range(1, sessions):
        rows[:, session] += rho * rows[:, session - 1]
    return rows


def test_the_long_run_inflation_is_the_published_one() -> None:
    # (1 + 0.3) / (1 - 0.3) = 1.857
    assert variance_inflation(0.3, 100_000) == pytest.approx(1.857, abs=1e-3)
    assert variance_inflation(0.0, 10) == 1


def test_the_inflation_of_few_sessions_is_that_of_their_covariances() -> None:
    # n = 3: (3 + 2 * 2 * rho + 2 * rho^2) / 3
    assert variance_inflation(0.5, 3) == pytest.approx((3 + 2 + 0.5) / 3)


def test_returns_that_alternate_are_tested_as_students_test_does() -> None:
    returns = np.tile([0.03, -0.01], 200)
    edge = edge_of(returns)
    assert edge.mean == pytest.approx(0.01)
    assert edge.inflation == pytest.approx(1, abs=0.01)
    student = ttest_1samp(returns, 0).statistic
    assert edge.mean / edge.error == pytest.approx(student, rel=0.01)
    assert edge.statistic == pytest.approx(student, rel=0.01)


def test_what_follows_the_benchmark_is_no_edge() -> None:
    draw = np.random.default_rng(0)
    hold = 0.01 + 0.01 * draw.normal(size=200)
    own = 0.001 * draw.normal(size=200)
    design = np.column_stack([np.ones(200), hold])
    intercept, _ = np.linalg.lstsq(design, 0.7 * hold + own, rcond=None)[0]
    edge = edge_of(0.7 * hold + own, hold)
    assert edge.mean == pytest.approx(intercept)
    assert edge.p_value > 0.05 > edge_of(0.7 * hold + own).p_value


def test_the_error_of_an_edge_is_that_of_a_regression() -> None:
    draw = np.random.default_rng(1)
    hold = 1 + draw.normal(size=300)
    returns = 0.5 * hold + np.tile([1.0, -1.0], 150) + 0.1 * draw.normal(size=300)
    design = np.column_stack([np.ones(300), hold])
    rest = returns - design @ np.linalg.lstsq(design, returns, rcond=None)[0]
    covariance = np.linalg.inv(design.T @ design) * (rest @ rest) / 298
    assert edge_of(returns, hold).error == pytest.approx(
        math.sqrt(covariance[0, 0]), rel=0.01
    )


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("sessions", [20, 60, 250])
def test_dependent_noise_is_significant_no_more_often_than_said(
    rho: float, sessions: int
) -> None:
    rows = autoregressive(rho, 1000, sessions, seed=1)
    found = np.array([edge_of(row).p_value for row in rows])
    assert np.mean(found <= 0.05) <= 0.065
    assert np.mean(found <= 0.005) <= 0.01


def test_slow_movements_are_not_taken_for_an_edge() -> None:
    # Half of the variance comes from waves with a third of the sample as period.
    waves = np.sin(2 * np.pi * 3 * np.arange(240) / 240)
    noise = np.random.default_rng(2).normal(size=240)
    slow, fast = edge_of(waves + noise / math.sqrt(2)), edge_of(noise)
    assert slow.inflation > 3 > fast.inflation
    assert slow.freedom < 20 < fast.freedom


def test_losses_larger_than_gains_count_against_an_edge_and_gains_not_for_it() -> None:
    losses = np.tile([0.03, 0.03, 0.03, -0.06], 20)
    gains = np.tile([0.06, 0.0, 0.0, 0.0], 20)
    assert edge_of(losses).statistic < edge_of(losses).mean / edge_of(losses).error
    assert edge_of(gains).statistic == edge_of(gains).mean / edge_of(gains).error


@pytest.mark.parametrize(
    "returns", [[], [0.1], [0.1, 0.2, 0.1, 0.3], [0.0] * 9, [0.1] * 9]
)
def test_without_sessions_or_variation_nothing_is_defined(returns: list) -> None:
    edge = edge_of(np.array(returns, dtype=np.float64))
    assert math.isnan(edge.p_value)
    assert not edge.p_value <= 1


def test_the_benchmark_itself_has_no_edge_over_itself() -> None:
    hold = np.random.default_rng(3).normal(size=50)
    assert math.isnan(edge_of(hold, hold).p_value)
    assert math.isnan(edge_of(0.3 * hold, hold).statistic)
