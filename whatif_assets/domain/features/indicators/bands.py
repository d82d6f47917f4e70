"""Bands around a price, and its volatility."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
    Positive,
)
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import (
    earlier_bars_of_window,
    ema_bars,
    moves_of_window,
    wilder_bars,
)
from whatif_assets.domain.features.indicators.windows import (
    earlier,
    log_return,
    share,
    window_deviation,
    window_sum,
)


def bbands(
    price: FloatArray, timeperiod: LongPeriod = 20, nbdev: Positive = 2.0
) -> FloatArrays:
    """Bollinger bands: the SMA, and ``nbdev`` standard deviations around it.

    It is the population standard deviation (n). NaN for the first ``timeperiod - 1``
    bars.

    References
    ----------
    Bollinger, Bollinger on Bollinger bands, 2001.
    """
    mean, deviation = window_deviation(price, timeperiod)
    return mean + nbdev * deviation, mean, mean - nbdev * deviation


def bollinger(price: FloatArray, timeperiod: LongPeriod = 20) -> FloatArray:
    """Distance of a price from its moving average, in standard deviations.

    Above 2 the price lies above the upper Bollinger band of two deviations, and below
    -2 it lies below the lower band. NaN for the first ``timeperiod - 1`` bars and if
    all prices of the window are equal.

    References
    ----------
    Bollinger, Bollinger on Bollinger bands, 2001.
    """
    mean, deviation = window_deviation(price, timeperiod)
    return share(price - mean, deviation)


def accbands(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 20
) -> FloatArrays:
    """Acceleration bands: averages of the high and the low widened by the range.

    The SMA of high (1 + 4 (high - low) / (high + low)), of the price, and of low (1 -
    4 (high - low) / (high + low)).

    References
    ----------
    Headley, Big trends in trading, 2002; TA-Lib, function ACCBANDS.
    """
    return tuple(ta("ACCBANDS", high, low, price, timeperiod))


def kc(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    timeperiod: LongPeriod = 20,
    atrperiod: LongPeriod = 10,
    nbdev: Positive = 2.0,
) -> FloatArrays:
    """Keltner channel: the EMA of the price, and ``nbdev`` ATR around it.

    References
    ----------
    Keltner, How to make money in commodities, 1960, with the averages of Raschke.
    """
    middle = ta("EMA", price, timeperiod)
    width = nbdev * ta("ATR", high, low, price, atrperiod)
    return middle + width, middle, middle - width


def donchian(
    high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 20
) -> FloatArrays:
    """Donchian channel: the highest high and the lowest low of the last bars.

    The last bars include this bar. The middle line is the mean of the two.

    References
    ----------
    TA-Lib, function DONCHIAN.
    """
    upper, lower = ta("MAX", high, timeperiod), ta("MIN", low, timeperiod)
    return upper, (upper + lower) / 2, lower


def trange(high: FloatArray, low: FloatArray, price: FloatArray) -> FloatArray:
    """True range: the bar's range, extended to the previous price if that is outside.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function TRANGE.
    """
    return ta("TRANGE", high, low, price)


def atr(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: Period = 14
) -> FloatArray:
    """Average true range: Wilder's average of the true range.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function ATR.
    """
    return ta("ATR", high, low, price, timeperiod)


def natr(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: Period = 14
) -> FloatArray:
    """Normalised average true range: `atr` in percent of the price.

    References
    ----------
    Forman, Cross-market evaluations with normalized average true range, 2006;
    TA-Lib, function NATR.
    """
    return ta("NATR", high, low, price, timeperiod)


def cvi(
    high: FloatArray,
    low: FloatArray,
    timeperiod: LongPeriod = 10,
    rocperiod: Period = 10,
) -> FloatArray:
    """Chaikin's volatility: rate of change of the range's EMA, in percent.

    NaN if the EMA was 0 ``rocperiod`` bars ago.

    References
    ----------
    Achelis, Technical analysis from A to Z, 2000.
    """
    average = ta("EMA", high - low, timeperiod)
    before = earlier(average, rocperiod)
    return 100 * share(average - before, before)


def stddev(price: FloatArray, timeperiod: LongPeriod = 5) -> FloatArray:
    """Population standard deviation (n) of the last prices.

    NaN for the first ``timeperiod - 1`` bars.

    References
    ----------
    TA-Lib, function STDDEV.
    """
    deviation: FloatArray = window_deviation(price, timeperiod)[1]
    return deviation


def realized_volatility(price: FloatArray, timeperiod: Period = 15) -> FloatArray:
    """Realised volatility: root of the sum of the last squared log returns.

    It is the volatility over all ``timeperiod`` bars, not annualised.

    References
    ----------
    Andersen and Bollerslev, Answering the skeptics, 1998.
    """
    total = window_sum(log_return(price) ** 2, timeperiod)
    return np.sqrt(total)  # type: ignore[no-any-return]


def _bbands_warm_up(timeperiod: int, nbdev: float) -> int:
    return timeperiod - 1


def _kc_warm_up(timeperiod: int, atrperiod: int, nbdev: float) -> int:
    return max(ema_bars(timeperiod), _atr_warm_up(atrperiod))


def _atr_warm_up(timeperiod: int) -> int:
    return 1 + wilder_bars(timeperiod)


def _cvi_warm_up(timeperiod: int, rocperiod: int) -> int:
    return ema_bars(timeperiod) + rocperiod


def _three(
    name: str, compute: Callable[..., FloatArrays], warm_up: Callable[..., int]
) -> dict[str, FeatureFunction]:
    """Return the feature functions of the three lines of a band."""
    lines = {
        "upper": "the upper band",
        "middle": "the middle",
        "lower": "the lower band",
    }
    return {
        f"{name}_{line}": FeatureFunction(compute, warm_up, "price", number, words)
        for number, (line, words) in enumerate(lines.items())
    }


BANDS: dict[str, FeatureFunction] = {
    **_three("bbands", bbands, _bbands_warm_up),
    "bollinger": FeatureFunction(bollinger, earlier_bars_of_window),
    **_three("accbands", accbands, earlier_bars_of_window),
    **_three("kc", kc, _kc_warm_up),
    **_three("donchian", donchian, earlier_bars_of_window),
    "trange": FeatureFunction(trange, lambda: 1, "difference"),
    "atr": FeatureFunction(atr, _atr_warm_up, "difference"),
    "natr": FeatureFunction(natr, _atr_warm_up, "percent"),
    "cvi": FeatureFunction(cvi, _cvi_warm_up, "percent"),
    "stddev": FeatureFunction(stddev, earlier_bars_of_window, "difference"),
    "realized_volatility": FeatureFunction(
        realized_volatility, moves_of_window, "fraction"
    ),
}
