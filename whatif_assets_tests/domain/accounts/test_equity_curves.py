"""Compiled loops along equity: the same numbers as whole arrays of NumPy."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whatif_assets.domain.accounts.equity_curves import extremes, falls, returns_of
from whatif_assets.domain.base.arrays import FloatArray

values = st.floats(-50, 200) | st.sampled_from([0.0, 100.0, np.nan])


@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=values)
)
def test_falls_and_returns_are_those_of_whole_arrays(path: FloatArray) -> None:
    path[:, 0] = np.where(path[:, 0] > 0, path[:, 0], 100.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peaks = np.maximum.accumulate(path, axis=1)
        deepest = np.max(1.0 - path / peaks, axis=1)
        number = np.arange(path.shape[1])
        at_peak = np.maximum.accumulate(np.where(path < peaks, 0, number), axis=1)
        alive = np.minimum.accumulate(path, axis=1)[:, :-1] > 0
        returns = np.where(alive, path[:, 1:] / path[:, :-1], np.nan) - 1.0
    start, equity = path[:, 0].copy(), path[:, 1:].copy()
    np.testing.assert_array_equal(falls(start, equity)[0], deepest)
    np.testing.assert_array_equal(
        falls(start, equity)[1], np.max(number - at_peak, axis=1)
    )
    np.testing.assert_array_equal(returns_of(start, equity), returns)
    least, greatest = extremes(path)
    np.testing.assert_array_equal(least, path.min(axis=1))
    np.testing.assert_array_equal(greatest, path.max(axis=1))
