"""How many bars a recursive indicator takes to forget where it began."""

from __future__ import annotations

import functools
import math

# What is left of the first value of a recursive feature once it has warmed up. A
# partition is asked to equal the whole history to 1e-9, and `relative_to` takes off
# some digits where it subtracts nearly equal prices.
REMAINDER = 1e-14


@functools.cache
def decay(timeperiod: int, nested: int = 1) -> int:
    """Bars after which an EMA has forgotten all but REMAINDER of its start.

    Parameters
    ----------
    timeperiod
        Of the EMA: alpha = 2 / (timeperiod + 1).
    nested
        How many such averages are taken of one another. What n bars leave of the
        start is then the chance of fewer than ``nested`` successes in n trials of
        probability alpha.
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
    """Warm-up of an EMA, or of several nested: their starts and the decay."""
    return nested * (timeperiod - 1) + decay(timeperiod, nested)


def wilder_bars(timeperiod: int, nested: int = 1) -> int:
    """Warm-up of Wilder's average, alpha 1 / n: the decay of an EMA of 2 n - 1."""
    return nested * (timeperiod - 1) + decay(2 * timeperiod - 1, nested)
