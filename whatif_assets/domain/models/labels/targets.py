"""Targets: which bar is the horizon ahead of each bar, by clock, calendar or count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import Times
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.labels.terms import Terms

DAY = np.timedelta64(1, "D")


def targets(
    bars: pd.DataFrame,
    label: Terms,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
) -> Times:
    """Find the start of the bar that is the horizon ahead, whether it exists or not.

    Parameters
    ----------
    bars, label, bar_size, schedule
        As for :func:`whatif_assets.domain.models.labels.computing.label`.

    Returns
    -------
    numpy.ndarray
        One UTC time per bar; NaT if there is none.

    Raises
    ------
    BadInput
        The schedule is missing or lacks a session of the bars; or, across sessions, a
        bar does not start a whole number of base bars after the open.
    """
    if bar_size.by_activity:
        number = days_of(bars["session"]).astype(np.int64)
        if label.across_sessions:
            number = _session_numbers(bars, schedule)
        return _bars_ahead(bars, number, label)
    step = np.timedelta64(bar_size.length, "us")
    if bar_size.daily or label.across_sessions:
        return _along_calendar(bars, label.horizon, step, schedule)
    ahead: Times = times_of(bars["ts"]) + label.horizon * step
    return ahead


def _bars_ahead(
    bars: pd.DataFrame, number: npt.NDArray[np.int64], label: Terms
) -> Times:
    """Count the bars of each symbol, across sessions if the label allows it."""
    days, place = np.unique(number, return_inverse=True)
    gaps = np.cumsum(np.diff(days, prepend=days[:1]) > 1)  # sessions without bars
    stretch = gaps[place] if label.across_sessions else number
    keys = {"symbol": bars["symbol"].to_numpy(), "stretch": stretch}
    rows = pd.DataFrame({**keys, "ts": times_of(bars["ts"]), "number": number})
    stretches = rows.sort_values("ts", kind="stable").groupby(list(keys))
    ahead = stretches[["ts", "number"]].shift(-label.horizon).sort_index()
    near = ahead["number"] - number <= label.horizon
    return times_of(ahead["ts"].where(near))


def times_of(column: pd.Series) -> Times:
    """Return a column of times as an array of microseconds, UTC."""
    return column.to_numpy(dtype="datetime64[us]")


def days_of(sessions: pd.Series | pd.Index) -> Times:
    """Convert sessions of any date type to days that can be compared."""
    # Without pandas' cache of parsed texts: for dates, it takes longer than it saves.
    return pd.to_datetime(sessions, cache=False).to_numpy(dtype="datetime64[D]")


def _along_calendar(
    bars: pd.DataFrame,
    horizon: int,
    step: np.timedelta64,
    schedule: pd.DataFrame | None,
) -> Times:
    """Start of the bar of each label that may lie in a later session."""
    number = _session_numbers(bars, schedule)
    assert schedule is not None, "_session_numbers raises without a schedule"
    if step >= DAY:
        days = days_of(schedule.index)
        return _take(days.astype("datetime64[us]"), number + horizon)
    return _trading_time_ahead(bars, number, horizon, step, schedule)


def _session_numbers(
    bars: pd.DataFrame, schedule: pd.DataFrame | None
) -> npt.NDArray[np.int64]:
    """Position of each bar's session in the schedule."""
    if schedule is None:
        raise BadInput(
            "label: a label of daily bars or across sessions needs the schedule of the "
            "market's sessions."
        )
    days = days_of(schedule.index)
    sessions = days_of(bars["session"])
    number = np.searchsorted(days, sessions)
    lacking = np.append(days, np.datetime64("NaT"))[number] != sessions
    if lacking.any():
        missing = sessions[int(np.argmax(lacking))]
        raise BadInput(f"label: the schedule lacks the session {missing} of the bars.")
    return number


def _take(times: Times, at: npt.NDArray[np.int64]) -> Times:
    """Take times by position; NaT beyond the end."""
    padded = np.append(times, np.datetime64("NaT", "us"))
    return padded[np.minimum(at, len(times))]


def _trading_time_ahead(
    bars: pd.DataFrame,
    number: npt.NDArray[np.int64],
    horizon: int,
    step: np.timedelta64,
    schedule: pd.DataFrame,
) -> Times:
    """Count base bars ahead, from the close of a session to the next open."""
    ts, opens = times_of(bars["ts"]), times_of(schedule["open"])
    closes = times_of(schedule["close"])
    slots = -((opens - closes) // step)  # a short last bar counts too
    before = np.concatenate([[0], np.cumsum(slots)])
    slot, rest = np.divmod(ts - opens[number], step)
    trading = (slot >= 0) & (slot < slots[number])
    uneven = trading & (rest != np.timedelta64(0))
    if uneven.any():
        row = int(np.argmax(uneven))
        raise BadInput(
            f"label: across_sessions: the bar of {ts[row]} UTC does not start a whole "
            f"number of base bars after its session's open, {opens[number[row]]} UTC. "
            "Choose another base bar."
        )
    ahead = before[number] + slot + horizon
    session = np.searchsorted(before, ahead, side="right") - 1
    session = np.where(trading, session, len(opens))
    target: Times = _take(opens, session) + (ahead - before[session]) * step
    return target
