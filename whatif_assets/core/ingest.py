"""Reading a market's bars session by session, a stretch of the source at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash
from whatif_assets.core.sources import LoadReport, load_bars

BARS_AT_A_TIME = 400_000


class SessionBars:
    """Bars of the sessions of a run, read from the source in stretches.

    A stretch is read once and divided by session; where it holds a fault, its
    sessions are read one by one, so that only the faulty one fails.

    Parameters
    ----------
    home
        The home, with its market.
    keys
        Sessions of the run, ``YYYY-MM-DD``, in order.
    """

    def __init__(self, home: Home, keys: Sequence[str]) -> None:
        self._home = home
        self._keys = list(keys)
        self._source = home.market.open_source(home.path)
        per_session = home.market.bars_per_session() * len(home.symbols)
        self._at_a_time = max(1, BARS_AT_A_TIME // per_session)
        self._read: dict[str, tuple[pd.DataFrame, LoadReport]] = {}

    def of(self, key: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Tidy bars of one session and what the loader has to say about them.

        Raises
        ------
        BadInput
            The source has no bars in the session, or wrong ones.
        """
        if key not in self._read:
            self._read_stretch(key)
        frame, report = self._read.pop(key)
        if frame.empty:
            raise BadInput(
                f"Session {key}: the source '{self._home.market.source}' has no bars."
            )
        return frame, report.metadata()

    def _read_stretch(self, key: str) -> None:
        start = self._keys.index(key)
        stretch = self._keys[start : start + self._at_a_time]
        try:
            frame, report = self._load(stretch[0], stretch[-1])
        except BadInput:
            stretch = [key]
            frame, report = self._load(key, key)
        by_session = dict(list(frame.groupby(frame["session"].dt.strftime("%Y-%m-%d"))))
        for session in stretch:
            bars = by_session.get(session, frame.iloc[:0])
            self._read[session] = (
                bars.drop(columns="session").reset_index(drop=True),
                report.of_session(bars, date.fromisoformat(session)),
            )

    def _load(self, first: str, last: str) -> tuple[pd.DataFrame, LoadReport]:
        market = self._home.market
        return load_bars(
            self._source,
            list(self._home.symbols),
            market.sessions,
            market.base_bar,
            date.fromisoformat(first),
            date.fromisoformat(last),
            market.hours,
            market.repairs,
        )


def market_inputs(home: Home) -> dict[str, str]:
    """Hashes of what a session's bars come from: the market's settings and files."""
    market = home.market
    settings = market.model_dump(mode="json", exclude={"name", "last_session"})
    state = market.open_source(home.path).state()
    return {"settings": combined_hash([settings]), "data": combined_hash([state])}
