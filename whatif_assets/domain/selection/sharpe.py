"""How much a Sharpe ratio is worth after many trials.

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
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from whatif_assets.domain.base.arrays import FloatArray

# A spread this far below the level is what rounding leaves of equal numbers.
ROUNDING = 1e-12
_MOST_TRIALS = 1e12


@dataclass(frozen=True)
class Moments:
    """What the Sharpe ratio of a series, and its precision, depend on.

    Attributes
    ----------
    n
        Number of returns; of independent ones that are worth as much, in
        :meth:`thinned`.
    sharpe
        Mean over standard deviation (n - 1), per session; NaN with fewer than two
        returns or where all are equal.
    skewness
        Third standardised moment; NaN where the Sharpe ratio is.
    kurtosis
        Fourth standardised moment, 3 for a normal distribution; NaN likewise.
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
        apart = returns - returns.mean()
        unit = apart / math.sqrt(float(np.mean(apart**2)))
        sharpe = float(returns.mean() / returns.std(ddof=1))
        return cls(n, sharpe, float(np.mean(unit**3)), float(np.mean(unit**4)))

    def thinned(self, inflation: float) -> Moments:
        """Count the returns as fewer, by the inflation of the variance of their mean.

        Nothing changes where the inflation is not above 1 or not known.
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
    """Sharpe ratio of each row, NaN where a row does not vary.

    Parameters
    ----------
    returns
        (trials, sessions) float64, finite.
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
    """Expected maximum of independent standard normal numbers, 0 for one.

    (1 - g) q(1 - 1/N) + g q(1 - 1/(N e)), with g the Euler-Mascheroni constant and
    q the normal quantile. Below 2 trials it is cut off at 0.
    """
    if trials <= 1:
        return 0.0
    mixed = (1 - np.euler_gamma) * ndtri(1 - 1 / trials)
    mixed += np.euler_gamma * ndtri(1 - 1 / (trials * math.e))
    return max(float(mixed), 0.0)


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Sharpe ratio that the best of some trials is expected to show by luck alone.

    Parameters
    ----------
    trials
        Number of independent trials.
    variance
        Of the Sharpe ratios over the trials, in the unit that the result is wanted
        in, squared.
    """
    return math.sqrt(variance) * expected_maximum(trials)


def probabilistic_sharpe(moments: Moments, threshold: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above a threshold (per session).

    NaN where the Sharpe ratio is undefined.
    """
    distance = (moments.sharpe - threshold) * math.sqrt(max(moments.n - 1, 0))
    return float(ndtr(distance / math.sqrt(moments.variance_of_sharpe)))


def deflated_sharpe(moments: Moments, trials: float, variance: float) -> float:
    """Probability that the true Sharpe ratio is above the luck of many trials.

    Parameters
    ----------
    moments
        Of the winner.
    trials
        Number of independent trials.
    variance
        Of the Sharpe ratios (per session) over the trials.
    """
    return probabilistic_sharpe(moments, expected_maximum_sharpe(trials, variance))


def minimum_track_record_length(
    moments: Moments, threshold: float = 0.0, confidence: float = 0.95
) -> float:
    """Sessions after which the Sharpe ratio would be above a threshold for certain.

    Infinite where the Sharpe ratio is not above the threshold (per session), NaN
    where it is undefined.
    """
    if moments.sharpe <= threshold:
        return math.inf
    needed = float(ndtri(confidence)) / (moments.sharpe - threshold)
    return 1 + moments.variance_of_sharpe * needed**2


def minimum_backtest_length(trials: float, sharpe: float) -> float:
    """Years below which luck alone is expected to show an annual Sharpe ratio.

    Parameters
    ----------
    trials
        Number of independent trials.
    sharpe
        Annual Sharpe ratio; the length is infinite where it is not above 0.
    """
    if math.isnan(sharpe):
        return math.nan
    return (expected_maximum(trials) / sharpe) ** 2 if sharpe > 0 else math.inf


def supported_trials(years: float, sharpe: float) -> float:
    """Independent trials for which a length is the minimum backtest length.

    The inverse of :func:`minimum_backtest_length`: with more trials than this, luck
    alone is expected to show the annual Sharpe ratio. At least 1, at most 1e12.
    """
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
