"""Building blocks of indicators: changes, ratios and moving windows.

Each window is computed on its own. A running sum, which adds the newest bar and
subtracts the oldest, would depend in its last digits on where it began, and would not
return to exactly 0 when all values in the window are 0.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays, Mask


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide ``part`` by ``whole``; NaN where ``whole`` is 0."""
    result = np.full_like(part, np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def earlier(values: FloatArray, bars: int) -> FloatArray:
    """Return each bar's value ``bars`` bars ago; NaN for the first ``bars`` bars."""
    shifted = np.full_like(values, np.nan)
    if bars < len(values):
        shifted[bars:] = values[: len(values) - bars]
    return shifted


def change(values: FloatArray) -> FloatArray:
    """Return each value minus the value before; NaN for the first bar."""
    return values - earlier(values, 1)


def log_return(price: FloatArray) -> FloatArray:
    """Return log(price / price before); NaN for the first bar and if not defined."""
    ratio = share(price, earlier(price, 1))
    result = np.full_like(ratio, np.nan)
    np.log(ratio, out=result, where=ratio > 0)
    return result


def blank(values: FloatArray, where: Mask) -> FloatArray:
    """Return the values with NaN where ``where`` is true."""
    return np.where(where, np.nan, values) if where.any() else values


def until_moved(moved: Mask, values: FloatArray) -> FloatArray:
    """Return the values with NaN for the bars before the first one that moved."""
    first = int(moved.argmax()) if moved.any() else len(moved)
    if not first:
        return values
    known = values.copy()
    known[:first] = np.nan
    return known


def window_sum(values: FloatArray, timeperiod: int) -> FloatArray:
    """Sum each window; NaN if a value in it is NaN, and before the first window."""
    return compiled_loops().window_sum(values, timeperiod)  # type: ignore[no-any-return]


def window_deviation(
    values: FloatArray, timeperiod: int
) -> tuple[FloatArray, FloatArray]:
    """Compute the mean and the population standard deviation of each window."""
    return compiled_loops().window_deviation(values, timeperiod)  # type: ignore[no-any-return]


def window_fit(
    y: FloatArray, x: FloatArray, weight: FloatArray, timeperiod: int
) -> FloatArrays:
    """Fit y on x by weighted least squares in each window.

    Bars in which x or y is NaN are left out.

    Returns
    -------
    tuple of numpy.ndarray
        Slope, intercept (y at x = 0), and the correlation of x and y. NaN if the bars
        of the window have no weight, or if x does not vary; for the correlation also
        if y does not vary.
    """
    return compiled_loops().window_fit(y, x, weight, timeperiod)  # type: ignore[no-any-return]


def window_misfit(
    y: FloatArray,
    x: FloatArray,
    slope: FloatArray,
    intercept: FloatArray,
    timeperiod: int,
) -> FloatArray:
    """Compute the sample standard deviation of y from the line of each window.

    Parameters
    ----------
    y, x
        Values; bars in which one of them is NaN are left out.
    slope, intercept
        The least-squares line of the window that ends at each bar, see `window_fit`.
    timeperiod
        Length of the windows.

    Returns
    -------
    numpy.ndarray
        NaN where the line is NaN.
    """
    return compiled_loops().window_misfit(y, x, slope, intercept, timeperiod)  # type: ignore[no-any-return]


def window_line(y: FloatArray, weight: FloatArray, timeperiod: int) -> FloatArrays:
    """Fit y on the position of the bar by weighted least squares in each window.

    Returns
    -------
    tuple of numpy.ndarray
        Value of the line at the last bar, slope per bar, and value at the first bar.
        NaN if fewer than two bars of the window have weight.
    """
    now, slope = compiled_loops().window_line(y, weight, timeperiod)
    return now, slope, now - slope * (timeperiod - 1)


def compiled_loops() -> ModuleType:
    """Import the compiled loops late: importing numba takes about a second."""
    from whatif_assets.domain.features.indicators import kernels

    return kernels
