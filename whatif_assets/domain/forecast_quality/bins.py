"""Bins of forecasts: what came true after low and after high ones."""

from __future__ import annotations

import itertools

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.forecast_quality.correlations import mean_by, sum_by

MOST_BINS = 10
FEWEST_PER_BIN = 20
NO_BIN = -1


def number_of_bins(forecasts: int) -> int:
    """Choose the number of bins: ten, or fewer where there are few forecasts.

    Returns
    -------
    int
        There are 100 forecasts or more for each bin; 0 with fewer than 200.
    """
    bins = min(MOST_BINS, forecasts // (5 * FEWEST_PER_BIN))
    return bins if bins > 1 else 0


def binned(forecasts: FloatArray, sessions: IntArray, bins: int) -> IntArray:
    """Sort forecasts into bins whose edges were known before their session.

    The edges of a session are quantiles of the forecasts of the latest sessions before
    it that have `FEWEST_PER_BIN` forecasts for each bin. Edges of the session itself
    would know its later forecasts: those of a model that buys after a fall are highest
    where the price of the session is lowest, from which it can only rise.

    Parameters
    ----------
    forecasts
        One per row; NaN has no bin.
    sessions
        Number of the session of each row, from 0.
    bins
        Number of bins; with 0, no row has a bin.

    Returns
    -------
    numpy.ndarray
        Bin of each row, 0 for the lowest forecasts, `NO_BIN` for none. Equal forecasts
        are in one bin, and a bin includes its upper edge. There are no bins where the
        earlier forecasts are too few, or do not vary.
    """
    found = np.full(len(forecasts), NO_BIN, dtype=np.int64)
    rows = np.flatnonzero(np.isfinite(forecasts))
    rows = rows[np.argsort(sessions[rows], kind="stable")]
    values = forecasts[rows]
    starts = np.flatnonzero(np.diff(sessions[rows], prepend=-1))
    inner = np.arange(1, bins) / max(bins, 1)
    for first, last in itertools.pairwise([*starts, len(rows)] if bins else []):
        enough = starts[starts <= first - bins * FEWEST_PER_BIN]
        if len(enough):
            before = values[enough[-1] : first]
            if before.min() < before.max():
                edges = np.quantile(before, inner)
                found[rows[first:last]] = np.searchsorted(edges, values[first:last])
    return found


def sums_by_bin(
    values: FloatArray, bin_of: IntArray, periods: IntArray, count: int, bins: int
) -> FloatArray:
    """Sum values by session and bin; NaN is left out.

    Returns
    -------
    numpy.ndarray
        (count, bins); 0 for a bin without values.
    """
    kept = (bin_of != NO_BIN) & (periods >= 0)
    cells = periods[kept] * bins + bin_of[kept]
    return sum_by(values[kept], cells, count * bins).reshape(count, bins)


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


def spread(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return what each session adds to the spread of the top and the bottom bin.

    Their mean is the mean return of all rows of the top bin less that of the bottom
    bin. A mean by session would be biased: where the price falls further, more bars
    are in the top bin of a forecast that it comes back, and each counts less.

    Parameters
    ----------
    sums, counts
        Sum and number of the returns by session and bin, (sessions, bins).

    Returns
    -------
    numpy.ndarray
        One value per session; NaN for a session without bins, and for all if the top
        or the bottom bin has no returns.
    """
    added = np.full(len(sums), np.nan)
    inside = counts.sum(axis=1) > 0
    if inside.any():
        usual = counts[inside].mean(axis=0)
        if usual[0] > 0 and usual[-1] > 0:
            added[inside] = sums[inside, -1] / usual[-1] - sums[inside, 0] / usual[0]
    return added


def hits(forecasts: FloatArray, returns: FloatArray) -> FloatArray:
    """Tell for each row whether forecast and return have the same sign.

    Returns
    -------
    numpy.ndarray
        1 or 0; NaN where one of them is 0 or NaN.
    """
    sides = np.sign(forecasts) * np.sign(returns)
    return np.where(np.isfinite(sides) & (sides != 0), (sides > 0) * 1.0, np.nan)
