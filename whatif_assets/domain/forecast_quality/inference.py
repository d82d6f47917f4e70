"""How far the mean of a series by period is from 0, whose periods may overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from whatif_assets.domain.base.arrays import FloatArray

# With fewer periods there is no t value.
FEWEST_PERIODS = 5


@dataclass(frozen=True)
class Mean:
    """The mean of a series by period.

    Attributes
    ----------
    mean, deviation
        Mean, and sample standard deviation between periods. NaN without a period, or
        with only one.
    t_value, p_value
        The mean over its standard error, corrected for overlap; and the probability
        that Student's distribution gives it or more on either side. NaN with fewer than
        `FEWEST_PERIODS` periods, with fewer than two that do not overlap, or if the
        series does not vary.
    periods
        Number of periods.
    """

    mean: float
    deviation: float
    t_value: float
    p_value: float
    periods: int


def mean_of(series: FloatArray, lag: int) -> Mean:
    """Average a series by period, oldest first; NaN is left out.

    Parameters
    ----------
    series
        One value per period.
    lag
        How many periods a value shares its future with, see :func:`overlap`.

    Notes
    -----
    The variance is the larger one of two estimates up to the lag: that of Newey and
    West, whose weights are too small for returns that overlap by construction, and that
    of Hansen and Hodrick without weights, which may be negative. The degrees of freedom
    are the number of periods that do not overlap, less 1. Without overlap, this is the
    t test of Student. Of means of overlapping noise, 6 to 9 of 100 are significant at
    5 %; with the estimate of Newey and West alone it would be up to 16.

    References
    ----------
    Newey and West, A simple, positive semi-definite, heteroskedasticity and
    autocorrelation consistent covariance matrix, Econometrica, 1987.
    Hansen and Hodrick, Forward exchange rates as optimal predictors of future spot
    rates, Journal of Political Economy, 1980.
    """
    found = series[np.isfinite(series)]
    number = len(found)
    mean = float(found.mean()) if number else math.nan
    varies = number > 1 and bool(found.min() < found.max())
    deviation = float(found.std(ddof=1)) if number > 1 else math.nan
    if not varies or number < max(FEWEST_PERIODS, 2 * (lag + 1)):
        return Mean(mean, deviation, math.nan, math.nan, number)
    variance = _long_run_variance(found - mean, lag)
    if not variance > 0:
        return Mean(mean, deviation, math.nan, math.nan, number)
    t_value = mean / math.sqrt(variance / (number - 1))
    p_value = float(2 * stdtr(number / (lag + 1) - 1, -abs(t_value)))
    return Mean(mean, deviation, t_value, p_value, number)


def overlap(horizon: int, bars_of_period: float, crosses: bool) -> int:
    """Count the later periods whose returns share bars with those of a period.

    Parameters
    ----------
    horizon
        Bars from a forecast to its return.
    bars_of_period
        Bars of a period.
    crosses
        Whether a return may end in a later period.

    Returns
    -------
    int
        0 if returns end with their period. For daily bars and periods of a session,
        the horizon less 1.
    """
    return math.ceil((horizon - 1) / bars_of_period) if crosses else 0


def _long_run_variance(away: FloatArray, lag: int) -> float:
    """Variance with autocovariances up to a lag, by the larger of two estimates."""
    number = len(away)
    newey_west = hansen_hodrick = float(away @ away) / number
    for step in range(1, lag + 1):
        covariance = float(away[step:] @ away[:-step]) / number
        newey_west += 2 * (1 - step / (lag + 1)) * covariance
        hansen_hodrick += 2 * covariance
    return max(newey_west, hansen_hodrick)
