"""Wilder's directional movement: strength and direction of a trend."""

from __future__ import annotations

from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod, Period
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import wilder_bars
from whatif_assets.domain.features.indicators.windows import change, until_moved


def _moved(high: FloatArray, low: FloatArray, price: FloatArray) -> Any:
    """Return which bars have a true range above 0; exact up to the first such bar."""
    ranged = high != low
    if ranged[:1].any():  # the first bar has one: later bars do not matter
        return ranged
    return ranged | (high != price) | (np.abs(change(price)) > 0)


def adx(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Average directional movement index: the strength of a trend, 0 to 100.

    NaN for the first ``2 timeperiod - 1`` bars and until a price has moved.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function ADX.
    """
    return until_moved(
        _moved(high, low, price), ta("ADX", high, low, price, timeperiod)
    )


def adxr(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """ADX rating: mean of the ADX now and ``timeperiod - 1`` bars ago.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function ADXR.
    """
    return until_moved(
        _moved(high, low, price), ta("ADXR", high, low, price, timeperiod)
    )


def dx(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Directional movement index: 100 times |+DI - -DI| over their sum, 0 to 100.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function DX.
    """
    return until_moved(_moved(high, low, price), ta("DX", high, low, price, timeperiod))


def plus_di(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: Period = 14
) -> FloatArray:
    """Positive directional indicator: +DM in percent of the true range.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function PLUS_DI.
    """
    values = ta("PLUS_DI", high, low, price, timeperiod)
    return until_moved(_moved(high, low, price), values)


def minus_di(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: Period = 14
) -> FloatArray:
    """Negative directional indicator: -DM in percent of the true range.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function
    MINUS_DI.
    """
    values = ta("MINUS_DI", high, low, price, timeperiod)
    return until_moved(_moved(high, low, price), values)


def plus_dm(high: FloatArray, low: FloatArray, timeperiod: Period = 14) -> FloatArray:
    """Positive directional movement: Wilder's smoothed sum of upward moves of the high.

    With a ``timeperiod`` of 1 it is the movement of the bar alone.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function PLUS_DM.
    """
    return ta("PLUS_DM", high, low, timeperiod)


def minus_dm(high: FloatArray, low: FloatArray, timeperiod: Period = 14) -> FloatArray:
    """Negative directional movement: Wilder's smoothed sum of falls of the low.

    With a ``timeperiod`` of 1 it is the movement of the bar alone.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function
    MINUS_DM.
    """
    return ta("MINUS_DM", high, low, timeperiod)


def _adx_warm_up(timeperiod: int) -> int:
    """Warm-up of a Wilder's average of Wilder's averages, from the second bar on."""
    return 1 + wilder_bars(timeperiod, 2)


def _di_warm_up(timeperiod: int) -> int:
    return 1 + wilder_bars(timeperiod)


DIRECTIONAL: dict[str, FeatureFunction] = {
    "adx": FeatureFunction(adx, _adx_warm_up),
    "adxr": FeatureFunction(
        adxr, lambda timeperiod: _adx_warm_up(timeperiod) + timeperiod
    ),
    "dx": FeatureFunction(dx, _di_warm_up),
    "plus_di": FeatureFunction(plus_di, _di_warm_up),
    "minus_di": FeatureFunction(minus_di, _di_warm_up),
    "plus_dm": FeatureFunction(plus_dm, _di_warm_up, "difference"),
    "minus_dm": FeatureFunction(minus_dm, _di_warm_up, "difference"),
}
