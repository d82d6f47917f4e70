"""A symbol against another one: beta, residual return and the spread of a pair.

``to`` names the other symbol; its price is that of the bar of the same time. Of the
last ``timeperiod`` bars of the symbol, only bars in which both prices exist and are
above 0 are used (for returns, also those of the bar before). Returns are log returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import FeatureFunction, LongPeriod
from whatif_assets.domain.features.indicators.warm_ups import (
    earlier_bars_of_window,
    moves_of_window,
)
from whatif_assets.domain.features.indicators.windows import (
    blank,
    log_return,
    share,
    window_fit,
    window_misfit,
)

ROUNDING = 1e-12  # a smaller part of a log price is an error of rounding


def beta(
    price: FloatArray, benchmark: FloatArray, timeperiod: LongPeriod = 390
) -> FloatArray:
    """Beta: slope of the last log returns on those of the symbol ``to``.

    NaN if the price of the other symbol has not moved.

    References
    ----------
    Sharpe, Capital asset prices, 1964; least squares with an intercept.
    """
    return _beta(log_return(price), log_return(benchmark), timeperiod)


def residual(
    price: FloatArray, benchmark: FloatArray, timeperiod: LongPeriod = 390
) -> FloatArray:
    """Residual return: the bar's log return minus beta times that of the symbol ``to``.

    See `beta`.

    References
    ----------
    As for `beta`.
    """
    returns, others = log_return(price), log_return(benchmark)
    return returns - _beta(returns, others, timeperiod) * others


def hedge_ratio(
    price: FloatArray, benchmark: FloatArray, timeperiod: LongPeriod = 390
) -> FloatArray:
    """Hedge ratio: slope of the last log prices on those of the symbol ``to``.

    A unit of money of the symbol is hedged by so many of the other one, sold. NaN if
    the price of the other symbol has not moved.

    References
    ----------
    As for `spread`.
    """
    own, other = _log(price), _log(benchmark)
    slope: FloatArray = window_fit(own, other, np.ones_like(own), timeperiod)[0]
    return slope


def spread(
    price: FloatArray, benchmark: FloatArray, timeperiod: LongPeriod = 390
) -> FloatArray:
    """Spread of a pair: log price minus the hedge ratio times that of ``to``.

    The hedge ratio is the slope of the last log prices on those of the other symbol.
    NaN if the price of the other symbol has not moved.

    References
    ----------
    Engle and Granger, Co-integration and error correction, 1987.
    """
    return _log(price) - hedge_ratio(price, benchmark, timeperiod) * _log(benchmark)


def spread_zscore(
    price: FloatArray, benchmark: FloatArray, timeperiod: LongPeriod = 390
) -> FloatArray:
    """Spread of a pair minus its mean, in standard deviations, over the last bars.

    The hedge ratio of the last bar applies to all bars of the window, see `spread`. NaN
    if the spread has not moved.

    References
    ----------
    As for `spread`, with the sample standard deviation.
    """
    own, other = _log(price), _log(benchmark)
    slope, intercept, _ = window_fit(own, other, np.ones_like(own), timeperiod)
    deviation = window_misfit(own, other, slope, intercept, timeperiod)
    still = deviation <= ROUNDING * (np.abs(own) + np.abs(slope * other))
    return blank(share(own - slope * other - intercept, deviation), still)


def _beta(returns: FloatArray, others: FloatArray, timeperiod: int) -> FloatArray:
    slope: FloatArray = window_fit(returns, others, np.ones_like(returns), timeperiod)[
        0
    ]
    slope[:timeperiod] = np.nan
    return slope


def _log(price: FloatArray) -> FloatArray:
    """Return the logarithms of prices; NaN for prices of 0 or less."""
    result = np.full_like(price, np.nan)
    np.log(price, out=result, where=price > 0)
    return result


def _against(
    compute: Callable[..., Any], warm_up: Callable[..., int]
) -> FeatureFunction:
    return FeatureFunction(compute, warm_up, skips_missing=False)


BENCHMARKS: dict[str, FeatureFunction] = {
    "beta": _against(beta, moves_of_window),
    "residual": _against(residual, moves_of_window),
    "hedge_ratio": _against(hedge_ratio, earlier_bars_of_window),
    "spread": _against(spread, earlier_bars_of_window),
    "spread_zscore": _against(spread_zscore, earlier_bars_of_window),
}
