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

    A trade begins where a position leaves zero and ends where it returns to zero. A
    fill that reverses a position ends one trade and begins the next, and its commission
    is split as the broker charged it. The profit of the units that a fill closes is
    measured from the average entry price.

    Parameters
    ----------
    fills
        Columns variant, symbol, ts, size (negative for a sale), price, commission
        and multiplier (money per point of the price), in time order within each variant
        and symbol. The optional column ``closing`` is the part of the commission that
        was charged for closing; without it, the commission of a fill that reverses a
        position is split by size.

    Returns
    -------
    pandas.DataFrame
        One row per closed trade, in the order of the fills that closed them: variant,
        symbol, opened and closed (ts of the first and last fill, UTC), size (the
        largest, negative for a short trade), entry and exit (average prices), gross
        (profit before commission), commission, and pnl (gross less commission). A
        position that is still open is not a closed trade.

    References
    ----------
    The accounting is the same as in ``backtrader.Trade``.
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
    """Number the account (variant and symbol) of each fill; count the accounts."""
    variant, variants = pd.factorize(fills["variant"])
    symbol, symbols = pd.factorize(fills["symbol"])
    account = variant.astype(np.int64) * len(symbols) + symbol
    return account, len(variants) * len(symbols)
