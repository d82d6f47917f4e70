"""Positions at the end of sessions, from the results of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.result import BacktestResult

POSITIONS = ("variant", "session", "symbol", "units", "close", "value", "weight")


def positions_of(result: BacktestResult, sessions: Sequence[date]) -> pd.DataFrame:
    """List what each variant holds at the end of each session.

    Parameters
    ----------
    result
        Of the variants.
    sessions
        The sessions that the result numbers.

    Returns
    -------
    pandas.DataFrame
        One row per variant, session and symbol with a position: ``variant``,
        ``session`` (datetime64), ``symbol``, ``units`` (negative for a short
        position), ``close`` (of the symbol's last bar up to then), ``value`` in money
        (negative for a short position), and ``weight``: the value as a part of the
        equity of all symbols together; NaN where that is not positive.
    """
    days = np.array(sessions, dtype="datetime64[us]")
    equity = dict(zip(result.variants, result.total_equity))
    parts = []
    for variant, sleeve, run in result.jobs_of(result.variants):
        ends = np.searchsorted(sleeve.session, np.arange(len(days)), side="right") - 1
        done = np.searchsorted(run.bars, ends, side="right")
        units = np.concatenate([[0.0], np.cumsum(run.sizes)])[done]
        held = np.flatnonzero((ends >= 0) & (np.abs(units) > 1e-9))
        close = sleeve.close[ends[held]]
        value = units[held] * close * sleeve.multiplier
        worth = equity[variant.id][held]
        parts.append(
            pd.DataFrame(
                {
                    "variant": variant.id,
                    "session": days[held],
                    "symbol": sleeve.symbol,
                    "units": units[held],
                    "close": close,
                    "value": value,
                    "weight": np.divide(
                        value, worth, out=np.full(len(held), np.nan), where=worth > 0
                    ),
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=list(POSITIONS))
    rows = pd.concat(parts, ignore_index=True)
    place = {name: number for number, name in enumerate(result.variants)}
    order = np.lexsort([rows["symbol"], rows["session"], rows["variant"].map(place)])
    return rows.iloc[order].reset_index(drop=True)
