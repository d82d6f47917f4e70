"""Prices of a bar, and statistics of the last prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.bar_columns import PRICES
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.windows import window_line

Arrays = tuple[FloatArray, ...]


def wclprice(high: FloatArray, low: FloatArray, price: FloatArray) -> FloatArray:
    """Weighted close: (high + low + 2 price) / 4.

    References
    ----------
    TA-Lib, function WCLPRICE.
    """
    return ta("WCLPRICE", high, low, price)


def midpoint(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Midpoint of the highest and the lowest of the last prices.

    References
    ----------
    TA-Lib, function MIDPOINT.
    """
    return ta("MIDPOINT", price, timeperiod)


def midprice(
    high: FloatArray, low: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArray:
    """Midpoint of the highest high and the lowest low of the last bars.

    References
    ----------
    TA-Lib, function MIDPRICE.
    """
    return ta("MIDPRICE", high, low, timeperiod)


def lowest(price: FloatArray, timeperiod: LongPeriod = 30) -> FloatArray:
    """Lowest of the last prices.

    References
    ----------
    TA-Lib, function MIN.
    """
    return ta("MIN", price, timeperiod)


def highest(price: FloatArray, timeperiod: LongPeriod = 30) -> FloatArray:
    """Highest of the last prices.

    References
    ----------
    TA-Lib, function MAX.
    """
    return ta("MAX", price, timeperiod)


def linearreg(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Linear regression of the last prices on time: the line's value at this bar.

    References
    ----------
    TA-Lib, function LINEARREG.
    """
    return ta("LINEARREG", price, timeperiod)


def linearreg_slope(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Linear regression of the last prices on time: the line's rise in a bar.

    References
    ----------
    TA-Lib, function LINEARREG_SLOPE.
    """
    return ta("LINEARREG_SLOPE", price, timeperiod)


def linearreg_intercept(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Linear regression of the last prices on time: its value at their first bar.

    References
    ----------
    TA-Lib, function LINEARREG_INTERCEPT.
    """
    return ta("LINEARREG_INTERCEPT", price, timeperiod)


def tsf(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Time series forecast: the linear regression's value at the next bar.

    References
    ----------
    TA-Lib, function TSF.
    """
    return ta("TSF", price, timeperiod)


def weighted_linearreg(
    price: FloatArray, volume: FloatArray, timeperiod: LongPeriod = 14
) -> Arrays:
    """Linear regression of the last prices on time, weighted by volume.

    Its value at this bar, its rise in a bar, and its value at the first of the last
    ``timeperiod`` bars. NaN where fewer than two of these have volume.

    References
    ----------
    Weighted least squares.
    """
    return tuple(window_line(price, volume, timeperiod))


def own(values: FloatArray) -> FloatArray:
    """Column of the bar itself."""
    return values


def bar_gap(bars: pd.DataFrame) -> FloatArray:
    """Seconds from the start of the symbol's bar before to that of this one.

    Over a night, a weekend, or minutes without a trade it is longer than a bar.
    """
    start = bars["ts"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    return np.diff(start / 1e6, prepend=np.nan)


def _the_bar_before() -> int:
    return 1


def _last_bars(timeperiod: int) -> int:
    return timeperiod - 1


PRICE_FEATURES: dict[str, FeatureFunction] = {
    **{
        name: FeatureFunction(own, unit="price", line=name, reads=(name,))
        for name in PRICES
    },
    "volume": FeatureFunction(own, unit="volume", line="volume", reads=("volume",)),
    "bar_gap": FeatureFunction(bar_gap, _the_bar_before),
    "wclprice": FeatureFunction(wclprice, unit="price"),
    "midpoint": FeatureFunction(midpoint, _last_bars, "price"),
    "midprice": FeatureFunction(midprice, _last_bars, "price"),
    "min": FeatureFunction(lowest, _last_bars, "price"),
    "max": FeatureFunction(highest, _last_bars, "price"),
    "linearreg": FeatureFunction(linearreg, _last_bars, "price"),
    "linearreg_slope": FeatureFunction(linearreg_slope, _last_bars, "difference"),
    "linearreg_intercept": FeatureFunction(linearreg_intercept, _last_bars, "price"),
    "tsf": FeatureFunction(tsf, _last_bars, "price"),
    "weighted_linearreg": FeatureFunction(
        weighted_linearreg, _last_bars, "price", 0, "the value at this bar"
    ),
    "weighted_linearreg_slope": FeatureFunction(
        weighted_linearreg, _last_bars, "difference", 1, "the rise in a bar"
    ),
    "weighted_linearreg_intercept": FeatureFunction(
        weighted_linearreg, _last_bars, "price", 2, "the value at the first bar"
    ),
}
