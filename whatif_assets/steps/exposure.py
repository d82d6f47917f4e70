"""Exposure of a winner: its loss under stress, and its share of the volume."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.home.adjusted_bars import AdjustedBars
from whatif_assets.steps.backtesting import in_sample_sessions
from whatif_assets.steps.sleeves import KEYS, basis_of
from whatif_assets.steps.winner import Winner

_MOST = 0.95  # quantile of the share of volume, over the bars with a fill
_CELLS = 1_000_000  # losses of symbols at fills that are in memory at once


def stress_loss(winner: Winner) -> float:
    """Compute the loss of a winner under stress, as a fraction of its starting cash.

    All symbols make their worst move against the position at the same time. The worst
    move is taken from the sessions of the study before or in the test windows; the
    holdout is not used.

    Returns
    -------
    float
        At least 0; NaN if the winner has no stored fills.
    """
    fills = fills_of(winner)
    if fills.empty:
        return math.nan
    days = pd.concat([daily_bars(bars) for bars in _by_session(winner)])
    days = days.sort_index()
    moves = worst_moves(days, overnight=is_held_overnight(fills))
    return largest_loss(fills, moves) / float(winner.row["start_cash"])


def participation(winner: Winner) -> float:
    """Compute the share of a bar's volume that a winner's fills take.

    Returns
    -------
    float
        The 95th percentile over the bars with a fill; NaN if fills or volumes are not
        known.
    """
    fills = fills_of(winner)
    if fills.empty:
        return math.nan
    size = winner.home.bar_size(winner.configuration)
    bars = [_with_fill(bars, fills) for bars in _by_session(winner, size)]
    return part_of_volume(fills, pd.concat(bars))


def part_of_volume(fills: pd.DataFrame, bars: pd.DataFrame) -> float:
    """Compute the share of their bar's volume that fills take: the 95th percentile.

    Parameters
    ----------
    fills
        ``symbol``, ``ts`` and ``size`` of one variant.
    bars
        ``symbol``, ``ts`` and ``volume``; bars without volume are left out.

    Returns
    -------
    float
        NaN if no bar with a fill has a volume.
    """
    taken = fills["size"].abs().groupby([fills["symbol"], fills["ts"]]).sum()
    volume = bars[bars["volume"] > 0].set_index(["symbol", "ts"])["volume"]
    parts = (taken / volume.reindex(taken.index)).dropna()
    return float(parts.quantile(_MOST)) if len(parts) else math.nan


def fills_of(winner: Winner) -> pd.DataFrame:
    """Read the winner's fills in the study's test windows."""
    own = {"variant": [winner.variant.id]}
    return winner.home.lake.read("fills", winner.configuration.key, where_in=own)


def _by_session(winner: Winner, size: BarSize | None = None) -> Iterator[pd.DataFrame]:
    """Yield the bars of each session of the winner's evaluation, on one price basis."""
    home, study, configuration = winner.home, winner.study, winner.configuration
    sessions = sorted(
        {*in_sample_sessions(home, study, configuration), *winner.sessions}
    )
    bars = AdjustedBars(home, size, sessions, basis_of(home, study))
    return bars.by_session(home.symbols_of(configuration))


def _with_fill(bars: pd.DataFrame, fills: pd.DataFrame) -> pd.DataFrame:
    """Return the volume of the bars of a session in which something was filled."""
    here = fills["ts"].between(bars["ts"].min(), bars["ts"].max())
    filled = fills.loc[here, KEYS].drop_duplicates()
    return filled.merge(bars[[*KEYS, "volume"]], on=KEYS)


def daily_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Sum up the bars of each symbol and session in one.

    Parameters
    ----------
    bars
        ``symbol``, ``session``, ``open``, ``high``, ``low`` and ``close``, sorted by
        symbol and time.
    """
    return bars.groupby(["symbol", "session"], sort=True).agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"),
        close=("close", "last"),
    )  # fmt: skip


def worst_moves(days: pd.DataFrame, *, overnight: bool) -> pd.DataFrame:
    """Find the largest fall and the largest rise of each symbol within a session.

    Parameters
    ----------
    days
        ``open``, ``high``, ``low`` and ``close`` by symbol and session, in order.
    overnight
        Whether a session's move starts at the previous close, or else at its open.

    Returns
    -------
    pandas.DataFrame
        ``fall`` and ``rise`` by symbol, fractions of the price, at least 0.
    """
    start = days["open"]
    if overnight:
        start = days.groupby("symbol")["close"].shift().fillna(start)
    moves = pd.DataFrame(
        {"fall": 1 - days["low"] / start, "rise": days["high"] / start - 1}
    )
    return moves.groupby("symbol").max().clip(lower=0)


def is_held_overnight(fills: pd.DataFrame) -> bool:
    """Whether a position is held from one date (UTC) to another.

    Parameters
    ----------
    fills
        ``symbol``, ``ts`` (UTC) and ``size`` of one variant.
    """
    ordered = fills.sort_values(["symbol", "ts"], kind="stable")
    position = ordered.groupby("symbol")["size"].cumsum()
    dates = ordered["ts"].dt.normalize()
    following = dates.groupby(ordered["symbol"]).shift(-1)
    held = position.abs() > 1e-9 * ordered["size"].abs()
    return bool((held & (following != dates)).any())


def largest_loss(fills: pd.DataFrame, moves: pd.DataFrame) -> float:
    """Compute the most money that simultaneous positions would lose in worst moves.

    Parameters
    ----------
    fills
        ``symbol``, ``ts``, ``size``, ``price`` and ``multiplier`` of one variant.
    moves
        ``fall`` and ``rise`` by symbol, from `worst_moves`.
    """
    ordered = fills.sort_values("ts", kind="stable").reset_index(drop=True)
    position = ordered.groupby("symbol")["size"].cumsum().to_numpy()
    against = moves.reindex(ordered["symbol"])
    move = np.where(position > 0, against["fall"], against["rise"])
    value = np.abs(position) * ordered["price"] * ordered["multiplier"]
    loss = (value * move).to_numpy(dtype=np.float64)
    known = ~np.isnan(loss)
    symbol, names = pd.factorize(ordered["symbol"][known], sort=True)
    return _largest_sum(loss[known], symbol, len(names))


def _largest_sum(loss: FloatArray, symbol: IntArray, symbols: int) -> float:
    """Find the largest sum of the latest loss of each symbol; NaN without losses."""
    most, latest = math.nan, np.zeros(symbols)
    rows = max(_CELLS // max(symbols, 1), 1)
    for first in range(0, len(loss), rows):
        some, own = loss[first : first + rows], symbol[first : first + rows]
        place = np.zeros((len(some), symbols), dtype=np.int64)  # 0: none here yet
        number = np.arange(len(some))
        place[number, own] = number + 1
        np.maximum.accumulate(place, axis=0, out=place)
        table = np.where(place > 0, some[place - 1], latest)
        most, latest = np.fmax(most, table.sum(axis=1).max()), table[-1]
    return float(most)
