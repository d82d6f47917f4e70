"""Tidy bars: raw rows of a source, validated, sorted and assigned to sessions."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass
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
    """Validate raw rows, sort them and assign each to its session.

    Parameters
    ----------
    frame
        `REQUIRED_COLUMNS`; ``vwap``, ``trade_count``, ``file`` and ``line`` if known.
        Others are dropped. ``ts``, with a time zone, is the bar's start.
    sessions, bar_size
        Sessions of the market, and the size of its bars.
    where
        Origin of the rows, as messages name it.
    hours
        ``regular`` keeps only bars that start in [open, close) of the calendar; daily
        bars are always kept.
    repairs
        Names in `whatif_assets.domain.bars.repairs.REPAIRS`.
    of_trades
        Whether rows are trades, from which the bars are made: ``ts`` is the time of
        the trade, each price is its price, ``volume`` its size.
    categories
        Whether to return ``symbol`` as a category instead of texts.
    negative_prices
        Whether prices may be 0 or negative.
    leave_out
        Whether to leave out, and report, the symbol and session of a row that is not
        a valid bar; otherwise such a row raises an error.

    Returns
    -------
    bars : DataFrame
        `BAR_COLUMNS` with vwap filled, ``vwap_is_typical`` (bool) and ``session``
        (datetime64[ns], naive midnight), sorted by (symbol, ts).
    report : LoadReport
        What was left out, filled and repaired, and what looks wrong.

    Raises
    ------
    BadInput
        A row or a column is not valid (`RowRules`), or a repair is (`check_repairs`).
    """
    check_repairs(repairs, bar_size, of_trades)
    rules = RowRules(where, bar_size, of_trades, negative_prices)
    bars, report = _Tidying(sessions, rules, hours, repairs, leave_out).of(frame)
    if not categories:
        bars["symbol"] = bars["symbol"].astype(object)
    return bars, report


@dataclass(frozen=True)
class _Tidying:
    """The steps from raw rows to tidy bars, with the options of `tidy`."""

    sessions: Sessions
    rules: RowRules
    hours: Hours
    repairs: Sequence[str]
    leave_out: bool

    def of(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, LoadReport]:
        """Run all steps; the symbols of the bars are categories."""
        given = _placed(frame, self.rules.where)
        rows, repaired = self._repair_rows(given)
        rows, refused = self._check(rows)
        disorder = _out_of_order(self._with_sessions(given, rows))
        rows, outside_sessions, outside_hours = self._within(rows)
        bars, added = self._repair_bars(self._bars(rows))
        repaired |= added
        first = bars[["symbol", "session"]].iloc[session_starts(bars)]
        return bars, LoadReport(
            rows=len(bars),
            symbols=first["symbol"].nunique(),
            sessions=first["session"].nunique(),
            outside_sessions=outside_sessions,
            outside_hours=outside_hours,
            vwap_from_typical_price=int(bars["vwap_is_typical"].sum()),
            out_of_order=disorder,
            inconsistent=_counts(bars.loc[inconsistent(bars), "session"]),
            repaired={name: repaired[name] for name in self.repairs},
            refused=refused,
        )

    @property
    def _stamped(self) -> BarSize:
        return stamp_size(self.rules.bar_size, self.rules.of_trades)

    def _repair_rows(
        self, rows: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[str, dict[date, int]]]:
        """Make the declared repairs of rows; count changes by repair and session."""
        left_out = {}
        for name in (name for name in self.repairs if name in OF_ROWS):
            rows, dropped = OF_ROWS[name](rows, self.sessions, self.rules.bar_size)
            days = assign_sessions(dropped, self.sessions, self._stamped)
            left_out[name] = _counts(days)
        return rows, left_out

    def _check(
        self, rows: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[date, dict[str, RefusedBars]]]:
        """Add each row's session; raise for faulty rows, or leave them out."""
        if not self.leave_out:
            self.rules.check(rows)
        rows["session"] = assign_sessions(rows, self.sessions, self._stamped)
        if not self.leave_out:
            return rows, {}
        kept, refused = self.rules.leave_out(rows, rows["session"])
        rows = rows if kept.all() else rows[kept].reset_index(drop=True)
        return rows, refused

    def _with_sessions(self, given: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        """Return all rows of the source with their sessions.

        Rows that were left out count for the order of the source, too.
        """
        if len(given) == len(rows):
            return rows
        given["session"] = assign_sessions(given, self.sessions, self._stamped)
        return given

    def _within(
        self, rows: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[date, int], dict[date, int]]:
        """Keep rows within sessions and hours; count those outside of either."""
        within = rows["session"].notna()
        kept = within & _in_hours(rows, self.sessions, self._stamped, self.hours)
        strays = rows.loc[~within, ["ts"]]
        next_sessions = _next_session(strays, self.sessions, self._stamped)
        outside_hours = rows.loc[within & ~kept, "session"]
        rows = rows if kept.all() else rows[kept].reset_index(drop=True)
        return rows, _counts(next_sessions), _counts(outside_hours)

    def _bars(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Make bars with vwap filled, and with the columns of bars only."""
        if self.rules.of_trades:
            rows = bars_of_trades(rows, self.rules.bar_size, self.sessions)
        names = (*BAR_COLUMNS, "session")
        columns = {name: rows[name] for name in names}
        bars, _ = with_vwap(pd.DataFrame(columns, copy=False))
        bars["session"] = bars.pop("session")  # move behind vwap_is_typical
        return bars

    def _repair_bars(
        self, bars: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[str, dict[date, int]]]:
        """Make the declared repairs of bars; count changes by repair and session."""
        counts = {}
        for name in (name for name in self.repairs if name in OF_BARS):
            bars, added = OF_BARS[name](bars, self.sessions, self.rules.bar_size)
            counts[name] = _counts(added["session"])
        return bars, counts


def _placed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Type and sort raw rows; ``place`` is a row's position in the source."""
    rows = typed(frame, where)
    rows["place"] = np.arange(len(rows))
    return in_order(rows)


def stamp_size(bar_size: BarSize, of_trades: bool) -> BarSize:
    """Return the bar size that describes the stamps of a source's rows.

    Trades are stamped with a time, whatever size of bars is made from them; only rows
    that are daily bars themselves are stamped with a date.
    """
    return ONE_MINUTE if of_trades else bar_size


def assign_sessions(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> pd.Series[pd.Timestamp]:
    """Return the session of each bar.

    Parameters
    ----------
    bars
        Bars with ``ts``, their start in UTC. A daily bar is stamped with its session
        at 00:00 UTC.
    sessions
        The market's sessions.
    bar_size
        Size by which the rows are stamped, see `stamp_size`.

    Returns
    -------
    Series
        datetime64[ns], naive midnights, with the index of the bars. A bar belongs to
        the session of its day at the exchange; if sessions open on the evening before
        (futures), to the next session to close. NaT if that day is not a session of
        the market.
    """
    number, days = _numbered_days(bars, sessions, bar_size)
    known = days.where(days.isin(pd.DatetimeIndex(sessions.dates())))
    of_each = known.append(pd.DatetimeIndex([pd.NaT])).to_numpy().take(number)
    return pd.Series(of_each, index=bars.index, name="session")


def bars_window(
    sessions: Sessions, bar_size: BarSize, first: date, last: date
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the window of stamps of all bars of the sessions in [first, last].

    Returns
    -------
    start, end : Timestamp
        [start, end), UTC, from the end of the session before ``first``, see
        `Sessions.window`; for daily bars whole UTC days.
    """
    if not bar_size.daily:
        return sessions.window(first, last)
    before = sessions.previous(first, 1)
    start = before[0] + DAY if before else first
    return pd.Timestamp(start, tz="UTC"), pd.Timestamp(last + DAY, tz="UTC")


def _numbered_days(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> tuple[npt.NDArray[np.intp], pd.DatetimeIndex]:
    """Return each bar's day, as a position in days; see `Sessions.numbered_days`."""
    ts = pd.DatetimeIndex(bars["ts"])
    if not bar_size.daily:
        return sessions.numbered_days(ts)
    dates = ts.tz_localize(None).normalize().as_unit("ns")
    days = pd.DatetimeIndex(dates.unique().dropna())
    return days.get_indexer(dates), days


def _next_session(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize
) -> pd.Series[pd.Timestamp]:
    """Return the first session after the day of each bar; NaT after the last one."""
    known = pd.DatetimeIndex(sessions.dates()).as_unit("ns")
    number, days = _numbered_days(bars, sessions, bar_size)
    none = pd.DatetimeIndex([pd.NaT])
    following = known.append(none)[known.searchsorted(days)]
    return pd.Series(following.append(none).take(number))


def _counts(days: pd.Series[pd.Timestamp]) -> dict[date, int]:
    """Count how often each day occurs, in order of the days; NaT is not counted."""
    found = collections.Counter(pd.DatetimeIndex(days.dropna()).date)
    return dict(sorted(found.items()))


def _out_of_order(bars: pd.DataFrame) -> dict[date, int]:
    """Count the bars of each session that the source has out of order.

    Of the steps from one bar of a symbol and session to the next, the source takes some
    forwards and some backwards: the fewer of the two are out of order, since a source
    may also be sorted newest first.
    """
    place = bars["place"]
    if place.is_monotonic_increasing:
        return {}
    keys = bars[["symbol", "session"]]
    follows = (keys == keys.shift()).all(axis=1)
    later = place.diff() > 0
    up = _counts(bars.loc[follows & later, "session"])
    down = _counts(bars.loc[follows & ~later, "session"])
    return {day: min(up[day], down[day]) for day in up.keys() & down.keys()}


def _in_hours(
    bars: pd.DataFrame, sessions: Sessions, bar_size: BarSize, hours: Hours
) -> pd.Series[bool]:
    """Whether each bar starts in the hours to keep."""
    if hours == "all" or bar_size.daily:
        return pd.Series(True, index=bars.index)
    days = bars["session"].dropna().unique()
    schedule = sessions.schedule(day.date() for day in pd.DatetimeIndex(days))
    schedule.index = pd.DatetimeIndex(days)
    opens = bars["session"].map(schedule["open"])
    closes = bars["session"].map(schedule["close"])
    return (bars["ts"] >= opens) & (bars["ts"] < closes)
