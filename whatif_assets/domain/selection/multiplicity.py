"""How many independent trials a set of trials is worth.

Two trials are worth one where the same luck makes both of them the best, and two where
it never does. So luck is drawn: many random directions in the space of the sessions.
Each trial has some that suit it best, and trials that are alike share theirs. The
number of directions that suit some trial, over the number that suit one, is the number
of independent trials.

This is a rotation test read backwards: the draws are those under which the residuals
of normal returns are equally likely. Three properties hold exactly, for they are what
keeps a verdict from becoming kinder by forgetting:

- a further trial never lowers the number;
- a trial counts as one at most;
- so a trial that is counted without its returns, as one, counts as much as with them
  or more.

References
----------
Langsrud, Rotation tests, Statistics and Computing, 2005.
Westfall and Young, Resampling-based multiple testing, 1993.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.sharpe import ROUNDING, varies

Indices = npt.NDArray[np.intp]

# No more trials than directions can be told apart: of 1,000 independent trials 6 %
# share the one that suits them best by chance.
_DIRECTIONS = 8192
_CHUNK = 1024
# Of few trials that are alike the best direction says little, and more of them more.
# The largest number is taken.
_BEST = (1, 4, 16)


def effective_trials(
    returns: FloatArray, hold: FloatArray, counted: int, *, seed: int = 0
) -> float:
    """Number of independent trials that all trials ever made are worth.

    Parameters
    ----------
    returns
        Of each known trial in each session, (trials, sessions) float64; NaN where a
        trial lacks a session. A trial that has a part of the sessions counts by that
        part as it is, and by the rest as an independent one.
    hold
        Return of buy-and-hold; trials are compared in what they earn beyond it.
    counted
        All trials ever made, at least the rows. Those without a row count as
        independent ones.
    seed
        Of the directions.

    Returns
    -------
    float
        From 1 to ``counted``. A known trial that does not vary counts for nothing: luck
        can't make it the best.
    """
    if not returns.shape[1]:
        return float(max(counted, 1))
    units, shares, moves = _units(returns, hold)
    unknown = counted - len(returns) + float((1 - shares).sum())
    if not moves.any():
        return max(unknown, 1.0)
    with threadpool_limits(1, "blas"):
        suited = _suited(units[moves], seed)
    known = _told_apart(suited, shares[moves])
    return max(known + unknown, 1.0)


def _units(
    returns: FloatArray, hold: FloatArray
) -> tuple[npt.NDArray[np.float32], FloatArray, npt.NDArray[np.bool_]]:
    """Residuals of each trial at length 1, its share of sessions, whether it moves."""
    has = np.isfinite(returns)
    count = has.sum(axis=1)
    values = np.where(has, returns, 0.0)
    rest = np.where(has, values - _means(values, count), 0.0)
    if varies(hold):
        market = np.where(has, hold, 0.0)
        market = np.where(has, market - _means(market, count), 0.0)
        spread = (market**2).sum(axis=1)
        slope = np.divide(
            (rest * market).sum(axis=1), spread, out=spread * 0, where=spread > 0
        )
        rest -= slope[:, None] * market
    length = np.sqrt((rest**2).sum(axis=1))
    level = np.abs(values).max(axis=1)
    moves = length > ROUNDING * np.sqrt(np.maximum(count, 1)) * level
    scale = np.divide(1.0, length, out=length * 0, where=moves)
    units = (rest * scale[:, None]).astype(np.float32)
    return units, count / returns.shape[1], moves


def _means(values: FloatArray, count: npt.NDArray[np.int_]) -> FloatArray:
    return np.asarray(values.sum(axis=1) / np.maximum(count, 1))[:, None]


def _told_apart(suited: Indices, shares: FloatArray) -> float:
    """Count the directions that suit some trial, by the share it is known."""
    counts = []
    for best in _BEST:
        weight = np.zeros(_DIRECTIONS)
        np.maximum.at(weight, suited[:, :best].ravel(), shares.repeat(best))
        counts.append(weight.sum() / best)
    return float(max(counts))


def _suited(units: npt.NDArray[np.float32], seed: int) -> Indices:
    """Find the directions that suit each trial best, the best first."""
    draw, most = np.random.default_rng(seed), _BEST[-1]
    fits = np.empty((len(units), 0), dtype=np.float32)
    places = np.empty((len(units), 0), dtype=np.intp)
    for first in range(0, _DIRECTIONS, _CHUNK):
        directions = draw.standard_normal((_CHUNK, units.shape[1]), dtype=np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        found = units @ directions.T
        here = np.argpartition(-found, most, axis=1)[:, :most]
        fits = np.hstack([fits, np.take_along_axis(found, here, axis=1)])
        places = np.hstack([places, here + first])
    order = np.argsort(-fits, axis=1, kind="stable")[:, :most]
    return np.take_along_axis(places, order, axis=1)
