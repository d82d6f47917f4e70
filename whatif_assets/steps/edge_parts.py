"""Parts of a winner's return: by period, by kind of session, by symbol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.selection import Evidence
from whatif_assets.domain.selection.decision import beyond, total
from whatif_assets.domain.selection.luck import annual_sharpe
from whatif_assets.home.tables import LAKE
from whatif_assets.steps.exposure import fills_of
from whatif_assets.steps.winner import Winner

TABLE = "edge_parts"
PERIODS = 4


def edge_parts(winner: Winner, evidence: Evidence) -> pd.DataFrame:
    """Split a winner's return by period, by kind of session, and by symbol.

    Returns
    -------
    pandas.DataFrame
        Columns of the table ``edge_parts``. The return of a symbol is the profit of its
        closed trades, relative to the starting cash.
    """
    trades = trades_of(fills_of(winner))
    rows = [*by_session(evidence), *by_symbol(trades, float(winner.row["start_cash"]))]
    named = {
        "study": winner.study.name,
        "configuration": winner.configuration.key,
        "variant": winner.variant.id,
    }
    if not rows:
        return LAKE[TABLE].empty()
    return pd.DataFrame([{**named, **row} for row in rows])


def by_session(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Split by four periods of equal length, and by the return of buy-and-hold.

    A session is calm if the absolute return of buy-and-hold is at most its median.
    """
    hold, dates = evidence.hold, evidence.dates
    sessions = np.arange(len(hold))
    for part in np.array_split(sessions, PERIODS):
        if len(part):
            name = f"{dates[part[0]].isoformat()} to {dates[part[-1]].isoformat()}"
            yield _part(evidence, "period", name, np.isin(sessions, part))
    if not len(hold):
        return
    moves = np.abs(hold)
    kinds = {
        "rose": hold > 0,
        "did not rise": hold <= 0,
        "calm": moves <= np.median(moves),
        "wild": moves > np.median(moves),
    }
    for name, mask in kinds.items():
        yield _part(evidence, "market", name, mask)


def _part(evidence: Evidence, kind: str, name: str, mask: Any) -> dict[str, Any]:
    returns = evidence.trials[evidence.winner]
    rest = beyond(returns, evidence.hold)[mask]
    return {
        "kind": kind,
        "part": name,
        "sessions": int(mask.sum()),
        "trades": None,
        "total_return": total(returns[mask]),
        "sharpe": annual_sharpe(rest, evidence.sessions_per_year),
    }


def by_symbol(trades: pd.DataFrame, cash: float) -> Iterator[dict[str, Any]]:
    """Split by symbol, sorted by name."""
    for symbol, own in trades.groupby("symbol", sort=True):
        yield {
            "kind": "symbol",
            "part": str(symbol),
            "sessions": None,
            "trades": len(own),
            "total_return": float(own["pnl"].sum()) / cash,
            "sharpe": np.nan,
        }
