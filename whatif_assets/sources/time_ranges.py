"""Selecting rows by time: from a table, and from files kept as arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.schema import category, no_bars


def rows_between(
    rows: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Return the rows whose ts is in [start, end), with a new index.

    If all rows are in the range, the same table is returned and not a copy.
    """
    inside = (rows["ts"] >= start) & (rows["ts"] < end)
    return rows if inside.all() else rows[inside].reset_index(drop=True)


@dataclass(frozen=True)
class FileRows:
    """Rows of one file, as arrays.

    Attributes
    ----------
    columns
        Numbers as arrays and texts as categories, without ``ts``.
    stamps
        ``ts`` in microseconds, UTC.
    ascending
        Whether the stamps are in ascending order, so that a time range is a slice.
    """

    columns: Mapping[str, Any]
    stamps: npt.NDArray[np.int64]
    ascending: bool

    @classmethod
    def of(cls, rows: Mapping[str, Any]) -> FileRows:
        """Make an instance from columns: arrays, categories, and timestamps ``ts``."""
        stamps = pd.DatetimeIndex(rows["ts"]).as_unit("us").asi8
        columns = {name: column for name, column in rows.items() if name != "ts"}
        return cls(columns, stamps, bool((stamps[1:] >= stamps[:-1]).all()))

    @property
    def symbols(self) -> set[str]:
        """Symbols in the categories of the column ``symbol``."""
        return set(self.columns["symbol"].categories)

    def between(self, start: int, end: int, symbols: Collection[str]) -> FileRows:
        """Select the rows of some symbols in [start, end), microseconds in UTC."""
        rows: slice | npt.NDArray[np.intp]
        if self.ascending:
            rows = slice(*np.searchsorted(self.stamps, [start, end]))
        else:
            rows = np.flatnonzero((self.stamps >= start) & (self.stamps < end))
        part = self._take(rows)
        if self.symbols <= set(symbols):
            return part
        return part._take(np.flatnonzero(part.columns["symbol"].isin(list(symbols))))

    def _take(self, rows: slice | npt.NDArray[np.intp]) -> FileRows:
        columns = {name: column[rows] for name, column in self.columns.items()}
        return FileRows(columns, self.stamps[rows], self.ascending)


def concatenated(parts: Sequence[FileRows], later: int) -> pd.DataFrame:
    """Concatenate rows in the order of the parts.

    Parameters
    ----------
    parts
        Rows of files. A numeric column that a part lacks is NaN in its rows.
    later
        Microseconds to add to each timestamp.

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
        pieces: list[Any] = [part.columns.get(name) for part in parts]
        if isinstance(pieces[0], pd.Categorical):
            columns[name] = _one_category(pieces)
        else:
            columns[name] = np.concatenate(
                [
                    np.full(len(part.stamps), np.nan) if column is None else column
                    for part, column in zip(parts, pieces, strict=True)
                ]
            )
    return pd.DataFrame(columns, copy=False)


def _one_category(columns: Sequence[pd.Categorical[Any]]) -> pd.Categorical[Any]:
    """Concatenate categories; the categories of the result are sorted."""
    names = sorted({name for column in columns for name in column.categories})
    place = {name: number for number, name in enumerate(names)}
    kind = np.min_scalar_type(-len(names))
    places = [
        np.array([place[name] for name in column.categories], dtype=kind)
        for column in columns
    ]
    if all(len(own) == 1 for own in places):  # one symbol per file
        lengths = [len(column) for column in columns]
        return category(np.repeat(np.concatenate(places), lengths), names)
    codes = [own[column.codes] for own, column in zip(places, columns, strict=True)]
    return category(np.concatenate(codes), names)
