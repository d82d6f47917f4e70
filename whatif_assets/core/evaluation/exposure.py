"""What the largest position of a winner would lose in the worst move of its market."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from whatif_assets.core.bars.adjustments import LakeSteps
from whatif_assets.core.bars.reader import BarReader
from whatif_assets.core.evaluation.evaluate import in_sample_sessions
from whatif_assets.core.evaluation.stage import basis_of
from whatif_assets.core.leaderboard.winner import Winner


def stress_loss(winner: Winner) -> float:
    """Part of its starting cash that a winner's largest position would lose.

    Each symbol makes the worst move that it made in a session of the study, before or
    within the test windows, against the position; all at once. The holdout stays
    sealed.

    Returns
    -------
    float
        At least 0; NaN where the winner's fills are not known.
    """
    fills = winner.home.lake.read("fills", winner.configuration.key)
    fills = fills[fills["variant"] == winner.variant.id]
    if fills.empty:
        return math.nan
    moves = worst_moves(_bars(winner), overnight=is_held_overnight(fills))
    return largest_loss(fills, moves) / float(winner.row["start_cash"])


def _bars(winner: Winner) -> pd.DataFrame:
    """Bars of all sessions that the winner was evaluated on, on one basis."""
    home, study, configuration = winner.home, winner.study, winner.configuration
    sessions = sorted(
        {*in_sample_sessions(home, study, configuration), *winner.sessions}
    )
    symbols = home.symbols_of(configuration)
    bars = BarReader(home).over(sessions, None, symbols)
    bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
    return LakeSteps(home).adjusted(bars, basis_of(home, study))


def worst_moves(bars: pd.DataFrame, *, overnight: bool) -> pd.DataFrame:
    """Find the largest fall and the largest rise of each symbol within a session.

    Parameters
    ----------
    bars
        ``symbol``, ``session``, ``open``, ``high``, ``low`` and ``close``, by symbol
        and time.
    overnight
        Whether a session's move begins at the close before it; else at its open.

    Returns
    -------
    pandas.DataFrame
        ``fall`` and ``rise`` by symbol, fractions of the price, at least 0.
    """
    days = bars.groupby(["symbol", "session"], sort=True).agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"),
        close=("close", "last"),
    )  # fmt: skip
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
    """Money that the positions held at once would lose at most in the worst moves.

    Parameters
    ----------
    fills
        ``symbol``, ``ts``, ``size``, ``price`` and ``multiplier`` of one variant.
    moves
        As `worst_moves` gives it.
    """
    ordered = fills.sort_values("ts", kind="stable").reset_index(drop=True)
    position = ordered.groupby("symbol")["size"].cumsum().to_numpy()
    against = moves.reindex(ordered["symbol"])
    move = np.where(position > 0, against["fall"], against["rise"])
    value = np.abs(position) * ordered["price"] * ordered["multiplier"]
    losses = (value * move).to_frame("loss").assign(symbol=ordered["symbol"])
    by_symbol = losses.pivot_table("loss", losses.index, "symbol").ffill().fillna(0.0)
    return float(by_symbol.sum(axis=1).max())
