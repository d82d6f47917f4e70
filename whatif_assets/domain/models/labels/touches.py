"""Compiled loop that finds the barrier that later bars touch first."""

from __future__ import annotations

import numba
import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray

PROFIT, STOP, NEITHER = 1, -1, 0


@numba.njit(cache=True, nogil=True)
def first_touches(
    high: FloatArray,
    low: FloatArray,
    profit: FloatArray,
    stop: FloatArray,
    side: FloatArray,
    first: IntArray,
    last: IntArray,
) -> tuple[IntArray, IntArray]:  # pragma: no cover (compiled)
    """Find the first bar of each path that touches a barrier, and which one it is.

    Parameters
    ----------
    high, low
        Highs and lows of all bars; those of a path are next to each other.
    profit, stop
        Prices of the barriers of each path.
    side
        1 for a path with the profit above, -1 for one with the profit below.
    first, last
        First and last bar of each path; a path whose last is before its first is empty.

    Returns
    -------
    bar, touched : numpy.ndarray
        The bar, or ``last`` if there is none; and `PROFIT`, `STOP` or `NEITHER`. A bar
        that touches both touches the stop.
    """
    bar = last.copy()
    touched = np.zeros(len(first), dtype=np.int64)
    for path in range(len(first)):
        for row in range(first[path], last[path] + 1):
            gain, loss = high[row] >= profit[path], low[row] <= stop[path]
            if side[path] < 0:
                gain, loss = low[row] <= profit[path], high[row] >= stop[path]
            if gain or loss:
                bar[path] = row
                touched[path] = -1 if loss else 1
                break
    return bar, touched
