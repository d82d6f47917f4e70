"""Returns that came true after a forecast, at several horizons.

There are two returns for a horizon of ``h`` bars. That from the label's price divides
the label's price ``h`` bars later by that of the forecast's own bar. Nobody can trade
at it: a forecast is known when its bar has closed, and an order fills at the next open.
That from the next open divides the open ``h`` bars after the next one by the next open.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, IntArray, Times
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.features.cross_sections import (
    GROUP,
    numbers_of_times,
    split_by_group,
    within_sections,
)
from whatif_assets.domain.features.indicators.across import demean
from whatif_assets.domain.models.labels import Label, label

LABEL_PRICE, NEXT_OPEN = STARTS = ("label_price", "next_open")
HORIZONS = (1, 2, 3, 5, 10, 20, 60)


def horizons_of(label: Label, size: BarSize, bars_of_session: int) -> tuple[int, ...]:
    """List the horizons in bars: `HORIZONS`, and that of the label.

    Those that no bar of a session reaches are left out, unless the label of the
    configuration may lie in a later session.
    """
    found = sorted({*HORIZONS, label.horizon})
    if size.daily or label.across_sessions:
        return tuple(found)
    return tuple(h for h in found if h < bars_of_session or h == label.horizon)


@dataclass(frozen=True, eq=False)
class ForwardReturns:
    """Returns after each bar.

    Parameters
    ----------
    bars
        Tidy bars with ``session``, each (symbol, ts) once and sorted by them, with
        prices on the basis of one session. For a label that is relative to a mean,
        bars of all symbols; to that of a group, with ``group``.
    label
        The label: its price, whether it crosses sessions, and what it is relative to.
    size
        Size of the bars.
    schedule
        As for :func:`whatif_assets.domain.models.labels.label`.
    """

    bars: pd.DataFrame
    label: Label
    size: BarSize
    schedule: pd.DataFrame

    def at(self, horizons: Sequence[int]) -> Mapping[tuple[str, int], FloatArray]:
        """Compute the returns at some horizons.

        Returns
        -------
        mapping
            By start (`LABEL_PRICE` or `NEXT_OPEN`) and horizon, one return per bar. NaN
            where a bar that it needs does not exist, is in another session that the
            label may not reach, or has a price that is not above 0.
        """
        wanted = {1, *horizons, *(horizon + 1 for horizon in horizons)}
        ahead = {horizon: self.rows_ahead(horizon) for horizon in sorted(wanted)}
        price, opens = (
            _above_0(self.bars, self.label.price),
            _above_0(self.bars, "open"),
        )
        next_open = _taken(opens, ahead[1])
        found = {}
        for h in horizons:
            later = _taken(price, ahead[h]) / price - 1.0
            found[LABEL_PRICE, h] = self._relative(later)
            later = _taken(opens, ahead[h + 1]) / next_open - 1.0
            found[NEXT_OPEN, h] = self._relative(later)
        return found

    def rows_ahead(self, horizon: int) -> IntArray:
        """Return the row of the bar that is a number of bars ahead; -1 without one."""
        if self.size.by_activity:
            return self._numbers_ahead(self.bars, horizon)
        times, number, symbols, row_at = self._places
        ahead = self._numbers_ahead(times, horizon)
        found: IntArray = row_at[symbols, ahead[number]]
        return found

    @functools.cached_property
    def _places(self) -> tuple[pd.DataFrame, IntArray, IntArray, IntArray]:
        """Find the rows by symbol and time.

        Returns
        -------
        tuple
            ``ts`` and ``session`` of all times; the number of the time, and of the
            symbol, of each row; and the row by symbol and time, -1 without one. The
            last column stands for no time.
        """
        own = self.bars[["ts", "session"]]
        instants = _instants(own)
        known, first, number = np.unique(
            instants, return_index=True, return_inverse=True
        )
        symbols, names = pd.factorize(self.bars["symbol"])
        row_at = np.full((len(names), len(known) + 1), -1, dtype=np.int64)
        row_at[symbols, number] = np.arange(len(own))
        return own.iloc[first].reset_index(drop=True), number, symbols, row_at

    def _numbers_ahead(self, bars: pd.DataFrame, horizon: int) -> IntArray:
        """Ask the label's own definition which bar is ahead: its price is its number.

        ``bars`` are the times of all symbols, or bars by activity.
        """
        numbered = bars[["ts", "session"]].assign(
            symbol=bars["symbol"] if self.size.by_activity else "",
            close=np.arange(len(bars), dtype=np.float64),
        )
        plain = Label("close", horizon, "level", self.label.across_sessions)
        found = label(numbered, plain, self.size, self.schedule)["label"].to_numpy()
        return np.where(np.isnan(found), -1, found).astype(np.int64)

    def _relative(self, returns: FloatArray) -> FloatArray:
        """Subtract the mean that the label is relative to, if there is one."""
        if self.label.relative_to is None:
            return returns
        numbers = numbers_of_times(self.bars["ts"])
        if self.label.relative_to == "group":
            numbers = split_by_group(numbers, self.bars[GROUP])
        return within_sections(returns, numbers, demean)


def _instants(bars: pd.DataFrame) -> Times:
    return bars["ts"].to_numpy(dtype="datetime64[us]")


def _above_0(bars: pd.DataFrame, price: str) -> FloatArray:
    values = price_of(bars, price)
    return np.where(values > 0, values, np.nan)


def _taken(values: FloatArray, rows: IntArray) -> FloatArray:
    """Take values by row; NaN for the row -1."""
    return np.append(values, np.nan)[rows]
