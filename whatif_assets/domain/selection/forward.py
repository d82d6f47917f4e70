"""The forward record: whether a winner keeps the promise that its backtest made.

The promise is the mean return per session that is left after the haircut for luck. A
record of sessions after the decision is compared with it every day, by a one-sided
cumulative sum (Page 1954). The sum grows if returns are nearer to zero than to the
promise, and never falls below zero, so an edge that ends late is called as soon as one
that never was. The sum at which the record is called *worse than promised* is
simulated: of the paths that keep the promise, one in twenty reaches it on any of the
first 1,000 sessions. Looking every day therefore does not raise the false alarms.

References
----------
Page, Continuous inspection schemes, Biometrika, 1954.
Politis and Romano, The stationary bootstrap, JASA, 1994.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.sharpe import varies

HORIZON = 1_000  # sessions
FALSE_ALARMS, POWER, BAND = 0.05, 0.8, 0.95
PATHS = 2_000
FEWEST_SESSIONS = 20  # of a backtest that can promise anything


class Standing(Enum):
    """What a record says about a promise."""

    AS_PROMISED = "as promised"
    WORSE = "worse than promised"
    TOO_EARLY = "too early"
    NO_PROMISE = "nothing promised"


@dataclass(frozen=True, eq=False)
class Promise:
    """What a backtest lets one expect of the sessions that follow it.

    Attributes
    ----------
    returns
        Return of each out-of-sample session of the backtest, oldest first, finite.
    expected
        Mean return per session that is left after the haircut for luck.
    seed
        Seed of the resamples.
    """

    returns: FloatArray
    expected: float
    seed: int

    @property
    def is_made(self) -> bool:
        """Whether the backtest is long enough, varies, and leaves an edge."""
        long = len(self.returns) >= FEWEST_SESSIONS
        return long and varies(self.returns) and self.expected > 0

    @functools.cached_property
    def _deviations(self) -> FloatArray:
        """Paths of deviations from the mean, (PATHS, HORIZON), drawn in blocks."""
        n = len(self.returns)
        laps = n * math.ceil(HORIZON / n)  # a whole number of times round the backtest
        block = block_length(self.returns)
        drawn = resamples(laps, block, PATHS, self.seed) % n
        centred = self.returns - self.returns.mean()
        paths = centred[drawn[:, :HORIZON]]
        # A short sample shows negative dependence by chance, which would narrow the
        # paths: they spread at least as far as without any dependence.
        spread = paths.sum(axis=1).std() / (centred.std() * HORIZON**0.5)
        return np.asarray(paths / min(spread, 1.0) * self._scales(block)[:, None])

    def _scales(self, block: int) -> FloatArray:
        """How far the true deviation may be from that of the backtest, by path.

        The variance of a sample is known as well as its blocks and its kurtosis allow:
        as if it had 2 n / (kurtosis - 1) / block degrees of freedom.
        """
        centred = self.returns - self.returns.mean()
        kurtosis = max(float((centred**4).mean() / (centred**2).mean() ** 2), 3.0)
        freedom = 2 * len(centred) / (kurtosis - 1) / block
        draw = np.random.default_rng(self.seed)
        return np.asarray(np.sqrt(freedom / draw.chisquare(freedom, PATHS)))

    @functools.cached_property
    def threshold(self) -> float:
        """Cumulative sum at which a record is called; NaN without a promise."""
        if not self.is_made:
            return math.nan
        highest = cumulative_sums(self.expected + self._deviations, self.expected).max(
            axis=1
        )
        return float(np.quantile(highest, 1 - FALSE_ALARMS))

    @functools.cached_property
    def sessions_needed(self) -> int | None:
        """Sessions within which four of five edges that are gone are called.

        None if it takes more than `HORIZON` sessions, or nothing was promised.
        """
        if not self.is_made:
            return None
        called = cumulative_sums(self._deviations, self.expected) > self.threshold
        first = np.where(called.any(axis=1), called.argmax(axis=1) + 1, HORIZON + 1)
        needed = int(np.sort(first)[math.ceil(POWER * PATHS) - 1])
        return needed if needed <= HORIZON else None

    def band(self, sessions: int) -> tuple[FloatArray, FloatArray]:
        """Compute the band of the cumulative return, from the first session on.

        Its lower end belongs to the mean after the haircut, its upper end to the mean
        of the backtest. On each single session, 19 of 20 records of an edge between the
        two are inside.

        Returns
        -------
        low, high : numpy.ndarray
            (sessions,) float64; NaN after `HORIZON` sessions or without a promise.
        """
        low, high = np.full((2, sessions), np.nan)
        n = min(sessions, HORIZON)
        if self.is_made and n:
            paths = self._deviations[:, :n].cumsum(axis=1)
            ends = np.quantile(paths, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
            passed = np.arange(1, n + 1)
            low[:n] = ends[0] + self.expected * passed
            high[:n] = ends[1] + max(self.expected, self.returns.mean()) * passed
        return low, high


@dataclass(frozen=True, eq=False)
class Record:
    """A forward record beside its promise.

    Attributes
    ----------
    standing
        What the record says.
    cumulative, alarm
        Sum of the returns up to each session, and the line below which the record is
        called; (sessions,) float64, the line NaN without a promise.
    low, high
        See `Promise.band`.
    called_after
        Number of sessions after which the record was called; None if it was not.
    still_needed
        Sessions until a silent record tells that the edge is there; 0 if there are
        enough, None if more than `HORIZON` would be needed.
    """

    standing: Standing
    cumulative: FloatArray
    alarm: FloatArray
    low: FloatArray
    high: FloatArray
    called_after: int | None
    still_needed: int | None

    @property
    def in_words(self) -> str:
        """The standing in a sentence."""
        n = f"{len(self.cumulative):,} session{'s'[: len(self.cumulative) != 1]}"
        if self.standing is Standing.WORSE:
            return f"Worse than promised: called after {self.called_after:,} sessions."
        if self.standing is Standing.AS_PROMISED:
            return f"As promised, over {n}."
        if self.standing is Standing.NO_PROMISE:
            return (
                "Nothing promised: after the haircut for luck no edge is left, or the "
                f"backtest has fewer than {FEWEST_SESSIONS} sessions. Recorded: {n}."
            )
        more = f"{self.still_needed:,} more are" if self.still_needed else (
            f"more than {HORIZON:,} would be"
        )  # fmt: skip
        return f"Too early to tell after {n}; {more} needed."


def compare(promise: Promise, returns: FloatArray) -> Record:
    """Compare a forward record with a promise.

    Parameters
    ----------
    promise
        What the backtest lets one expect.
    returns
        Return of each session of the record, oldest first, finite.

    Returns
    -------
    Record
        The record; once it is called it stays so.
    """
    n, needed = len(returns), promise.sessions_needed
    sums = cumulative_sums(returns[None, :], promise.expected)[0]
    called = np.flatnonzero(sums > promise.threshold)  # never above NaN
    after = int(called[0]) + 1 if len(called) else None
    if after is not None:
        standing = Standing.WORSE
    elif not promise.is_made:
        standing = Standing.NO_PROMISE
    elif needed is not None and n >= needed:
        standing = Standing.AS_PROMISED
    else:
        standing = Standing.TOO_EARLY
    total = returns.cumsum()
    # The sum is above the threshold exactly where the total is below this line.
    line = total + sums - promise.threshold
    still = None if needed is None else max(needed - n, 0)
    return Record(standing, total, line, *promise.band(n), after, still)


def cumulative_sums(returns: FloatArray, expected: float) -> FloatArray:
    """Sum how far returns are below half of what is expected, never below zero.

    Parameters
    ----------
    returns
        (paths, sessions) float64.
    expected
        Mean return per session if the promise is kept.

    Returns
    -------
    numpy.ndarray
        (paths, sessions) float64, at least 0.
    """
    fallen = np.cumsum(expected / 2 - returns, axis=1)
    lowest = np.minimum.accumulate(np.minimum(fallen, 0.0), axis=1)
    return np.asarray(fallen - lowest)
