"""Honest features, many of which look as if they had look-ahead."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Function = Callable[[pd.DataFrame], Any]


def _day(bars: pd.DataFrame) -> pd.Series:
    return bars["ts"].dt.date


def _moves(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].pct_change()


# ---- of pandas ----

OF_PANDAS: dict[str, Function] = {
    "momentum": lambda b: b["close"] / b["close"].shift(3) - 1,
    "mean": lambda b: b["close"].rolling(20).mean(),
    "deviation": lambda b: _moves(b).rolling(20).std(),
    "z_score": lambda b: (
        (b["close"] - b["close"].rolling(20).mean()) / b["close"].rolling(20).std()
    ),
    "growing_z_score": lambda b: (
        (b["close"] - b["close"].expanding().mean()) / b["close"].expanding().std()
    ),
    "exponential_mean": lambda b: b["close"].ewm(span=9, adjust=False).mean(),
    "exponential_deviation": lambda b: _moves(b).ewm(halflife=5).std(),
    "rank_in_a_window": lambda b: b["close"].rolling(30).rank(pct=True),
    "rank_so_far": lambda b: b["close"].expanding().rank(pct=True),
    "quantile_in_a_window": lambda b: b["close"].rolling(30).quantile(0.9),
    "skew": lambda b: _moves(b).rolling(30).skew(),
    "kurtosis": lambda b: _moves(b).rolling(30).kurt(),
    "correlation": lambda b: _moves(b).rolling(30).corr(b["volume"].pct_change()),
    "median": lambda b: b["close"].rolling(11).median(),
    "log_return": lambda b: np.log(b["close"]).diff(),
    "volume_ratio": lambda b: b["volume"] / b["volume"].rolling(20).mean(),
    "from_the_vwap": lambda b: b["close"] / b["vwap"] - 1,
    "earlier_close": lambda b: b["close"].shift(5),
    "sum_of_volume": lambda b: b["volume"].cumsum(),
    "drawdown": lambda b: b["close"] / b["close"].cummax() - 1,
    "high_of_the_day_so_far": lambda b: b.groupby(_day(b))["high"].cummax(),
    "low_of_the_day_so_far": lambda b: b.groupby(_day(b))["low"].cummin(),
    "open_of_the_day": lambda b: b.groupby(_day(b))["open"].transform("first"),
    "bars_of_the_day_so_far": lambda b: b.groupby(_day(b)).cumcount().astype(float),
    "minute_of_the_day": lambda b: np.sin(
        (b["ts"].dt.hour * 60 + b["ts"].dt.minute) / 1440 * 2 * np.pi
    ),
    "day_of_the_week": lambda b: b["ts"].dt.dayofweek.astype(float),
    "time_since_the_last_bar": lambda b: b["ts"].diff().dt.total_seconds(),
    "filled_forward": lambda b: b["close"].where(b.index % 3 == 0).ffill().fillna(0.0),
    "range_of_the_bar": lambda b: (b["high"] - b["low"]) / b["close"],
    "sign_of_the_move": lambda b: np.sign(b["close"].diff()),
    "volume_with_its_sign": lambda b: (
        (np.sign(b["close"].diff()) * b["volume"]).fillna(0.0).cumsum()
    ),
    "rises": lambda b: (b["close"] > b["close"].shift(1)).astype(float),
    "in_short_precision": lambda b: b["close"].astype("float32").rolling(5).mean(),
    "large_at_the_open": lambda b: (
        b["close"].pct_change().where(_day(b) == _day(b).shift(1), 1e9)
    ),
    "nothing": lambda b: b["close"] * 0.0,
    "infinite_at_times": lambda b: 1 / b["close"].diff().round(3),
    "half_hour_before": lambda b: pd.merge_asof(
        b[["ts"]],
        b.set_index("ts")["close"]
        .resample("30min", label="right", closed="left")
        .last()
        .rename("merged")
        .reset_index(),
        on="ts",
    )["merged"].ffill(),
    "as_loop": lambda b: [
        float(value) / max(n, 1) for n, value in enumerate(b["close"])
    ],
}


def _named(name: str, function: Function) -> Function:
    def named(bars: pd.DataFrame) -> Any:
        return function(bars)

    named.__name__ = named.__qualname__ = name
    return named


# ---- of NumPy ----


def filtered(bars: pd.DataFrame) -> Any:
    """Filter forward, by a loop."""
    level, closes = 0.0, bars["close"].to_numpy()
    found = np.empty(len(closes))
    for n, close in enumerate(closes):
        level += 0.3 * (close - level)
        found[n] = level
    return found


def convolved(bars: pd.DataFrame) -> Any:
    """Convolve with earlier bars alone."""
    kernel = np.array([4, 3, 2, 1]) / 10
    return np.convolve(bars["close"].to_numpy(), kernel)[: len(bars)]


def by_fast_transform(bars: pd.DataFrame) -> Any:
    """The same by a Fourier transform, whose last digits depend on all bars."""
    closes = bars["close"].to_numpy()
    size = 2 * len(closes)
    kernel = np.fft.rfft(np.array([4, 3, 2, 1]) / 10, size)
    return np.fft.irfft(np.fft.rfft(closes, size) * kernel, size)[: len(closes)]


def by_product(bars: pd.DataFrame) -> Any:
    """Multiply a table with weights: its last digits may depend on its length."""
    table = bars[["open", "high", "low", "close"]].to_numpy(dtype=np.float64)
    return table @ np.array([0.1, 0.2, 0.3, 0.4]) / table[:, 3] - 1


def slope(bars: pd.DataFrame) -> Any:
    """Slope of a line through the last ten closes."""
    closes = bars["close"].to_numpy()
    found, x = np.full(len(closes), np.nan), np.arange(10) - 4.5
    if len(closes) >= 10:
        windows = np.lib.stride_tricks.sliding_window_view(closes, 10)
        found[9:] = (windows * x).sum(axis=1) / (x**2).sum()
    return found


def residual(bars: pd.DataFrame) -> Any:
    """Residual of the last move in a regression on the previous move."""
    moves = _moves(bars)
    before = moves.shift(1)
    beta = moves.rolling(30).cov(before) / before.rolling(30).var()
    return moves - beta * before


def tracked(bars: pd.DataFrame) -> Any:
    """A Kalman filter of a walk with noise."""
    closes = bars["close"].to_numpy()
    level, spread = closes[0], 1.0
    found = np.empty(len(closes))
    for n, close in enumerate(closes):
        spread += 1e-4
        gain = spread / (spread + 1e-2)
        level, spread = level + gain * (close - level), (1 - gain) * spread
        found[n] = level
    return found


def streak(bars: pd.DataFrame) -> Any:
    """How many bars in a row have risen."""
    rises = (bars["close"].diff() > 0).to_numpy()
    found, run = np.zeros(len(rises)), 0
    for n, rise in enumerate(rises):
        run = run + 1 if rise else 0
        found[n] = run
    return found


def drawn_with_a_seed(bars: pd.DataFrame) -> Any:
    return np.random.default_rng(7).random(len(bars))


@functools.lru_cache
def _mean_of(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def cached_by_content(bars: pd.DataFrame) -> Any:
    closes = tuple(bars["close"])
    return [_mean_of(closes[max(n - 4, 0) : n + 1]) for n in range(len(closes))]


def entropy(bars: pd.DataFrame) -> Any:
    """Entropy of the signs of the last sixteen moves."""
    rises = (bars["close"].diff() > 0).rolling(16).mean()
    inside = rises.clip(1e-9, 1 - 1e-9)
    return -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside))


def of_its_symbol(bars: pd.DataFrame) -> pd.Series:
    """Depend on the symbol's name."""
    weight = sum(map(ord, bars["symbol"].iloc[0])) / 100
    return bars["close"] * weight


def recent_high(bars: pd.DataFrame) -> pd.Series:
    """Bars since the highest one of the last thirty."""
    return bars["high"].rolling(30).apply(np.argmax, raw=True)


_OWN: tuple[Function, ...] = (
    filtered,
    convolved,
    by_fast_transform,
    by_product,
    slope,
    residual,
    tracked,
    streak,
    drawn_with_a_seed,
    cached_by_content,
    entropy,
    of_its_symbol,
    recent_high,
)
HONEST: dict[str, Function] = {
    **{name: _named(name, function) for name, function in OF_PANDAS.items()},
    **{function.__name__: function for function in _OWN},
}
globals().update(HONEST)  # so that each is found by its name
