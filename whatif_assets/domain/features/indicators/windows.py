"""Moves, shares and moving windows, of which the indicators are made.

Each window is worked by itself. Running sums, which add a bar and take one off, depend
in their last digits on where they began, and leave something behind where all that is
in the window is 0.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.bar_columns import BoolArray


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
    return np.where(where, np.nan, values) if where.any() else values


def until_moved(moved: BoolArray, values: FloatArray) -> FloatArray:
    """Return the values with NaN for the bars before the first move."""
    first = int(moved.argmax()) if moved.any() else len(moved)
    if not first:
        return values
    known = values.copy()
    known[:first] = np.nan
    return known


def window_sum(values: FloatArray, timeperiod: int) -> FloatArray:
    """Sum of each window; NaN where it lacks a value."""
    return compiled_loops().window_sum(values, timeperiod)  # type: ignore[no-any-return]


def window_deviation(
    values: FloatArray, timeperiod: int
) -> tuple[FloatArray, FloatArray]:
    """Mean of each window, and its standard deviation (that of the population)."""
    return compiled_loops().window_deviation(values, timeperiod)  # type: ignore[no-any-return]


def window_fit(
    y: FloatArray, x: FloatArray, weight: FloatArray, timeperiod: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted least squares of y on x in each window.

    Bars that lack one of the two are left out of their windows.

    Returns
    -------
    tuple of numpy.ndarray
        Slope, the line's y at x = 0, and the correlation of the two. NaN where no
        weight is left, or where x (for the correlation x or y) does not vary.
    """
    return compiled_loops().window_fit(y, x, weight, timeperiod)  # type: ignore[no-any-return]


def window_line(
    y: FloatArray, weight: FloatArray, timeperiod: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted least squares of y on the bar's place in each window.

    Returns
    -------
    tuple of numpy.ndarray
        The line's y at the last bar, its rise in a bar, its y at the first bar. NaN
        where fewer than two bars have weight.
    """
    now, slope = compiled_loops().window_line(y, weight, timeperiod)
    return now, slope, now - slope * (timeperiod - 1)


def compiled_loops() -> ModuleType:
    """Import the compiled loops: numba takes a second that most runs can save."""
    from whatif_assets.domain.features.indicators import kernels

    return kernels
