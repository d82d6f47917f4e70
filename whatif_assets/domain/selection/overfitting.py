"""Probability of backtest overfitting: whether the best in one half stays good.

References
----------
Bailey, Borwein, Lopez de Prado and Zhu, The probability of backtest overfitting,
Journal of Computational Finance, 2017 (combinatorially symmetric cross-validation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.selection.sharpe import ROUNDING

Performance = Literal["sharpe", "mean"]

MOST_BLOCKS = 16
# A half of two blocks has at least as many sessions as a deviation needs.
_FEWEST_PER_BLOCK = 2
_CELLS_PER_CHUNK = 2_000_000
# Ranks of all trials are wanted of so many splits at most, spread over all.
_RANKED_SPLITS = 500


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What the splits of the sessions into two halves say of the selection.

    All but ``n_splits`` and ``logits`` are NaN where undefined: fewer than two
    trials or four sessions.

    Attributes
    ----------
    pbo
        Part of the splits in which the best of one half is below the median of the
        other; exactly on it counts half.
    n_splits
        Number of splits; each pair of halves is two of them.
    rank_correlation
        Mean over splits of Spearman's correlation between the trials' performance
        in one half and in the other.
    probability_of_loss
        Part of the splits in which the best of one half loses in the other.
    degradation_slope
        Of the best one's performance in the other half, regressed on that in its
        own: 1 would be persistence; below 0, the better the worse.
    logits
        ln(w / (1 - w)) of each split, w being the relative rank in the other half;
        n_splits float64.
    """

    pbo: float = math.nan
    n_splits: int = 0
    rank_correlation: float = math.nan
    probability_of_loss: float = math.nan
    degradation_slope: float = math.nan
    logits: FloatArray = field(default_factory=lambda: np.empty(0), repr=False)


def overfitting(
    returns: FloatArray,
    *,
    performance: Performance = "sharpe",
    blocks: int = MOST_BLOCKS,
    seed: int = 0,
) -> Overfitting:
    """Split the sessions in two in every way that leaves blocks of them whole.

    Parameters
    ----------
    returns
        (trials, sessions) float64, finite.
    performance
        ``sharpe`` or ``mean`` of the session returns of a half. The Sharpe ratio of
        a constant is 0 if the constant is, and infinite otherwise.
    blocks
        Number of blocks, even; fewer where a block would have less than two
        sessions. Blocks differ by a session at most.
    seed
        Of the lot that decides between trials which are best together.

    Raises
    ------
    BadInput
        A return is not finite, or the number of blocks is odd.
    """
    _check(returns, blocks)
    trials, sessions = returns.shape
    blocks = min(blocks, sessions // _FEWEST_PER_BLOCK // 2 * 2)
    if trials < 2 or blocks < 2:
        return Overfitting()
    order = np.random.default_rng(seed).permutation(trials)
    halves = _Halves.of(returns[order], blocks, performance)
    with threadpool_limits(1, "blas"):
        chosen = [_chosen(here, there) for here, there in halves.pairs()]
        correlation = _rank_correlation(halves)
    inside, outside, rank = np.concatenate(chosen, axis=1)
    logits = np.log(rank / (trials + 1 - rank))
    return Overfitting(
        pbo=float(np.mean(logits < 0) + np.mean(logits == 0) / 2),
        n_splits=len(logits),
        rank_correlation=correlation,
        probability_of_loss=float(np.mean(outside < 0)),
        degradation_slope=_slope(inside, outside),
        logits=logits,
    )


def _check(returns: FloatArray, blocks: int) -> None:
    if not np.isfinite(returns).all():
        trial, session = np.argwhere(~np.isfinite(returns))[0]
        raise BadInput(
            f"Trial {trial}, session {session}: the return is "
            f"{returns[trial, session]}; allowed are finite numbers. Leave out trials "
            "without a return in every session."
        )
    if blocks < 2 or blocks % 2:
        raise BadInput(f"blocks is {blocks}; allowed are even numbers from 2.")


@dataclass(frozen=True, eq=False)
class _Halves:
    """Sums of the blocks, of which those of any half are made.

    Attributes
    ----------
    sums, squares
        Of the returns, (blocks, trials).
    lengths
        Sessions of each block.
    masks
        One of each pair of halves, (pairs, blocks) of 0.0 and 1.0.
    """

    sums: FloatArray
    squares: FloatArray
    lengths: FloatArray
    masks: FloatArray
    performance: Performance

    @classmethod
    def of(cls, returns: FloatArray, blocks: int, performance: Performance) -> _Halves:
        sessions = returns.shape[1]
        starts = np.linspace(0, sessions, blocks + 1).round().astype(np.intp)[:-1]
        # A half and its complement are one pair: the first block tells them apart.
        others = list(itertools.combinations(range(1, blocks), blocks // 2 - 1))
        masks = np.zeros((len(others), blocks))
        masks[:, 0] = 1.0
        for mask, members in zip(masks, others):
            mask[list(members)] = 1.0
        return cls(
            sums=np.add.reduceat(returns.T, starts, axis=0),
            squares=np.add.reduceat(returns.T**2, starts, axis=0),
            lengths=np.diff(starts, append=sessions).astype(np.float64),
            masks=masks,
            performance=performance,
        )

    def pairs(self, step: int = 1) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Give the performance in both halves of some splits, (splits, trials)."""
        masks = self.masks[::step]
        size = max(_CELLS_PER_CHUNK // self.sums.shape[1], 1)
        for first in range(0, len(masks), size):
            some = masks[first : first + size]
            yield self._measured(some), self._measured(1.0 - some)

    def _measured(self, masks: FloatArray) -> FloatArray:
        count = (masks @ self.lengths)[:, None]
        mean = masks @ self.sums / count
        if self.performance == "mean":
            return np.asarray(mean)
        square = masks @ self.squares / count
        variance = square - mean**2
        moves = variance > ROUNDING * square
        constant = np.where(mean == 0, 0.0, np.copysign(np.inf, mean))
        deviation = np.sqrt(variance * count / (count - 1), where=moves, out=mean * 0)
        return np.asarray(np.divide(mean, deviation, out=constant, where=moves))


def _chosen(first: FloatArray, second: FloatArray) -> FloatArray:
    """Choose the best of each half: performance here, there, and rank there."""
    found = []
    for here, there in ((first, second), (second, first)):
        rows, best = np.arange(len(here)), here.argmax(axis=1)
        inside, outside = here[rows, best], there[rows, best]
        below = (there < outside[:, None]).sum(axis=1)
        equal = (there == outside[:, None]).sum(axis=1)
        found.append(np.stack([inside, outside, below + (equal + 1) / 2]))
    return np.concatenate(found, axis=1)


def _rank_correlation(halves: _Halves) -> float:
    step = -(-len(halves.masks) // _RANKED_SPLITS)
    found = np.concatenate([_spearman(*pair) for pair in halves.pairs(step)])
    return float(np.mean(found)) if np.isfinite(found).all() else math.nan


def _spearman(first: FloatArray, second: FloatArray) -> FloatArray:
    """Correlate the ranks of two matrices row by row, NaN where all are equal."""
    ranks = [pd.DataFrame(v).rank(axis=1).to_numpy() for v in (first, second)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    undefined = np.full(len(a), np.nan)
    return np.asarray(np.divide(products, scale, out=undefined, where=scale > 0))


def _slope(inside: FloatArray, outside: FloatArray) -> float:
    usable: npt.NDArray[np.bool_] = np.isfinite(inside) & np.isfinite(outside)
    x, y = inside[usable], outside[usable]
    if len(x) < 2 or np.ptp(x) <= ROUNDING * np.abs(x).max():
        return math.nan
    apart = x - x.mean()
    return float((apart * (y - y.mean())).sum() / (apart**2).sum())
