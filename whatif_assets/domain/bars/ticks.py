"""Ticks: single trades, and the bars that they make."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.resample import aggregated, slots
from whatif_assets.domain.bars.schema import BAR_COLUMNS, ORIGIN_COLUMNS, no_bars
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.arrays import IntArray

# What adding up may round off: 0.7 and 0.2 and 0.1 reach 1.
ROUNDING = 1e-9


def bars_of_trades(
    trades: pd.DataFrame, bar_size: BarSize, sessions: Sessions
) -> pd.DataFrame:
    """Make bars from trades.

    Parameters
    ----------
    trades
        One trade a row, sorted by (symbol, ts), those of one instant as they happened:
        ``symbol``, ``ts`` (UTC), ``open high low close`` (its price), ``volume`` (its
        size) and ``session``; each of a session.
    bar_size
        Bars by the clock lie on the grid of `whatif_assets.domain.bars.resample.slots`.
        Those of volume and money start with a trade and end with the one that reaches
        the amount, or with the session. No trade is divided, and those of one instant
        stay together, so that a bar may hold more than the amount.
    sessions
        The market's sessions.

    Returns
    -------
    DataFrame
        `BAR_COLUMNS` and ``session``, sorted by (symbol, ts), each once. ``ts`` is the
        start of the bar by the clock, the session at 00:00 UTC of daily bars, and else
        the first trade's. ``vwap`` is exact, the sum of price times size over the sum
        of sizes (NaN where that is 0), ``trade_count`` counts the trades. A bar without
        a trade is absent.
    """
    if trades.empty:
        return no_bars().assign(session=trades["session"])
    new = _changes(trades["symbol"]) | _changes(trades["session"])
    if bar_size.by_activity:
        stamps = trades["ts"].to_numpy(dtype="datetime64[us]")
        traded = trades["volume"].to_numpy(dtype=np.float64)
        if bar_size.kind == "dollar":
            traded = traded * trades["close"].to_numpy(dtype=np.float64)
        enough = bar_size.amount * (1 - ROUNDING)
        new = _filled()(new, stamps.view(np.int64), traded, enough)
    else:
        stamps = slots(trades, bar_size, sessions).starts
        new[1:] |= stamps[1:] != stamps[:-1]
    first = np.flatnonzero(new)
    kept = ["symbol", "session", *(c for c in ORIGIN_COLUMNS if c in trades)]
    ts = pd.DatetimeIndex(stamps[first]).tz_localize("UTC").as_unit("us")
    one_each = trades.assign(vwap=trades["close"], trade_count=1, vwap_is_typical=False)
    bars = trades[kept].iloc[first].reset_index(drop=True)
    bars = bars.assign(ts=ts, **aggregated(one_each, first))
    # What rounds must not leave the bar: of one price, the vwap is that price.
    vwap = bars["vwap"].clip(bars["low"], bars["high"]).where(bars["volume"] > 0)
    return bars.assign(vwap=vwap, trade_count=bars["trade_count"].astype("Int64"))[
        [*BAR_COLUMNS, *kept[1:]]
    ]


def _changes(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Whether each row has another value than the row before it; the first has."""
    codes = pd.factorize(column)[0]
    return np.asarray(np.diff(codes, prepend=-1) != 0)


@functools.cache
def _filled() -> Callable[..., Any]:
    """Compile what finds the trades that start a bar, when it is first needed."""
    from numba import njit

    return njit(cache=True, nogil=True)(_bar_starts)  # type: ignore[no-any-return]


def _bar_starts(new: Any, stamps: IntArray, traded: Any, enough: float) -> Any:
    """Mark the trades at which a bar starts, where those of sessions are marked."""
    starts, total = new.copy(), 0.0
    for trade in range(len(stamps)):
        later = trade > 0 and stamps[trade] != stamps[trade - 1]
        if new[trade] or (later and total >= enough):
            starts[trade] = True
            total = 0.0
        total += traded[trade]
    return starts
