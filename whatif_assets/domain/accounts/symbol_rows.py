"""Rows of each symbol as arrays, gathered from parts without a table of all rows.

Bars lie in files by session and are traded by symbol. A table of all bars, sorted by
symbol, needs several times the memory of the arrays alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import IntArray, Mask

Column = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SymbolRows:
    """Rows of one symbol.

    Attributes
    ----------
    ts
        Bar starts, microseconds since 1970-01-01 UTC; n int64.
    columns
        n values each, by name.
    """

    ts: IntArray
    columns: Mapping[str, Column]

    def joined(self, columns: Mapping[str, Column]) -> SymbolRows:
        """Add columns of the same rows."""
        return SymbolRows(self.ts, {**self.columns, **columns})


def looked_up(
    rows: SymbolRows | None, ts: IntArray, names: Iterable[str]
) -> dict[str, Column]:
    """Look up float columns of a symbol's rows by their time.

    Parameters
    ----------
    rows
        Rows in any order; None if the symbol has none.
    ts
        The times to look up; n int64.
    names
        The columns.

    Returns
    -------
    dict
        n float64 each, NaN where no row has the time.
    """
    if rows is None:
        return {name: np.full(len(ts), np.nan) for name in names}
    if np.array_equal(rows.ts, ts):  # usually true
        return {name: rows.columns[name] for name in names}
    place, there = _places(rows.ts, ts)
    return {name: np.where(there, rows.columns[name][place], np.nan) for name in names}


def _places(ts: IntArray, wanted: IntArray) -> tuple[IntArray, Mask]:
    """Return where each wanted time is among some times, and whether it is there."""
    order = np.argsort(ts, kind="stable")
    place = np.searchsorted(ts, wanted, sorter=order)
    place = order[np.minimum(place, len(ts) - 1)]
    return place, ts[place] == wanted


def rows_by_symbol(
    parts: Iterable[pd.DataFrame], columns: Mapping[str, Any]
) -> dict[str, SymbolRows]:
    """Gather the rows of each symbol from parts, such as the bars of one session each.

    Needs memory for one part, and for the columns and times of all rows.

    Parameters
    ----------
    parts
        Tables with ``symbol``, ``ts`` (UTC) and the columns. The rows of a symbol keep
        the order in which they come.
    columns
        Names of the columns, with their types.

    Returns
    -------
    dict
        Rows by symbol, in the order in which the symbols come.
    """
    numbers: dict[str, int] = {}
    found: list[npt.NDArray[np.int32]] = []
    values: dict[str, list[Column]] = {name: [] for name in ("ts", *columns)}
    for part in parts:
        found.append(_numbered(part["symbol"], numbers))
        ts = part["ts"].to_numpy(dtype="datetime64[us]").view(np.int64)
        values["ts"].append(ts.copy())
        for name, kind in columns.items():
            # A copy, since a view would keep the whole part in memory.
            values[name].append(np.array(part[name].to_numpy(dtype=kind)))
    if not numbers:
        return {}
    symbol = np.concatenate(found)
    order = np.argsort(symbol, kind="stable")
    ends = np.cumsum(np.bincount(symbol, minlength=len(numbers)))[:-1]
    # One column after the other is sorted, and then not kept unsorted.
    whole = {n: np.split(np.concatenate(values.pop(n))[order], ends) for n in [*values]}
    ts_of = whole.pop("ts")
    return {
        name: SymbolRows(
            ts_of[number], {column: of[number] for column, of in whole.items()}
        )
        for name, number in numbers.items()
    }


def _numbered(
    symbols: pd.Series[Any], numbers: dict[str, int]
) -> npt.NDArray[np.int32]:
    """Return the number of each symbol; new symbols get the next numbers."""
    codes, names = pd.factorize(symbols)
    own = [numbers.setdefault(str(name), len(numbers)) for name in names]
    return np.array(own, dtype=np.int32)[codes]
