"""Bootstrap intervals: they contain the true figure as often as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from whatif_assets.domain.selection.intervals import intervals


def test_intervals_hold_the_true_figures_as_often_as_they_say() -> None:
    drift, deviation, held = 0.001, 0.01, []
    for seed in range(200):
        draw = np.random.default_rng(seed)
        returns = drift + deviation * draw.normal(size=250)
        found = intervals(returns, 252, repetitions=300, seed=seed)
        true = drift / deviation * math.sqrt(252)
        typical = math.exp(250 * (drift - deviation**2 / 2)) - 1
        total = found.total_return
        held.append(
            (
                found.sharpe.low < true < found.sharpe.high,
                total.low < typical < total.high,
            )
        )
    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.04)


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    returns = np.random.default_rng(0).normal(size=100) * 0.01
    narrow, wide = (intervals(returns, 252, confidence=c).sharpe for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("returns", [[], [0.1], [0.0] * 30, [0.01] * 30])
def test_without_variation_there_is_no_interval(returns: list[float]) -> None:
    found = intervals(np.array(returns), 252)
    ends = [
        found.sharpe.low,
        found.sharpe.high,
        found.total_return.low,
        found.total_return.high,
    ]
    assert np.isnan(ends).all()
