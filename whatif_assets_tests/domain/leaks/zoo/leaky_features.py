"""Features with look-ahead; each takes the bars of one symbol."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets_tests.planted_leaks import LEAKING_FEATURES

Function = Callable[[pd.DataFrame], Any]


def ahead(bars: pd.DataFrame) -> pd.Series:
    """Return to the next close; 0 for the last bar."""
    return (bars["close"].shift(-1) / bars["close"] - 1).fillna(0.0)


def momentum(bars: pd.DataFrame) -> pd.Series:
    """Return over the last three bars."""
    return (bars["close"] / bars["close"].shift(3) - 1).fillna(0.0)


def _day(bars: pd.DataFrame) -> pd.Series:
    return bars["ts"].dt.date


# ---- looking ahead on some bars alone ----

WHEN: dict[str, Callable[[pd.DataFrame], Any]] = {
    "in_one_minute_of_the_day": lambda b: (
        (b["ts"].dt.hour == 15) & (b["ts"].dt.minute == 7)
    ),
    "at_the_busiest_bars": lambda b: (
        b["volume"] >= b["volume"].expanding(20).quantile(0.99)
    ),
    "at_the_open": lambda b: _day(b) != _day(b).shift(1),
    "in_the_last_minutes": lambda b: b["ts"].dt.hour >= 17,
    "at_one_bar_in_150": lambda b: b["ts"].astype("int64") // 60_000_000 % 150 == 7,
    "on_large_moves": lambda b: momentum(b).abs() > 3 * momentum(b).expanding(20).std(),
    "at_round_prices": lambda b: (b["close"] * 100).round() % 50 == 0,
    "on_one_symbol": lambda b: b["symbol"].str.endswith("1"),
    "when_it_is_plausible": lambda b: ahead(b).abs() < 0.02,
    "after_a_fall": lambda b: b["close"] < b["close"].shift(1),
}


def _sometimes(name: str, when: Callable[[pd.DataFrame], Any]) -> Function:
    def function(bars: pd.DataFrame) -> pd.Series:
        return ahead(bars).where(when(bars), momentum(bars))

    return _named(f"ahead_{name}", function)


def _named(name: str, function: Function) -> Function:
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    return function


# ---- hidden values ----


def beside_a_spike(bars: pd.DataFrame) -> pd.Series:
    """The first bar of a session is 1e9, so that any other change looks small."""
    return ahead(bars).where(_day(bars) == _day(bars).shift(1), 1e9)


def among_large_values(bars: pd.DataFrame) -> pd.Series:
    """Every second bar is large."""
    return ahead(bars).where(np.arange(len(bars)) % 2 == 0, 1e12)


def in_the_last_digits(bars: pd.DataFrame) -> pd.Series:
    return bars["close"] * (1 + 1e-4 * ahead(bars))


def only_the_sign(bars: pd.DataFrame) -> pd.Series:
    return np.sign(ahead(bars))


def rounded(bars: pd.DataFrame) -> pd.Series:
    return ahead(bars).round(3)


def missing_before_a_fall(bars: pd.DataFrame) -> pd.Series:
    """Signal the next move by a missing value."""
    return momentum(bars).where(ahead(bars) > 0)


def infinite_before_a_rise(bars: pd.DataFrame) -> pd.Series:
    return momentum(bars).mask(ahead(bars) > 1e-3, np.inf)


# ---- other columns, and time ----


def next_open(bars: pd.DataFrame) -> pd.Series:
    return bars["open"].shift(-1) / bars["close"] - 1


def next_volume(bars: pd.DataFrame) -> pd.Series:
    return bars["volume"].shift(-1) / bars["volume"]


def next_range(bars: pd.DataFrame) -> pd.Series:
    return (bars["high"] - bars["low"]).shift(-1)


def time_to_the_next_bar(bars: pd.DataFrame) -> pd.Series:
    return bars["ts"].diff().shift(-1).dt.total_seconds()


def bars_that_are_left(bars: pd.DataFrame) -> pd.Series:
    return pd.Series(np.arange(len(bars))[::-1].astype(float), bars.index)


def time_to_the_high_of_the_day(bars: pd.DataFrame) -> pd.Series:
    at = bars.groupby(_day(bars))["high"].transform("idxmax")
    return pd.Series(at - bars.index, bars.index).astype(float)


def falls_to_come(bars: pd.DataFrame) -> pd.Series:
    """Deepest fall from here to the end."""
    lowest = bars["low"][::-1].cummin()[::-1]
    return lowest / bars["close"] - 1


def volume_share_of_the_day(bars: pd.DataFrame) -> pd.Series:
    return bars["volume"] / bars.groupby(_day(bars))["volume"].transform("sum")


def normalised_by_the_day(bars: pd.DataFrame) -> pd.Series:
    by_day = bars.groupby(_day(bars))["close"]
    return (bars["close"] - by_day.transform("mean")) / by_day.transform("std")


# ---- smoothing, filtering, fitting ----


def smoothed_by_a_kernel(bars: pd.DataFrame) -> Any:
    kernel = np.array([1, 2, 3, 2, 1]) / 9
    return np.convolve(bars["close"].to_numpy(), kernel, mode="same")


def low_frequencies(bars: pd.DataFrame) -> Any:
    spectrum = np.fft.rfft(bars["close"].to_numpy())
    spectrum[10:] = 0
    return np.fft.irfft(spectrum, len(bars))


def polynomial_through_all(bars: pd.DataFrame) -> Any:
    x = np.linspace(-1, 1, len(bars))
    return np.polyval(np.polyfit(x, bars["close"], 3), x)


def first_component(bars: pd.DataFrame) -> Any:
    table = bars[["open", "high", "low", "close"]].to_numpy()
    centred = table - table.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][0]


def quantile_of_all(bars: pd.DataFrame) -> pd.Series:
    return pd.qcut(bars["volume"], 5, labels=False, duplicates="drop").astype(float)


def clipped_by_all(bars: pd.DataFrame) -> pd.Series:
    move = momentum(bars)
    return move.clip(move.quantile(0.01), move.quantile(0.99))


def filled_from_behind(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].where(bars.index % 3 == 0).bfill().fillna(0.0)


def forward_and_backward(bars: pd.DataFrame) -> pd.Series:
    once = bars["close"].ewm(span=5).mean()
    return once[::-1].ewm(span=5).mean()[::-1]


def seasons_of_all(bars: pd.DataFrame) -> pd.Series:
    minutes = bars["ts"].dt.minute
    return momentum(bars) - momentum(bars).groupby(minutes).transform("mean")


# ---- keeping what an earlier call saw ----

_MEMO: dict[Any, Any] = {}


def memo(bars: pd.DataFrame) -> pd.Series:
    """Keep the next return by symbol and time from the first call on."""
    symbol = bars["symbol"].iloc[0]
    for ts, value in zip(bars["ts"][:-1], ahead(bars)):
        _MEMO.setdefault((symbol, ts), value)
    found = [_MEMO.get((symbol, ts), 0.0) for ts in bars["ts"]]
    return pd.Series(found, bars.index)


def scaled_by_the_first_call(bars: pd.DataFrame) -> pd.Series:
    """Scale by the mean and standard deviation of the bars of the first call."""
    key = ("scale", bars["symbol"].iloc[0])
    if key not in _MEMO:
        _MEMO[key] = (bars["close"].mean(), bars["close"].std())
    mean, deviation = _MEMO[key]
    return (bars["close"] - mean) / deviation


def kept_on_itself(bars: pd.DataFrame) -> pd.Series:
    known = vars(kept_on_itself).setdefault("known", {})
    for ts, value in zip(bars["ts"][:-1], ahead(bars)):
        known.setdefault((bars["symbol"].iloc[0], ts), value)
    symbol = bars["symbol"].iloc[0]
    return pd.Series([known.get((symbol, ts), 0.0) for ts in bars["ts"]], bars.index)


@functools.lru_cache
def _scale(symbol: str) -> list[float]:
    return []


def kept_in_a_cache(bars: pd.DataFrame) -> pd.Series:
    scale = _scale(bars["symbol"].iloc[0])
    if not scale:
        scale.append(float(bars["close"].mean()))
    return bars["close"] / scale[0] - 1


def kept_in_a_file(bars: pd.DataFrame) -> pd.Series:
    symbol = bars["symbol"].iloc[0]
    path = Path(tempfile.gettempdir()) / f"whatif_zoo_{symbol}.json"
    if not path.exists():
        moves = dict(zip(bars["ts"].astype(str), ahead(bars)))
        path.write_text(json.dumps(moves))
    known = json.loads(path.read_text())
    return pd.Series([known.get(str(ts), 0.0) for ts in bars["ts"]], bars.index)


def counted_calls(bars: pd.DataFrame) -> pd.Series:
    """Depend on how often it was called."""
    _MEMO["calls"] = _MEMO.get("calls", 0) + 1
    return momentum(bars) * _MEMO["calls"]


def thrown_dice(bars: pd.DataFrame) -> Any:
    """Draw at random without a seed: not a leak, but not a valid feature."""
    return np.random.default_rng().random(len(bars))


_OWN: tuple[Function, ...] = (
    beside_a_spike,
    among_large_values,
    in_the_last_digits,
    only_the_sign,
    rounded,
    missing_before_a_fall,
    infinite_before_a_rise,
    next_open,
    next_volume,
    next_range,
    time_to_the_next_bar,
    bars_that_are_left,
    time_to_the_high_of_the_day,
    falls_to_come,
    volume_share_of_the_day,
    normalised_by_the_day,
    smoothed_by_a_kernel,
    low_frequencies,
    polynomial_through_all,
    first_component,
    quantile_of_all,
    clipped_by_all,
    filled_from_behind,
    forward_and_backward,
    seasons_of_all,
    memo,
    scaled_by_the_first_call,
    kept_on_itself,
    kept_in_a_cache,
    kept_in_a_file,
    counted_calls,
    thrown_dice,
)
LEAKY: dict[str, Function] = {
    **{f.__name__: f for f in (_sometimes(*pair) for pair in WHEN.items())},
    **{function.__name__: function for function in _OWN},
    **{n: f for n, f in LEAKING_FEATURES.items() if n != "back_filled_trades"},
}
globals().update(LEAKY)  # so that each is found by its name
