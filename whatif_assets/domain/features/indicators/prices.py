"""Prices of a bar, and statistics of the last prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays
from whatif_assets.domain.features.bar_columns import PRICES
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod
from whatif_assets.domain.features.indicators.calls import ta
from whatif_assets.domain.features.indicators.warm_ups import earlier_bars_of_window
from whatif_assets.domain.features.indicators.windows import window_line


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
    """Linear regression of the last prices on time: value at this bar.

    References
    ----------
    TA-Lib, function LINEARREG.
    """
    return ta("LINEARREG", price, timeperiod)


def linearreg_slope(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Linear regression of the last prices on time: slope per bar.

    References
    ----------
    TA-Lib, function LINEARREG_SLOPE.
    """
    return ta("LINEARREG_SLOPE", price, timeperiod)


def linearreg_intercept(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Linear regression of the last prices on time: value at the first bar.

    References
    ----------
    TA-Lib, function LINEARREG_INTERCEPT.
    """
    return ta("LINEARREG_INTERCEPT", price, timeperiod)


def tsf(price: FloatArray, timeperiod: LongPeriod = 14) -> FloatArray:
    """Time series forecast: value of the linear regression at the next bar.

    References
    ----------
    TA-Lib, function TSF.
    """
    return ta("TSF", price, timeperiod)


def weighted_linearreg(
    price: FloatArray, volume: FloatArray, timeperiod: LongPeriod = 14
) -> FloatArrays:
    """Linear regression of the last prices on time, weighted by volume.

    Returns the value at this bar, the slope per bar, and the value at the first of the
    last ``timeperiod`` bars. NaN if fewer than two of these bars have volume.

    References
    ----------
    Weighted least squares.
    """
    return tuple(window_line(price, volume, timeperiod))


def own(values: FloatArray) -> FloatArray:
    """Value of the bar itself."""
    return values


def bar_gap(bars: pd.DataFrame) -> FloatArray:
    """Seconds from the start of the symbol's previous bar to the start of this bar.

    It is longer than a bar after a night, a weekend, or minutes without a trade. NaN
    for the first bar.
    """
    start = bars["ts"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    return np.diff(start / 1e6, prepend=np.nan)


def _previous_bar() -> int:
    return 1


PRICE_FEATURES: dict[str, FeatureFunction] = {
    **{
        name: FeatureFunction(own, unit="price", line=name, reads=(name,))
        for name in PRICES
    },
    "volume": FeatureFunction(own, unit="volume", line="volume", reads=("volume",)),
    "bar_gap": FeatureFunction(bar_gap, _previous_bar),
    "wclprice": FeatureFunction(wclprice, unit="price"),
    "midpoint": FeatureFunction(midpoint, earlier_bars_of_window, "price"),
    "midprice": FeatureFunction(midprice, earlier_bars_of_window, "price"),
    "min": FeatureFunction(lowest, earlier_bars_of_window, "price"),
    "max": FeatureFunction(highest, earlier_bars_of_window, "price"),
    "linearreg": FeatureFunction(linearreg, earlier_bars_of_window, "price"),
    "linearreg_slope": FeatureFunction(
        linearreg_slope, earlier_bars_of_window, "difference"
    ),
    "linearreg_intercept": FeatureFunction(
        linearreg_intercept, earlier_bars_of_window, "price"
    ),
    "tsf": FeatureFunction(tsf, earlier_bars_of_window, "price"),
    "weighted_linearreg": FeatureFunction(
        weighted_linearreg, earlier_bars_of_window, "price", 0, "the value at this bar"
    ),
    "weighted_linearreg_slope": FeatureFunction(
        weighted_linearreg, earlier_bars_of_window, "difference", 1, "the slope per bar"
    ),
    "weighted_linearreg_intercept": FeatureFunction(
        weighted_linearreg,
        earlier_bars_of_window,
        "price",
        2,
        "the value at the first bar",
    ),
}
