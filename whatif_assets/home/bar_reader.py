"""Reading a home's bars at one size: as stored, or resampled on reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.resample import resample
from whatif_assets.home.home import Home

TABLE = "price_bars"


class BarReader:
    """Reader of a home's bars at one bar size.

    Resampled bars are not stored: resampling takes milliseconds per session.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    size
        A whole multiple of the market's bar size; by default the market's bar size.
    made_of
        Reader of the bars to resample; by default the market's bars are resampled.
    """

    def __init__(
        self,
        home: Home,
        size: BarSize | None = None,
        made_of: BarReader | None = None,
    ) -> None:
        self._home, self._made_of = home, made_of
        self.size = size or home.market.bar_size

    def of(self, session: date) -> pd.DataFrame:
        """Return the bars of one session, sorted by (symbol, ts).

        Raises
        ------
        BadInput
            The session is not materialised.
        """
        if self._made_of is not None:
            bars = self._made_of.of(session)
        else:
            bars = self._home.lake.read(TABLE, session.isoformat())
        if self.size == self._home.market.bar_size:
            return bars
        bars = bars.assign(session=pd.Timestamp(session))
        made = resample(bars, self.size, self._home.market.sessions)
        return made.drop(columns="session")

    def over(
        self,
        sessions: Sequence[date],
        columns: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return the bars of several sessions, with a column ``session``.

        Parameters
        ----------
        sessions
            Oldest first.
        columns, symbols
            Columns and symbols to keep; all by default.

        Raises
        ------
        BadInput
            Some sessions are not materialised; the message names them.
        """
        if self.size == self._home.market.bar_size:
            return self._home.lake.read_sessions(TABLE, sessions, columns, symbols)
        self.versions(sessions)
        frames = []
        for session in sessions:
            bars = self.of(session)
            if symbols is not None:
                bars = bars[bars["symbol"].isin(list(symbols))]
            bars = bars if columns is None else bars[list(columns)]
            frames.append(bars.assign(session=pd.Timestamp(session)))
        return pd.concat(frames, ignore_index=True)

    def versions(self, sessions: Sequence[date]) -> list[str]:
        """Return the data versions of the stored bars of some sessions.

        Raises
        ------
        BadInput
            Some sessions are not materialised; the message names them.
        """
        keys = [session.isoformat() for session in sessions]
        return self._home.lake.versions(TABLE, keys)
