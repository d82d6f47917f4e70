"""Factors of splits and dividends, kept beside raw prices and not within them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = ("symbol", "date", "price_factor", "split_factor")
ADJUSTED = ("open", "high", "low", "close", "vwap")


def no_adjustments() -> pd.DataFrame:
    """Factors of nothing: each of `COLUMNS` in its type, and no row."""
    types = ("object", "datetime64[ns]", "float64", "float64")
    kinds = zip(COLUMNS, types, strict=True)
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds})


def load_adjustments(source: Any, symbols: Iterable[str]) -> pd.DataFrame:
    """Factors that a source knows of some symbols.

    Parameters
    ----------
    source
        As `whatif_assets.core.sources.open_source` gives it.
    symbols
        Symbols of the source.

    Returns
    -------
    DataFrame
        `COLUMNS`, sorted by (symbol, date): a row's factors hold for the sessions
        after the row before it, up to its own date. Empty where the source, or a
        symbol of it, has none.
    """
    if not hasattr(source, "adjustments"):
        return no_adjustments()
    found: pd.DataFrame = source.adjustments(sorted(set(symbols)))
    return found.sort_values(["symbol", "date"], kind="stable", ignore_index=True)


def factors(
    adjustments: pd.DataFrame, symbol: str, sessions: pd.DatetimeIndex
) -> pd.DataFrame:
    """Factors of a symbol in some sessions.

    Returns
    -------
    DataFrame
        ``price_factor`` (dividends) and ``split_factor``, in the order of the
        sessions; 1 after the last row, and where there is none.
    """
    own = adjustments[adjustments["symbol"] == symbol]
    row = own["date"].searchsorted(sessions, side="left")
    values = {
        name: np.append(own[name].to_numpy(float), 1.0)[row]
        for name in ("price_factor", "split_factor")
    }
    return pd.DataFrame(values, index=sessions)


def adjusted(
    bars: pd.DataFrame, adjustments: pd.DataFrame, as_of: date | None = None
) -> pd.DataFrame:
    """Bars as somebody would have seen them on a date, adjusted up to then.

    Parameters
    ----------
    bars
        Tidy bars with ``session`` and raw prices, of any symbols.
    adjustments
        As `load_adjustments` gives them.
    as_of
        The session whose raw prices stay as they are; the end of the factors where
        absent, as data vendors have it. Bars after it are adjusted to it, too.

    Returns
    -------
    DataFrame
        A copy: prices times price and split factor, and volume over the split
        factor, each over that of ``as_of``.
    """
    parts = []
    for symbol, own in bars.groupby("symbol", sort=False):
        known = factors(adjustments, str(symbol), pd.DatetimeIndex(own["session"]))
        if as_of is not None:
            then = pd.DatetimeIndex([pd.Timestamp(as_of)])
            known = known.div(factors(adjustments, str(symbol), then).iloc[0])
        split = known["split_factor"].to_numpy()
        price = known["price_factor"].to_numpy() * split
        prices = {name: own[name] * price for name in ADJUSTED if name in own}
        parts.append(own.assign(**prices, volume=own["volume"] / split))
    return pd.concat(parts) if parts else bars.copy()
