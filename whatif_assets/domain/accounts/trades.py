"""Closed trades from fills, counted as Backtrader counts them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

TRADE_COLUMNS = (
    "variant",
    "symbol",
    "opened",
    "closed",
    "size",
    "entry",
    "exit",
    "gross",
    "commission",
    "pnl",
)


def trades_of(fills: pd.DataFrame) -> pd.DataFrame:
    """Match fills to closed trades.

    A trade begins where a position leaves zero and ends where it is back at zero;
    a fill that turns a position round ends one trade and begins the next, its
    commission split as the broker charged it. The profit of a part that is closed
    is measured from the average price of what was open.

    Parameters
    ----------
    fills
        Columns variant, symbol, ts, size (negative for a sale), price, commission
        and multiplier (money per point of the price), in the order of time within a
        variant and symbol.
        ``closing`` is the part of the commission that fell on closing; without
        that column a fill that turns a position round has it split by size.

    Returns
    -------
    pandas.DataFrame
        One row per closed trade, in the order in which they closed within the
        order of the fills: variant, symbol, opened and closed (ts of the first and
        last fill), size (the largest, negative for a short trade), entry and exit
        (average prices), gross (profit before commission), commission, and pnl
        (gross less commission). A position still open is no trade.

    References
    ----------
    The accounting is that of ``backtrader.Trade``.
    """
    from whatif_assets.domain.accounts.matching import closed_trades

    numbers = ("size", "price", "commission", "multiplier")
    size, price, commission, multiplier = (
        fills[name].to_numpy(dtype=np.float64) for name in numbers
    )
    unknown = np.full(len(fills), np.nan)
    closing = fills["closing"].to_numpy(np.float64) if "closing" in fills else unknown
    account, accounts = _accounts(fills)
    ends, values = closed_trades(
        account, accounts, size, price, commission, multiplier, closing
    )
    first, last = ends.T
    return pd.DataFrame(
        {
            "variant": fills["variant"].to_numpy()[last],
            "symbol": fills["symbol"].to_numpy()[last],
            "opened": fills["ts"].array[first],
            "closed": fills["ts"].array[last],
            **dict(zip(TRADE_COLUMNS[4:], values.T)),
        }
    )


def _accounts(fills: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Number the variants and symbols of fills; give it for each, and how many."""
    variant, variants = pd.factorize(fills["variant"])
    symbol, symbols = pd.factorize(fills["symbol"])
    account = variant.astype(np.int64) * len(symbols) + symbol
    return account, len(variants) * len(symbols)
