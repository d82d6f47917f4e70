"""The number of independent trials that a set of trials is worth.

Two trials count as one if the same luck makes both of them the best, and as two if it
never does. To measure this, luck is simulated by many random directions in the space of
the sessions. For each trial, the directions closest to its returns are found; trials
that are alike share theirs. The number of independent trials is the number of
directions that are closest to some trial, divided by the number found for each trial.

The method inverts a rotation test: under normal returns, all directions of the
residuals are equally likely. Three properties hold exactly. They make sure that a
verdict never becomes more favourable because trials were forgotten:

- a further trial never lowers the number;
- a trial counts as one at most;
- so a trial whose returns are lost counts as one, which is at least as much as it
  would count with its returns.

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

# The number of directions limits how many trials can be distinguished: of 1,000
# independent trials, 6 % share their closest direction by chance.
_DIRECTIONS = 8192
_CHUNK = 1024
# How many closest directions are found for each trial. For a few trials that are alike,
# a single direction is too coarse. The largest of the three results is taken.
_BEST = (1, 4, 16)


def effective_trials(
    returns: FloatArray, hold: FloatArray, counted: int, *, seed: int = 0
) -> float:
    """Estimate the number of independent trials among all trials ever made.

    Parameters
    ----------
    returns
        Return of each known trial in each session, (trials, sessions) float64; NaN
        where a trial lacks a session. The share of the sessions that a trial lacks
        counts as the same share of an independent trial.
    hold
        Return of buy-and-hold in each session. Trials are compared by their returns
        beyond buy-and-hold.
    counted
        Number of trials ever made, at least the number of rows. Trials without a row
        count as independent.
    seed
        Seed of the random directions.

    Returns
    -------
    float
        From 1 to ``counted``. A known trial that does not vary counts as 0, because
        luck cannot make it the best.
    """
    if not returns.shape[1]:
        return float(max(counted, 1))
    units, shares, moves = _units(returns, hold)
    unknown = counted - len(returns) + float((1 - shares).sum())
    if not moves.any():
        return max(unknown, 1.0)
    with threadpool_limits(1, "blas"):
        closest = _closest_directions(units[moves], seed)
    known = _count_distinct(closest, shares[moves])
    return max(known + unknown, 1.0)


def _units(
    returns: FloatArray, hold: FloatArray
) -> tuple[npt.NDArray[np.float32], FloatArray, npt.NDArray[np.bool_]]:
    """Compute unit residuals, the share of sessions, and whether each trial moves."""
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


def _count_distinct(closest: Indices, shares: FloatArray) -> float:
    """Count distinct directions, each weighted by its trial's share of sessions."""
    counts = []
    for best in _BEST:
        weight = np.zeros(_DIRECTIONS)
        np.maximum.at(weight, closest[:, :best].ravel(), shares.repeat(best))
        counts.append(weight.sum() / best)
    return float(max(counts))


def _closest_directions(units: npt.NDArray[np.float32], seed: int) -> Indices:
    """Find the random directions closest to each trial, the closest first."""
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
