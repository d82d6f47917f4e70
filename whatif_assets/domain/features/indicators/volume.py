"""Indicators of the volume behind the moves of a price.

Several are known as running totals from the first bar of a history. Their level
says when that was, and only their changes mean something; here they are the total
over the last ``timeperiod`` bars, and, free of scale, that total in relation to the
volume of those bars.
"""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
    Positive,
)
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.trend import check_periods
from whatif_assets.domain.features.indicators.warm_ups import ema_bars
from whatif_assets.domain.features.indicators.windows import (
    change,
    earlier,
    log_return,
    share,
    window_sum,
)

Arrays = tuple[FloatArray, ...]


def ad(
    high: FloatArray,
    low: FloatArray,
    price: FloatArray,
    volume: FloatArray,
    timeperiod: Period = 15,
) -> Arrays:
    """Accumulation/distribution over the last bars: volume by the close's place.

    A bar's volume counts from -1 (the price is its low) to 1 (its high), and 0 where
    it has no range. The second line is the total in relation to the volume of these
    bars, which is Chaikin's money flow: NaN where there was none.

    References
    ----------
    Williams, How I made one million dollars, 1979; Achelis, Technical analysis from
    A to Z, 2000. The running total is TA-Lib's function AD.
    """
    place = np.zeros_like(price)
    np.divide((price - low) - (high - price), high - low, out=place, where=high != low)
    total: FloatArray = window_sum(place * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def obv(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> Arrays:
    """On-balance volume over the last bars: volume with the sign of the move.

    The second line is the total in relation to the volume of these bars, -1 to 1:
    NaN where there was none.

    References
    ----------
    Granville, New key to stock market profits, 1963. The running total is TA-Lib's
    function OBV.
    """
    total: FloatArray = window_sum(np.sign(change(price)) * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def pvt(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> Arrays:
    """Price-volume trend over the last bars: volume times the return of the bar.

    The second line is the total in relation to the volume of these bars, a mean
    return weighted by volume: NaN where there was none.

    References
    ----------
    Achelis, Technical analysis from A to Z, 2000. The running total is TA-Lib's
    function PVT.
    """
    before = earlier(price, 1)
    total: FloatArray = window_sum(share(price - before, before) * volume, timeperiod)
    return total, share(total, window_sum(volume, timeperiod))


def nvi(price: FloatArray, volume: FloatArray, timeperiod: Period = 15) -> FloatArray:
    """Negative volume index now over that ``timeperiod`` bars ago.

    The returns of those bars, compounded, whose volume was below that of the bar
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
    """Money flow index: the share of the money that rising prices moved, 0 to 100.

    A bar moves its typical price times its volume, up or down as the typical price
    went; NaN where none was moved.

    References
    ----------
    Quong and Soudack, Volume-weighted RSI: money flow, 1989. TA-Lib's function MFI
    says 0 where less than 1 unit of money was moved.
    """
    typical = (high + low + price) / 3
    flow = typical * volume
    move = change(typical)
    move[:1] = np.nan
    rise = window_sum(np.where(np.isnan(move), np.nan, flow * (move > 0)), timeperiod)
    both = window_sum(np.where(np.isnan(move), np.nan, flow * (move != 0)), timeperiod)
    return 100 * share(rise, both)


def efi(price: FloatArray, volume: FloatArray, timeperiod: Period = 13) -> FloatArray:
    """Elder's force index: the EMA of the price's move times the volume.

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
    """Ease of movement: mean of the median price's move by range over volume.

    Volume counts in units of ``scale``. NaN while one of the last bars has none.

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
) -> Arrays:
    """Klinger oscillator: fast EMA minus slow EMA of the signed volume.

    A bar's volume counts as positive where its typical price is not below the one
    before. Klinger's own weight, which measures a bar against all of its trend and
    so has no end, is left out, as charts of today do. The second line is the
    oscillator's EMA.

    References
    ----------
    Klinger, Identifying trends with volume analysis, 1997.
    """
    check_periods("kvo", fastperiod, slowperiod)
    signed = np.where(change((high + low + price) / 3) < 0, -volume, volume)[1:]
    line = np.full_like(price, np.nan)
    line[1:] = ta("EMA", signed, fastperiod) - ta("EMA", signed, slowperiod)
    return line, ta("EMA", line, signalperiod)


def _last_bars(timeperiod: int) -> int:
    return timeperiod - 1


def _last_moves(timeperiod: int) -> int:
    return timeperiod


def _emv_warm_up(timeperiod: int, scale: float) -> int:
    return timeperiod


def _kvo_warm_up(fastperiod: int, slowperiod: int, signalperiod: int) -> int:
    check_periods("kvo", fastperiod, slowperiod)
    return 1 + ema_bars(slowperiod) + ema_bars(signalperiod)


VOLUME: dict[str, FeatureFunction] = {
    "ad": FeatureFunction(ad, _last_bars, "volume", 0, "the total"),
    "cmf": FeatureFunction(
        ad, _last_bars, "fraction", 1, "by volume, Chaikin's money flow"
    ),
    "obv": FeatureFunction(obv, _last_moves, "volume", 0, "the total"),
    "obv_ratio": FeatureFunction(obv, _last_moves, "fraction", 1, "by volume"),
    "pvt": FeatureFunction(pvt, _last_moves, "volume", 0, "the total"),
    "pvt_ratio": FeatureFunction(pvt, _last_moves, "fraction", 1, "by volume"),
    "nvi": FeatureFunction(nvi, _last_moves, "ratio"),
    "mfi": FeatureFunction(mfi, _last_moves),
    "efi": FeatureFunction(efi, lambda timeperiod: 1 + ema_bars(timeperiod), "money"),
    "emv": FeatureFunction(emv, _emv_warm_up),
    "kvo": FeatureFunction(kvo, _kvo_warm_up, "volume", 0, "the oscillator"),
    "kvo_signal": FeatureFunction(kvo, _kvo_warm_up, "volume", 1, "its signal line"),
}
