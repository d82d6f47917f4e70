"""Tests of whether any trial beats a benchmark, given how many were tried.

Hansen's test of superior predictive ability (SPA) and the stepwise method of Romano and
Wolf (StepM), applied to the returns of the trials less the returns of the benchmark.
``arch`` implements both, one resample and one trial at a time. Here each resample is a
row of weights, and all resamples are one matrix product, so that ten thousand trials
take seconds. A test compares the results with those of ``arch``.

Unlike in ``arch``, each mean is divided by its standard deviation, as Hansen
recommends: variants differ widely in how much they trade, and those that trade most
would dominate. The mean of each resample is divided by the deviation of that resample,
as Romano and Wolf recommend: with a few dozen sessions the deviation is itself
uncertain, and a fixed deviation finds an edge in noise far too often.

References
----------
White, A reality check for data snooping, Econometrica, 2000.
Hansen, A test for superior predictive ability, Journal of Business and Economic
Statistics, 2005.
Romano and Wolf, Stepwise multiple testing as formalized data snooping,
Econometrica, 2005.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.sharpe import sharpes_of

REPETITIONS = 1000

# Lower bound of a resample's deviation, as a share of the trial's own deviation. A
# resample without the few sessions on which a trial lost would otherwise have an
# arbitrarily large statistic, and hide the edge of every other trial.
_LEAST_SPREAD = 0.5


@dataclass(frozen=True, eq=False)
class Superiority:
    """Results of the SPA test and of StepM.

    Attributes
    ----------
    p_lower, p_consistent, p_upper
        p-values of the SPA test: the probability that the best trial looks this good if
        none is better than the benchmark. ``p_consistent`` is Hansen's. ``p_lower``
        ignores all trials below the benchmark, ``p_upper`` (White's) ignores none.
        NaN with fewer than two sessions, or where no trial's difference varies.
    p_adjusted
        Consistent p-value of each trial, adjusted for the number of trials; NaN where
        its difference does not vary.
    superior
        True for the trials that StepM finds better than the benchmark.
    block
        Mean block length of the resamples, in sessions; 0 where none were drawn.
    """

    p_lower: float
    p_consistent: float
    p_upper: float
    p_adjusted: FloatArray = field(repr=False)
    superior: npt.NDArray[np.bool_] = field(repr=False)
    block: int


def superiority(
    differences: FloatArray,
    *,
    studentize: bool = True,
    size: float = 0.05,
    block: int | None = None,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Superiority:
    """Test whether any row has a mean above 0.

    Parameters
    ----------
    differences
        Return of each trial less that of the benchmark, (trials, sessions)
        float64, finite.
    studentize
        Whether to divide means by their standard deviations.
    size
        Probability that StepM names any trial that is not better.
    block
        Mean block length in sessions; by default that of :func:`block_length` for the
        row with the highest Sharpe ratio.
    repetitions
        Number of resamples.
    seed
        Seed of the resamples.
    """
    sharpes = sharpes_of(differences)
    moves = np.isfinite(sharpes)
    p_adjusted = np.full(len(differences), np.nan)
    superior = np.zeros(len(differences), dtype=np.bool_)
    if not moves.any():
        nan = math.nan
        return Superiority(nan, nan, nan, p_adjusted, superior, 0)
    if block is None:
        block = block_length(differences[np.nanargmax(sharpes)])
    resampled = _Resampled.of(differences[moves], studentize, block, repetitions, seed)
    lower, consistent, upper = map(resampled.p_value, resampled.centres())
    p_adjusted[moves] = resampled.p_adjusted()
    superior[moves] = resampled.step_down(size)
    return Superiority(lower, consistent, upper, p_adjusted, superior, block)


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Statistics of the trials, and of their resamples.

    Attributes
    ----------
    observed
        Mean of each trial.
    spread
        Divisor of each mean: the standard deviation, or 1.
    resampled, spreads
        Means and divisors of each resample, not centred; (repetitions, trials).
    bound
        Mean below which a trial is too bad to matter for Hansen's test.
    """

    observed: FloatArray
    spread: FloatArray
    resampled: FloatArray
    spreads: FloatArray
    bound: FloatArray

    @classmethod
    def of(
        cls,
        differences: FloatArray,
        studentize: bool,
        block: int,
        repetitions: int,
        seed: int,
    ) -> _Resampled:
        """Resample the sessions of all trials together."""
        sessions = differences.shape[1]
        drawn = resamples(sessions, block, repetitions, seed)
        weights = np.stack([np.bincount(row, minlength=sessions) for row in drawn])
        with threadpool_limits(1, "blas"):
            resampled = (weights / sessions) @ differences.T
            squares = (weights / sessions) @ (differences.T**2)
        spread = differences.std(axis=1)
        error = np.sqrt(_variances(differences, block) / sessions)
        iterated_logarithm = 2 * math.log(max(math.log(sessions), 1.0))
        unscaled = np.ones(1)
        return cls(
            observed=differences.mean(axis=1),
            spread=spread if studentize else unscaled,
            resampled=resampled,
            spreads=(
                _deviations(resampled, squares, _LEAST_SPREAD * spread)
                if studentize
                else unscaled
            ),
            bound=-error * math.sqrt(iterated_logarithm),
        )

    @functools.cached_property
    def statistic(self) -> FloatArray:
        """Mean of each trial over its deviation."""
        return self.observed / self.spread

    def centres(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means by which resamples are centred: lower, consistent and upper."""
        lower = np.maximum(self.observed, 0.0)
        consistent = np.where(self.observed >= self.bound, self.observed, 0.0)
        return lower, consistent, self.observed

    def p_value(self, centre: FloatArray) -> float:
        """Fraction of the resamples whose best trial beats the best observed one."""
        best = self._deviations_from(centre).max(axis=1)
        return float(np.mean(best > self.statistic.max()))

    @functools.cached_property
    def consistent(self) -> FloatArray:
        """Statistics of the resamples under Hansen's consistent centring."""
        return self._deviations_from(self.centres()[1])

    def p_adjusted(self) -> FloatArray:
        """Fraction of the resamples whose best trial beats each observed trial."""
        best = np.sort(self.consistent.max(axis=1))
        above = len(best) - np.searchsorted(best, self.statistic, side="right")
        return np.asarray(above / len(best))

    def step_down(self, size: float) -> npt.NDArray[np.bool_]:
        """Find the better trials, remove them, and repeat until no more are found."""
        superior = np.zeros(len(self.observed), dtype=np.bool_)
        while not superior.all():
            best = self.consistent[:, ~superior].max(axis=1)
            found = (self.statistic > np.quantile(best, 1 - size)) & ~superior
            if not found.any():
                break
            superior |= found
        return superior

    def _deviations_from(self, centre: FloatArray) -> FloatArray:
        return (self.resampled - centre) / self.spreads


def _deviations(
    means: FloatArray, squares: FloatArray, least: FloatArray
) -> FloatArray:
    """Standard deviations from means and mean squares, at least a lower bound."""
    return np.asarray(np.maximum(np.sqrt(np.maximum(squares - means**2, 0.0)), least))


def _variances(differences: FloatArray, block: int) -> FloatArray:
    """Variance of the mean of a resample, times the number of sessions.

    The closed form for the stationary bootstrap: a weighted sum of autocovariances
    (Politis and Romano, 1994, lemma 1), which are computed by a Fourier transform.
    """
    sessions = differences.shape[1]
    centred = differences - differences.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred, 2 * sessions)) ** 2
    covariances = np.fft.irfft(spectrum, 2 * sessions)[:, :sessions] / sessions
    lag, stay = np.arange(sessions), 1 - 1 / block
    weights = (1 - lag / sessions) * stay**lag
    weights += lag / sessions * stay ** (sessions - lag)
    weights[1:] *= 2
    weights[0] = 1.0
    return np.asarray(np.maximum((covariances * weights).sum(axis=1), 0.0))
