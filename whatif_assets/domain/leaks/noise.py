"""Noise: bars replaced by other plausible bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.leaks.finding import KEYS


def replace_by_noise(bars: pd.DataFrame, start: int, seed: int) -> pd.DataFrame:
    """Replace the bars from a row on by other plausible bars.

    New prices are between a third of the old prices and three times the old prices.
    New highs lie above and new lows below all prices that are likely to have occurred.
    ``symbol``, ``ts`` and ``session`` are unchanged.

    Parameters
    ----------
    bars
        Tidy bars of one symbol or more.
    start
        The first row to replace.
    seed
        The same seed gives the same noise.
    """
    rng = np.random.default_rng(seed)
    old = bars.iloc[start:]
    size = len(old)
    new = _prices(old, rng)
    for name in old.columns.difference([*KEYS, "session", *new]):
        new[name] = _other(old[name], rng, size)
    return bars.assign(
        **{name: _spliced(bars[name], start, values) for name, values in new.items()}
    )


def _spliced(column: pd.Series, start: int, values: npt.ArrayLike) -> Any:
    """Replace the end of a column, and keep the type of the column."""
    changed = column.array.copy()
    changed[start:] = pd.array(np.asarray(values)).astype(column.dtype)
    return changed


def _prices(old: pd.DataFrame, rng: np.random.Generator) -> dict[str, npt.ArrayLike]:
    size = len(old)
    opens, closes = (
        old[name].to_numpy(dtype=np.float64) * np.exp(rng.uniform(-0.5, 0.5, size))
        for name in ("open", "close")
    )
    highs = np.maximum(opens, closes) * rng.uniform(1.4, 1.8, size)
    lows = np.minimum(opens, closes) * rng.uniform(0.55, 0.7, size)
    between = lows + (highs - lows) * rng.uniform(0, 1, size)
    prices = {"open": opens, "high": highs, "low": lows, "close": closes}
    return {**prices, "vwap": between} if "vwap" in old else prices


def _other(
    column: pd.Series, rng: np.random.Generator, size: int
) -> npt.NDArray[np.generic] | pd.Series:
    """Draw values of a column's type; columns of other types are unchanged."""
    if pd.api.types.is_bool_dtype(column):
        return rng.integers(0, 2, size).astype(bool)
    if pd.api.types.is_numeric_dtype(column):
        most = float(np.nan_to_num(column.max() if column.notna().any() else 0))
        return np.round(rng.uniform(1, 2 * abs(most) + 1000, size))
    return column
