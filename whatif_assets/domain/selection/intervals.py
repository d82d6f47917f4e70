"""How far off the figures of one series may be: bootstrap confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.sharpe import sharpes_of, varies

REPETITIONS = 1000


@dataclass(frozen=True)
class Interval:
    """A confidence interval; NaN where undefined."""

    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Percentile intervals of one series' figures.

    Attributes
    ----------
    sharpe
        Annualised.
    total_return
        Compounded over all sessions, as a fraction; times the starting cash it is
        the profit.
    """

    sharpe: Interval
    total_return: Interval


def intervals(
    returns: FloatArray,
    sessions_per_year: float,
    *,
    confidence: float = 0.95,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Intervals:
    """Resample the sessions of a series by the stationary bootstrap.

    Parameters
    ----------
    returns
        Of each session, oldest first, finite; above -1.
    sessions_per_year
        To annualise the Sharpe ratio by.
    confidence
        Chance that an interval holds the true figure.
    repetitions, seed
        Of the resamples, whose block length is that of :func:`block_length`.
    """
    if not varies(returns):
        return Intervals(Interval(math.nan, math.nan), Interval(math.nan, math.nan))
    drawn = resamples(len(returns), block_length(returns), repetitions, seed)
    resampled = returns[drawn]
    sharpes = sharpes_of(resampled) * math.sqrt(sessions_per_year)
    grown = np.prod(1.0 + resampled, axis=1) - 1.0
    return Intervals(_interval(sharpes, confidence), _interval(grown, confidence))


def _interval(values: FloatArray, confidence: float) -> Interval:
    """Cut equal tails off; resamples without a value are left out."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return Interval(float(low), float(high))
