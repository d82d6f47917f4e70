"""Bootstrap confidence intervals of the figures of one series."""

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
    """Percentile intervals of the figures of one series.

    Attributes
    ----------
    sharpe
        Annualised Sharpe ratio.
    total_return
        Return compounded over all sessions, a fraction of the starting cash.
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
    """Compute percentile intervals by the stationary bootstrap.

    Parameters
    ----------
    returns
        Return of each session, oldest first, finite, above -1.
    sessions_per_year
        Annualises the Sharpe ratio.
    confidence
        Probability that an interval contains the true figure.
    repetitions, seed
        Number of resamples, and the seed with which they are drawn. Their mean block
        length comes from :func:`block_length`.

    Returns
    -------
    Intervals
        NaN where the returns do not vary.
    """
    if not varies(returns):
        return Intervals(Interval(math.nan, math.nan), Interval(math.nan, math.nan))
    drawn = resamples(len(returns), block_length(returns), repetitions, seed)
    resampled = returns[drawn]
    sharpes = sharpes_of(resampled) * math.sqrt(sessions_per_year)
    grown = np.prod(1.0 + resampled, axis=1) - 1.0
    return Intervals(_interval(sharpes, confidence), _interval(grown, confidence))


def _interval(values: FloatArray, confidence: float) -> Interval:
    """Cut off equal tails; resamples whose value is not finite are left out."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return Interval(float(low), float(high))
