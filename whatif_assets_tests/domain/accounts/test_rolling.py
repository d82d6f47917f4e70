"""Rolling figures."""

from __future__ import annotations

import numpy as np
import pytest

from whatif_assets.domain.accounts.rolling import rolling_figures, window_for


@pytest.mark.parametrize(
    ("sessions", "window"), [(19, 0), (20, 10), (63, 21), (189, 63)]
)
def test_a_window_fits_into_the_history(sessions, window):
    assert window_for(sessions) == window


def test_figures_are_those_of_the_window():
    mine = np.array([0.01, 0.03, -0.01, 0.01])
    market = np.array([0.02, 0.01, -0.02, 0.01])
    last = rolling_figures(mine, market, 3, 4.0).iloc[-1]
    of, other = mine[1:], market[1:]
    assert last["sharpe"] == pytest.approx(2 * of.mean() / of.std(ddof=1))
    assert last["volatility"] == pytest.approx(2 * of.std(ddof=1))
    covariance = np.cov(of, other)
    assert last["beta"] == pytest.approx(covariance[0, 1] / covariance[1, 1])


def test_what_is_not_defined_is_unknown():
    same = rolling_figures(np.full(3, 0.01), np.full(3, np.nan), 2, 252.0)
    assert same[["sharpe", "beta"]].isna().all(axis=None)
    assert np.isnan(same["volatility"].iloc[0])
