"""The compiled loop that matches fills to closed trades; imported when needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Columns of the values of a closed trade.
SIZE, ENTRY, EXIT, GROSS, COMMISSION, PNL, VALUES = range(7)


@njit(cache=True, nogil=True, error_model="numpy")
def closed_trades(
    account: Any,
    accounts: int,
    size: Any,
    price: Any,
    commission: Any,
    multiplier: Any,
    closing: Any,
) -> tuple[Any, Any]:
    """Match fills to closed trades, as `whatif_assets.core.backtesting.trades` says.

    Parameters
    ----------
    account
        Number of the variant and symbol of each fill, below ``accounts``: one trade
        is open in each of them at a time.
    size, price, commission, multiplier
        Of each fill, float64.
    closing
        Part of each commission that fell on closing; NaN where it is split by size.

    Returns
    -------
    ends, values : numpy.ndarray
        First and last fill of each closed trade, and its values, a column each.
    """
    ends = np.empty((len(size), 2), dtype=np.int64)
    values = np.empty((len(size), VALUES))
    count = 0
    first = np.full(accounts, -1)
    held, largest, entry = np.zeros(accounts), np.zeros(accounts), np.zeros(accounts)
    charged, gross = np.zeros(accounts), np.zeros(accounts)
    sold, proceeds = np.zeros(accounts), np.zeros(accounts)
    for row in range(len(size)):
        n = account[row]
        rest, share = size[row], commission[row]
        if first[n] >= 0:
            # Turned round: the first part closes, the rest opens.
            before, part = held[n], size[row]
            turned = (before + part) * before < 0
            if turned:
                part = -before
            share = commission[row] * (part / size[row])
            if turned and not np.isnan(closing[row]):
                share = closing[row]
            held[n] += part
            charged[n] += share
            if abs(held[n]) > abs(before):
                entry[n] = (before * entry[n] + part * price[row]) / held[n]
            else:
                gross[n] += -part * (price[row] - entry[n]) * multiplier[row]
                sold[n] += part
                proceeds[n] += part * price[row]
            if abs(held[n]) > abs(largest[n]):
                largest[n] = held[n]
            if held[n] == 0:
                ends[count] = first[n], row
                values[count, SIZE], values[count, ENTRY] = largest[n], entry[n]
                values[count, EXIT] = proceeds[n] / sold[n]
                values[count, GROSS], values[count, COMMISSION] = gross[n], charged[n]
                values[count, PNL] = gross[n] - charged[n]
                count += 1
                first[n] = -1
            if not turned:
                continue
            rest, share = size[row] - part, commission[row] - share
        first[n] = row
        held[n], largest[n], entry[n], charged[n] = rest, rest, price[row], share
        gross[n], sold[n], proceeds[n] = 0.0, 0.0, 0.0
    return ends[:count], values[:count]
