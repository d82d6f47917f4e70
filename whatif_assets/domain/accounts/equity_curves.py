"""Compiled loops along the equity of many accounts; imported when needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def falls(start: Any, equity: Any) -> tuple[Any, Any]:
    """Find the deepest fall from a peak, and the longest time below one.

    Parameters
    ----------
    start
        Value before the first session, the first peak; n float64.
    equity
        Value at the end of each session; (n, sessions) float64.

    Returns
    -------
    tuple of numpy.ndarray
        The fall as a fraction of the peak, NaN after a value that is NaN; and the most
        sessions in a row that ended below an earlier peak. Both n float64.
    """
    deepest, longest = np.empty(len(start)), np.empty(len(start))
    for row in range(len(start)):
        peak, since, most = start[row], 0.0, 0.0
        fallen = 1.0 - peak / peak
        for at in range(equity.shape[1]):
            value = equity[row, at]
            if value > peak or math.isnan(value):
                peak = value
            fall = 1.0 - value / peak
            if fall > fallen or math.isnan(fall):
                fallen = fall
            since = since + 1.0 if value < peak else 0.0
            most = max(most, since)
        deepest[row], longest[row] = fallen, most
    return deepest, longest


@_compiled
def extremes(rows: Any) -> tuple[Any, Any]:
    """Find the least and the greatest value of each row.

    Parameters
    ----------
    rows
        (n, at least 1) float64.

    Returns
    -------
    tuple of numpy.ndarray
        Both n float64; NaN for a row with NaN.
    """
    least, greatest = np.empty(len(rows)), np.empty(len(rows))
    for row in range(len(rows)):
        low = high = rows[row, 0]
        for at in range(1, rows.shape[1]):
            value = rows[row, at]
            if math.isnan(value):  # and stays, since nothing is below or above it
                low = high = value
            elif value < low:
                low = value
            elif value > high:
                high = value
        least[row], greatest[row] = low, high
    return least, greatest


@_compiled
def returns_of(start: Any, equity: Any) -> Any:
    """Compute the simple return of each session; see `falls`.

    Returns
    -------
    numpy.ndarray
        (n, sessions) float64; NaN after the first session without money.
    """
    returns = np.empty(equity.shape)
    for row in range(len(start)):
        before = least = start[row]
        for at in range(equity.shape[1]):
            value = equity[row, at]
            returns[row, at] = value / before - 1.0 if least > 0 else np.nan
            if value < least or math.isnan(value):
                least = value
            before = value
    return returns
