"""Bins of forecasts: what came true after low and after high ones."""

from __future__ import annotations

import itertools

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.forecast_quality.correlations import mean_by

MOST_BINS = 10
FEWEST_PER_BIN = 5
NO_BIN = -1


def number_of_bins(forecasts_of_period: float) -> int:
    """Choose the number of bins: ten, or fewer where a period has few forecasts.

    Returns
    -------
    int
        A bin has five forecasts or more; 0 if a period has fewer than ten.
    """
    bins = min(MOST_BINS, int(forecasts_of_period // FEWEST_PER_BIN))
    return bins if bins > 1 else 0


def binned(forecasts: FloatArray, periods: IntArray, count: int, bins: int) -> IntArray:
    """Sort the forecasts of each period into bins of equal size.

    Parameters
    ----------
    forecasts
        One per row; NaN has no bin.
    periods
        Period of each row, from 0 to ``count - 1``; other rows have no bin.
    count
        Number of periods.
    bins
        Number of bins; with 0, no row has a bin.

    Returns
    -------
    numpy.ndarray
        Bin of each row, 0 for the lowest forecasts, `NO_BIN` for none. Equal forecasts
        are in one bin. A period whose forecasts do not vary has no bins.

    References
    ----------
    Edges are those of ``pandas.qcut``: quantiles between values are interpolated, and a
    bin includes its upper edge.
    """
    found = np.full(len(forecasts), NO_BIN, dtype=np.int64)
    inside = np.flatnonzero(np.isfinite(forecasts) & (periods >= 0))
    inside = inside[np.argsort(periods[inside], kind="stable")]
    ends = np.searchsorted(periods[inside], np.arange(count + 1))
    inner = np.arange(1, bins) / max(bins, 1)
    for first, last in itertools.pairwise(ends):
        rows = inside[first:last]
        values = forecasts[rows]
        if bins and len(rows) and values.min() < values.max():
            found[rows] = np.searchsorted(np.quantile(values, inner), values)
    return found


def means_by_bin(
    values: FloatArray, bin_of: IntArray, periods: IntArray, count: int, bins: int
) -> FloatArray:
    """Average values by period and bin; NaN is left out.

    Returns
    -------
    numpy.ndarray
        (count, bins); NaN for a bin without values.
    """
    kept = (bin_of != NO_BIN) & (periods >= 0)
    cells = periods[kept] * bins + bin_of[kept]
    return mean_by(values[kept], cells, count * bins).reshape(count, bins)


def turnover(
    bin_of: IntArray, following: IntArray, wanted: int, periods: IntArray, count: int
) -> FloatArray:
    """Compute by period the part of a bin that was not in it one bar earlier.

    Parameters
    ----------
    bin_of
        Bin of each row.
    following
        Row of the symbol's next bar, -1 without one. Rows without a bar before, or
        whose bar before has no bin, do not count.
    wanted
        The bin.
    periods, count
        Period of each row, and the number of periods.

    References
    ----------
    ``quantile_turnover`` of alphalens.
    """
    known = np.flatnonzero((bin_of != NO_BIN) & (following >= 0))
    later = following[known]
    inside = (bin_of[later] == wanted) & (periods[later] >= 0)
    is_new = (bin_of[known[inside]] != wanted).astype(np.float64)
    return mean_by(is_new, periods[later[inside]], count)


def spread(means: FloatArray) -> FloatArray:
    """Mean of the top bin less that of the bottom bin, by period; NaN without bins."""
    if means.shape[1] == 0:
        return np.full(len(means), np.nan)
    return means[:, -1] - means[:, 0]


def hits(forecasts: FloatArray, returns: FloatArray) -> FloatArray:
    """Tell for each row whether forecast and return have the same sign.

    Returns
    -------
    numpy.ndarray
        1 or 0; NaN where one of them is 0 or NaN.
    """
    sides = np.sign(forecasts) * np.sign(returns)
    return np.where(np.isfinite(sides) & (sides != 0), (sides > 0) * 1.0, np.nan)
