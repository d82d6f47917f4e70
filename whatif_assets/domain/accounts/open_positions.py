"""Positions that the fills of a variant leave open."""

from __future__ import annotations

import numpy as np
import pandas as pd

OPEN_POSITIONS = ("symbol", "opened", "size", "entry")
FLAT = 1e-9  # units below which a position is none


def open_positions(fills: pd.DataFrame) -> pd.DataFrame:
    """List the positions that are open after the last fill.

    Parameters
    ----------
    fills
        Fills of one variant: ``symbol``, ``ts``, ``size`` (negative for a sale) and
        ``price``, in time order within each symbol.

    Returns
    -------
    pandas.DataFrame
        One row per open position, sorted by symbol: ``symbol``; ``opened``, ``ts`` of
        the fill with which the position left zero or changed its side; ``size``, units
        held, negative if short; and ``entry``, the average price of the units that
        were added since.
    """
    by = fills["symbol"]
    held = fills["size"].groupby(by, observed=True).cumsum()
    held = held.where(held.abs() > FLAT, 0.0)
    before = held.groupby(by, observed=True).shift(fill_value=0.0)
    begins = np.sign(held) != np.sign(before)
    added = held.abs() - before.abs().where(~begins, 0.0)
    rows = fills.assign(held=held, added=added.clip(lower=0.0))
    rows["position"] = begins.groupby(by, observed=True).cumsum()
    last = rows.groupby("symbol", observed=True)["position"].transform("max")
    found = [
        (symbol, one["ts"].iloc[0], one["held"].iloc[-1], _entry(one))
        for symbol, one in rows[rows["position"] == last].groupby(
            "symbol", observed=True
        )
        if one["held"].iloc[-1]
    ]
    return pd.DataFrame(found, columns=list(OPEN_POSITIONS))


def _entry(position: pd.DataFrame) -> float:
    return float(np.average(position["price"], weights=position["added"]))
