"""Moving averages, in the unit of the averaged price."""

from __future__ import annotations

import functools
import math
from typing import Annotated

from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod, Period
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import (
    REMAINDER,
    earlier_bars_of_window,
    ema_bars,
    wilder_bars,
)


def sma(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Simple moving average: the mean of the last prices.

    NaN for the first ``timeperiod - 1`` bars.

    References
    ----------
    TA-Lib, function SMA.
    """
    return ta("SMA", price, timeperiod)


def ema(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Exponential moving average, alpha = 2 / (timeperiod + 1).

    The first value is the mean of the first ``timeperiod`` prices; the bars before it
    are NaN.

    References
    ----------
    TA-Lib, function EMA.
    """
    return ta("EMA", price, timeperiod)


def dema(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Double exponential moving average: 2 EMA - EMA(EMA).

    NaN for the first ``2 (timeperiod - 1)`` bars.

    References
    ----------
    Mulloy, Smoothing data with faster moving averages, 1994; TA-Lib, function DEMA.
    """
    return ta("DEMA", price, timeperiod)


def tema(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Triple exponential moving average: 3 EMA - 3 EMA(EMA) + EMA(EMA(EMA)).

    NaN for the first ``3 (timeperiod - 1)`` bars.

    References
    ----------
    Mulloy, Smoothing data with faster moving averages, 1994; TA-Lib, function TEMA.
    """
    return ta("TEMA", price, timeperiod)


def t3(
    price: FloatArray,
    timeperiod: Period = 5,
    vfactor: Annotated[float, Field(ge=0, le=1)] = 0.7,
) -> FloatArray:
    """Tillson's T3: a generalised DEMA applied three times, six EMA in all.

    With ``vfactor`` 0 the generalised DEMA is an EMA, with 1 a DEMA. NaN for the first
    ``6 (timeperiod - 1)`` bars.

    References
    ----------
    Tillson, Smoothing techniques for more accurate signals, 1998; TA-Lib, function
    T3.
    """
    return ta("T3", price, timeperiod, vfactor)


def kama(price: FloatArray, timeperiod: LongPeriod = 30) -> FloatArray:
    """Kaufman's adaptive moving average, between an EMA of 2 bars and of 30 bars.

    Its speed depends on the efficiency ratio of the last ``timeperiod`` bars: the net
    move of the price over the sum of its absolute moves. NaN for the first
    ``timeperiod`` bars. If the price only moves back and forth, the average is as slow
    as alpha = (2 / 31)^2, and the long warm-up allows for that.

    References
    ----------
    Kaufman, Smarter trading, 1995; TA-Lib, function KAMA.
    """
    return ta("KAMA", price, timeperiod)


def hma(price: FloatArray, timeperiod: LongPeriod = 20) -> FloatArray:
    """Hull moving average: the WMA over sqrt(n) of 2 WMA(n / 2) - WMA(n).

    References
    ----------
    Hull, The Hull moving average, 2005; TA-Lib, function HMA.
    """
    return ta("HMA", price, timeperiod)


def wma(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Linear weighted moving average: weights 1, 2, ..., n from oldest to last bar.

    NaN for the first ``timeperiod - 1`` bars.

    References
    ----------
    TA-Lib, function WMA.
    """
    return ta("WMA", price, timeperiod)


def trima(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Triangular moving average: weights rise to the middle bar and fall again.

    NaN for the first ``timeperiod - 1`` bars.

    References
    ----------
    TA-Lib, function TRIMA.
    """
    return ta("TRIMA", price, timeperiod)


def rma(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """Wilder's smoothing: an exponential moving average with alpha = 1 / timeperiod.

    The first value is the mean of the first ``timeperiod`` prices; the bars before it
    are NaN.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function RMA.
    """
    return ta("RMA", price, timeperiod)


def _kama_warm_up(timeperiod: int) -> int:
    """Warm-up in the slowest case, with alpha = (2 / 31)^2 at every bar."""
    slowest = (2.0 / 31.0) ** 2
    return timeperiod + math.ceil(math.log(REMAINDER) / math.log1p(-slowest))


def _hma_warm_up(timeperiod: int) -> int:
    return timeperiod - 1 + math.isqrt(timeperiod)


AVERAGES: dict[str, FeatureFunction] = {
    "sma": FeatureFunction(sma, earlier_bars_of_window, "price"),
    "ema": FeatureFunction(ema, ema_bars, "price"),
    "dema": FeatureFunction(dema, functools.partial(ema_bars, nested=2), "price"),
    "tema": FeatureFunction(tema, functools.partial(ema_bars, nested=3), "price"),
    "t3": FeatureFunction(
        t3, lambda timeperiod, vfactor: ema_bars(timeperiod, 6), "price"
    ),
    "kama": FeatureFunction(kama, _kama_warm_up, "price"),
    "hma": FeatureFunction(hma, _hma_warm_up, "price"),
    "wma": FeatureFunction(wma, earlier_bars_of_window, "price"),
    "trima": FeatureFunction(trima, earlier_bars_of_window, "price"),
    "rma": FeatureFunction(rma, wilder_bars, "price"),
}
