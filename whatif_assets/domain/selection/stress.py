"""The loss that a sample has not shown, and how rare it has to be.

Who earns a little each day for a loss that comes seldom looks skilful until it comes.
No statistic of the sample can tell, since the loss is not in it. What can be told is
which chance of it the sample leaves open: of something that did not happen in n
sessions, a chance of up to 3 / n a session (the rule of three).

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
    """What a loss beyond the worst that was seen would do to an edge.

    Attributes
    ----------
    loss
        The loss, a fraction of the account, above 0; NaN where unknown.
    worst
        The largest loss of a session in the sample, at least 0.
    fatal_chance
        Chance of the loss in a session from which on the edge is nothing. Infinite
        where the sample shows a loss as large.
    open_chance
        Chance that the sample leaves open.
    """

    loss: float
    worst: float
    fatal_chance: float
    open_chance: float

    @property
    def is_survived(self) -> bool:
        """Whether the edge survives each chance that is open, if the loss is known."""
        return math.isnan(self.loss) or self.fatal_chance > self.open_chance


def stress_of(returns: FloatArray, edge: float, loss: float) -> Stress:
    """Weigh an edge against a loss that the sample may not have shown.

    Parameters
    ----------
    returns
        Of each session, finite; at least one.
    edge
        Mean of what they earn in a session beyond the benchmark.
    loss
        The loss, a fraction of the account; NaN if unknown.
    """
    worst = max(-float(returns.min(initial=0.0)), 0.0)
    unseen = loss - worst
    fatal = max(edge, 0.0) / unseen if unseen > 0 else math.inf
    return Stress(loss, worst, fatal, _RULE_OF_THREE / max(len(returns), 1))


def loss_of_the_like(winner: FloatArray, trials: FloatArray) -> float:
    """Give the largest loss of a session of any trial, at the size of the winner.

    It is what trials that are like the winner, as far as one can tell, have suffered
    in the same market. A size is the median of a trial's moves.

    Parameters
    ----------
    winner
        Return of each session, finite.
    trials
        (trials, sessions), NaN where a trial lacks a session.

    Returns
    -------
    float
        A fraction of the account, NaN where the winner does not move.
    """
    size = _size(winner[None, :])[0]
    sizes = _size(trials)
    if not size > 0:
        return math.nan
    usable = sizes > 0
    worst = -np.nanmin(trials[usable], axis=1, initial=0.0)
    return float(np.max(worst * size / sizes[usable], initial=0.0))


def _size(returns: FloatArray) -> FloatArray:
    """Median move of each row on the sessions on which it moved; 0 without any."""
    moves = np.where(returns == 0, np.nan, np.abs(returns))
    some = np.isfinite(moves).any(axis=1)
    sizes = np.zeros(len(returns))
    sizes[some] = np.nanmedian(moves[some], axis=1)
    return sizes
