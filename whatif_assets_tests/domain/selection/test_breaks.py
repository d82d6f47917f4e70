"""Breaks: found where they were planted, and seldom found elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from whatif_assets.domain.selection.breaks import break_of


def series(sessions: int, first: float, then: float, at: int, seed: int) -> np.ndarray:
    returns = np.random.default_rng(seed).normal(size=sessions)
    returns[:at] += first
    returns[at:] += then
    return returns * 0.01


def test_the_place_is_where_the_mean_falls() -> None:
    # Means of 1 and -1 with a little variation: the fall is between the halves.
    returns = np.concatenate([np.tile([0.9, 1.1], 10), np.tile([-0.9, -1.1], 10)])
    found = break_of(returns)
    assert found.at == 20
    assert found.is_seen
    assert found.is_end
    assert found.before.mean == pytest.approx(1)
    assert found.after.mean == pytest.approx(-1)


def test_an_edge_that_died_is_seen_to_have_ended() -> None:
    found = [break_of(series(250, 0.8, 0.0, 63, seed)) for seed in range(20)]
    assert sum(f.is_end for f in found) >= 18
    assert abs(np.median([f.at for f in found]) - 63) <= 5


def test_an_edge_that_lasts_is_seldom_said_to_have_ended() -> None:
    found = [break_of(series(250, 0.25, 0.25, 0, seed)) for seed in range(40)]
    assert sum(f.is_seen for f in found) <= 5
    assert sum(f.is_end for f in found) <= 3


def test_an_edge_that_grew_did_not_end() -> None:
    assert not break_of(series(250, 0.0, 0.8, 125, 1)).is_seen


@pytest.mark.parametrize("returns", [np.empty(0), np.ones(19), np.full(50, 0.01)])
def test_few_or_constant_sessions_have_no_break(returns: np.ndarray) -> None:
    found = break_of(returns)
    assert found.at == 0
    assert math.isnan(found.p_value)
    assert not found.is_end
