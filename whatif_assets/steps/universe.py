"""Which symbols belong to a configuration's universe in each session."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.strategies.panel_rule import IN_UNIVERSE
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.membership import Membership
from whatif_assets.settings.universe import MostTraded

TRADED = ("symbol", "ts", "close", "volume")


def sessions_before(
    home: Home, configuration: Configuration, session: date
) -> list[date]:
    """List the sessions whose bars decide on the universe of a session."""
    if not isinstance(configuration.universe, MostTraded):
        return []
    return home.market.sessions.previous(session, configuration.universe.sessions)


def with_members(
    home: Home,
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
) -> list[Sleeve]:
    """Note in each sleeve where its symbol belongs to the universe.

    A strategy of portfolios neither ranks nor keeps the symbol anywhere else.

    Parameters
    ----------
    sleeves
        Bars of all symbols of the configuration.
    sessions
        The sessions that the sleeves number, oldest first.
    """
    if configuration.universe is None or not sleeves:
        return list(sleeves)
    symbols = [sleeve.symbol for sleeve in sleeves]
    inside = _members(home, configuration, sessions, symbols)
    return [
        dataclasses.replace(
            sleeve,
            columns={
                **sleeve.columns,
                IN_UNIVERSE: inside[sleeve.session, number].astype(np.float64),
            },
        )
        for number, sleeve in enumerate(sleeves)
    ]


def _members(
    home: Home,
    configuration: Configuration,
    sessions: Sequence[date],
    symbols: Sequence[str],
) -> Mask:
    """Find which symbols belong to the universe when; (sessions, symbols) bool."""
    universe, membership = configuration.universe, configuration.membership
    if membership is not None:
        return listed(membership, sessions, symbols)
    assert isinstance(universe, MostTraded), "no other universe changes"
    earlier = sessions_before(home, configuration, sessions[0])
    traded = traded_values(home, [*earlier, *sessions], symbols)
    return most_traded(traded, universe.top, universe.sessions)[len(earlier) :]


def listed(
    membership: Membership, sessions: Sequence[date], symbols: Sequence[str]
) -> Mask:
    """Find the sessions in which symbols are members; (sessions, symbols) bool."""
    days = np.array(sessions, dtype="datetime64[D]")
    place = {symbol: number for number, symbol in enumerate(symbols)}
    inside = np.zeros((len(sessions), len(symbols)), dtype=np.bool_)
    for spell in membership.spells:
        if spell.symbol in place:
            until = spell.last or date.max
            during = (days >= np.datetime64(spell.first)) & (
                days <= np.datetime64(until)
            )
            inside[:, place[spell.symbol]] |= during
    return inside


def traded_values(
    home: Home, sessions: Sequence[date], symbols: Sequence[str]
) -> pd.DataFrame:
    """Value of all trades, by session and symbol; NaN where a symbol has no bar.

    Sessions without bars in the lake have no value for any symbol.
    """
    known = [day for day in sessions if home.lake.has("price_bars", day.isoformat())]
    empty = pd.DataFrame(index=pd.to_datetime(list(sessions)), columns=list(symbols))
    if not known:
        return empty.astype(float)
    reader = BarReader(home)
    parts = [_values(reader.over([day], TRADED, list(symbols))) for day in known]
    if not (parts := [part for part in parts if len(part)]):
        return empty.astype(float)
    found = pd.concat(parts)
    return found.reindex(index=empty.index, columns=empty.columns).astype(float)


def _values(bars: pd.DataFrame) -> pd.DataFrame:
    """Value of all trades in a session by symbol, as one row."""
    bars = bars.assign(value=bars["close"] * bars["volume"])
    return bars.pivot_table("value", "session", "symbol", aggfunc="sum")


def most_traded(traded: pd.DataFrame, top: int, sessions: int) -> Mask:
    """Choose the symbols with the largest mean value in the sessions before each one.

    Parameters
    ----------
    traded
        Value of trades by session and symbol, NaN where a symbol was not traded.
    top
        How many symbols to choose; of equal values the first ones.
    sessions
        Over how many sessions to average, those alone in which a symbol was traded.

    Returns
    -------
    numpy.ndarray
        (sessions, symbols) bool. Nothing is chosen in the first session, before which
        nothing is known.
    """
    mean = traded.rolling(sessions, min_periods=1).mean().shift(1)
    rank = (-mean).rank(axis=1, method="first")
    return np.asarray((rank <= top) & (mean > 0))
