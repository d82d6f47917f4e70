"""Momentum indicators and oscillators: distance and speed of a price's moves."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays, Mask
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod, Period
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import (
    decay,
    earlier_bars_of_window,
    ema_bars,
    moves_of_window,
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


def mom(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Momentum: the price minus the price ``timeperiod`` bars ago.

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
    """Ratio of the price to the price ``timeperiod`` bars ago.

    References
    ----------
    TA-Lib, function ROCR.
    """
    return ta("ROCR", price, timeperiod)


def rocr100(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Ratio of the price to the price ``timeperiod`` bars ago, times 100.

    References
    ----------
    TA-Lib, function ROCR100.
    """
    return ta("ROCR100", price, timeperiod)


def rsi(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Relative strength index: the share of gains in all moves, 0 to 100.

    Gains and losses are averaged by Wilder's smoothing, alpha = 1 / timeperiod. NaN for
    the first ``timeperiod`` bars, and until the price has moved.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function RSI.
    """
    # For a price that has not moved, TA-Lib returns 0, as if it had only fallen.
    return until_moved(price != price[:1], ta("RSI", price, timeperiod))


def cmo(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Chande momentum oscillator: gains minus losses over their sum, -100 to 100.

    Gains and losses are averaged by Wilder's smoothing. NaN until the price has moved.

    References
    ----------
    Chande and Kroll, The new technical trader, 1994; TA-Lib, function CMO, which
    smooths where the book sums.
    """
    return until_moved(price != price[:1], ta("CMO", price, timeperiod))


def _flat(high: FloatArray, low: FloatArray, bars: int) -> Mask:
    """Return where the highest high of the last bars equals their lowest low."""
    flat: Mask = np.equal(high, low)
    if bars == 1 or not flat.any():
        return flat
    still = np.flatnonzero(flat[1:] & flat[:-1] & (high[1:] == high[:-1])) + 1
    first, last = still[: 2 - bars or None], still[bars - 2 :]
    result = np.zeros(len(high), dtype=bool)
    result[last[last - first == bars - 2]] = True
    return result


def _any_of_last(flags: Mask, bars: int) -> Mask:
    """Return where at least one of the last bars is flagged."""
    if bars == 1 or not flags.any():
        return flags
    some: Mask = ta("MAX", flags.astype(np.float64), bars) > 0
    return some


def stochf(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    fastk_period: Period = 5,
    fastd_period: Period = 3,
) -> FloatArrays:
    """Fast stochastic: position of the price in the range of the last bars, 0 to 100.

    %K is the position in the range of the last ``fastk_period`` bars, NaN if that range
    is 0; %D is the mean of %K over ``fastd_period`` bars.

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
) -> FloatArrays:
    """Slow stochastic: the mean of the fast stochastic, 0 to 100.

    %K is the mean of the fast %K over ``slowk_period`` bars, %D the mean of %K over
    ``slowd_period`` bars; both are NaN if the fast %K of one of these bars is NaN.

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
) -> FloatArrays:
    """Stochastic RSI: position of the RSI in its own range, 0 to 100.

    %K is the position in the range of the last ``fastk_period`` values of `rsi`, %D the
    mean of %K over ``fastd_period`` bars. NaN if the price has not moved in these bars,
    because then the RSI has not moved either.

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

    In percent of the range of the last bars; NaN if that range is 0.

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

    In units of 0.015 mean absolute deviations; NaN if the typical price has not moved
    in the last bars.

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
    """Ultimate oscillator: share of buying pressure in the true range, 0 to 100.

    It is the mean over three periods with weights 4, 2 and 1. NaN if the true range of
    all bars in one of the periods is 0.

    References
    ----------
    Williams, The ultimate oscillator, 1985; TA-Lib, function ULTOSC.
    """
    periods = (timeperiod1, timeperiod2, timeperiod3)
    still = window_sum(ta("TRANGE", high, low, price), min(periods)) == 0
    return blank(ta("ULTOSC", high, low, price, *periods), still)


def fisher(
    high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 10
) -> FloatArrays:
    """Fisher transform of the median price's position in its own range.

    The position, from -1 to 1, is smoothed (a third new, two thirds old), and beyond
    0.99 it is set to 0.999; the transform is smoothed again (half new, half old). The
    trigger line is the transform of the bar before. If the last ``timeperiod`` median
    prices are all equal, the position is the middle.

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
) -> FloatArrays:
    """Elder ray: distance of the bar's high and low from the EMA of the price.

    Bull power is the high minus the average, bear power the low minus the average.

    References
    ----------
    Elder, Trading for a living, 1993.
    """
    average = ta("EMA", price, timeperiod)
    return high - average, low - average


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
    """Warm-up of both smoothings, of 0.67 and 0.5 per bar, and the trigger's bar."""
    return timeperiod + decay(6, 2)


MOMENTUM: dict[str, FeatureFunction] = {
    "mom": FeatureFunction(mom, moves_of_window, "difference"),
    "roc": FeatureFunction(roc, moves_of_window, "percent"),
    "rocp": FeatureFunction(rocp, moves_of_window, "fraction"),
    "rocr": FeatureFunction(rocr, moves_of_window, "ratio"),
    "rocr100": FeatureFunction(rocr100, moves_of_window, "percent"),
    "rsi": FeatureFunction(rsi, _rsi_warm_up),
    "cmo": FeatureFunction(cmo, _rsi_warm_up),
    "stochf_k": FeatureFunction(stochf, _stochf_warm_up, output=0, line="%K"),
    "stochf_d": FeatureFunction(stochf, _stochf_warm_up, output=1, line="%D"),
    "stoch_k": FeatureFunction(stoch, _stoch_warm_up, output=0, line="%K"),
    "stoch_d": FeatureFunction(stoch, _stoch_warm_up, output=1, line="%D"),
    "stochrsi_k": FeatureFunction(stochrsi, _stochrsi_warm_up, output=0, line="%K"),
    "stochrsi_d": FeatureFunction(stochrsi, _stochrsi_warm_up, output=1, line="%D"),
    "willr": FeatureFunction(willr, earlier_bars_of_window),
    "cci": FeatureFunction(cci, earlier_bars_of_window),
    "ultosc": FeatureFunction(ultosc, _ultosc_warm_up),
    "fisher": FeatureFunction(fisher, _fisher_warm_up, output=0, line="the transform"),
    "fisher_signal": FeatureFunction(fisher, _fisher_warm_up, output=1, line="trigger"),
    "eri_bull": FeatureFunction(eri, ema_bars, "difference", 0, "bull power"),
    "eri_bear": FeatureFunction(eri, ema_bars, "difference", 1, "bear power"),
}
