"""Whether an edge ended within the sample, and when.

For every session that leaves at least 15 % of the sample on each side, the mean before
the session is compared with the mean from that session on. The statistic is the largest
fall divided by its standard error (the one-sided sup-t, whose square is Andrews'
sup-F). Its distribution without a break is estimated from resamples of the sessions,
which keep their dependence.

References
----------
Andrews, Tests for parameter instability and structural change with unknown change
point, Econometrica, 1993.
Politis and Romano, The stationary bootstrap, JASA, 1994.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.edge import UNDEFINED, Edge, edge_of
from whatif_assets.domain.selection.resampling import block_length, resamples
from whatif_assets.domain.selection.sharpe import varies

REPETITIONS = 1000
_TRIMMED = 0.15
_FEWEST_SESSIONS = 20
SIGNIFICANT = 0.05
# After the break, an edge with a lower statistic than this does not count.
_NOTHING_LEFT = 1.0


@dataclass(frozen=True)
class Break:
    """The place where the mean of a series falls most.

    Attributes
    ----------
    at
        Number of sessions before the break; 0 where the sample is too short to search
        for one.
    p_value
        Probability that a series without a break shows a fall as large as this; NaN
        where the sample is too short.
    before, after
        The edge before and after the break.
    """

    at: int = 0
    p_value: float = math.nan
    before: Edge = UNDEFINED
    after: Edge = UNDEFINED

    @property
    def is_seen(self) -> bool:
        """Whether chance is an unlikely explanation of the fall."""
        return self.p_value <= SIGNIFICANT

    @property
    def is_end(self) -> bool:
        """Whether the edge ended there: the fall is significant and no edge is left."""
        return self.is_seen and not self.after.statistic >= _NOTHING_LEFT


def break_of(
    returns: FloatArray, *, repetitions: int = REPETITIONS, seed: int = 0
) -> Break:
    """Find the session at which the mean falls most, and test the fall.

    Parameters
    ----------
    returns
        Return of a series beyond its benchmark in each session, oldest first, finite.
    repetitions, seed
        Number of resamples, and the seed with which they are drawn.

    Returns
    -------
    Break
        Without a place (``at`` 0, the rest NaN) with fewer than 20 sessions or where
        the returns do not vary.
    """
    n = len(returns)
    if n < _FEWEST_SESSIONS or not varies(returns):
        return Break()
    centred = returns - returns.mean()
    at, fall = _largest_fall(centred[None, :])
    drawn = resamples(n, block_length(centred), repetitions, seed)
    _, falls = _largest_fall(centred[drawn])
    p_value = float((1 + np.sum(falls >= fall[0])) / (1 + repetitions))
    place = int(at[0])
    return Break(place, p_value, edge_of(returns[:place]), edge_of(returns[place:]))


def _largest_fall(rows: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Locate the largest fall of the mean in each row, and compute its statistic."""
    n = rows.shape[1]
    first = math.ceil(_TRIMMED * n)
    before = np.arange(first, n - first + 1)
    total = rows.sum(axis=1, keepdims=True)
    sums = rows.cumsum(axis=1)[:, before - 1]
    fall = sums / before - (total - sums) / (n - before)
    weight = before * (n - before) / n
    explained = weight * fall**2
    centred = (rows**2).sum(axis=1, keepdims=True) - total**2 / n
    rest = np.maximum(centred - explained, 1e-12 * centred) / (n - 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.nan_to_num(fall * np.sqrt(weight / rest), nan=-np.inf)
    best = statistic.argmax(axis=1)
    return before[best], statistic[np.arange(len(rows)), best]
