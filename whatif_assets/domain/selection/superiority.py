"""Tests of whether any trial beats a benchmark, given how many were tried.

Hansen's test of superior predictive ability (SPA) and the stepwise method of Romano
and Wolf (StepM), on the differences between the trials' returns and the
benchmark's. ``arch`` has both, resample by resample and trial by trial; here a
resample is a row of weights, all of them together one matrix product, which is what
makes ten thousand trials a matter of seconds. A test holds the two equal.

Unlike in ``arch``, a mean is divided by its deviation, as Hansen recommends: variants
differ widely in how much they trade, and the busiest would drown the others. So is
the mean of each resample by its own deviation, as Romano and Wolf recommend: with a
few dozen sessions the deviation is itself uncertain, and a fixed one finds an edge in
noise far too often.

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

# Of the deviation of a resample, as a part of the trial's own. A resample that misses
# the few sessions on which a trial lost would look as good as one likes, and no winner
# among many trials could stand against it.
_LEAST_SPREAD = 0.5


@dataclass(frozen=True, eq=False)
class Superiority:
    """What the tests say.

    Attributes
    ----------
    p_lower, p_consistent, p_upper
        Of the SPA test: how likely the best trial looks this good if none is better
        than the benchmark. The consistent one is Hansen's; the lower leaves out
        whatever trails the benchmark, the upper (White's) leaves out nothing.
        NaN with fewer than two sessions, or where no trial's difference varies.
    p_adjusted
        The same for each trial in its own right, adjusted for all of them
        (consistent);
        NaN where its difference does not vary.
    superior
        Trials that StepM finds better than the benchmark.
    block
        Mean block length of the resamples; 0 without any.
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
    """Test whether any row's mean is above 0.

    Parameters
    ----------
    differences
        Return of each trial less that of the benchmark, (trials, sessions)
        float64, finite.
    studentize
        Whether to divide means by their deviations.
    size
        Chance that StepM names any trial that is not better.
    block
        Mean block length; by default that of :func:`block_length` for the row with
        the highest Sharpe ratio.
    repetitions
        Number of resamples.
    seed
        Of the resamples.
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
    centred = _Resampled.of(differences[moves], studentize, block, repetitions, seed)
    lower, consistent, upper = map(centred.p_value, centred.centres())
    p_adjusted[moves] = centred.p_adjusted()
    superior[moves] = centred.step_down(size)
    return Superiority(lower, consistent, upper, p_adjusted, superior, block)


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Statistics of the trials, and of their resamples.

    Attributes
    ----------
    observed
        Mean of each trial.
    spread
        What it is divided by.
    resampled, spreads
        The same of each resample, not centred; (repetitions, trials).
    bound
        Mean below which a trial is too bad to matter.
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
        sessions = differences.shape[1]
        drawn = resamples(sessions, block, repetitions, seed)
        weights = np.stack([np.bincount(row, minlength=sessions) for row in drawn])
        with threadpool_limits(1, "blas"):
            resampled = (weights / sessions) @ differences.T
            squares = (weights / sessions) @ (differences.T**2)
        spread = differences.std(axis=1)
        error = np.sqrt(_variances(differences, block) / sessions)
        iterated = 2 * math.log(max(math.log(sessions), 1.0))
        one = np.ones(1)
        return cls(
            observed=differences.mean(axis=1),
            spread=spread if studentize else one,
            resampled=resampled,
            spreads=(
                _deviations(resampled, squares, _LEAST_SPREAD * spread)
                if studentize
                else one
            ),
            bound=-error * math.sqrt(iterated),
        )

    @functools.cached_property
    def statistic(self) -> FloatArray:
        return self.observed / self.spread

    def centres(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give what resamples are centred by: lower, consistent, upper."""
        lower = np.maximum(self.observed, 0.0)
        consistent = np.where(self.observed >= self.bound, self.observed, 0.0)
        return lower, consistent, self.observed

    def p_value(self, centre: FloatArray) -> float:
        best = self._deviations_from(centre).max(axis=1)
        return float(np.mean(best > self.statistic.max()))

    @functools.cached_property
    def consistent(self) -> FloatArray:
        return self._deviations_from(self.centres()[1])

    def p_adjusted(self) -> FloatArray:
        best = np.sort(self.consistent.max(axis=1))
        above = len(best) - np.searchsorted(best, self.statistic, side="right")
        return np.asarray(above / len(best))

    def step_down(self, size: float) -> npt.NDArray[np.bool_]:
        """Name the better trials, and again without them, until none is left."""
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
    """Standard deviation from means and mean squares, but no less than the least."""
    return np.asarray(np.maximum(np.sqrt(np.maximum(squares - means**2, 0.0)), least))


def _variances(differences: FloatArray, block: int) -> FloatArray:
    """Variance of a resample's mean, times the sessions, in closed form.

    Autocovariances weighed as the stationary bootstrap does (Politis and Romano,
    1994, lemma 1). They come from a Fourier transform.
    """
    sessions = differences.shape[1]
    apart = differences - differences.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(apart, 2 * sessions)) ** 2
    covariances = np.fft.irfft(spectrum, 2 * sessions)[:, :sessions] / sessions
    lag, stay = np.arange(sessions), 1 - 1 / block
    weights = (1 - lag / sessions) * stay**lag
    weights += lag / sessions * stay ** (sessions - lag)
    weights[1:] *= 2
    weights[0] = 1.0
    return np.asarray(np.maximum((covariances * weights).sum(axis=1), 0.0))
