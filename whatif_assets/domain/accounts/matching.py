"""Compiled loop that matches fills to closed trades; imported when needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Columns of the figures of a closed trade.
SIZE, ENTRY, EXIT, GROSS, COMMISSION, PNL, VALUES = range(7)
# Columns of the open trade of an account: units held, largest units held, average entry
# price, commission so far, profit so far, units closed, and their units times price.
_HELD, _MOST, _ENTRY, _CHARGED, _GROSS, _SOLD, _PROCEEDS, _STATE = range(8)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _begin(trade: Any, size: float, price: float, commission: float) -> None:
    trade[:] = 0.0
    trade[_HELD], trade[_MOST] = size, size
    trade[_ENTRY], trade[_CHARGED] = price, commission


@_compiled
def _add(
    trade: Any, size: float, price: float, commission: float, multiplier: float
) -> None:
    before = trade[_HELD]
    trade[_HELD] += size
    trade[_CHARGED] += commission
    if abs(trade[_HELD]) > abs(before):
        trade[_ENTRY] = (before * trade[_ENTRY] + size * price) / trade[_HELD]
    else:
        trade[_GROSS] += -size * (price - trade[_ENTRY]) * multiplier
        trade[_SOLD] += size
        trade[_PROCEEDS] += size * price
    if abs(trade[_HELD]) > abs(trade[_MOST]):
        trade[_MOST] = trade[_HELD]


@_compiled
def _close(trade: Any, values: Any) -> None:
    values[SIZE], values[ENTRY] = trade[_MOST], trade[_ENTRY]
    values[EXIT] = trade[_PROCEEDS] / trade[_SOLD]
    values[GROSS], values[COMMISSION] = trade[_GROSS], trade[_CHARGED]
    values[PNL] = trade[_GROSS] - trade[_CHARGED]


@_compiled
def closed_trades(
    account: Any,
    accounts: int,
    size: Any,
    price: Any,
    commission: Any,
    multiplier: Any,
    closing: Any,
) -> tuple[Any, Any]:
    """Match fills to closed trades; see `whatif_assets.domain.accounts.trades`.

    Parameters
    ----------
    account
        Number of the account of each fill, from 0. An account is a variant with a
        symbol; it has at most one open trade at a time.
    accounts
        Number of accounts.
    size, price, commission, multiplier
        Size, price, commission and money per point of the price of each fill; float64.
    closing
        Part of each commission that was charged for closing; NaN where the commission
        is split by size.

    Returns
    -------
    ends, values : numpy.ndarray
        First and last fill of each closed trade, and its figures, one column each.
    """
    ends = np.empty((len(size), 2), dtype=np.int64)
    values = np.empty((len(size), VALUES))
    first, trades, count = np.full(accounts, -1), np.zeros((accounts, _STATE)), 0
    for row in range(len(size)):
        n, rest, share = account[row], size[row], commission[row]
        if first[n] >= 0:
            # A fill may reverse the position: its first part closes, the rest opens.
            held, part = trades[n, _HELD], size[row]
            reverses = (held + part) * held < 0
            if reverses:
                part = -held
            share = commission[row] * (part / size[row])
            if reverses and not np.isnan(closing[row]):
                share = closing[row]
            _add(trades[n], part, price[row], share, multiplier[row])
            if trades[n, _HELD] == 0:
                ends[count] = first[n], row
                _close(trades[n], values[count])
                count, first[n] = count + 1, -1
            if not reverses:
                continue
            rest, share = size[row] - part, commission[row] - share
        first[n] = row
        _begin(trades[n], rest, price[row], share)
    return ends[:count], values[:count]
