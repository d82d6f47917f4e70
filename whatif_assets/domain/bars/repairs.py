"""Repairs of bars: made only if the market declares them, and always counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import BAR_COLUMNS
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of

# Takes rows or bars; returns the repaired ones, and those it left out or added.
Repair = Callable[[pd.DataFrame, Sessions, BarSize], tuple[pd.DataFrame, pd.DataFrame]]


def drop_duplicates(
    rows: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out rows that repeat another row in every column.

    Rows of one symbol and ts with different values are kept, and are refused later:
    only the vendor knows which of them is right.
    """
    again = rows.duplicated(list(BAR_COLUMNS))
    return rows[~again].reset_index(drop=True), rows[again]


def forward_fill(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add a bar at the last close, with volume 0, where a bar is missing in a session.

    Bars are added within the regular hours and after a symbol's first bar of the
    session only: a price is never carried from one session into another.
    """
    length = bar_size.length
    days = pd.DatetimeIndex(bars["session"].unique())
    starts = {day: sessions.starts(day.date(), length) for day in days}
    gaps = [
        _gaps(group, starts[group["session"].iloc[0]])
        for _, group in bars.groupby(["session", "symbol"], observed=True)
    ]
    added = pd.concat(gaps) if gaps else bars.iloc[:0]
    if added.empty:
        return bars, added
    whole = pd.concat([bars, added]).sort_values(["symbol", "ts"])
    return whole.reset_index(drop=True), added


def _gaps(bars: pd.DataFrame, starts: pd.DatetimeIndex) -> pd.DataFrame:
    """Make the bars that one symbol and session lacks, one per start without a bar."""
    wanted = starts[starts > bars["ts"].iloc[0]].difference(
        pd.DatetimeIndex(bars["ts"])
    )
    before = bars["ts"].searchsorted(wanted) - 1
    last = bars.iloc[np.asarray(before)]
    flat = dict.fromkeys(("open", "high", "low", "close", "vwap"), last["close"])
    return last.assign(
        **flat, ts=wanted, volume=0.0, trade_count=0, vwap_is_typical=True
    ).astype(bars.dtypes)


# Repairs of raw rows, before the row checks, and of tidy bars, after them.
OF_ROWS: dict[str, Repair] = {"drop_duplicates": drop_duplicates}
OF_BARS: dict[str, Repair] = {"forward_fill": forward_fill}
REPAIRS: dict[str, Repair] = {**OF_ROWS, **OF_BARS}


def check_repairs(
    repairs: Sequence[str], bar_size: BarSize, of_trades: bool = False
) -> None:
    """Raise when a repair does not exist or cannot be made on such bars.

    Parameters
    ----------
    repairs
        Names of repairs.
    bar_size
        Size of the market's bars.
    of_trades
        Whether the rows of the source are trades.

    Raises
    ------
    BadInput
        The message names the repair.
    """
    for name in repairs:
        if name not in REPAIRS:
            raise BadInput(
                f"'{name}' is not a repair.{did_you_mean(name, REPAIRS)} Allowed: "
                f"{one_of(REPAIRS)}."
            )
    if "drop_duplicates" in repairs and of_trades:
        raise BadInput(
            "drop_duplicates leaves out rows that repeat a bar, and the rows are "
            "trades: two equal rows are two trades. Remove it from repairs."
        )
    if "forward_fill" in repairs and bar_size.by_activity:
        raise BadInput(
            f"forward_fill fills minutes without a bar, and {bar_size} bars have no "
            "fixed length. Remove it from repairs."
        )
    if "forward_fill" in repairs and bar_size.daily:
        raise BadInput(
            "forward_fill fills gaps within a session, and a daily bar is a whole "
            "session. Remove it from repairs."
        )
