"""Reading the bars and forecasts that the page draws as candles.

The page has room for some of the bars only. It has those of the sessions and symbols on
which the winner earned or lost the most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.tables import LAKE
from whatif_assets.steps.comparison.attribution import Attribution
from whatif_assets.steps.path_forecasts import FORECASTS, read_path
from whatif_assets.steps.sleeves import KEYS, basis_of
from whatif_assets.steps.winner import Winner

MOST_BARS = 60_000  # about a megabyte of the page
MOST_SESSIONS = 1_000  # of daily bars, the latest
USUAL_BARS = 400  # of a session, where bars end by the amount traded
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class PriceDays:
    """Bars of some symbols and sessions, to be drawn as candles.

    Attributes
    ----------
    bars
        Sorted by symbol and time: ``symbol``, ``session``, ``ts`` (UTC), open, high,
        low and close on the price basis of the backtest, and ``forecast``, the expected
        return at the bar; NaN if there is none.
    shown, known
        Number of sessions of a symbol that are here, and of all out of sample.
    """

    bars: pd.DataFrame
    shown: int = 0
    known: int = 0


NO_DAYS = PriceDays(
    LAKE["price_bars"].empty()[[*KEYS, *PRICES]].assign(session=None, forecast=None)
)


def read_price_days(
    winner: Winner | None, attribution: Attribution | None
) -> PriceDays:
    """Read the bars of the sessions and symbols that mattered most to the winner.

    Daily bars are read for the latest sessions together, see :func:`chosen_symbols`,
    others by session, see :func:`chosen_days`.
    """
    if winner is None or attribution is None or attribution.daily.empty:
        return NO_DAYS
    daily = attribution.daily
    if winner.home.bar_size(winner.configuration).daily:
        wanted = chosen_symbols(daily)
    else:
        wanted = chosen_days(daily, _bars_of_a_session(winner))
    bars = pd.concat(list(_bars(winner, wanted)), ignore_index=True)
    bars = bars.sort_values(KEYS, ignore_index=True)
    return PriceDays(_with_forecasts(winner, bars), len(wanted), len(daily))


def _bars_of_a_session(winner: Winner) -> int:
    """Return about how many bars a symbol has in a session."""
    home, size = winner.home, winner.home.bar_size(winner.configuration)
    if not size.timed:
        return USUAL_BARS
    hours = home.market.sessions.schedule(winner.sessions)
    minutes = float(hours["minutes"].max())
    return max(1, round(minutes * 60 / size.length.total_seconds()))


def chosen_days(daily: pd.DataFrame, bars: int, most: int = MOST_BARS) -> pd.DataFrame:
    """Choose symbols and sessions for which the page has room.

    For each symbol the session with its largest profit or loss comes first, then all
    others by the size of their profit or loss.

    Parameters
    ----------
    daily
        ``symbol``, ``session`` and ``pnl``.
    bars
        Number of bars of a symbol in a session.
    most
        Largest number of bars in all; one session is always chosen.

    Returns
    -------
    pandas.DataFrame
        The chosen rows, the most important first.
    """
    ordered = daily.assign(size=daily["pnl"].abs()).sort_values(
        ["size", "symbol", "session"], ascending=[False, True, True]
    )
    again = ordered["symbol"].duplicated()
    ordered = pd.concat([ordered[~again], ordered[again]])
    return ordered.head(max(1, most // bars)).drop(columns="size")


def chosen_symbols(daily: pd.DataFrame, most: int = MOST_BARS) -> pd.DataFrame:
    """Choose the symbols with the largest profits and losses, in the latest sessions.

    ``daily`` has ``symbol``, ``session`` and ``pnl``; ``most`` is the largest number of
    rows in all, but one symbol is always chosen.
    """
    latest = np.sort(daily["session"].unique())[-MOST_SESSIONS:]
    recent = daily[daily["session"].isin(latest)]
    total = recent.groupby("symbol")["pnl"].sum().abs()
    ordered = total.sort_values(ascending=False, kind="stable").index
    return recent[recent["symbol"].isin(ordered[: max(1, most // len(latest))])]


def _bars(winner: Winner, wanted: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the chosen bars of each session, adjusted as in the backtest."""
    home = winner.home
    reader = BarReader(home, home.bar_size(winner.configuration))
    steps, basis = LakeSteps(home), basis_of(home, winner.study)
    for session, rows in wanted.groupby("session", sort=True):
        day: date = pd.Timestamp(str(session)).date()
        bars = reader.over([day], None, rows["symbol"].tolist())
        yield steps.adjusted(bars, basis)[["session", *KEYS, *PRICES]]


def _with_forecasts(winner: Winner, bars: pd.DataFrame) -> pd.DataFrame:
    """Add the expected return at each bar, NaN where there is none."""
    key, lake = winner.configuration.key, winner.home.lake
    if not lake.has(FORECASTS, key):
        return bars.assign(forecast=np.nan)
    known = read_path(winner.home, key, [*KEYS, "expected_return"])
    known = known.rename(columns={"expected_return": "forecast"})
    return bars.merge(known, on=KEYS, how="left")
