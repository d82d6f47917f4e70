"""Stress: a loss that did not occur in the sample, and how rare it must be.

A strategy that earns a little each day and rarely makes a large loss looks skilful
until that loss occurs. No statistic of the sample can show this, since the loss is not
in the sample. But the sample limits the probability of the loss: if it did not occur in
n sessions, probabilities of up to 3 / n per session cannot be ruled out (the rule of
three).

References
----------
Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA, 1983.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray

_RULE_OF_THREE = 3.0


@dataclass(frozen=True)
class Stress:
    """Effect on an edge of a loss larger than any loss in the sample.

    Attributes
    ----------
    loss
        The loss, a fraction of the account, above 0; NaN where unknown.
    worst
        Largest loss in a session of the sample, a fraction of the account, at least 0.
    fatal_chance
        Probability of the loss per session at which the edge becomes 0. Infinite where
        the sample contains a loss as large.
    open_chance
        Largest probability of the loss per session that the sample does not rule out.
    """

    loss: float
    worst: float
    fatal_chance: float
    open_chance: float

    @property
    def is_survived(self) -> bool:
        """Whether the edge survives ``open_chance``; true where the loss is unknown."""
        return math.isnan(self.loss) or self.fatal_chance > self.open_chance


def stress_of(returns: FloatArray, edge: float, loss: float) -> Stress:
    """Weigh an edge against a loss that may not have occurred in the sample.

    Parameters
    ----------
    returns
        Return of each session, finite.
    edge
        Mean return per session beyond the benchmark.
    loss
        The loss, a fraction of the account; NaN if unknown.
    """
    worst = max(-float(returns.min(initial=0.0)), 0.0)
    unseen = loss - worst
    fatal = max(edge, 0.0) / unseen if unseen > 0 else math.inf
    return Stress(loss, worst, fatal, _RULE_OF_THREE / max(len(returns), 1))


def largest_scaled_loss(winner: FloatArray, trials: FloatArray) -> float:
    """Find the largest loss of any trial in a session, scaled to the winner's size.

    Other trials traded the same market, so their losses are possible for the winner
    too. The size of a trial is the median of its absolute returns that are not 0.

    Parameters
    ----------
    winner
        Return of the winner in each session, finite.
    trials
        Return of each trial, (trials, sessions); NaN where a trial lacks a session.

    Returns
    -------
    float
        A fraction of the account; NaN where all returns of the winner are 0.
    """
    size = _size(winner[None, :])[0]
    sizes = _size(trials)
    if not size > 0:
        return math.nan
    usable = sizes > 0
    worst = -np.nanmin(trials[usable], axis=1, initial=0.0)
    return float(np.max(worst * size / sizes[usable], initial=0.0))


def _size(returns: FloatArray) -> FloatArray:
    """Median absolute return of each row, without zeros; 0 where there is none."""
    moves = np.where(returns == 0, np.nan, np.abs(returns))
    some = np.isfinite(moves).any(axis=1)
    sizes = np.zeros(len(returns))
    sizes[some] = np.nanmedian(moves[some], axis=1)
    return sizes
