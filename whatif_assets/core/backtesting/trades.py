"""Closed trades from fills, counted as Backtrader counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
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
    trades = list(_closed(fills))
    rows = np.array([(t.opened, t.closed) for t in trades], dtype=np.int64)
    first, last = rows.reshape(-1, 2).T
    numbers = {
        name: np.array([getattr(trade, name) for trade in trades], dtype=np.float64)
        for name in TRADE_COLUMNS[4:]
    }
    return pd.DataFrame(
        {
            "variant": fills["variant"].to_numpy()[last],
            "symbol": fills["symbol"].to_numpy()[last],
            "opened": fills["ts"].array[first],
            "closed": fills["ts"].array[last],
            **numbers,
        }
    )


def _closed(fills: pd.DataFrame) -> Iterator[_Trade]:
    """Go through the fills; one trade is open per variant and symbol at a time."""
    running: dict[tuple[str, str], _Trade] = {}
    columns = ("variant", "symbol", "size", "price", "commission", "multiplier")
    lists = [fills[name].tolist() for name in columns]
    charged = fills["closing"].tolist() if "closing" in fills else [None] * len(fills)
    for row, (
        variant,
        symbol,
        size,
        price,
        commission,
        multiplier,
        closing,
    ) in enumerate(zip(*lists, charged)):
        trade = running.get((variant, symbol))
        if trade is None:
            running[variant, symbol] = _Trade.begin(row, size, price, commission)
            continue
        # Turned round: the first part closes, the rest opens.
        turned = (trade.open + size) * trade.open < 0
        part = -trade.open if turned else size
        share = commission * (part / size)
        if turned and closing is not None:
            share = closing
        trade.add(row, part, price, share, multiplier)
        if trade.open == 0:
            yield running.pop((variant, symbol))
        if turned:
            rest = size - part
            running[variant, symbol] = _Trade.begin(
                row, rest, price, commission - share
            )


@dataclass
class _Trade:
    """A trade in the making; ``opened`` and ``closed`` are rows of the fills."""

    opened: int
    closed: int
    open: float
    size: float
    entry: float
    commission: float
    gross: float = 0.0
    sold: float = 0.0
    proceeds: float = 0.0

    @classmethod
    def begin(cls, row: int, size: float, price: float, commission: float) -> _Trade:
        return cls(row, row, size, size, price, commission)

    def add(
        self, row: int, size: float, price: float, commission: float, multiplier: float
    ) -> None:
        before = self.open
        self.open += size
        self.closed = row
        self.commission += commission
        if abs(self.open) > abs(before):
            self.entry = (before * self.entry + size * price) / self.open
        else:
            self.gross += -size * (price - self.entry) * multiplier
            self.sold += size
            self.proceeds += size * price
        if abs(self.open) > abs(self.size):
            self.size = self.open

    @property
    def exit(self) -> float:
        return self.proceeds / self.sold

    @property
    def pnl(self) -> float:
        return self.gross - self.commission
