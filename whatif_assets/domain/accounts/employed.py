"""The capital that positions employed, which may be much less than the cash."""

from __future__ import annotations

import numpy as np
import pandas as pd


def most_employed(fills: pd.DataFrame) -> float:
    """Compute the largest value of all open positions together at one time.

    Parameters
    ----------
    fills
        Fills of one variant: ``symbol``, ``ts``, ``size`` (negative for a sale),
        ``price`` and ``multiplier``, in time order within each symbol.

    Returns
    -------
    float
        In the account's currency. Each position, long or short, counts with its value
        at its latest fill, so price moves while it is held are not seen. NaN without
        fills.
    """
    if fills.empty:
        return float("nan")
    held = fills.groupby("symbol", observed=True)["size"].cumsum()
    value = (held * fills["price"] * fills["multiplier"]).abs()
    before = value.groupby(fills["symbol"], observed=True).shift(fill_value=0.0)
    # Fills of one bar happen together: money from one position pays for the next.
    changes = (value - before).groupby(fills["ts"], sort=True).sum()
    return float(np.max(np.cumsum(changes.to_numpy(dtype=np.float64))))
