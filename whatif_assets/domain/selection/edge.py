"""The edge of one series of returns: its mean beyond a benchmark, and a test of it.

The test is Student's t-test, adjusted for dependence and skewness of the returns:

- The variance of the mean is that of independent sessions times an *inflation*. The
  inflation is that of a first-order autoregression. Its coefficient is raised, because
  a short sample underestimates it. Where the slow movements of the series are larger
  than chance allows, their variance is taken instead (an equally weighted cosine
  estimate).
- The degrees of freedom are reduced, because that variance is estimated.
- Where losses are larger than gains, lucky samples have too large a statistic. Hall's
  transformation lowers it; the opposite skewness never raises it.

References
----------
Kendall, Note on bias in the estimation of autocorrelation, Biometrika, 1954.
Hall, On the removal of skewness by transformation, JRSS B, 1992.
Kiefer and Vogelsang, A new asymptotic theory for heteroskedasticity-autocorrelation
robust tests, Econometric Theory, 2005.
Lazarus, Lewis, Stock and Watson, HAR inference: recommendations for practice, Journal
of Business and Economic Statistics, 2018 (cosine estimate, Student's t with as many
degrees of freedom as cosines).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtr

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.sharpe import varies

_FEWEST_SESSIONS = 5
# A sample of n sessions may underestimate its autocorrelation by this over n. With it,
# at most 5 in 100 studies without an edge are called real: for up to 1,000 trials, an
# autocorrelation of up to 0.6, and 20 sessions or more (benchmarks/verdict.py).
_HIDDEN = 8.0
_MOST_AUTOCORRELATION = 0.95
# Degrees of freedom per session that remain when the autocorrelation is estimated too.
_FREEDOM = 0.4
# The slow movements are measured by 0.4 n^(2/3) cosines, as Lazarus and others
# recommend.
_COSINES = 0.4
# Significance level of the test for slow movements.
_SLOW = 0.05


@dataclass(frozen=True)
class Edge:
    """Mean return per session beyond a benchmark, with its test; NaN where undefined.

    Attributes
    ----------
    mean
        Estimated mean, a fraction of the account.
    error
        Standard error of the mean.
    freedom
        Degrees of freedom of the standard error.
    inflation
        Variance of the mean, divided by that of as many independent sessions.
    statistic
        Mean over error, corrected for skewness; without an edge it follows Student's
        distribution.
    """

    mean: float = math.nan
    error: float = math.nan
    freedom: float = math.nan
    inflation: float = math.nan
    statistic: float = math.nan

    @property
    def p_value(self) -> float:
        """Probability that a series without an edge has at least this statistic."""
        return float(stdtr(self.freedom, -self.statistic))


UNDEFINED = Edge()


def edge_of(returns: FloatArray, benchmark: FloatArray | None = None) -> Edge:
    """Estimate what a series earns beyond its beta to a benchmark.

    Parameters
    ----------
    returns
        Return of each session, oldest first, finite.
    benchmark
        Benchmark return of each session, on which the series is regressed. None, and a
        benchmark that does not vary, mean no regression.

    Returns
    -------
    Edge
        All NaN with fewer than five sessions, or where the residuals of the series do
        not vary.
    """
    mean, rest, leverage, used = _regressed(returns, benchmark)
    n = len(returns)
    level = float(np.abs(returns).max(initial=0.0))
    if n < _FEWEST_SESSIONS or not varies(returns) or np.ptp(rest) <= 1e-9 * level:
        return UNDEFINED
    squares = float((rest**2).sum())
    variance, inflation, freedom = _long_run(rest, squares / (n - used))
    error = math.sqrt(variance / n * leverage)
    skewness = float((rest**3).mean()) / (squares / n) ** 1.5
    statistic = _unskewed(mean / error, min(skewness, 0.0), n)
    return Edge(mean, error, freedom, inflation, statistic)


def _regressed(
    returns: FloatArray, benchmark: FloatArray | None
) -> tuple[float, FloatArray, float, int]:
    """Compute intercept, residuals, leverage of the intercept, parameters used."""
    if benchmark is None or not varies(benchmark) or len(returns) < _FEWEST_SESSIONS:
        mean = float(returns.mean()) if len(returns) else math.nan
        return mean, returns - mean, 1.0, 1
    level = float(benchmark.mean())
    centred = benchmark - level
    spread = float((centred**2).sum())
    beta = float((returns * centred).sum()) / spread
    mean = float(returns.mean()) - beta * level
    leverage = 1 + level**2 * len(returns) / spread
    return mean, returns - mean - beta * benchmark, leverage, 2


def _long_run(rest: FloatArray, variance: float) -> tuple[float, float, float]:
    """Compute the long-run variance, its inflation, and its degrees of freedom."""
    n = len(rest)
    seen = float((rest[1:] * rest[:-1]).sum() / (rest**2).sum())
    hidden = (_HIDDEN + 3 * max(seen, 0.0)) / n
    rho = min(max(seen + hidden, 0.0), _MOST_AUTOCORRELATION)
    inflation = variance_inflation(rho, n)
    # Residuals are taken from the sample's own mean, which lowers their variance the
    # more, the more the sessions depend on each other.
    whole = variance * (n - 1) / max(n - inflation, 1.0)
    long_run = whole * inflation
    freedom = max(_FREEDOM * (n - 1) * (1 - rho**2) / (1 + rho**2), 1.0)
    cosines = max(int(_COSINES * n ** (2 / 3)), 2)
    slow = _slow_variance(rest, cosines)
    if slow / variance > chdtri(cosines, _SLOW) / cosines:
        long_run, freedom = max(long_run, slow), min(freedom, float(cosines))
    return long_run, long_run / variance, freedom


def variance_inflation(rho: float, n: int) -> float:
    """Variance of the mean of n AR(1) sessions, over that of independent sessions.

    It tends to (1 + rho) / (1 - rho) as n grows.
    """
    in_the_long_run = (1 + rho) / (1 - rho)
    return in_the_long_run - 2 * rho * (1 - rho**n) / (n * (1 - rho) ** 2)


def _slow_variance(rest: FloatArray, cosines: int) -> float:
    """Estimate the long-run variance of a series from its slowest movements."""
    n = len(rest)
    angles = np.pi / n * np.outer(np.arange(1, cosines + 1), np.arange(n) + 0.5)
    return float(np.mean((math.sqrt(2 / n) * (np.cos(angles) @ rest)) ** 2))


def _unskewed(statistic: float, skewness: float, n: int) -> float:
    """Correct a positive statistic for skewness, monotonically (Hall 1992)."""
    if statistic <= 0:
        return statistic
    bend = skewness / (3 * math.sqrt(n))
    corrected = statistic + bend * statistic**2 + bend**2 * statistic**3 / 3
    return corrected + skewness / (6 * math.sqrt(n))
