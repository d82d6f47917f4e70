"""Bars of several sessions on the price basis of one, a session after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pandas as pd

from whatif_assets.domain.bars.adjustments import adjusted
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home


class AdjustedBars:
    """Bars of a home that are adjusted for splits and dividends when they are read.

    No more than the bars of one session are in memory at once.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    size
        Size of the bars; by default the market's own.
    sessions
        Sessions to read, oldest first.
    as_of
        The session of the price basis.

    Raises
    ------
    BadInput
        Some sessions are not materialised; the message names them.
    """

    def __init__(
        self, home: Home, size: BarSize | None, sessions: Sequence[date], as_of: date
    ) -> None:
        self._reader = BarReader(home, size)
        self._sessions, self._as_of = tuple(sessions), as_of
        self.versions = tuple(self._reader.versions(sessions))
        edges = sorted([as_of, *self._sessions])
        self.steps = LakeSteps(home).over(edges[0], edges[-1])

    def by_session(
        self, symbols: Sequence[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield the bars of each session, sorted by (symbol, ts), with ``session``.

        Parameters
        ----------
        symbols
            Symbols to keep; all by default.
        """
        for session in self._sessions:
            bars = self._reader.over([session], None, symbols)
            yield adjusted(bars, self.steps, self._as_of)
