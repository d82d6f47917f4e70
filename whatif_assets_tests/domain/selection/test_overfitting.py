"""Probability of backtest overfitting: by hand, by brute force, on noise and edge."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.selection.overfitting import Overfitting, overfitting


def noise(trials: int, sessions: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(trials, sessions)) * 0.01


def test_sixteen_blocks_make_12870_splits() -> None:
    assert overfitting(noise(3, 320, 0)).n_splits == 12_870


def test_the_best_of_noise_is_a_coin_toss_elsewhere() -> None:
    # N = 200 trials of noise over T = 1000 sessions, S = 16 blocks, as published.
    found = [overfitting(noise(200, 1000, seed)).pbo for seed in range(12)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_a_planted_true_strategy_is_not_overfitted() -> None:
    returns = noise(200, 1000, 1)
    returns[17] += 0.003
    found = overfitting(returns)
    assert found.pbo < 0.01
    assert found.probability_of_loss < 0.01
    assert np.median(found.logits) > 4


def brute_force(returns: np.ndarray, blocks: int) -> tuple[float, float, float]:
    """PBO, loss and rank correlation from the sessions themselves."""
    cut = np.array_split(np.arange(returns.shape[1]), blocks)
    below, loss, correlation = [], [], []
    for members in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([cut[b] for b in members])
        outside = np.setdiff1d(np.arange(returns.shape[1]), inside)
        here, there = (
            returns[:, half].mean(axis=1) / returns[:, half].std(axis=1, ddof=1)
            for half in (inside, outside)
        )
        chosen = there[here.argmax()]
        rank = (there < chosen).sum() + 1
        share = Fraction(int(rank), len(returns) + 1)
        below.append(0.5 if share == Fraction(1, 2) else float(share < Fraction(1, 2)))
        loss.append(chosen < 0)
        correlation.append(spearmanr(here, there).statistic)
    return float(np.mean(below)), float(np.mean(loss)), float(np.mean(correlation))


@pytest.mark.parametrize("trials", [7, 10])
def test_block_sums_give_what_the_sessions_give(trials: int) -> None:
    returns = noise(trials, 48, 5)
    found = overfitting(returns, blocks=8)
    expected = brute_force(returns, 8)
    measured = (found.pbo, found.probability_of_loss, found.rank_correlation)
    assert measured == pytest.approx(expected)


def test_two_blocks_by_hand() -> None:
    # The best of the first half, a, is the worst of the second, and so is c.
    a, b, c = [3, 3.1, -3, -3.1], [1, 1.1, 1, 1.1], [-3, -3.1, 3, 3.1]
    found = overfitting(np.array([a, b, c]), performance="mean", blocks=2)
    assert found.n_splits == 2
    assert found.logits == pytest.approx([math.log(1 / 3)] * 2)
    assert (found.pbo, found.probability_of_loss) == (1, 1)
    assert found.rank_correlation == pytest.approx(-1)


@pytest.mark.parametrize("performance", ["mean", "sharpe"])
@settings(max_examples=40, deadline=None)
@given(
    trials=st.integers(2, 9),
    sessions=st.integers(4, 40),
    seed=st.integers(0, 999),
)
def test_figures_are_probabilities_for_any_returns(
    performance: str, trials: int, sessions: int, seed: int
) -> None:
    # Few different values: trials tie, and some never move.
    drawn = np.random.default_rng(seed).integers(-1, 2, size=(trials, sessions)) / 8
    found = overfitting(drawn, performance=performance)  # type: ignore[arg-type]
    assert 0 <= found.pbo <= 1
    assert 0 <= found.probability_of_loss <= 1
    assert found.n_splits == math.comb(2 * half(sessions), half(sessions))
    assert np.isfinite(found.logits).all()
    assert not abs(found.rank_correlation) > 1 + 1e-12


def half(sessions: int) -> int:
    return min(16, sessions // 2 // 2 * 2) // 2


@pytest.mark.parametrize("value", [0.0, 0.01, -0.01])
def test_equal_trials_are_neither_good_nor_bad(value: float) -> None:
    found = overfitting(np.full((5, 32), value))
    assert found.pbo == 0.5
    assert (found.logits == 0).all()
    assert math.isnan(found.rank_correlation)
    assert math.isnan(found.degradation_slope)


@pytest.mark.parametrize("shape", [(1, 100), (10, 3), (10, 0)])
def test_what_cannot_be_split_is_undefined(shape: tuple[int, int]) -> None:
    found = overfitting(np.zeros(shape))
    assert found.n_splits == 0
    assert math.isnan(found.pbo)
    assert isinstance(found, Overfitting)


def test_a_missing_return_is_refused_with_its_place() -> None:
    returns = noise(4, 20, 0)
    returns[2, 7] = np.nan
    with pytest.raises(BadInput, match="Trial 2, session 7"):
        overfitting(returns)
    with pytest.raises(BadInput, match="even"):
        overfitting(noise(4, 20, 0), blocks=5)
