"""Parabolic stop and reverse, from a stated number of bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from whatif_assets.core.errors import BadInput
from whatif_assets.core.features.bar_columns import FloatArray
from whatif_assets.core.features.function import LongPeriod, Positive
from whatif_assets.core.features.indicators.windows import compiled


def sar(
    high: FloatArray,
    low: FloatArray,
    acceleration: Positive = 0.02,
    maximum: Positive = 0.2,
    window: LongPeriod = 250,
) -> FloatArray:
    """Parabolic stop and reverse, begun anew ``window`` bars before each bar.

    Wilder's rule depends on the whole path of the prices. Begun at two different
    bars it soon says the same, as a rule after two or three reversals, but there is
    no number of bars after which it must. So that a value comes from a stated number
    of bars, it is what the rule says if it begins at the first of the last
    ``window`` bars. NaN for the bars before.

    Raises
    ------
    BadInput
        The acceleration is above its maximum.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978. How it begins is as in
    TA-Lib's function SAR: long, unless the second bar's low moved down further than
    its high moved up, with the first bar's extreme as the stop.
    """
    _check(acceleration, maximum)
    result: FloatArray = _sar_of_windows(high, low, acceleration, maximum, window)
    return result


def sar_warm_up(acceleration: float, maximum: float, window: int) -> int:
    """Bars before a bar that its window has."""
    _check(acceleration, maximum)
    return window - 1


def _check(acceleration: float, maximum: float) -> None:
    if acceleration > maximum:
        raise BadInput(
            f"sar: acceleration {acceleration} is above maximum {maximum}; the "
            "factor begins at the one and grows up to the other."
        )


@compiled
def _sar_of_windows(
    high: Any, low: Any, acceleration: float, maximum: float, window: int
) -> Any:
    """Follow each window's path until it joins that of the window before it."""
    bars = len(high)
    values = np.full(bars, np.nan)
    path = np.full((bars, 4), np.nan)  # the state after each bar, as `_step` has it
    for last in range(window - 1, bars):
        first = last - window + 1
        state = _start(high, low, first, acceleration)
        bar = first + 1
        while bar <= last:
            before = max(bar - 1, first + 1)
            value, state = _step(high, low, before, bar, state, acceleration, maximum)
            joined = True
            for part in range(4):
                joined = joined and path[bar, part] == state[part]
                path[bar, part] = state[part]
            if joined and bar < last - 1:
                bar = last - 1
                state = (path[bar, 0], path[bar, 1], path[bar, 2], path[bar, 3])
            bar += 1
        values[last] = value
    return values


@compiled
def _start(high: Any, low: Any, first: int, acceleration: float) -> Any:
    rise, fall = high[first + 1] - high[first], low[first] - low[first + 1]
    if fall > 0 and fall > rise:
        return -1.0, -high[first], -low[first + 1], acceleration
    return 1.0, low[first], high[first + 1], acceleration


@compiled
def _step(
    high: Any,
    low: Any,
    before: int,
    bar: int,
    state: Any,
    acceleration: float,
    maximum: float,
) -> Any:
    """Work one bar.

    A short position is the mirror image of a long one, so its prices are negative
    here and the rule is written once.
    """
    side, stop, extreme, factor = state
    if (low[bar] if side > 0 else -high[bar]) <= stop:
        side, stop, factor = -side, -extreme, acceleration
        extreme = high[bar] if side > 0 else -low[bar]
        turned = True
    else:
        turned = False
    near, far = (low[bar], high[bar]) if side > 0 else (-high[bar], -low[bar])
    nearest = min(near, low[before] if side > 0 else -high[before])
    if turned:
        stop = min(stop, nearest)
    value = side * stop
    if far > extreme:
        extreme, factor = far, min(factor + acceleration, maximum)
    stop = min(stop + factor * (extreme - stop), nearest)
    return value, (side, stop, extreme, factor)
