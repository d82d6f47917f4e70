"""Ticks (single trades), and the bars that are made from them."""

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

# Relative tolerance for the rounding of sums, so that 0.7 + 0.2 + 0.1 reaches 1.
_ROUNDING = 1e-9


def bars_of_trades(
    trades: pd.DataFrame, bar_size: BarSize, sessions: Sessions
) -> pd.DataFrame:
    """Make bars from trades.

    Parameters
    ----------
    trades
        One row per trade, sorted by (symbol, ts); trades of one instant in the order
        in which they happened. Columns: ``symbol``, ``ts`` (UTC), ``open high low
        close`` (all the price), ``volume`` (the size) and ``session`` (never NaT).
    bar_size
        Time and daily bars lie on the grid of
        `whatif_assets.domain.bars.resample.slots`. A volume or dollar bar starts with
        a trade, and ends with the trade that reaches the amount or with the session.
        Trades are not divided, and trades of one instant are not separated, so that a
        bar may contain more than the amount.
    sessions
        The market's sessions.

    Returns
    -------
    DataFrame
        `BAR_COLUMNS` and ``session``, sorted by (symbol, ts) without duplicates.
        ``ts`` is the start of a time bar, the session at 00:00 UTC for a daily bar,
        and the time of the first trade for a volume or dollar bar, UTC. ``vwap`` is
        the sum of price times size over the sum of sizes (NaN if that sum is 0), and
        ``trade_count`` is the number of trades. There are no bars without trades.
    """
    if trades.empty:
        return no_bars().assign(session=trades["session"])
    new = _changes(trades["symbol"]) | _changes(trades["session"])
    if bar_size.by_activity:
        stamps = trades["ts"].to_numpy(dtype="datetime64[us]")
        traded = trades["volume"].to_numpy(dtype=np.float64)
        if bar_size.kind == "dollar":
            traded = traded * trades["close"].to_numpy(dtype=np.float64)
        enough = bar_size.amount * (1 - _ROUNDING)
        new = _compiled_bar_starts()(new, stamps.view(np.int64), traded, enough)
    else:
        stamps = slots(trades, bar_size, sessions).starts
        new[1:] |= stamps[1:] != stamps[:-1]
    first = np.flatnonzero(new)
    kept = ["symbol", "session", *(c for c in ORIGIN_COLUMNS if c in trades)]
    ts = pd.DatetimeIndex(stamps[first]).tz_localize("UTC").as_unit("us")
    as_bars = trades.assign(vwap=trades["close"], trade_count=1, vwap_is_typical=False)
    bars = trades[kept].iloc[first].reset_index(drop=True)
    bars = bars.assign(ts=ts, **aggregated(as_bars, first))
    # Rounding must not move the vwap outside of [low, high].
    vwap = bars["vwap"].clip(bars["low"], bars["high"]).where(bars["volume"] > 0)
    return bars.assign(vwap=vwap, trade_count=bars["trade_count"].astype("Int64"))[
        [*BAR_COLUMNS, *kept[1:]]
    ]


def _changes(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Whether each row has another value than the row before; true for the first."""
    codes = pd.factorize(column)[0]
    return np.asarray(np.diff(codes, prepend=-1) != 0)


@functools.cache
def _compiled_bar_starts() -> Callable[..., Any]:
    """Compile `_bar_starts` when it is first needed."""
    from numba import njit

    return njit(cache=True, nogil=True)(_bar_starts)  # type: ignore[no-any-return]


def _bar_starts(new: Any, stamps: IntArray, traded: Any, enough: float) -> Any:
    """Mark the trades that start a bar.

    ``new`` marks the first trade of each symbol and session, ``traded`` is the volume
    or money of each trade, and a bar is complete when it reaches ``enough``.
    """
    starts, total = new.copy(), 0.0
    for trade in range(len(stamps)):
        later = trade > 0 and stamps[trade] != stamps[trade - 1]
        if new[trade] or (later and total >= enough):
            starts[trade] = True
            total = 0.0
        total += traded[trade]
    return starts
