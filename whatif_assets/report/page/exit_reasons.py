"""Why trades were closed, as far as their fills and the strategy's settings tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.number_format import format_figures
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies import STRATEGIES

OWN_RULE = "rule of the strategy"
SIGNAL, REVERSED = "signal", "opposite signal, reversed"
_ROUNDING = 1e-9  # relative; a stop fills at its price, up to rounding


def exit_reasons(
    trades: pd.DataFrame,
    strategy: str,
    settings: Mapping[str, Any],
    bars_held: FloatArray,
    minutes_left: FloatArray,
) -> list[str]:
    """Infer why each trade was closed.

    A backtest stores fills, not the thoughts behind them, so the reason is the first
    rule of the settings that the closing fill is consistent with.

    Parameters
    ----------
    trades
        Closed trades with ``symbol``, ``opened``, ``closed``, ``size``, ``entry`` and
        ``exit``.
    strategy, settings
        Name and settings of the strategy. Only built-in rules of one symbol are known;
        every trade of another strategy was closed by its own rule.
    bars_held
        Bars from the first to the last fill of each trade; NaN if not known.
    minutes_left
        Minutes from the last fill to the close of its session; NaN if not known.

    Returns
    -------
    list of str
        One reason per trade.
    """
    if strategy not in STRATEGIES:
        return [OWN_RULE] * len(trades)

    def _limit(name: str) -> float:
        return float(settings.get(name) or 0)

    gained = _gained(trades)
    stop, take = _limit("stop_loss"), _limit("take_profit")
    flat, longest = _limit("flat_before_close"), _limit("max_holding")
    # A stop fills within the bar, before any decision at its close.
    rules = (
        (stop, "stop loss {} %", gained <= -stop + _ROUNDING),
        (take, "take profit {} %", gained >= take - _ROUNDING),
        (flat, "flat {} minutes before the close", minutes_left <= flat),
        (True, REVERSED, _reversed(trades)),
        (longest, "held for {} bars", bars_held >= longest),
    )
    known = [
        (holds, words.format(format_figures(size)))
        for size, words, holds in rules
        if size
    ]
    trailing = f"trailing stop {format_figures(_limit('trailing_stop'))} %"
    rest = f"{SIGNAL} or {trailing}" if _limit("trailing_stop") else SIGNAL
    conditions, words = zip(*known)
    return [str(reason) for reason in np.select(conditions, words, rest)]


def _gained(trades: pd.DataFrame) -> FloatArray:
    """Compute the gain of each trade between its prices, in percent of the entry."""
    size, entry, left = (
        trades[name].to_numpy(dtype=np.float64) for name in ("size", "entry", "exit")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100 * np.sign(size) * (left - entry) / np.abs(entry))


def _reversed(trades: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the fill that closed a trade also opened the next one of its symbol."""
    opened = pd.MultiIndex.from_frame(trades[["symbol", "opened"]])
    closed = pd.MultiIndex.from_frame(trades[["symbol", "closed"]])
    return np.asarray(closed.isin(opened))
