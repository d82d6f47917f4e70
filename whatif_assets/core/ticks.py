"""Ticks: single trades, and the bars that they make."""

from __future__ import annotations

import pandas as pd

from whatif_assets.core.bar_schema import (
    ORIGIN_COLUMNS,
    check_values,
    typed,
)
from whatif_assets.core.bar_size import BarSize


def time_bars(trades: pd.DataFrame, bar_size: BarSize, where: str) -> pd.DataFrame:
    """Make bars of a fixed length from trades.

    Parameters
    ----------
    trades
        One trade a row, in the order in which they happened: ``symbol``, ``ts``
        (UTC), ``open high low close`` (its price) and ``volume`` (its size);
        ``file`` and ``line`` where messages can name them.
    bar_size
        Of the bars; of daily bars, ``ts`` is the session's date already.
    where
        What messages call the origin of the trades.

    Returns
    -------
    DataFrame
        Columns as `whatif_assets.core.bars.tidy` takes them. ``vwap`` is exact,
        the sum of price times size over the sum of sizes (NaN where that is 0),
        and ``trade_count`` counts the trades. A bar without a trade is absent.

    Raises
    ------
    BadInput
        Naming the trade whose price is not positive and finite, or whose size is
        negative or no number.
    """
    rows = typed(trades, where).reset_index(drop=True)
    check_values(rows, where)
    start = rows["ts"].dt.floor(bar_size.length)
    rows = rows.assign(ts=start, vwap=rows["close"] * rows["volume"])
    kept = {name: (name, "first") for name in ORIGIN_COLUMNS if name in rows}
    bars = rows.groupby(["symbol", "ts"], as_index=False).agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        vwap=("vwap", "sum"),
        trade_count=("close", "size"),
        **kept,
    )
    volume = bars["volume"].where(bars["volume"] > 0)
    return bars.assign(vwap=bars["vwap"] / volume)
