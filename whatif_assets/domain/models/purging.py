"""Which rows a fold may train on, found from the spans of labels.

The span of a row is from its bar to the last bar that its label reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import IntArray, Mask
from whatif_assets.domain.models.windows import Fold, check_embargo


@dataclass(frozen=True, eq=False)
class Spans:
    """The spans of rows, laid out once for all folds.

    Attributes
    ----------
    days, day
        The sessions of the rows, ascending, and the place of each row's among them.
    start, end
        Bar and ``label_ts`` of each row in microseconds; the least integer without a
        label, so that it is never later than another time.
    order, symbol
        The rows by symbol and time, and the number of the symbol in this order.
    """

    days: npt.NDArray[np.datetime64]
    day: IntArray
    start: IntArray
    end: IntArray
    order: IntArray
    symbol: IntArray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Spans:
        """Lay out rows with ``symbol``, ``ts``, ``session`` and ``label_ts``."""
        sessions = pd.to_datetime(frame["session"]).to_numpy(dtype="datetime64[D]")
        days, day = np.unique(sessions, return_inverse=True)
        start, end = (
            frame[name].to_numpy(dtype="datetime64[us]").view(np.int64)
            for name in ("ts", "label_ts")
        )
        symbol = pd.factorize(frame["symbol"])[0]
        order = np.lexsort((start, symbol))
        return cls(days, day, start, end, order, symbol[order])

    def training_rows(self, fold: Fold, embargo: int) -> Mask:
        """Mark the rows that a fold may train on; see `training_rows`."""
        train, tested = (
            np.isin(self.days, np.array(days, dtype="datetime64[D]"))[self.day]
            for days in (fold.train, fold.test)
        )
        starts = np.array([block[0] for block in fold.blocks], dtype="datetime64[D]")
        # The blocks that have begun by a row's session.
        begun = np.searchsorted(starts, self.days, side="right")[self.day]
        for number in range(1, len(starts) + 1):
            before, after = train & (begun == number - 1), train & (begun == number)
            block, until = tested & (begun == number), tested & (begun <= number)
            train &= ~before | self._ends_before(before, block, embargo)
            train &= ~after | self._starts_after(after, until, embargo)
        return train

    def _ends_before(self, rows: Mask, test: Mask, embargo: int) -> Mask:
        """Return which of the rows before a test know nothing of it."""
        kept = rows.copy()
        if test.any():
            kept &= self.end < self.start[test].min()
        kept = self._without_nearest(kept, embargo, last=True)
        if kept.any() and not test.any():
            # An embargo in bars says when most labels end; their spans say when each.
            kept &= self.end <= self.start[rows].max()
        return kept

    def _starts_after(self, rows: Mask, test: Mask, embargo: int) -> Mask:
        """Return which of the rows after tests begin when all their labels ended."""
        kept = rows.copy()
        if test.any():
            kept &= self.start > max(self.start[test].max(), self.end[test].max())
        return self._without_nearest(kept, embargo, last=False)

    def _without_nearest(self, rows: Mask, number: int, last: bool) -> Mask:
        """Leave out the first rows of each symbol, or the last."""
        chosen = self.order[rows[self.order]]
        symbol = self.symbol[rows[self.order]]
        counts = np.bincount(symbol) if len(symbol) else np.zeros(0, np.int64)
        place = np.arange(len(symbol)) - (np.cumsum(counts) - counts)[symbol]
        if last:
            place = counts[symbol] - 1 - place
        kept = rows.copy()
        kept[chosen[place < number]] = False
        return kept


def training_rows(frame: pd.DataFrame, fold: Fold, embargo: int) -> Mask:
    """Rows that a fold may train on without knowledge of its test sessions.

    Parameters
    ----------
    frame
        Columns ``symbol``, ``ts``, ``session`` and ``label_ts`` (NaT without a label),
        in any order. The rows of tested sessions, if there are any, mark the start and
        the end of each block of tested sessions; otherwise, the last bar of the
        training sessions before a block marks its start.
    fold
        Training and test sessions.
    embargo
        Number of bars of each symbol to leave out before each block of tested sessions
        and after it; at least the horizon of the label.

    Returns
    -------
    ndarray of bool
        True for rows of the training sessions that are outside the embargo and whose
        span, from the bar to ``label_ts``, has no time in common with the spans of
        tested rows.

    Raises
    ------
    BadInput
        The embargo is negative.
    """
    check_embargo(embargo)
    return Spans.of(frame).training_rows(fold, embargo)
