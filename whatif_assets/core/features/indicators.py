"""The feature functions, and the registry ``FEATURES`` that names them.

A new feature is one function here and one line in ``FEATURES``. The function gets
the tidy bars of one symbol, oldest first, and returns one value per bar that
depends on this bar and earlier ones alone.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib
from pydantic import BaseModel, ConfigDict, Field, create_model

from whatif_assets.core.errors import BadInput

FloatArray = npt.NDArray[np.float64]
Price = Literal["open", "high", "low", "close", "vwap", "typical"]
PRICES: tuple[str, ...] = ("open", "high", "low", "close", "vwap", "typical")

# TA-Lib's own limit is 100,000; a signal of one bar is the line itself.
Period = Annotated[int, Field(ge=1, le=100_000)]
LongPeriod = Annotated[int, Field(ge=2, le=100_000)]

# What is left of the first value of a recursive feature once it has warmed up. A
# partition is asked to equal the whole history to 1e-9, and `relative_to` takes off
# some digits where it subtracts nearly equal prices.
REMAINDER = 1e-14

# Values of the windows that are looked at together: 8 MB.
_WINDOW_VALUES = 1_000_000


def price_of(bars: pd.DataFrame, price: str) -> FloatArray:
    """Price column of some bars.

    Parameters
    ----------
    bars
        Tidy bars.
    price
        A column, or ``typical``: (high + low + close) / 3.

    Returns
    -------
    ndarray of float64
        Contiguous, one value per bar, NaN where the bar has none.
    """
    if price == "typical":
        total = price_of(bars, "high") + price_of(bars, "low") + price_of(bars, "close")
        return total / 3.0
    return _floats(bars[price])


def _floats(column: pd.Series) -> FloatArray:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(values)


def _series(bars: pd.DataFrame, values: FloatArray) -> pd.Series:
    return pd.Series(values, index=bars.index)


@contextmanager
def _talib_defaults(function: str = "EMA") -> Iterator[None]:
    """Shield a call from TA-Lib's unstable period, which holds for the process."""
    settings: Any = talib  # the stubs leave out the functions used here
    unstable = settings.get_unstable_period(function)
    if unstable:
        settings.set_unstable_period(function, 0)
    try:
        yield
    finally:
        if unstable:
            settings.set_unstable_period(function, unstable)


def ema(
    bars: pd.DataFrame, timeperiod: Period = 10, price: Price = "close"
) -> pd.Series:
    """Exponential moving average, alpha = 2 / (timeperiod + 1).

    Parameters
    ----------
    bars
        Bars of one symbol, oldest first.
    timeperiod
        Bars; at least 1.
    price
        Price to average.

    Returns
    -------
    pandas.Series
        In the unit of the price. The first value is the mean of the first
        ``timeperiod`` prices, the bars before it are NaN. A bar whose price is NaN
        is NaN and is skipped: the average goes on with the next price.

    References
    ----------
    TA-Lib, function EMA.
    """
    values = price_of(bars, price)
    known = ~np.isnan(values)
    average = np.full_like(values, np.nan)
    with _talib_defaults():
        average[known] = talib.EMA(values[known], timeperiod=timeperiod)
    return _series(bars, average)


def macd(
    bars: pd.DataFrame,
    fastperiod: LongPeriod = 12,
    slowperiod: LongPeriod = 26,
    signalperiod: Period = 9,
    price: Price = "close",
) -> pd.Series:
    """Fast EMA minus slow EMA: moving average convergence/divergence.

    Parameters
    ----------
    bars
        Bars of one symbol, oldest first.
    fastperiod, slowperiod, signalperiod
        Bars of the two averages and of the signal line; fast < slow.
    price
        Price to average.

    Returns
    -------
    pandas.Series
        In the unit of the price; NaN for the first ``slowperiod + signalperiod -
        2`` bars. A bar whose price is NaN is NaN and is skipped.

    Raises
    ------
    BadInput
        The fast period is not below the slow one.

    References
    ----------
    TA-Lib, function MACD.
    """
    return _macd_line(bars, 0, fastperiod, slowperiod, signalperiod, price)


def macd_signal(
    bars: pd.DataFrame,
    fastperiod: LongPeriod = 12,
    slowperiod: LongPeriod = 26,
    signalperiod: Period = 9,
    price: Price = "close",
) -> pd.Series:
    """Signal line: the EMA of `macd` over ``signalperiod`` bars; see there."""
    return _macd_line(bars, 1, fastperiod, slowperiod, signalperiod, price)


def macd_hist(
    bars: pd.DataFrame,
    fastperiod: LongPeriod = 12,
    slowperiod: LongPeriod = 26,
    signalperiod: Period = 9,
    price: Price = "close",
) -> pd.Series:
    """Histogram: `macd` minus `macd_signal`; see there."""
    return _macd_line(bars, 2, fastperiod, slowperiod, signalperiod, price)


def _macd_line(
    bars: pd.DataFrame, line: int, fast: int, slow: int, signal: int, price: str
) -> pd.Series:
    _check_macd(fast, slow)
    values = price_of(bars, price)
    known = ~np.isnan(values)
    result = np.full_like(values, np.nan)
    with _talib_defaults():
        result[known] = talib.MACD(values[known], fast, slow, signal)[line]
    return _series(bars, result)


def _check_macd(fast: int, slow: int) -> None:
    if fast >= slow:  # TA-Lib would swap the two and say nothing
        raise BadInput(
            f"macd: fastperiod {fast} is not below slowperiod {slow}; "
            "the fast average has the shorter period."
        )


def rsi(
    bars: pd.DataFrame, timeperiod: LongPeriod = 14, price: Price = "close"
) -> pd.Series:
    """Relative strength index: the share of gains in all moves, 0 to 100.

    Parameters
    ----------
    bars
        Bars of one symbol, oldest first.
    timeperiod
        Bars of Wilder's average of gains and losses, alpha = 1 / timeperiod.
    price
        Price whose moves count.

    Returns
    -------
    pandas.Series
        NaN for the first ``timeperiod`` bars, and until the price has moved. A bar
        whose price is NaN is NaN and is skipped.

    References
    ----------
    Wilder, New concepts in technical trading systems, 1978; TA-Lib, function RSI.
    """
    values = price_of(bars, price)
    known = ~np.isnan(values)
    strength = np.full_like(values, np.nan)
    with _talib_defaults("RSI"):
        strength[known] = talib.RSI(values[known], timeperiod=timeperiod)
    # TA-Lib says 0, as if it had only fallen, of a price that has not moved.
    moved = np.zeros(len(values), dtype=bool)
    moved[known] = np.maximum.accumulate(values[known] != values[known][:1])
    strength[~moved] = np.nan
    return _series(bars, strength)


def bollinger(
    bars: pd.DataFrame, timeperiod: LongPeriod = 20, price: Price = "close"
) -> pd.Series:
    """Distance of a price from its moving average, in standard deviations.

    Beyond 2 the price lies above the upper Bollinger band of two deviations, below
    -2 under the lower one.

    Parameters
    ----------
    bars
        Bars of one symbol, oldest first.
    timeperiod
        Bars of the average and of the deviation (that of the population, n).
    price
        Price to compare.

    Returns
    -------
    pandas.Series
        NaN for the first ``timeperiod - 1`` bars and where all prices of the window
        are equal. A bar whose price is NaN is NaN and is skipped.

    References
    ----------
    Bollinger, Bollinger on Bollinger bands, 2001; TA-Lib, function BBANDS.
    """
    values = price_of(bars, price)
    known = ~np.isnan(values)
    distance = np.full_like(values, np.nan)
    distance[known] = _deviations(values[known], timeperiod)
    return _series(bars, distance)


def _deviations(values: FloatArray, timeperiod: int) -> FloatArray:
    """Express each value in deviations from the mean of the window that it ends.

    TA-Lib keeps running sums of squares, in which the digits of a small deviation
    cancel and which depend on where they began; each window by itself does not.
    """
    result = np.full_like(values, np.nan)
    rows = max(_WINDOW_VALUES // timeperiod, 1)
    for start in range(0, len(values) - timeperiod + 1, rows):
        stop = min(start + rows, len(values) - timeperiod + 1)
        window = np.lib.stride_tricks.sliding_window_view(
            values[start : stop + timeperiod - 1], timeperiod
        )
        last = slice(start + timeperiod - 1, stop + timeperiod - 1)
        mean, deviation = window.mean(axis=1), window.std(axis=1)
        moved = np.ptp(window, axis=1) > 0
        away = values[last] - mean
        np.divide(away, deviation, out=result[last], where=moved)
    return result


def _decay(timeperiod: int) -> int:
    """Bars after which an EMA has forgotten all but REMAINDER of its start."""
    if timeperiod == 1:
        return 0
    return math.ceil(math.log(REMAINDER) / math.log1p(-2.0 / (timeperiod + 1)))


def _ema_warm_up(timeperiod: int, price: str) -> int:
    return timeperiod - 1 + _decay(timeperiod)


def _macd_warm_up(
    fastperiod: int, slowperiod: int, signalperiod: int, price: str
) -> int:
    """Both decays one after the other: the signal is an average of averages."""
    _check_macd(fastperiod, slowperiod)
    start = slowperiod + signalperiod - 2
    return start + _decay(slowperiod) + _decay(signalperiod)


def _rsi_warm_up(timeperiod: int, price: str) -> int:
    """An average with alpha 1 / n is an EMA of period 2 n - 1."""
    return timeperiod + _decay(2 * timeperiod - 1)


def _bollinger_warm_up(timeperiod: int, price: str) -> int:
    return timeperiod - 1


def _no_warm_up(**arguments: Any) -> int:
    return 0


def _column_of_bars(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    def column(bars: pd.DataFrame) -> pd.Series:
        return _series(bars, price_of(bars, name))

    column.__doc__ = f"Return the bar's own {name}."
    return column


@dataclass(frozen=True)
class FeatureFunction:
    """A function that can be asked for by name, and what is known about it.

    Attributes
    ----------
    compute
        ``compute(bars of one symbol, **arguments)``, one value per bar.
    warm_up
        ``warm_up(**arguments)``: how many bars before a bar its value needs to be
        right to 1e-9. Where that is none, leave it out.
    unit
        ``price`` and ``difference`` (of prices) can be made free of scale with
        ``relative_to``; ``other`` cannot.
    """

    compute: Callable[..., pd.Series]
    warm_up: Callable[..., int] = _no_warm_up
    unit: Literal["price", "difference", "other"] = "other"

    @functools.cached_property
    def arguments(self) -> type[BaseModel]:
        """The arguments after the bars, with the types and defaults they have."""
        hints = get_type_hints(self.compute, include_extras=True)
        parameters = list(inspect.signature(self.compute).parameters.values())[1:]
        fields: dict[str, Any] = {
            p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
            for p in parameters
        }
        return create_model(
            "Arguments", __config__=ConfigDict(extra="forbid"), **fields
        )


FEATURES: dict[str, FeatureFunction] = {
    "ema": FeatureFunction(ema, _ema_warm_up, "price"),
    "macd": FeatureFunction(macd, _macd_warm_up, "difference"),
    "macd_signal": FeatureFunction(macd_signal, _macd_warm_up, "difference"),
    "macd_hist": FeatureFunction(macd_hist, _macd_warm_up, "difference"),
    "rsi": FeatureFunction(rsi, _rsi_warm_up),
    "bollinger": FeatureFunction(bollinger, _bollinger_warm_up),
    **{name: FeatureFunction(_column_of_bars(name), unit="price") for name in PRICES},
    "volume": FeatureFunction(_column_of_bars("volume")),
}
