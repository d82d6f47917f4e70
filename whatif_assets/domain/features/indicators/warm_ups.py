"""Warm-ups: number of earlier bars that the value of an indicator depends on.

A recursive indicator depends on all earlier bars. Its warm-up is the number of bars
after which its start has no effect within `REMAINDER`.
"""

from __future__ import annotations

import functools
import math

# Share of a recursive feature's first value that remains after its warm-up. A session
# must equal the computation on the whole history to 1e-9, and `relative_to` loses some
# digits because it subtracts nearly equal prices.
REMAINDER = 1e-14


@functools.cache
def decay(timeperiod: int, nested: int = 1) -> int:
    """Return the number of bars after which only REMAINDER of an EMA's start is left.

    Parameters
    ----------
    timeperiod
        Period of the EMA: alpha = 2 / (timeperiod + 1).
    nested
        Number of such averages, each taken of the one before. The share of the start
        that remains after n bars is then the probability of fewer than ``nested``
        successes in n trials with probability alpha.
    """
    if timeperiod == 1:
        return 0
    alpha = 2.0 / (timeperiod + 1)
    single = math.ceil(math.log(REMAINDER) / math.log1p(-alpha))
    if nested == 1:
        return single
    enough, too_few = nested * single, single
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if _left(middle, nested, alpha) < REMAINDER:
            enough = middle
        else:
            too_few = middle
    return enough


def _left(bars: int, nested: int, alpha: float) -> float:
    return sum(
        math.comb(bars, hits) * alpha**hits * (1 - alpha) ** (bars - hits)
        for hits in range(nested)
    )


def ema_bars(timeperiod: int, nested: int = 1) -> int:
    """Warm-up of one or several nested EMAs: bars before the first value, and decay."""
    return nested * (timeperiod - 1) + decay(timeperiod, nested)


def wilder_bars(timeperiod: int, nested: int = 1) -> int:
    """Warm-up of Wilder's average, alpha 1 / n: the decay of an EMA of 2 n - 1."""
    return nested * (timeperiod - 1) + decay(2 * timeperiod - 1, nested)


def earlier_bars_of_window(timeperiod: int) -> int:
    """Warm-up of a window of ``timeperiod`` bars, the current bar included."""
    return timeperiod - 1


def moves_of_window(timeperiod: int) -> int:
    """Warm-up of a window of ``timeperiod`` moves, each from the bar before."""
    return timeperiod
