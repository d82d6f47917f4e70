"""Sharpe ratio, volatility and beta over the latest sessions, at each session."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray

# Windows in sessions: about a quarter, a month and two weeks; the longest that fits
# into the history three times, or the shortest that fits twice.
WINDOWS = (63, 21, 10)


def window_for(sessions: int) -> int:
    """Choose the number of sessions of a window; 0 if the history is too short."""
    for window in WINDOWS[:-1]:
        if sessions >= 3 * window:
            return window
    return WINDOWS[-1] if sessions >= 2 * WINDOWS[-1] else 0


def rolling_figures(
    returns: FloatArray, market: FloatArray, window: int, sessions_per_year: float
) -> pd.DataFrame:
    """Compute figures of the returns over a rolling window.

    Parameters
    ----------
    returns, market
        Returns of an account and of what it is compared with, by session; (n,) float64.
        ``market`` is NaN if there is nothing to compare with.
    window
        Sessions of the window, at least 2.
    sessions_per_year
        To annualise.

    Returns
    -------
    pandas.DataFrame
        One row per session: ``sharpe`` (of the year, the risk-free rate is 0),
        ``volatility`` (of the year, a fraction) and ``beta``. NaN before the window is
        full, and where a figure is not defined.
    """
    mine, other = pd.Series(returns), pd.Series(market)
    spread = mine.rolling(window).std()
    moves = mine.rolling(window).max() > mine.rolling(window).min()
    variance = other.rolling(window).var()
    year = np.sqrt(sessions_per_year)
    return pd.DataFrame(
        {
            "sharpe": (year * mine.rolling(window).mean() / spread).where(moves),
            "volatility": year * spread,
            "beta": (mine.rolling(window).cov(other) / variance).where(variance > 0),
        }
    )
