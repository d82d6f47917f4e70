"""Reading the closed trades of the winner, with the reason of each."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.exit_reasons import exit_reasons
from whatif_assets.steps.comparison.attribution import Attribution
from whatif_assets.steps.path_forecasts import read_path
from whatif_assets.steps.winner import Winner

MOST_TRADES = 15_000  # about 0.6 megabytes of the page
COLUMNS = (
    "symbol",
    "opened",
    "closed",
    "opened_in",
    "closed_in",
    "size",
    "entry",
    "exit",
    "pnl",
    "forecast",
    "reason",
)


def read_trades(winner: Winner | None, attribution: Attribution | None) -> pd.DataFrame:
    """List the out-of-sample trades of the winner.

    Parameters
    ----------
    winner, attribution
        The winner, and its profit by its parts; None if there is none.

    Returns
    -------
    pandas.DataFrame
        The trades of `Attribution.trades`, and the columns ``forecast`` (the expected
        return at the bar before the first fill, when the strategy decided; NaN without
        a model) and ``reason`` (why it was closed, see :func:`exit_reasons`). If there
        are more than the page has room for, those with the largest profits and losses.
    """
    if winner is None or attribution is None or attribution.trades.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    trades = attribution.trades.reset_index(drop=True)
    reasons = exit_reasons(
        trades,
        str(winner.row["strategy"]),
        json.loads(winner.row["settings"]),
        _bars_held(winner, trades),
        _minutes_left(winner, trades),
    )
    trades = trades.assign(reason=reasons)
    if len(trades) > MOST_TRADES:
        kept = trades["pnl"].abs().nlargest(MOST_TRADES).index.sort_values()
        trades = trades.loc[kept].reset_index(drop=True)
    return trades.assign(forecast=_forecasts(winner, trades))[list(COLUMNS)]


def _bars_held(winner: Winner, trades: pd.DataFrame) -> FloatArray:
    """Count the bars of each trade; NaN for bars of volume and of dollars."""
    home, size = winner.home, winner.home.bar_size(winner.configuration)
    if not size.timed:
        return np.full(len(trades), np.nan)
    days = winner.sessions
    if size.daily:
        starts = pd.DatetimeIndex(days)
        moments = [trades["opened_in"], trades["closed_in"]]
    else:
        every = [home.market.sessions.starts(day, size.length) for day in days]
        starts = pd.DatetimeIndex(every[0].append(every[1:]))
        moments = [trades["opened"], trades["closed"]]
    first, last = (starts.searchsorted(pd.DatetimeIndex(moment)) for moment in moments)
    return np.asarray(last - first, dtype=np.float64)


def _minutes_left(winner: Winner, trades: pd.DataFrame) -> FloatArray:
    """Measure the time from the last fill to the close of its session, in minutes."""
    if winner.home.bar_size(winner.configuration).daily:
        return np.full(len(trades), np.nan)
    hours = winner.home.market.sessions.schedule(winner.sessions)
    closes = pd.to_datetime(hours["close"], utc=True)
    closes.index = pd.DatetimeIndex(closes.index)
    left = trades["closed_in"].map(closes) - trades["closed"]
    return np.asarray(left.dt.total_seconds() / 60, dtype=np.float64)


def _forecasts(winner: Winner, trades: pd.DataFrame) -> FloatArray:
    """Look up the latest forecast of the symbol before the first fill of each trade."""
    unknown = np.full(len(trades), np.nan)
    if not winner.home.lake.has("forecasts", winner.configuration.key):
        return unknown
    columns = ["symbol", "ts", "expected_return"]
    known = read_path(winner.home, winner.configuration.key, columns)
    order = np.argsort(trades["opened"].to_numpy(), kind="stable")
    found = pd.merge_asof(
        trades.loc[order, ["symbol", "opened"]],
        known.sort_values("ts", kind="stable"),
        left_on="opened",
        right_on="ts",
        by="symbol",
        allow_exact_matches=False,
    )
    unknown[order] = found["expected_return"].to_numpy(dtype=np.float64)
    return unknown
