"""Tests of superiority: equal to arch, and their size and power on simulated returns."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM
from scipy.stats import kstest

from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.superiority import superiority


def related(trials: int, sessions: int, seed: int) -> np.ndarray:
    """Returns with a common factor, like the returns of variants."""
    draw = np.random.default_rng(seed)
    own = draw.normal(size=(trials, sessions))
    return (0.7 * draw.normal(size=sessions) + own) * 0.01


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("block", [1, 4])
def test_p_values_and_superior_trials_are_those_of_arch(seed: int, block: int) -> None:
    returns = related(30, 120, seed)
    returns[[3, 11]] += 0.003
    settings = {"block_size": block, "reps": 400, "seed": seed}
    theirs = SPA(np.zeros(120), -returns.T, **settings)
    theirs.compute()
    stepwise = StepM(np.zeros(120), -returns.T, **settings)
    stepwise.compute()

    ours = superiority(
        returns, studentize=False, block=block, repetitions=400, seed=seed
    )

    p_values = (ours.p_lower, ours.p_consistent, ours.p_upper)
    assert p_values == pytest.approx(tuple(theirs.pvalues))
    assert np.flatnonzero(ours.superior).tolist() == stepwise.superior_models


def test_studentised_p_values_by_resampling_the_sessions_themselves() -> None:
    returns = related(8, 60, 7) * np.linspace(1, 20, 8)[:, None]
    returns[5] += 2 * returns[5].mean()
    mean, deviation = returns.mean(axis=1), returns.std(axis=1)
    drawn = [returns[:, row] for row in resamples(60, 3, 200, seed=1)]
    spreads = [np.maximum(d.std(axis=1), deviation / 2) for d in drawn]
    best = [((d.mean(axis=1) - mean) / s).max() for d, s in zip(drawn, spreads)]
    of = superiority(returns, block=3, repetitions=200, seed=1)
    expected = np.mean(np.array(best) > (mean / deviation).max())
    assert of.p_upper == pytest.approx(expected)


def p_values_of_noise(sessions: int) -> np.ndarray:
    return np.array(
        [
            superiority(related(20, sessions, seed), repetitions=100, seed=seed).p_upper
            for seed in range(200)
        ]
    )


def test_under_the_null_p_values_are_uniform() -> None:
    found = p_values_of_noise(250)
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(found <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_few_sessions_of_noise_are_significant_no_more_often() -> None:
    assert np.mean(p_values_of_noise(25) <= 0.05) < 0.08


def test_a_planted_edge_is_found_and_no_other() -> None:
    found = []
    for seed in range(40):
        returns = related(50, 250, seed)
        returns[9] += 0.004
        of = superiority(returns, repetitions=200, seed=seed)
        assert of.p_adjusted[9] == of.p_consistent
        others = of.superior.sum() - of.superior[9]
        found.append((of.p_consistent <= 0.05, of.superior[9], others > 0))
    significant, named, wrong = np.mean(found, axis=0)
    assert significant > 0.9
    assert named > 0.9
    assert wrong < 0.13


def test_a_trial_that_trades_little_does_not_drown() -> None:
    # The edge is a hundredth of the others' noise, and clear against its own.
    returns = related(50, 250, 3)
    returns[4] = (returns[4] + 0.005) / 100
    of = superiority(returns)
    assert of.p_adjusted[4] < 0.01
    assert superiority(returns, studentize=False).p_adjusted[4] > 0.5


def test_a_trial_with_one_bad_day_does_not_hide_an_edge() -> None:
    returns = related(20, 250, 3)
    returns[4] += 0.005
    returns[7] = 0.0001 * returns[7]
    returns[7, 100] = -0.03
    assert superiority(returns).p_adjusted[4] < 0.01


@pytest.mark.parametrize("shape", [(3, 0), (3, 1), (1, 50), (4, 50)])
def test_differences_that_never_vary_have_no_p_value(shape: tuple[int, int]) -> None:
    of = superiority(np.full(shape, 0.01))
    assert np.isnan([of.p_lower, of.p_consistent, of.p_upper]).all()
    assert np.isnan(of.p_adjusted).all()
    assert not of.superior.any()


def test_a_constant_row_changes_nothing_for_the_others() -> None:
    returns = related(10, 60, 0)
    padded = np.concatenate([np.zeros((1, 60)), returns])
    alone, beside = superiority(returns), superiority(padded)
    assert alone.p_upper == beside.p_upper
    assert np.array_equal(alone.p_adjusted, beside.p_adjusted[1:])


def test_dependent_returns_get_longer_blocks() -> None:
    shocks = np.random.default_rng(0).normal(size=1000)
    smooth = np.convolve(shocks, np.ones(20), "valid")
    assert block_length(shocks) < 5 < block_length(smooth)
    assert block_length(smooth * 1e-9) == block_length(smooth)
    assert block_length(np.zeros(100)) == block_length(shocks[:10]) == 1


def test_the_same_seed_draws_the_same_sessions() -> None:
    first, again = (resamples(30, 3, 50, 1) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, resamples(30, 3, 50, 2))
    assert (first.min(), first.max()) == (0, 29)
