"""Indicators of the volume behind the moves of a price.

Several are usually defined as running totals from the first bar of a history. Their
level depends on where the history begins, and only their changes have a meaning. Here
they are totals over the last ``timeperiod`` bars, and, independent of scale, the ratio
of that total to the volume of those bars.
"""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
    Positive,
)
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.trend import check_periods
from whatif_assets.domain.features.indicators.warm_ups import (
    earlier_bars_of_window,
    ema_bars,
    moves_of_window,
)
from whatif_assets.domain.features.indicators.windows import (
    change,
    earlier,
    log_return,
    share,
    window_sum,
)


def ad(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    volume: FloatArray,
    timeperiod: Period = 15,
) -> FloatArrays:
    """Accumulation/distribution over the last bars: volume by the close's position.

    A bar's volume counts with a weight from -1 (the price is its low) to 1 (its high);
    the weight is 0 if high equals low. The second line is the total over the volume of
    these bars, which is Chaikin's money flow: NaN if there was no volume.

    References
    ----------
    Williams, How I made one million dollars, 1979; Achelis, Technical analysis from
    A to Z, 2000. The running total is TA-Lib's function AD.
    """
    place = np.zeros_like(price)
    np.divide((price - low) - (high - price), high - low, out=place, where=high != low)
    total: FloatArray = window_sum(place * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def obv(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> FloatArrays:
    """On-balance volume over the last bars: volume with the sign of the move.

    The second line is the total over the volume of these bars, -1 to 1: NaN if there
    was no volume.

    References
    ----------
    Granville, New key to stock market profits, 1963. The running total is TA-Lib's
    function OBV.
    """
    total: FloatArray = window_sum(np.sign(change(price)) * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def pvt(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> FloatArrays:
    """Price-volume trend over the last bars: volume times the return of the bar.

    The second line is the total over the volume of these bars, a mean return weighted
    by volume: NaN if there was no volume.

    References
    ----------
    Achelis, Technical analysis from A to Z, 2000. The running total is TA-Lib's
    function PVT.
    """
    before = earlier(price, 1)
    total: FloatArray = window_sum(share(price - before, before) * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def nvi(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> FloatArray:
    """Ratio of the negative volume index to its value ``timeperiod`` bars ago.

    It is the compounded return of the bars whose volume was below that of the bar
    before.

    References
    ----------
    Fosback, Stock market logic, 1976. The running product is TA-Lib's function NVI.
    """
    counted = np.where(change(volume) < 0, log_return(price), 0.0)
    counted[:1] = np.nan
    return np.exp(window_sum(counted, timeperiod))  # type: ignore[no-any-return]


def mfi(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    volume: FloatArray,
    timeperiod: LongPeriod = 14,
) -> FloatArray:
    """Money flow index: share of rising prices in the money flow, 0 to 100.

    The money flow of a bar is its typical price times its volume, positive if the
    typical price rose and negative if it fell; NaN if there was no money flow.

    References
    ----------
    Quong and Soudack, Volume-weighted RSI: money flow, 1989. TA-Lib's function MFI
    returns 0 if the money flow is less than 1.
    """
    typical = (high + low + price) / 3
    flow = typical * volume
    move = change(typical)
    move[:1] = np.nan
    rise = window_sum(np.where(np.isnan(move), np.nan, flow * (move > 0)), timeperiod)
    both = window_sum(np.where(np.isnan(move), np.nan, flow * (move != 0)), timeperiod)
    return 100 * share(rise, both)


def efi(price: FloatArray, volume: FloatArray, timeperiod: Period = 13) -> FloatArray:
    """Elder's force index: the EMA of the price's change times the volume.

    References
    ----------
    Elder, Trading for a living, 1993; TA-Lib, function EFI.
    """
    return ta("EFI", price, volume, timeperiod)


def emv(
    high: FloatArray,
    low: FloatArray,
    volume: FloatArray,
    timeperiod: Period = 14,
    scale: Positive = 1_000_000.0,
) -> FloatArray:
    """Ease of movement: mean of the median price's change times range over volume.

    The median price is (high + low) / 2, and volume counts in units of ``scale``. NaN
    if one of the last ``timeperiod`` bars has no volume.

    References
    ----------
    Arms, Volume cycles in the stock market, 1994.
    """
    moved = change((high + low) / 2) * (high - low)
    mean: FloatArray = window_sum(share(moved, volume / scale), timeperiod) / timeperiod
    return mean


def kvo(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    volume: FloatArray,
    fastperiod: LongPeriod = 34,
    slowperiod: LongPeriod = 55,
    signalperiod: Period = 13,
) -> FloatArrays:
    """Klinger oscillator: fast EMA minus slow EMA of the signed volume.

    A bar's volume is negative if its typical price is below that of the bar before,
    else positive. Klinger's own weight is left out, as in today's charting software: it
    compares a bar with its whole trend, so that it would need an unlimited history. The
    second line is the EMA of the oscillator.

    References
    ----------
    Klinger, Identifying trends with volume analysis, 1997.
    """
    check_periods("kvo", fastperiod, slowperiod)
    signed = np.where(change((high + low + price) / 3) < 0, -volume, volume)[1:]
    line = np.full_like(price, np.nan)
    line[1:] = ta("EMA", signed, fastperiod) - ta("EMA", signed, slowperiod)
    return line, ta("EMA", line, signalperiod)


def _emv_warm_up(timeperiod: int, scale: float) -> int:
    return timeperiod


def _kvo_warm_up(fastperiod: int, slowperiod: int, signalperiod: int) -> int:
    check_periods("kvo", fastperiod, slowperiod)
    return 1 + ema_bars(slowperiod) + ema_bars(signalperiod)


VOLUME: dict[str, FeatureFunction] = {
    "ad": FeatureFunction(ad, earlier_bars_of_window, "volume", 0, "the total"),
    "cmf": FeatureFunction(
        ad, earlier_bars_of_window, "fraction", 1, "by volume, Chaikin's money flow"
    ),
    "obv": FeatureFunction(obv, moves_of_window, "volume", 0, "the total"),
    "obv_ratio": FeatureFunction(obv, moves_of_window, "fraction", 1, "by volume"),
    "pvt": FeatureFunction(pvt, moves_of_window, "volume", 0, "the total"),
    "pvt_ratio": FeatureFunction(pvt, moves_of_window, "fraction", 1, "by volume"),
    "nvi": FeatureFunction(nvi, moves_of_window, "ratio"),
    "mfi": FeatureFunction(mfi, moves_of_window),
    "efi": FeatureFunction(efi, lambda timeperiod: 1 + ema_bars(timeperiod), "money"),
    "emv": FeatureFunction(emv, _emv_warm_up),
    "kvo": FeatureFunction(kvo, _kvo_warm_up, "volume", 0, "the oscillator"),
    "kvo_signal": FeatureFunction(kvo, _kvo_warm_up, "volume", 1, "its signal line"),
}
