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

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.sharpe import varies

HORIZON = 1_000  # sessions
FALSE_ALARMS, POWER, BAND = 0.05, 0.8, 0.95
PATHS = 2_000
STUDENT_KURTOSIS = 9.0
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
    expected
        Mean return per session that is left after the haircut for luck.
    threshold
        Cumulative sum at which a record is called; NaN if nothing is promised.
    sessions_needed
        Sessions within which four of five edges that are gone are called; None if that
        takes more than `HORIZON` sessions, or nothing is promised.
    low, high
        Band of the cumulative return after 1, 2, ... `HORIZON` sessions; empty if
        nothing is promised. The lower end belongs to the mean after the haircut, the
        upper end to the mean of the backtest. On each single session, 19 of 20 records
        of an edge between the two are inside.
    """

    expected: float
    threshold: float
    sessions_needed: int | None
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, returns: FloatArray, expected: float, seed: int) -> Promise:
        """Make the promise of a backtest.

        Parameters
        ----------
        returns
            Return of each out-of-sample session, oldest first, finite.
        expected
            As of `Promise`. Nothing is promised if it is NaN or not positive, or if the
            returns do not vary or have fewer than `FEWEST_SESSIONS` sessions.
        seed
            Seed of the resamples.
        """
        long = len(returns) >= FEWEST_SESSIONS
        if not (long and varies(returns) and expected > 0):
            return cls(expected, math.nan, None, np.empty(0), np.empty(0))
        paths = _deviations(returns, seed)
        highest = cumulative_sums(expected + paths, expected).max(axis=1)
        threshold = float(np.quantile(highest, 1 - FALSE_ALARMS))
        needed = _needed(cumulative_sums(paths, expected) > threshold)
        ends = [(1 - BAND) / 2, (1 + BAND) / 2]
        low, high = np.quantile(paths.cumsum(axis=1), ends, axis=0)
        passed = np.arange(1, HORIZON + 1)
        low, high = (
            end + passed * mean
            for end, mean in ((low, expected), (high, max(expected, returns.mean())))
        )
        return cls(expected, threshold, needed, low, high)

    @property
    def is_made(self) -> bool:
        """Whether anything is promised."""
        return not math.isnan(self.threshold)


def _deviations(returns: FloatArray, seed: int) -> FloatArray:
    """Draw paths of deviations from the mean, in blocks: (PATHS, HORIZON) float64."""
    n, block = len(returns), block_length(returns)
    laps = n * math.ceil(HORIZON / n)  # a whole number of times round the backtest
    drawn = resamples(laps, block, PATHS, seed)[:, :HORIZON] % n
    centred = returns - returns.mean()
    paths = centred[drawn]
    # A short sample shows negative dependence by chance, which would narrow the paths:
    # they spread at least as far as without any dependence.
    spread = paths.sum(axis=1).std() / (centred.std() * HORIZON**0.5)
    scales = _scales(centred, block, seed)
    return np.asarray(paths / min(spread, 1.0) * scales[:, None])


def _scales(centred: FloatArray, block: int, seed: int) -> FloatArray:
    """Draw how far the true deviation may be from that of the backtest, by path.

    The variance of a sample is known as well as its blocks and its kurtosis allow: as
    if it had 2 n / (kurtosis - 1) / block degrees of freedom. A short sample hides its
    kurtosis, so it is taken to be at least that of Student's distribution with 5
    degrees of freedom.
    """
    kurtosis = max(
        float((centred**4).mean() / (centred**2).mean() ** 2), STUDENT_KURTOSIS
    )
    freedom = 2 * len(centred) / (kurtosis - 1) / block
    draw = np.random.default_rng(seed)
    return np.asarray(np.sqrt(freedom / draw.chisquare(freedom, PATHS)))


def _needed(called: Mask) -> int | None:
    """Count the sessions within which the share `POWER` of the paths is called."""
    first = np.where(called.any(axis=1), called.argmax(axis=1) + 1, HORIZON + 1)
    needed = int(np.sort(first)[math.ceil(POWER * PATHS) - 1])
    return needed if needed <= HORIZON else None


@dataclass(frozen=True, eq=False)
class Record:
    """A forward record beside its promise.

    Attributes
    ----------
    standing, standings
        What the record says, and what it said after each session.
    cumulative, alarm
        Sum of the returns up to each session, and the line below which the record is
        called; (sessions,) float64, the line NaN without a promise.
    low, high
        The band of the promise; NaN after `HORIZON` sessions or without a promise.
    called_after
        Number of sessions after which the record was called; None if it was not.
    still_needed
        Sessions until a silent record tells that the edge is there; 0 if there are
        enough, None if more than `HORIZON` would be needed.
    """

    standing: Standing
    standings: tuple[Standing, ...]
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
    standings = tuple(_standing(promise, after, passed) for passed in range(n + 1))
    total = returns.cumsum()
    low, high = (_first(end, n) for end in (promise.low, promise.high))
    return Record(
        standings[-1],
        standings[1:],
        total,
        # The sum is above the threshold exactly where the total is below this line.
        total + sums - promise.threshold,
        low,
        high,
        called_after=after,
        still_needed=None if needed is None else max(needed - n, 0),
    )


def _standing(promise: Promise, called_after: int | None, passed: int) -> Standing:
    """Say what a record says after some sessions."""
    if not promise.is_made:
        return Standing.NO_PROMISE
    if called_after is not None and passed >= called_after:
        return Standing.WORSE
    needed = promise.sessions_needed
    if needed is not None and passed >= needed:
        return Standing.AS_PROMISED
    return Standing.TOO_EARLY


def _first(values: FloatArray, n: int) -> FloatArray:
    """Return the first n values, followed by NaN if there are fewer."""
    found = np.full(n, np.nan)
    found[: len(values)] = values[:n]
    return found


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
