"""Rows of a stretch of time: of a table, and of several files kept as arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.schema import category, no_bars


def within(rows: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Rows whose ts lies in [start, end), counted anew; the rows themselves if all."""
    inside = (rows["ts"] >= start) & (rows["ts"] < end)
    return rows if inside.all() else rows[inside].reset_index(drop=True)


@dataclass(frozen=True)
class Part:
    """Rows of one file.

    Attributes
    ----------
    columns
        Numbers as arrays, texts as categories; ``ts`` apart.
    stamps
        ``ts`` in microseconds, UTC.
    ascending
        Whether the stamps are, so that a stretch of time is a slice.
    """

    columns: Mapping[str, Any]
    stamps: npt.NDArray[np.int64]
    ascending: bool

    @classmethod
    def of(cls, rows: Mapping[str, Any]) -> Part:
        """Take the columns of some rows: arrays, categories, and instants as ``ts``."""
        stamps = pd.DatetimeIndex(rows["ts"]).as_unit("us").asi8
        columns = {name: column for name, column in rows.items() if name != "ts"}
        return cls(columns, stamps, bool((stamps[1:] >= stamps[:-1]).all()))

    @property
    def symbols(self) -> set[str]:
        """Every symbol that has a row."""
        return set(self.columns["symbol"].categories)

    def between(self, start: int, end: int, symbols: Collection[str]) -> Part:
        """Rows of some symbols in [start, end), microseconds."""
        rows: slice | npt.NDArray[np.intp]
        if self.ascending:
            rows = slice(*np.searchsorted(self.stamps, [start, end]))
        else:
            rows = np.flatnonzero((self.stamps >= start) & (self.stamps < end))
        part = self._take(rows)
        if self.symbols <= set(symbols):
            return part
        return part._take(np.flatnonzero(part.columns["symbol"].isin(list(symbols))))

    def _take(self, rows: slice | npt.NDArray[np.intp]) -> Part:
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Part(columns, self.stamps[rows], self.ascending)


def together(parts: Sequence[Part], later: int) -> pd.DataFrame:
    """Put rows together, one part behind the other.

    Parameters
    ----------
    parts
        Any of them may lack a number that others have: it is NaN.
    later
        Microseconds that are added to each stamp.

    Returns
    -------
    DataFrame
        ``symbol`` and other texts as categories, ``ts`` (UTC) and the numbers.
    """
    if not parts:
        return no_bars()
    stamps = np.concatenate([part.stamps for part in parts])
    stamps += later
    ts = pd.DatetimeIndex(stamps.view("datetime64[us]")).tz_localize("UTC")
    columns: dict[str, Any] = {"symbol": None, "ts": ts}
    for name in dict.fromkeys(name for part in parts for name in part.columns):
        own: list[Any] = [part.columns.get(name) for part in parts]
        if isinstance(own[0], pd.Categorical):
            columns[name] = _one_category(own)
        else:
            columns[name] = np.concatenate(
                [
                    np.full(len(part.stamps), np.nan) if column is None else column
                    for part, column in zip(parts, own, strict=True)
                ]
            )
    return pd.DataFrame(columns, copy=False)


def _one_category(columns: Sequence[pd.Categorical[Any]]) -> pd.Categorical[Any]:
    """Put texts together, their categories in order."""
    names = sorted({name for column in columns for name in column.categories})
    place = {name: number for number, name in enumerate(names)}
    kind = np.min_scalar_type(-len(names))
    places = [
        np.array([place[name] for name in column.categories], dtype=kind)
        for column in columns
    ]
    if all(len(own) == 1 for own in places):  # as of a file for each symbol
        lengths = [len(column) for column in columns]
        return category(np.repeat(np.concatenate(places), lengths), names)
    codes = [own[column.codes] for own, column in zip(places, columns, strict=True)]
    return category(np.concatenate(codes), names)
