"""Relations between two prices: correlation, volatility spread and regression.

The other price is one of the same symbol, or of another symbol if ``symbol`` names one:
its price in the bar of the same time. Of the last ``timeperiod`` bars of the symbol,
only bars in which both prices exist are used (for returns, both prices must exist in
the bar before, too).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, FloatArrays
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
    Unit,
)
from whatif_assets.domain.features.indicators.warm_ups import (
    earlier_bars_of_window,
    moves_of_window,
)
from whatif_assets.domain.features.indicators.windows import (
    blank,
    log_return,
    window_fit,
    window_sum,
)


def realized_correlation(
    price: FloatArray, other: FloatArray, timeperiod: LongPeriod = 15
) -> FloatArray:
    """Realised correlation: correlation of the last log returns of two prices, -1 to 1.

    NaN if all log returns of one of the prices are equal.

    References
    ----------
    Andersen, Bollerslev, Diebold and Labys, The distribution of realized exchange
    rate volatility, 2001; with the mean subtracted, as in Pearson's correlation.
    """
    returns, others = log_return(price), log_return(other)
    correlation: FloatArray = window_fit(
        returns, others, np.ones_like(price), timeperiod
    )[2]
    correlation[:timeperiod] = np.nan
    return correlation


def realized_volatility_spread(
    price: FloatArray, other: FloatArray, timeperiod: Period = 15
) -> FloatArray:
    """Realised volatility of a price minus that of the other price.

    See `realized_volatility`. NaN if no bar has a return of both prices.

    References
    ----------
    As for `realized_volatility`.
    """
    squares, others = log_return(price) ** 2, log_return(other) ** 2
    both = ~(np.isnan(squares) | np.isnan(others))
    own_volatility, other_volatility = (
        np.sqrt(window_sum(np.where(both, values, 0.0), timeperiod))
        for values in (squares, others)
    )
    none = window_sum(both.astype(np.float64), timeperiod) == 0
    spread = blank(own_volatility - other_volatility, none)
    spread[:timeperiod] = np.nan
    return spread


def regression(
    price: FloatArray, other: FloatArray, timeperiod: LongPeriod = 15
) -> FloatArrays:
    """Linear regression of the last prices on the other price.

    Returns the slope and the intercept (the price if the other price is 0). NaN if the
    other price has not moved.

    References
    ----------
    Least squares.
    """
    return _line(price, other, np.ones_like(price), timeperiod)


def weighted_regression(
    price: FloatArray,
    other: FloatArray,
    volume: FloatArray,
    timeperiod: LongPeriod = 15,
) -> FloatArrays:
    """Linear regression of the last prices on the other price, weighted by volume.

    Returns the slope and the intercept (the price if the other price is 0). The volume
    is that of the bar's own symbol. NaN if the other price has not moved in the bars
    with volume.

    References
    ----------
    Weighted least squares.
    """
    return _line(price, other, volume, timeperiod)


def _line(
    price: FloatArray, other: FloatArray, weight: FloatArray, timeperiod: int
) -> FloatArrays:
    slope, intercept, _ = window_fit(price, other, weight, timeperiod)
    return slope, intercept


def _pair(
    compute: Callable[..., Any],
    warm_up: Callable[..., int],
    unit: Unit = "number",
    output: int | None = None,
    line: str = "",
) -> FeatureFunction:
    return FeatureFunction(compute, warm_up, unit, output, line, skips_missing=False)


PAIRS: dict[str, FeatureFunction] = {
    "realized_correlation": _pair(realized_correlation, moves_of_window),
    "realized_volatility_spread": _pair(
        realized_volatility_spread, moves_of_window, "fraction"
    ),
    "regression_slope": _pair(regression, earlier_bars_of_window, "ratio", 0, "slope"),
    "regression_intercept": _pair(
        regression, earlier_bars_of_window, "difference", 1, "intercept"
    ),
    "weighted_regression_slope": _pair(
        weighted_regression, earlier_bars_of_window, "ratio", 0, "slope"
    ),
    "weighted_regression_intercept": _pair(
        weighted_regression, earlier_bars_of_window, "difference", 1, "intercept"
    ),
}
