"""Significance of a Sharpe ratio after many trials.

Sharpe ratios are per session here, not annualised, unless an argument says so.

References
----------
Bailey and Lopez de Prado, The Sharpe ratio efficient frontier, Journal of Risk,
2012 (probabilistic Sharpe ratio, minimum track record length).
Bailey and Lopez de Prado, The deflated Sharpe ratio, Journal of Portfolio
Management, 2014.
Bailey, Borwein, Lopez de Prado and Zhu, Pseudo-mathematics and financial
charlatanism, Notices of the AMS, 2014 (expected maximum, minimum backtest length).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from whatif_assets.domain.base.arrays import FloatArray

# A spread below this share of the level comes from rounding; the numbers are equal.
ROUNDING = 1e-12
_MOST_TRIALS = 1e12


@dataclass(frozen=True)
class Moments:
    """Moments that determine a Sharpe ratio and its precision.

    Attributes
    ----------
    n
        Number of returns; after :meth:`thinned`, the equivalent number of independent
        returns.
    sharpe
        Mean over standard deviation (n - 1), per session; NaN with fewer than two
        returns or where all returns are equal.
    skewness
        Third standardised moment; NaN where the Sharpe ratio is NaN.
    kurtosis
        Fourth standardised moment, 3 for a normal distribution; NaN where the Sharpe
        ratio is NaN.
    """

    n: float
    sharpe: float
    skewness: float
    kurtosis: float

    @classmethod
    def of(cls, returns: FloatArray) -> Moments:
        """Compute the moments of a series of returns."""
        n = len(returns)
        if not varies(returns):
            return cls(n, math.nan, math.nan, math.nan)
        centred = returns - returns.mean()
        unit = centred / math.sqrt(float(np.mean(centred**2)))
        sharpe = float(returns.mean() / returns.std(ddof=1))
        return cls(n, sharpe, float(np.mean(unit**3)), float(np.mean(unit**4)))

    def thinned(self, inflation: float) -> Moments:
        """Reduce the number of returns by the variance inflation of their mean.

        The number is unchanged where the inflation is at most 1 or NaN.
        """
        inflation = inflation if inflation > 1 else 1.0
        return dataclasses.replace(self, n=1 + (self.n - 1) / inflation)

    @property
    def variance_of_sharpe(self) -> float:
        """Variance of the estimated Sharpe ratio times (n - 1); NaN if undefined."""
        excess = (self.kurtosis - 1) / 4 * self.sharpe**2
        variance = 1 - self.skewness * self.sharpe + excess
        return variance if variance > 0 else math.nan


def varies(returns: FloatArray) -> bool:
    """Whether a series has at least two values that differ by more than rounding."""
    level = np.abs(returns).max(initial=0.0)
    return len(returns) > 1 and bool(np.ptp(returns) > ROUNDING * level)


def sharpes_of(returns: FloatArray) -> FloatArray:
    """Sharpe ratio of each row, per session; NaN where a row does not vary.

    Parameters
    ----------
    returns
        Return of each trial in each session, (trials, sessions) float64, finite.
    """
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    sharpes = np.full(len(returns), np.nan)
    spread = returns.max(axis=1) - returns.min(axis=1)
    moves = spread > ROUNDING * np.abs(returns).max(axis=1)
    some = returns[moves]
    sharpes[moves] = some.mean(axis=1) / some.std(axis=1, ddof=1)
    return sharpes


def expected_maximum(trials: float) -> float:
    """Expected maximum of N independent standard normal variables, 0 for one.

    (1 - g) q(1 - 1/N) + g q(1 - 1/(N e)), where g is the Euler-Mascheroni constant and
    q the normal quantile function. Negative values, for N below 2, are replaced by 0.
    """
    if trials <= 1:
        return 0.0
    mixed = (1 - np.euler_gamma) * ndtri(1 - 1 / trials)
    mixed += np.euler_gamma * ndtri(1 - 1 / (trials * math.e))
    return max(float(mixed), 0.0)


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Sharpe ratio that the best of N trials is expected to show by luck alone.

    Parameters
    ----------
    trials
        Number of independent trials.
    variance
        Variance of the Sharpe ratios of the trials. The result has the unit of its
        square root: per session or per year.
    """
    return math.sqrt(variance) * expected_maximum(trials)


def probabilistic_sharpe(moments: Moments, threshold: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above a threshold (per session).

    NaN where the Sharpe ratio is NaN.
    """
    distance = (moments.sharpe - threshold) * math.sqrt(max(moments.n - 1, 0))
    return float(ndtr(distance / math.sqrt(moments.variance_of_sharpe)))


def deflated_sharpe(moments: Moments, trials: float, variance: float) -> float:
    """Probability that the true Sharpe ratio is above what luck alone would show.

    Parameters
    ----------
    moments
        Moments of the winner's returns.
    trials
        Number of independent trials.
    variance
        Variance of the Sharpe ratios (per session) of the trials.
    """
    return probabilistic_sharpe(moments, expected_maximum_sharpe(trials, variance))


def minimum_track_record_length(
    moments: Moments, threshold: float = 0.0, confidence: float = 0.95
) -> float:
    """Sessions needed to show, with some confidence, a Sharpe ratio above a threshold.

    Infinite where the Sharpe ratio is not above the threshold (per session), NaN where
    the Sharpe ratio is NaN.
    """
    if moments.sharpe <= threshold:
        return math.inf
    needed = float(ndtri(confidence)) / (moments.sharpe - threshold)
    return 1 + moments.variance_of_sharpe * needed**2


def minimum_backtest_length(trials: float, sharpe: float) -> float:
    """Length in years below which luck alone is expected to show a Sharpe ratio.

    Parameters
    ----------
    trials
        Number of independent trials.
    sharpe
        Annual Sharpe ratio.

    Returns
    -------
    float
        Infinite where the Sharpe ratio is not above 0, NaN where it is NaN.
    """
    if math.isnan(sharpe):
        return math.nan
    return (expected_maximum(trials) / sharpe) ** 2 if sharpe > 0 else math.inf


def supported_trials(years: float, sharpe: float) -> float:
    """Number of independent trials that a backtest of some years supports.

    The inverse of :func:`minimum_backtest_length`: with more trials than this, luck
    alone is expected to show the annual Sharpe ratio. At least 1, at most 1e12.
    """
    from scipy.optimize import brentq  # takes a while to import

    reach = sharpe * math.sqrt(years)
    if expected_maximum(_MOST_TRIALS) <= reach:
        return _MOST_TRIALS
    return float(
        np.exp(
            brentq(
                lambda log: expected_maximum(math.exp(log)) - reach,
                0.0,
                math.log(_MOST_TRIALS),
            )
        )
    )
