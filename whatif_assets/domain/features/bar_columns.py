"""Columns of tidy bars as arrays, the input of feature functions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, Mask

Price = Literal["open", "high", "low", "close", "vwap", "typical"]
PRICES: tuple[str, ...] = ("open", "high", "low", "close", "vwap", "typical")


def price_of(bars: pd.DataFrame, price: str) -> FloatArray:
    """Return a price column of bars as an array.

    Parameters
    ----------
    bars
        Tidy bars.
    price
        A column, or ``typical``: (high + low + close) / 3.

    Returns
    -------
    ndarray of float64
        Contiguous, one value per bar, NaN where the bar has no value.
    """
    if price == "typical":
        total = price_of(bars, "high") + price_of(bars, "low") + price_of(bars, "close")
        return total / 3.0
    values = bars[price].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(values)


def column_elsewhere(price: str, symbol: str) -> str:
    """Return the name of the column with another symbol's price at each bar.

    The symbol is written in hexadecimal, because Spark reads a dot in a column name
    as the access of a field.
    """
    return f"{price}@{symbol.encode().hex()}"


def fact_column(part: str, fact: str) -> str:
    """Return the name of a column of a fact, such as its ``value``, at each bar."""
    return f"{part}@{fact.encode().hex()}"


class BarColumns:
    """Columns of tidy bars as arrays: read once, and sliced by rows without copying.

    Parameters
    ----------
    bars
        Tidy bars of any number of symbols.
    """

    def __init__(self, bars: pd.DataFrame) -> None:
        self.bars = bars
        self._values: dict[str, FloatArray] = {}
        self._missing: dict[str, Mask | None] = {}
        self._known: dict[tuple[str, ...], Mask | None] = {}

    def values(self, name: str) -> FloatArray:
        """Return a column as an array, see `price_of`."""
        if name not in self._values:
            self._values[name] = price_of(self.bars, name)
        return self._values[name]

    def known(self, names: tuple[str, ...]) -> Mask | None:
        """Return which bars have a value in all named columns; None if all bars do."""
        if names not in self._known:
            lacking = [gaps for gaps in map(self._gaps, names) if gaps is not None]
            known = ~np.any(lacking, axis=0) if lacking else None
            self._known[names] = known
        return self._known[names]

    def _gaps(self, name: str) -> Mask | None:
        """Return which bars lack a value in a column; None if no bar does."""
        if name not in self._missing:
            missing = np.isnan(self.values(name))
            self._missing[name] = missing if missing.any() else None
        return self._missing[name]
