"""Features of a session, warmed up on the sessions before it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from datetime import date

import pandas as pd

from whatif_assets.core.features import Feature, session_features
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash

SESSIONS_IN_MEMORY = 64
SPARSE = 6  # a thinly traded symbol has a sixth of a session's bars

BarsOf = Callable[[date], pd.DataFrame]
Engine = Callable[[BarsOf, date, Sequence[date], Sequence[Feature]], pd.DataFrame]


class SessionFeatures:
    """Feature tables of single sessions, over bars that are read once.

    Parameters
    ----------
    home
        The home whose lake has the bars.
    features
        Columns to compute.
    engine
        Computes a session: :func:`whatif_assets.core.features.session_features`,
        or its Spark counterpart.
    """

    def __init__(
        self,
        home: Home,
        features: Sequence[Feature],
        engine: Engine = session_features,
    ) -> None:
        self._home, self._engine = home, engine
        self._features = tuple(features)
        self.bars_of = functools.lru_cache(SESSIONS_IN_MEMORY)(self._bars_of)

    def _bars_of(self, session: date) -> pd.DataFrame:
        return self._home.lake.read("price_bars", session.isoformat())

    def of(self, session: date) -> pd.DataFrame:
        """Features of one session: symbol, ts, and a column per feature.

        Raises
        ------
        BadInput
            The bars of the session, or of one that it warms up on, are missing.
        """
        before = self._home.market.sessions.dates(None, session)[:-1]
        return self._engine(self.bars_of, session, before, self._features)

    def inputs(self, session: date, code_version: str) -> str:
        """Hash of what a session's features come from: columns, bars and code."""
        versions = self._home.lake.versions("price_bars", [session.isoformat()])
        columns = [feature.column for feature in self._features]
        return combined_hash([columns, versions, code_version])


def history(home: Home, session: date, bars: int) -> list[date]:
    """Sessions before one whose bars its features may ask for to warm up.

    Enough for thinly traded symbols and some sessions without a bar; fewer where
    the market begins.
    """
    if not bars:
        return []
    per_session = home.market.bars_per_session()
    share = SPARSE if per_session > 1 else 1
    needed = math.ceil(bars * share / per_session) + 10
    return home.market.sessions.previous(session, needed)
