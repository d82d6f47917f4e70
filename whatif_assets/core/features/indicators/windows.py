"""Sums, deviations and regressions of moving windows, each window by itself.

Running sums, which add a bar and take one off, depend in their last digits on
where they began, and leave something behind where all that is in the window is 0.
What is computed here does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from whatif_assets.core.features.bar_columns import BoolArray, FloatArray

compiled = njit(cache=True, nogil=True, error_model="numpy")


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide, NaN where the divisor is 0."""
    result = np.full_like(part, np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def earlier(values: FloatArray, bars: int) -> FloatArray:
    """Return the values of some bars before, NaN for the first ones."""
    shifted = np.full_like(values, np.nan)
    if bars < len(values):
        shifted[bars:] = values[: len(values) - bars]
    return shifted


def change(values: FloatArray) -> FloatArray:
    """Return each value less the one before, NaN for the first."""
    return values - earlier(values, 1)


def log_return(price: FloatArray) -> FloatArray:
    """Return the logarithm of each price over the one before, NaN for the first."""
    ratio = share(price, earlier(price, 1))
    result = np.full_like(ratio, np.nan)
    np.log(ratio, out=result, where=ratio > 0)
    return result


def blank(values: FloatArray, where: BoolArray) -> FloatArray:
    """Return the values with NaN where they are undefined."""
    return np.where(where, np.nan, values)


def until_moved(moved: BoolArray, values: FloatArray) -> FloatArray:
    """Return the values with NaN for the bars before the first move."""
    return blank(values, ~np.maximum.accumulate(moved))


@compiled
def window_sum(values: Any, timeperiod: int) -> Any:
    """Sum of each window; NaN where it lacks a value."""
    result = np.full(len(values), np.nan)
    for last in range(timeperiod - 1, len(values)):
        total = 0.0
        for bar in range(last - timeperiod + 1, last + 1):
            total += values[bar]
        result[last] = total
    return result


@compiled
def window_deviation(values: Any, timeperiod: int) -> Any:
    """Mean of each window, and its standard deviation (that of the population)."""
    means, deviations = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for last in range(timeperiod - 1, len(values)):
        window = values[last - timeperiod + 1 : last + 1]
        first, total = window[0], 0.0
        for value in window:
            total += value - first
        mean, squares = first + total / timeperiod, 0.0
        for value in window:
            squares += (value - mean) ** 2
        means[last], deviations[last] = mean, np.sqrt(squares / timeperiod)
    return means, deviations


@compiled
def window_fit(y: Any, x: Any, weight: Any, timeperiod: int) -> Any:
    """Weighted least squares of y on x in each window.

    Bars that lack one of the two are left out of their windows.

    Returns
    -------
    tuple of numpy.ndarray
        Slope, the line's y at x = 0, and the correlation of the two. NaN where no
        weight is left, or where x (for the correlation x or y) does not vary.
    """
    slopes, intercepts = np.full(len(y), np.nan), np.full(len(y), np.nan)
    correlations = np.full(len(y), np.nan)
    for last in range(timeperiod - 1, len(y)):
        first = last - timeperiod + 1
        while first < last and (np.isnan(x[first]) or np.isnan(y[first])):
            first += 1
        total = mean_x = mean_y = 0.0
        for bar in range(first, last + 1):
            dx, dy = x[bar] - x[first], y[bar] - y[first]
            if not (np.isnan(dx) or np.isnan(dy)):
                total += weight[bar]
                mean_x += weight[bar] * dx
                mean_y += weight[bar] * dy
        if not total > 0:
            continue
        mean_x, mean_y = x[first] + mean_x / total, y[first] + mean_y / total
        xx = xy = yy = 0.0
        for bar in range(first, last + 1):
            dx, dy = x[bar] - mean_x, y[bar] - mean_y
            if not (np.isnan(dx) or np.isnan(dy)):
                xx += weight[bar] * dx * dx
                xy += weight[bar] * dx * dy
                yy += weight[bar] * dy * dy
        if xx > 0:
            slopes[last] = xy / xx
            intercepts[last] = mean_y - xy / xx * mean_x
        if xx > 0 and yy > 0:
            correlations[last] = xy / np.sqrt(xx * yy)
    return slopes, intercepts, correlations


@compiled
def window_line(y: Any, weight: Any, timeperiod: int) -> Any:
    """Weighted least squares of y on the bar's place in each window.

    Returns
    -------
    tuple of numpy.ndarray
        The line's y at the last bar, its rise in a bar, its y at the first bar. NaN
        where fewer than two bars have weight.
    """
    now, slopes = np.full(len(y), np.nan), np.full(len(y), np.nan)
    place = np.arange(-timeperiod + 1.0, 1.0)
    for last in range(timeperiod - 1, len(y)):
        window = slice(last - timeperiod + 1, last + 1)
        slope, at_last, _ = window_fit(y[window], place, weight[window], timeperiod)
        now[last], slopes[last] = at_last[-1], slope[-1]
    return now, slopes, now - slopes * (timeperiod - 1)
