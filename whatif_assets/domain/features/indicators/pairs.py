"""What two prices have to do with one another.

The other price is one of the same symbol, or, where ``symbol`` names one, of another:
its price in the bar of the same time. Of the last ``timeperiod`` bars of a symbol those
count in which both have a price (and, where returns are taken, both had one in the bar
before).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import (
    FeatureFunction,
    LongPeriod,
    Period,
    Unit,
)
from whatif_assets.domain.features.indicators.windows import (
    blank,
    log_return,
    window_fit,
    window_sum,
)

Arrays = tuple[FloatArray, ...]


def realized_correlation(
    price: FloatArray, other: FloatArray, timeperiod: LongPeriod = 15
) -> FloatArray:
    """Realised correlation: that of the last log returns of two prices, -1 to 1.

    NaN where one of the two has not moved, or moved evenly.

    References
    ----------
    Andersen, Bollerslev, Diebold and Labys, The distribution of realized exchange
    rate volatility, 2001; about the mean, as Pearson's.
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
    """Realised volatility of a price less that of the other; see there.

    References
    ----------
    As for `realized_volatility`.
    """
    squares, others = log_return(price) ** 2, log_return(other) ** 2
    both = ~(np.isnan(squares) | np.isnan(others))
    mine, theirs = (
        np.sqrt(window_sum(np.where(both, values, 0.0), timeperiod))
        for values in (squares, others)
    )
    none = window_sum(both.astype(np.float64), timeperiod) == 0
    spread = blank(mine - theirs, none)
    spread[:timeperiod] = np.nan
    return spread


def regression(
    price: FloatArray, other: FloatArray, timeperiod: LongPeriod = 15
) -> Arrays:
    """Linear regression of the last prices on the other price.

    Its slope and its intercept, the price where the other is 0. NaN where the other
    has not moved.

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
) -> Arrays:
    """Linear regression of the last prices on the other price, weighted by volume.

    Its slope and its intercept, the price where the other is 0. The volume is that of
    the bar's own symbol. NaN where the other has not moved in a bar with volume.

    References
    ----------
    Weighted least squares.
    """
    return _line(price, other, volume, timeperiod)


def _line(
    price: FloatArray, other: FloatArray, weight: FloatArray, timeperiod: int
) -> Arrays:
    slope, intercept, _ = window_fit(price, other, weight, timeperiod)
    return slope, intercept


def _last_bars(timeperiod: int) -> int:
    return timeperiod - 1


def _last_returns(timeperiod: int) -> int:
    return timeperiod


def _pair(
    compute: Callable[..., Any],
    warm_up: Callable[..., int],
    unit: Unit = "number",
    output: int | None = None,
    line: str = "",
) -> FeatureFunction:
    return FeatureFunction(compute, warm_up, unit, output, line, skips_missing=False)


PAIRS: dict[str, FeatureFunction] = {
    "realized_correlation": _pair(realized_correlation, _last_returns),
    "realized_volatility_spread": _pair(
        realized_volatility_spread, _last_returns, "fraction"
    ),
    "regression_slope": _pair(regression, _last_bars, "ratio", 0, "slope"),
    "regression_intercept": _pair(regression, _last_bars, "difference", 1, "intercept"),
    "weighted_regression_slope": _pair(
        weighted_regression, _last_bars, "ratio", 0, "slope"
    ),
    "weighted_regression_intercept": _pair(
        weighted_regression, _last_bars, "difference", 1, "intercept"
    ),
}
