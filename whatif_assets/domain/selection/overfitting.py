"""Probability of backtest overfitting (PBO).

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
# With two blocks, a half is one block, and a standard deviation needs two sessions.
_FEWEST_PER_BLOCK = 2
_CELLS_PER_CHUNK = 2_000_000
# The rank correlation is computed for at most this many splits, evenly spaced.
_RANKED_SPLITS = 500


@dataclass(frozen=True, eq=False)
class Overfitting:
    """Results of splitting the sessions into two halves in many ways.

    With fewer than two trials or four sessions, all figures are NaN, ``n_splits`` is 0
    and ``logits`` is empty.

    Attributes
    ----------
    pbo
        Fraction of the splits in which the best trial of one half is below the median
        trial in the other half; a trial exactly at the median counts half.
    n_splits
        Number of splits; each pair of halves makes two, one in each direction.
    rank_correlation
        Mean over splits of Spearman's correlation between the trials' performance
        in one half and in the other.
    probability_of_loss
        Fraction of the splits in which the best trial of one half loses money in the
        other half.
    degradation_slope
        Slope of the best trial's performance in the other half on its performance in
        its own half. 1 means that performance persists; below 0, trials that do better
        in one half do worse in the other.
    logits
        ln(w / (1 - w)) of each split, where w is the relative rank of the best trial
        in the other half; n_splits float64.
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
    """Compare both halves of the sessions, for every choice of half of the blocks.

    Parameters
    ----------
    returns
        Return of each trial in each session, (trials, sessions) float64, finite.
    performance
        ``sharpe`` or ``mean`` of the session returns of a half. Constant returns have
        the Sharpe ratio 0 if they are 0, and an infinite one otherwise.
    blocks
        Number of blocks into which the sessions are cut, even. Fewer are used where a
        block would have less than two sessions. Lengths differ by one session at most.
    seed
        Seed of the random order that decides between trials with equal performance.

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
            f"{returns[trial, session]}; it must be a finite number. Leave out trials "
            "that lack a return in some session."
        )
    if blocks < 2 or blocks % 2:
        raise BadInput(f"blocks is {blocks}; it must be an even number, at least 2.")


@dataclass(frozen=True, eq=False)
class _Halves:
    """Sums over each block, from which the performance of any half is computed.

    Attributes
    ----------
    sums, squares
        Sum of the returns and of their squares, (blocks, trials).
    lengths
        Number of sessions of each block.
    masks
        The blocks of the first half of each pair, (pairs, blocks) of 0.0 and 1.0.
    performance
        See :func:`overfitting`.
    """

    sums: FloatArray
    squares: FloatArray
    lengths: FloatArray
    masks: FloatArray
    performance: Performance

    @classmethod
    def of(cls, returns: FloatArray, blocks: int, performance: Performance) -> _Halves:
        """Cut the sessions into blocks, and list the pairs of halves."""
        sessions = returns.shape[1]
        starts = np.linspace(0, sessions, blocks + 1).round().astype(np.intp)[:-1]
        # A half and its complement are one pair; the first half has the first block.
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
        """Yield the performance in both halves of each split, (splits, trials)."""
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
    """Find the best trial of each half: its performance in both, rank in the other."""
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
    """Correlate the ranks of two matrices row by row; NaN where all are equal."""
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
    centred = x - x.mean()
    return float((centred * (y - y.mean())).sum() / (centred**2).sum())
