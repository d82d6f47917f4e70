"""Bars: from a source's raw rows to tidy bars of known sessions."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.load_report import LoadReport
from whatif_assets.domain.bars.repairs import OF_BARS, OF_ROWS, check_repairs
from whatif_assets.domain.bars.row_checks import RowRules
from whatif_assets.domain.bars.schema import (
    BAR_COLUMNS,
    REQUIRED_COLUMNS,
    RefusedBars,
    in_order,
    inconsistent,
    session_starts,
    typed,
    with_vwap,
)
from whatif_assets.domain.bars.sessions import DAY, Sessions
from whatif_assets.domain.bars.ticks import bars_of_trades

__all__ = [
    "BAR_COLUMNS",
    "REQUIRED_COLUMNS",
    "Hours",
    "LoadReport",
    "assign_sessions",
    "bars_window",
    "stamp_size",
    "tidy",
    "with_vwap",
]

Hours = Literal["all", "regular"]


def tidy(
    frame: pd.DataFrame,
    sessions: Sessions,
    bar_size: BarSize,
    where: str,
    hours: Hours = "all",
    repairs: Sequence[str] = (),
    of_trades: bool = False,
    categories: bool = False,
    negative_prices: bool = False,
    leave_out: bool = False,
) -> tuple[pd.DataFrame, LoadReport]:
    """Validate raw rows, order them and give each its session.

    Parameters
    ----------
    frame
        At least `REQUIRED_COLUMNS`; ``vwap`` and ``trade_count`` where known,
        ``file`` and ``line`` where a message can name them. Other columns are
        left out. ``ts`` is the bar's start and has a time zone.
    sessions
        The market's sessions; bars of other days are left out.
    bar_size
        Of the market's bars.
    where
        What messages call the origin of the rows.
    hours
        ``all`` keeps each bar of a session's day as it comes, ``regular`` those
        that start in [open, close) of the calendar, half days included. Daily
        bars have no hours.
    repairs
        Names of `whatif_assets.domain.bars.repairs.REPAIRS` that are made. Without any,
        every row is as the source gave it, or refused.
    of_trades
        Whether the rows are trades, of which bars are then made: ``ts`` is a trade's
        instant, the four prices are its price, ``volume`` its size. Those outside
        the hours that are kept are left out first.
    categories
        Whether ``symbol`` is to be a category, which is compared faster than a text.
    negative_prices
        Whether prices may be 0 and less.
    leave_out
        Whether the rows of a symbol and session that has a row which is no bar are
        left out, and reported; otherwise such a row is refused.

    Returns
    -------
    bars : DataFrame
        `BAR_COLUMNS` with vwap filled, then ``vwap_is_typical`` (bool) and
        ``session`` (datetime64[ns], naive midnight), sorted by (symbol, ts).
    report : LoadReport
        What was left out, filled and repaired, and what looks wrong.

    Raises
    ------
    BadInput
        Naming the row, for a price that is not positive and finite, a high
        below the low, an open or close far outside them, a negative volume, or a
        (symbol, ts) that is there twice; for columns that are missing, of another
        type or exchanged; for stamps that cannot be starts of such bars.
    """
    check_repairs(repairs, bar_size, of_trades)
    stamped = stamp_size(bar_size, of_trades)
    given = _placed(frame, where)
    rows, repaired = _repair_rows(given, repairs, sessions, bar_size, stamped)
    rules = RowRules(where, bar_size, of_trades, negative_prices)
    refused: dict[date, dict[str, RefusedBars]] = {}
    if not leave_out:
        rules.check(rows)
    rows["session"] = assign_sessions(rows, sessions, stamped)
    if leave_out:
        kept, refused = rules.leave_out(rows, rows["session"])
        rows = rows if kept.all() else rows[kept].reset_index(drop=True)
    if len(given) > len(rows):  # rows that were repeated are somewhere, too
        given["session"] = assign_sessions(given, sessions, stamped)
    else:
        given = rows
    disorder = _out_of_order(given)
    rows, outside_sessions, outside_hours = _within(rows, sessions, stamped, hours)
    bars = _bars_of(rows, sessions, bar_size, of_trades)
    for name in (name for name in repairs if name in OF_BARS):
        bars, added = OF_BARS[name](bars, sessions, bar_size)
        repaired[name] = _counts(added["session"])
    first = bars[["symbol", "session"]].iloc[session_starts(bars)]
    if not categories:
        bars["symbol"] = bars["symbol"].astype(object)
    return bars, LoadReport(
        rows=len(bars),
        symbols=first["symbol"].nunique(),
        sessions=first["session"].nunique(),
        outside_sessions=outside_sessions,
        outside_hours=outside_hours,
        vwap_from_typical_price=int(bars["vwap_is_typical"].sum()),
        out_of_order=disorder,
        inconsistent=_counts(bars.loc[inconsistent(bars), "session"]),
        repaired={name: repaired[name] for name in repairs},
        refused=refused,
    )


def _placed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Rows in their types and in order, with the place that the source had them at."""
    rows = typed(frame, where)
    rows["place"] = np.arange(len(rows))
    return in_order(rows)


def _repair_rows(
    rows: pd.DataFrame,
    repairs: Sequence[str],
    sessions: Sessions,
    bar_size: BarSize,
    stamped: BarSize,
) -> tuple[pd.DataFrame, dict[str, dict[date, int]]]:
    """Leave out the rows that declared repairs do; how many, by repair and session."""
    left_out = {}
    for name in (name for name in repairs if name in OF_ROWS):
        rows, dropped = OF_ROWS[name](rows, sessions, bar_size)
        left_out[name] = _counts(assign_sessions(dropped, sessions, stamped))
    return rows, left_out


def _within(
    rows: pd.DataFrame, sessions: Sessions, stamped: BarSize, hours: Hours
) -> tuple[pd.DataFrame, dict[date, int], dict[date, int]]:
    """Rows that are kept; how many are outside of sessions, and of hours."""
    within = rows["session"].notna()
    kept = within & _in_hours(rows, sessions, stamped, hours)
    coming = _session_ahead(rows.loc[~within, ["ts"]], sessions, stamped)
    shut = rows.loc[within & ~kept, "session"]
    rows = rows if kept.all() else rows[kept].reset_index(drop=True)
    return rows, _counts(coming), _counts(shut)


def _bars_of(
    rows: pd.DataFrame, sessions: Sessions, bar_size: BarSize, of_trades: bool
) -> pd.DataFrame:
    """Bars with their columns alone, vwap filled, of rows that are bars or trades."""
    if of_trades:
        rows = bars_of_trades(rows, bar_size, sessions)
    own = (*BAR_COLUMNS, "session")
    bars, _ = with_vwap(pd.DataFrame({name: rows[name] for name in own}, copy=False))
    bars["session"] = bars.pop("session")  # behind vwap_is_typical
    return bars


def stamp_size(bar_size: BarSize, of_trades: bool) -> BarSize:
    """Size by which rows are found and given their session.

    A trade has its instant, whatever bars are made of it; daily bars have a date.
    """
    return ONE_MINUTE if of_trades else bar_size


def assign_sessions(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> pd.Series[pd.Timestamp]:
    """Session of each bar.

    Parameters
    ----------
    bars
        With ``ts``, the bar's start, UTC. A daily bar is stamped with its
        session at 00:00 UTC.
    sessions
        The market's sessions.
    bar_size
        Of the market's bars.

    Returns
    -------
    Series
        datetime64[ns], naive midnight, index of the bars. A bar belongs to the
        session of its day at the exchange, or for a calendar that opens the
        evening before, to the next session to close. NaT where that is no
        session of the market.
    """
    number, days = _numbered_days(bars, sessions, bar_size)
    own = days.where(days.isin(pd.DatetimeIndex(sessions.dates())))
    of_each = own.append(pd.DatetimeIndex([pd.NaT])).to_numpy().take(number)
    return pd.Series(of_each, index=bars.index, name="session")


def bars_window(
    sessions: Sessions, bar_size: BarSize, first: date, last: date
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """When bars of the sessions in [first, last] can be stamped.

    Returns
    -------
    start, end : Timestamp
        [start, end), UTC, from the end of the session before, as
        `Sessions.window` has it; for daily bars in whole UTC days.
    """
    if not bar_size.daily:
        return sessions.window(first, last)
    before = sessions.previous(first, 1)
    start = before[0] + DAY if before else first
    return pd.Timestamp(start, tz="UTC"), pd.Timestamp(last + DAY, tz="UTC")


def _numbered_days(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[npt.NDArray[np.intp], pd.DatetimeIndex]:
    """Day of the exchange that each bar counts to, by number; see `Sessions`."""
    ts = pd.DatetimeIndex(bars["ts"])
    if not bar_size.daily:
        return sessions.numbered_days(ts)
    dates = ts.tz_localize(None).normalize().as_unit("ns")
    days = pd.DatetimeIndex(dates.unique().dropna())
    return days.get_indexer(dates), days


def _session_ahead(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> pd.Series[pd.Timestamp]:
    """First session of the market after the day of each bar; NaT after the last."""
    own = pd.DatetimeIndex(sessions.dates()).as_unit("ns")
    of_each, days = _numbered_days(bars, sessions, bar_size)
    none = pd.DatetimeIndex([pd.NaT])
    following = own.append(none)[own.searchsorted(days)]
    return pd.Series(following.append(none).take(of_each))


def _counts(days: pd.Series[pd.Timestamp]) -> dict[date, int]:
    """How often each day is there, in order."""
    found = collections.Counter(pd.DatetimeIndex(days.dropna()).date)
    return dict(sorted(found.items()))


def _out_of_order(bars: pd.DataFrame) -> dict[date, int]:
    """How many bars of each session the source has where they do not belong."""
    place = bars["place"]
    if place.is_monotonic_increasing:
        return {}
    keys = bars[["symbol", "session"]]
    follows = (keys == keys.shift()).all(axis=1)
    later = place.diff() > 0
    up = _counts(bars.loc[follows & later, "session"])
    down = _counts(bars.loc[follows & ~later, "session"])
    # Newest first is an order, too.
    return {day: min(up[day], down[day]) for day in up.keys() & down.keys()}


def _in_hours(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize, hours: Hours
) -> pd.Series[bool]:
    """Whether each bar starts in the hours that are kept."""
    if hours == "all" or bar_size.daily:
        return pd.Series(True, index=bars.index)
    days = bars["session"].dropna().unique()
    schedule = sessions.schedule(day.date() for day in pd.DatetimeIndex(days))
    schedule.index = pd.DatetimeIndex(days)
    opens = bars["session"].map(schedule["open"])
    closes = bars["session"].map(schedule["close"])
    return (bars["ts"] >= opens) & (bars["ts"] < closes)
