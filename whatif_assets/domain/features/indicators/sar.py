"""Parabolic stop and reverse over a window of bars."""

from __future__ import annotations

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.function import LongPeriod, Positive
from whatif_assets.domain.features.indicators.windows import compiled_loops


def sar(
    high: FloatArray,
    low: FloatArray,
    acceleration: Positive = 0.02,
    maximum: Positive = 0.2,
    window: LongPeriod = 250,
) -> FloatArray:
    """Parabolic stop and reverse, restarted for each bar at the start of its window.

    Wilder's rule depends on the whole path of the prices. If it starts at two different
    bars, both paths usually agree after two or three reversals, but no number of bars
    guarantees it. So that a value depends on a fixed number of bars, it is the result
    of the rule when it starts at the first of the last ``window`` bars. NaN for the
    first ``window - 1`` bars.

    Raises
    ------
    BadInput
        The acceleration is above its maximum.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978. It starts as TA-Lib's
    function SAR: long, unless the second bar's low moved down further than its high
    moved up; the first stop is the first bar's low (long) or high (short).
    """
    _check(acceleration, maximum)
    loops = compiled_loops()
    result: FloatArray = loops.sar(high, low, acceleration, maximum, window)
    return result


def sar_warm_up(acceleration: float, maximum: float, window: int) -> int:
    """Warm-up of `sar`: the earlier bars of its window."""
    _check(acceleration, maximum)
    return window - 1


def _check(acceleration: float, maximum: float) -> None:
    if acceleration > maximum:
        raise BadInput(
            f"sar: acceleration {acceleration} is above maximum {maximum}; the "
            "factor grows from acceleration to maximum."
        )
