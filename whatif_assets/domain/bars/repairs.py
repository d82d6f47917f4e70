"""Repairs of bars: only those that a market declares, and every one counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import BAR_COLUMNS
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of

Repair = Callable[[pd.DataFrame, Sessions, BarSize], tuple[pd.DataFrame, pd.DataFrame]]


def drop_duplicates(
    rows: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out rows that say the same bar again, in each column.

    Rows of one symbol and ts that contradict one another stay, and are refused:
    nobody but the vendor knows which is right.
    """
    again = rows.duplicated(list(BAR_COLUMNS))
    return rows[~again].reset_index(drop=True), rows[again]


def forward_fill(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add a bar at the last close, without volume, where a session misses one.

    Within the regular hours, after a symbol's first bar of the session: a price is
    never carried from one session into another.
    """
    length = bar_size.length
    days = pd.DatetimeIndex(bars["session"].unique())
    starts = {day: sessions.starts(day.date(), length) for day in days}
    made = [
        _gaps(own, starts[own["session"].iloc[0]])
        for _, own in bars.groupby(["session", "symbol"], observed=True)
    ]
    added = pd.concat(made) if made else bars.iloc[:0]
    if added.empty:
        return bars, added
    whole = pd.concat([bars, added]).sort_values(["symbol", "ts"])
    return whole.reset_index(drop=True), added


def _gaps(bars: pd.DataFrame, starts: pd.DatetimeIndex) -> pd.DataFrame:
    """Bars of one symbol and session to be added, at those starts without any."""
    wanted = starts[starts > bars["ts"].iloc[0]].difference(
        pd.DatetimeIndex(bars["ts"])
    )
    before = bars["ts"].searchsorted(wanted) - 1
    last = bars.iloc[np.asarray(before)]
    flat = dict.fromkeys(("open", "high", "low", "close", "vwap"), last["close"])
    return last.assign(
        **flat, ts=wanted, volume=0.0, trade_count=0, vwap_is_typical=True
    ).astype(bars.dtypes)


# What becomes of raw rows before they are checked, and of tidy bars after.
OF_ROWS: dict[str, Repair] = {"drop_duplicates": drop_duplicates}
OF_BARS: dict[str, Repair] = {"forward_fill": forward_fill}
REPAIRS: dict[str, Repair] = {**OF_ROWS, **OF_BARS}


def check_repairs(
    repairs: Sequence[str], bar_size: BarSize, of_trades: bool = False
) -> None:
    """Refuse a repair that there is not, or that such bars cannot have.

    Raises
    ------
    BadInput
        Naming it.
    """
    for name in repairs:
        if name not in REPAIRS:
            raise BadInput(
                f"There is no repair '{name}'.{did_you_mean(name, REPAIRS)} Allowed: "
                f"{one_of(REPAIRS)}."
            )
    if "drop_duplicates" in repairs and of_trades:
        raise BadInput(
            "drop_duplicates leaves out rows that say a bar again, and two trades that "
            "are the same are two trades. Take it out of repairs."
        )
    if "forward_fill" in repairs and bar_size.by_activity:
        raise BadInput(
            f"forward_fill fills minutes without a bar, and {bar_size} bars take as "
            "long as they take. Take it out of repairs."
        )
    if "forward_fill" in repairs and bar_size.daily:
        raise BadInput(
            "forward_fill fills gaps within a session, and a daily bar is a whole "
            "one. Take it out of repairs."
        )
