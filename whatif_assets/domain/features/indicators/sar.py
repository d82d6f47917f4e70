"""Parabolic stop and reverse, from a stated number of bars."""

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
    loops = compiled_loops()
    result: FloatArray = loops.sar(high, low, acceleration, maximum, window)
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
