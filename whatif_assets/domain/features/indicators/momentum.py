"""Oscillators: how far and how fast a price has moved."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.bar_columns import BoolArray
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod, Period
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import (
    decay,
    ema_bars,
    wilder_bars,
)
from whatif_assets.domain.features.indicators.windows import (
    blank,
    change,
    compiled_loops,
    share,
    until_moved,
    window_sum,
)

Arrays = tuple[FloatArray, ...]


def mom(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Momentum: the price less that of ``timeperiod`` bars ago.

    References
    ----------
    TA-Lib, function MOM.
    """
    return ta("MOM", price, timeperiod)


def roc(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Rate of change against ``timeperiod`` bars ago, in percent.

    References
    ----------
    TA-Lib, function ROC.
    """
    return ta("ROC", price, timeperiod)


def rocp(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Rate of change against ``timeperiod`` bars ago, as a fraction.

    References
    ----------
    TA-Lib, function ROCP.
    """
    return ta("ROCP", price, timeperiod)


def rocr(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Ratio of the price to that of ``timeperiod`` bars ago.

    References
    ----------
    TA-Lib, function ROCR.
    """
    return ta("ROCR", price, timeperiod)


def rocr100(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Ratio of the price to that of ``timeperiod`` bars ago, times 100.

    References
    ----------
    TA-Lib, function ROCR100.
    """
    return ta("ROCR100", price, timeperiod)


def rsi(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Relative strength index: the share of gains in all moves, 0 to 100.

    Gains and losses are Wilder's averages, alpha = 1 / timeperiod. NaN for the first
    ``timeperiod`` bars, and until the price has moved.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function RSI.
    """
    # TA-Lib says 0, as if it had only fallen, of a price that has not moved.
    return until_moved(price != price[:1], ta("RSI", price, timeperiod))


def cmo(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Chande momentum oscillator: gains less losses over their sum, -100 to 100.

    Gains and losses are Wilder's averages. NaN until the price has moved.

    References
    ----------
    Chande and Kroll, The new technical trader, 1994; TA-Lib, function CMO, which
    smooths where the book sums.
    """
    return until_moved(price != price[:1], ta("CMO", price, timeperiod))


def _flat(high: FloatArray, low: FloatArray, bars: int) -> BoolArray:
    """Tell where the highest high of the last bars is their lowest low."""
    flat: BoolArray = np.equal(high, low)
    if bars == 1 or not flat.any():
        return flat
    still = np.flatnonzero(flat[1:] & flat[:-1] & (high[1:] == high[:-1])) + 1
    first, last = still[: 2 - bars or None], still[bars - 2 :]
    result = np.zeros(len(high), dtype=bool)
    result[last[last - first == bars - 2]] = True
    return result


def _any_of_last(flags: BoolArray, bars: int) -> BoolArray:
    """Tell where one of the last bars is flagged."""
    if bars == 1 or not flags.any():
        return flags
    some: BoolArray = ta("MAX", flags.astype(np.float64), bars) > 0
    return some


def stochf(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    fastk_period: Period = 5,
    fastd_period: Period = 3,
) -> Arrays:
    """Fast stochastic: where the price is in the range of the bars, 0 to 100.

    %K is the place in the range of the last ``fastk_period`` bars, NaN where they
    have none, %D its mean over ``fastd_period`` bars.

    References
    ----------
    Lane, Lane's stochastics, 1984; TA-Lib, function STOCHF with simple averages.
    """
    fastk, fastd = ta("STOCHF", high, low, price, fastk_period, fastd_period, 0)
    flat = _flat(high, low, fastk_period)
    return blank(fastk, flat), blank(fastd, _any_of_last(flat, fastd_period))


def stoch(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    fastk_period: Period = 5,
    slowk_period: Period = 3,
    slowd_period: Period = 3,
) -> Arrays:
    """Slow stochastic: the mean of the fast one, 0 to 100.

    %K is the mean of the fast %K over ``slowk_period`` bars, %D the mean of that
    over ``slowd_period`` bars; both NaN where a bar of theirs has no fast %K.

    References
    ----------
    Lane, Lane's stochastics, 1984; TA-Lib, function STOCH with simple averages.
    """
    options = (fastk_period, slowk_period, 0, slowd_period, 0)
    slowk, slowd = ta("STOCH", high, low, price, *options)
    flat = _any_of_last(_flat(high, low, fastk_period), slowk_period)
    return blank(slowk, flat), blank(slowd, _any_of_last(flat, slowd_period))


def stochrsi(
    price: FloatArray,
    timeperiod: LongPeriod = 14,
    fastk_period: Period = 5,
    fastd_period: Period = 3,
) -> Arrays:
    """Stochastic RSI: where the RSI is in its own range, 0 to 100.

    %K is the place in the range of the last ``fastk_period`` values of `rsi`, %D its
    mean over ``fastd_period`` bars. NaN where the price has not moved meanwhile, for
    then the RSI has not either.

    References
    ----------
    Chande and Kroll, The new technical trader, 1994; TA-Lib, function STOCHRSI with
    simple averages.
    """
    fastk, fastd = ta("STOCHRSI", price, timeperiod, fastk_period, fastd_period, 0)
    flat = _flat(price, price, fastk_period)
    return blank(fastk, flat), blank(fastd, _any_of_last(flat, fastd_period))


def willr(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Williams' %R: how far the price is below the highest high, -100 to 0.

    In percent of the range of the last bars; NaN where they have none.

    References
    ----------
    Williams, How I made one million dollars, 1979; TA-Lib, function WILLR.
    """
    flat = _flat(high, low, timeperiod)
    return blank(ta("WILLR", high, low, price, timeperiod), flat)


def cci(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Commodity channel index: distance of the typical price from its mean.

    In units of 0.015 mean absolute deviations; NaN where the typical price of the
    last bars has not moved.

    References
    ----------
    Lambert, Commodity channel index, 1980; TA-Lib, function CCI.
    """
    typical = (high + low + price) / 3
    flat = _flat(typical, typical, timeperiod)
    return blank(ta("CCI", high, low, price, timeperiod), flat)


def ultosc(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    timeperiod1: Period = 7,
    timeperiod2: Period = 14,
    timeperiod3: Period = 28,
) -> FloatArray:
    """Ultimate oscillator: buying pressure in the true range, 0 to 100.

    Over three periods that count 4, 2 and 1 to the mean. NaN where one of them has
    no true range.

    References
    ----------
    Williams, The ultimate oscillator, 1985; TA-Lib, function ULTOSC.
    """
    periods = (timeperiod1, timeperiod2, timeperiod3)
    still = window_sum(ta("TRANGE", high, low, price), min(periods)) == 0
    return blank(ta("ULTOSC", high, low, price, *periods), still)


def fisher(high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 10) -> Arrays:
    """Fisher transform of the median price's place in its own range.

    The place, from -1 to 1, is smoothed (a third new, two thirds old), and beyond
    0.99 taken as 0.999; the transform is smoothed once more (half and half). The
    trigger is the transform one bar before. A bar whose last ``timeperiod`` median
    prices are all equal is in the middle.

    References
    ----------
    Ehlers, Using the Fisher transform, 2002.
    """
    median = (high + low) / 2
    place = share(
        median - ta("MIN", median, timeperiod),
        ta("MAX", median, timeperiod) - ta("MIN", median, timeperiod),
    )
    place[_flat(median, median, timeperiod)] = 0.5
    transform: FloatArray = compiled_loops().fisher(place)
    return transform, transform - change(transform)


def eri(
    high: FloatArray, low: FloatArray, price: FloatArray, timeperiod: Period = 13
) -> Arrays:
    """Elder ray: how far the bar reaches beyond the EMA of the price.

    Bull power is the high less the average, bear power the low less it.

    References
    ----------
    Elder, Trading for a living, 1993.
    """
    average = ta("EMA", price, timeperiod)
    return high - average, low - average


def _bars_back(timeperiod: int) -> int:
    return timeperiod


def _rsi_warm_up(timeperiod: int) -> int:
    return 1 + wilder_bars(timeperiod)


def _stochf_warm_up(fastk_period: int, fastd_period: int) -> int:
    return fastk_period + fastd_period - 2


def _stoch_warm_up(fastk_period: int, slowk_period: int, slowd_period: int) -> int:
    return fastk_period + slowk_period + slowd_period - 3


def _stochrsi_warm_up(timeperiod: int, fastk_period: int, fastd_period: int) -> int:
    return _rsi_warm_up(timeperiod) + _stochf_warm_up(fastk_period, fastd_period)


def _ultosc_warm_up(timeperiod1: int, timeperiod2: int, timeperiod3: int) -> int:
    return max(timeperiod1, timeperiod2, timeperiod3)


def _fisher_warm_up(timeperiod: int) -> int:
    """Both memories, of 0.67 and of a half a bar, and the trigger's bar."""
    return timeperiod + decay(6, 2)


MOMENTUM: dict[str, FeatureFunction] = {
    "mom": FeatureFunction(mom, _bars_back, "difference"),
    "roc": FeatureFunction(roc, _bars_back, "percent"),
    "rocp": FeatureFunction(rocp, _bars_back, "fraction"),
    "rocr": FeatureFunction(rocr, _bars_back, "ratio"),
    "rocr100": FeatureFunction(rocr100, _bars_back, "percent"),
    "rsi": FeatureFunction(rsi, _rsi_warm_up),
    "cmo": FeatureFunction(cmo, _rsi_warm_up),
    "stochf_k": FeatureFunction(stochf, _stochf_warm_up, output=0, line="%K"),
    "stochf_d": FeatureFunction(stochf, _stochf_warm_up, output=1, line="%D"),
    "stoch_k": FeatureFunction(stoch, _stoch_warm_up, output=0, line="%K"),
    "stoch_d": FeatureFunction(stoch, _stoch_warm_up, output=1, line="%D"),
    "stochrsi_k": FeatureFunction(stochrsi, _stochrsi_warm_up, output=0, line="%K"),
    "stochrsi_d": FeatureFunction(stochrsi, _stochrsi_warm_up, output=1, line="%D"),
    "willr": FeatureFunction(willr, lambda timeperiod: timeperiod - 1),
    "cci": FeatureFunction(cci, lambda timeperiod: timeperiod - 1),
    "ultosc": FeatureFunction(ultosc, _ultosc_warm_up),
    "fisher": FeatureFunction(fisher, _fisher_warm_up, output=0, line="the transform"),
    "fisher_signal": FeatureFunction(fisher, _fisher_warm_up, output=1, line="trigger"),
    "eri_bull": FeatureFunction(eri, ema_bars, "difference", 0, "bull power"),
    "eri_bear": FeatureFunction(eri, ema_bars, "difference", 1, "bear power"),
}
