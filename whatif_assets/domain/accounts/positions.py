"""Positions and exposure at the end of sessions, from the results of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.base.arrays import FloatArray, Times

POSITIONS = ("variant", "session", "symbol", "units", "close", "value", "weight")
EXPOSURES = (
    "variant",
    "session",
    "gross",
    "net",
    "positions",
    "effective_positions",
    "largest_weight",
    "turnover",
)


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


def exposures_of(
    result: BacktestResult, sessions: Sequence[date], positions: pd.DataFrame
) -> pd.DataFrame:
    """Sum up what the account of each variant holds and trades in each session.

    Parameters
    ----------
    result
        Of the variants.
    sessions
        The sessions that the result numbers.
    positions
        From :func:`positions_of`, of the same result.

    Returns
    -------
    pandas.DataFrame
        One row per variant and session: ``variant``, ``session`` (datetime64);
        ``gross`` and ``net``, the sums of the weights without and with their signs, so
        that gross is the leverage; ``positions``, their number;
        ``effective_positions``, the number of positions of equal size that are as
        concentrated (gross squared over the sum of the squared weights; NaN without a
        position); ``largest_weight`` without its sign; and ``turnover``, the value of
        the session's fills as a part of the equity at the end of the session before.
        NaN where that equity, or for weights the equity at the end, is not positive.
    """
    days = np.array(sessions, dtype="datetime64[us]")
    traded = np.zeros((len(result.variants), len(days)))
    place = {name: number for number, name in enumerate(result.variants)}
    for variant, sleeve, run in result.jobs_of(result.variants):
        row = traded[place[variant.id]]
        np.add.at(row, sleeve.session[run.bars], run.values_traded)
    path = np.column_stack([result.start_cash, result.total_equity])
    turnover = np.full(traded.shape, np.nan)
    np.divide(traded, path[:, :-1], out=turnover, where=path[:, :-1] > 0)
    held = dict(iter(positions.groupby("variant", sort=False)))
    parts = [
        _exposures(name, days, held.get(name, positions.iloc[:0]), turnover[number])
        for name, number in place.items()
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=list(EXPOSURES))
    )


def _exposures(
    variant: str, days: Times, held: pd.DataFrame, turnover: FloatArray
) -> pd.DataFrame:
    """Sum up the weights of one variant by session."""
    number = np.searchsorted(days, held["session"].to_numpy("datetime64[us]"))
    weight = held["weight"].to_numpy(np.float64)

    def _summed(values: FloatArray | None) -> FloatArray:
        return np.bincount(number, values, minlength=len(days)).astype(np.float64)

    gross, squares = _summed(np.abs(weight)), _summed(weight**2)
    largest = np.zeros(len(days))
    with np.errstate(invalid="ignore"):  # an account without money has no weights
        np.maximum.at(largest, number, np.abs(weight))
    effective = np.full(len(days), np.nan)
    np.divide(gross**2, squares, out=effective, where=squares > 0)
    columns = (
        variant,
        days,
        gross,
        _summed(weight),
        _summed(None).astype(np.int64),
        effective,
        largest,
        turnover,
    )
    return pd.DataFrame(dict(zip(EXPOSURES, columns, strict=True)))
