"""Indicators of the direction, the strength and the end of a trend."""

from __future__ import annotations

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
)
from whatif_assets.domain.features.indicators.calls import EMA, ta
from whatif_assets.domain.features.indicators.sar import sar, sar_warm_up
from whatif_assets.domain.features.indicators.warm_ups import (
    decay,
    ema_bars,
    moves_of_window,
)
from whatif_assets.domain.features.indicators.windows import (
    earlier,
    share,
    window_sum,
)


def check_periods(name: str, fastperiod: int, slowperiod: int) -> None:
    """Raise when the fast period is not below the slow one.

    TA-Lib would swap the two without a warning.

    Raises
    ------
    BadInput
        The fast period is not below the slow one.
    """
    if fastperiod >= slowperiod:
        raise BadInput(
            f"{name}: fastperiod {fastperiod} is not below slowperiod {slowperiod}; "
            "the fast average must have the shorter period."
        )


def macd(
    price: FloatArray,
    fastperiod: LongPeriod = 12,
    slowperiod: LongPeriod = 26,
    signalperiod: Period = 9,
) -> FloatArrays:
    """Moving average convergence/divergence: fast EMA minus slow EMA.

    Returns the difference, the signal line (EMA of the difference over ``signalperiod``
    bars) and the histogram (the difference minus the signal). NaN for the first
    ``slowperiod + signalperiod - 2`` bars.

    Raises
    ------
    BadInput
        The fast period is not below the slow one.

    References
    ----------
    Appel, The moving average convergence-divergence trading method, 1985; TA-Lib,
    function MACD.
    """
    check_periods("macd", fastperiod, slowperiod)
    return tuple(ta("MACD", price, fastperiod, slowperiod, signalperiod))


def apo(
    price: FloatArray, fastperiod: LongPeriod = 12, slowperiod: LongPeriod = 26
) -> FloatArray:
    """Absolute price oscillator: fast EMA minus slow EMA.

    Like `macd`, but each average starts at its own first price.

    References
    ----------
    TA-Lib, function APO with exponential averages, its default since 0.8.
    """
    check_periods("apo", fastperiod, slowperiod)
    return ta("APO", price, fastperiod, slowperiod, EMA)


def ppo(
    price: FloatArray,
    fastperiod: LongPeriod = 12,
    slowperiod: LongPeriod = 26,
    signalperiod: Period = 9,
) -> FloatArrays:
    """Percentage price oscillator: fast EMA minus slow EMA, in percent of the slow.

    Returns the oscillator, its signal line (EMA of the oscillator over ``signalperiod``
    bars) and the histogram (the oscillator minus the signal).

    References
    ----------
    TA-Lib, function PPO with exponential averages, its default since 0.8.
    """
    check_periods("ppo", fastperiod, slowperiod)
    line = ta("PPO", price, fastperiod, slowperiod, EMA)
    signal = ta("EMA", line, signalperiod)
    return line, signal, line - signal


def trix(price: FloatArray, timeperiod: Period = 30) -> FloatArray:
    """One-bar rate of change of a triple-smoothed EMA, in percent.

    References
    ----------
    Hutson, Good TRIX, 1983; TA-Lib, function TRIX.
    """
    return ta("TRIX", price, timeperiod)


def dpo(price: FloatArray, timeperiod: LongPeriod = 20) -> FloatArray:
    """Detrended price oscillator: the price n / 2 + 1 bars ago minus the current SMA.

    Charts often draw it n / 2 + 1 bars further left, which would be look-ahead.

    References
    ----------
    TA-Lib, function DPO.
    """
    return ta("DPO", price, timeperiod)


def coppock(
    price: FloatArray,
    wmaperiod: Period = 10,
    roc1period: Period = 11,
    roc2period: Period = 14,
) -> FloatArray:
    """Coppock curve: the WMA of the sum of two rates of change, in percent.

    References
    ----------
    Coppock, Practical relative strength charting, 1962; TA-Lib, function COPPOCK.
    """
    return ta("COPPOCK", price, wmaperiod, roc1period, roc2period)


def aroon(
    high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArrays:
    """Aroon: how recent the extreme of the last n + 1 bars is, 100 (now) to 0.

    References
    ----------
    Chande, The time price oscillator, 1995; TA-Lib, function AROON.
    """
    return tuple(ta("AROON", high, low, timeperiod))


def aroonosc(
    high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Aroon oscillator: `aroon_up` minus `aroon_down`.

    References
    ----------
    TA-Lib, function AROONOSC.
    """
    return ta("AROONOSC", high, low, timeperiod)


def ichimoku(
    high: FloatArray,
    low: FloatArray,
    conversionperiod: LongPeriod = 9,
    baseperiod: LongPeriod = 26,
    spanperiod: LongPeriod = 52,
    displacement: Period = 26,
) -> FloatArrays:
    """Ichimoku study: midpoints of the price range of the last bars.

    The conversion and base lines are the midpoints over their periods at this bar. The
    two leading spans, which bound the cloud, are the values that charts draw at this
    bar, known since ``displacement`` bars: the mean of the conversion and base lines,
    and the midpoint over ``spanperiod``. The lagging span is left out: it is the close,
    drawn at a bar where it was not yet known.

    References
    ----------
    Elliott, Ichimoku charts, 2007.
    """
    conversion = ta("MIDPRICE", high, low, conversionperiod)
    base = ta("MIDPRICE", high, low, baseperiod)
    first = earlier((conversion + base) / 2, displacement)
    second = earlier(ta("MIDPRICE", high, low, spanperiod), displacement)
    return conversion, base, first, second


def massi(
    high: FloatArray,
    low: FloatArray,
    fastperiod: LongPeriod = 9,
    slowperiod: LongPeriod = 25,
) -> FloatArray:
    """Mass index: sum of the ratio of the range's EMA to the EMA of that EMA.

    ``fastperiod`` is the period of both averages, ``slowperiod`` that of the sum. NaN
    if the average range is 0 at a bar of the sum.

    References
    ----------
    Dorsey, The mass index, 1992.
    """
    average = ta("EMA", high - low, fastperiod)
    ratio: FloatArray = share(average, ta("EMA", average, fastperiod))
    result: FloatArray = window_sum(ratio, slowperiod)
    return result


def _macd_warm_up(fastperiod: int, slowperiod: int, signalperiod: int) -> int:
    """Warm-up of the signal, an average of averages: the decays are added."""
    check_periods("macd", fastperiod, slowperiod)
    start = slowperiod + signalperiod - 2
    return start + decay(slowperiod) + decay(signalperiod)


def _apo_warm_up(fastperiod: int, slowperiod: int) -> int:
    check_periods("apo", fastperiod, slowperiod)
    return ema_bars(slowperiod)


def _ppo_warm_up(fastperiod: int, slowperiod: int, signalperiod: int) -> int:
    check_periods("ppo", fastperiod, slowperiod)
    return ema_bars(slowperiod) + ema_bars(signalperiod)


def _dpo_warm_up(timeperiod: int) -> int:
    return max(timeperiod - 1, timeperiod // 2 + 1)


def _coppock_warm_up(wmaperiod: int, roc1period: int, roc2period: int) -> int:
    return wmaperiod - 1 + max(roc1period, roc2period)


def _ichimoku_warm_up(
    conversionperiod: int, baseperiod: int, spanperiod: int, displacement: int
) -> int:
    longest = max(conversionperiod, baseperiod, spanperiod)
    return longest - 1 + displacement


def _macd(output: int, line: str) -> FeatureFunction:
    return FeatureFunction(macd, _macd_warm_up, "difference", output, line)


def _ichimoku(output: int, line: str) -> FeatureFunction:
    return FeatureFunction(ichimoku, _ichimoku_warm_up, "price", output, line)


TREND: dict[str, FeatureFunction] = {
    "macd": _macd(0, "the difference"),
    "macd_signal": _macd(1, "the signal line"),
    "macd_hist": _macd(2, "the histogram"),
    "apo": FeatureFunction(apo, _apo_warm_up, "difference"),
    "ppo": FeatureFunction(ppo, _ppo_warm_up, "percent", 0, "the oscillator"),
    "ppo_signal": FeatureFunction(ppo, _ppo_warm_up, "percent", 1, "the signal line"),
    "ppo_hist": FeatureFunction(ppo, _ppo_warm_up, "percent", 2, "the histogram"),
    "trix": FeatureFunction(
        trix, lambda timeperiod: 1 + ema_bars(timeperiod, 3), "percent"
    ),
    "dpo": FeatureFunction(dpo, _dpo_warm_up, "difference"),
    "coppock": FeatureFunction(coppock, _coppock_warm_up, "percent"),
    "aroon_up": FeatureFunction(aroon, moves_of_window, output=1, line="of the high"),
    "aroon_down": FeatureFunction(aroon, moves_of_window, output=0, line="of the low"),
    "aroonosc": FeatureFunction(aroonosc, moves_of_window),
    "ichimoku_conversion": _ichimoku(0, "conversion line (tenkan)"),
    "ichimoku_base": _ichimoku(1, "base line (kijun)"),
    "ichimoku_span_a": _ichimoku(2, "first leading span (senkou A)"),
    "ichimoku_span_b": _ichimoku(3, "second leading span (senkou B)"),
    "massi": FeatureFunction(
        massi, lambda fastperiod, slowperiod: ema_bars(fastperiod, 2) + slowperiod - 1
    ),
    "sar": FeatureFunction(sar, sar_warm_up, "price"),
}
