"""The columns of tidy bars as arrays, as feature functions take them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray

BoolArray = npt.NDArray[np.bool_]
Price = Literal["open", "high", "low", "close", "vwap", "typical"]
PRICES: tuple[str, ...] = ("open", "high", "low", "close", "vwap", "typical")


def price_of(bars: pd.DataFrame, price: str) -> FloatArray:
    """Price column of some bars.

    Parameters
    ----------
    bars
        Tidy bars.
    price
        A column, or ``typical``: (high + low + close) / 3.

    Returns
    -------
    ndarray of float64
        Contiguous, one value per bar, NaN where the bar has none.
    """
    if price == "typical":
        total = price_of(bars, "high") + price_of(bars, "low") + price_of(bars, "close")
        return total / 3.0
    values = bars[price].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(values)


def column_elsewhere(price: str, symbol: str) -> str:
    """Name of the column that holds another symbol's price at each bar.

    Spark would take a dot in it for the field of a structure.
    """
    return f"{price}@{symbol.encode().hex()}"


def fact_column(part: str, fact: str) -> str:
    """Name of the column that holds a part of what is known of a fact at each bar."""
    return f"{part}@{fact.encode().hex()}"


class BarColumns:
    """Columns of tidy bars: read once, and cut by rows without copying.

    Parameters
    ----------
    bars
        Tidy bars of any number of symbols.
    """

    def __init__(self, bars: pd.DataFrame) -> None:
        self.bars = bars
        self._values: dict[str, FloatArray] = {}
        self._missing: dict[str, BoolArray | None] = {}
        self._known: dict[tuple[str, ...], BoolArray | None] = {}

    def values(self, name: str) -> FloatArray:
        """Return a column as `price_of` reads it."""
        if name not in self._values:
            self._values[name] = price_of(self.bars, name)
        return self._values[name]

    def known(self, names: tuple[str, ...]) -> BoolArray | None:
        """Tell which bars have all of some columns; None where all bars do."""
        if names not in self._known:
            lacking = [gaps for gaps in map(self._gaps, names) if gaps is not None]
            known = ~np.any(lacking, axis=0) if lacking else None
            self._known[names] = known
        return self._known[names]

    def _gaps(self, name: str) -> BoolArray | None:
        """Tell which bars lack a column; None where none does."""
        if name not in self._missing:
            missing = np.isnan(self.values(name))
            self._missing[name] = missing if missing.any() else None
        return self._missing[name]
