"""When a portfolio is rebalanced: times that are known beforehand."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.panel import Panel

Period = Literal["bars", "session", "week", "month"]
_MINUTE = 60_000_000
_DAY = 86_400_000_000
_THURSDAY = 3  # 1970-01-01, counted from Monday


def rebalance_times(
    panel: Panel, period: Period, every: int, at: float
) -> npt.NDArray[np.int64]:
    """Find the times at whose close a portfolio is rebalanced.

    Each is known at that time: from the calendar and from the bars up to then.

    Parameters
    ----------
    panel
        The bars.
    period
        ``bars``: each ``every``-th time, the first one included. ``session``: once in
        each ``every``-th session. ``week``, ``month``: once in the last session of
        each ``every``-th calendar week or month (UTC dates of the sessions' bars). The
        very last session of the panel is left out: what follows it is not known.
    every
        How many periods lie between two rebalances, at least 1.
    at
        Where in the session: minutes after its open, or before its close if negative.
        The first bar that starts then or later decides; a session without such a bar
        is left out. Of no effect on bars and where sessions have no hours, as for
        daily bars.

    Returns
    -------
    numpy.ndarray
        Places on the panel's timeline, increasing; int64.
    """
    if not len(panel):
        return np.empty(0, dtype=np.int64)
    if period == "bars":
        return np.arange(0, len(panel), every, dtype=np.int64)
    chosen = _sessions(panel, period, every)
    start = _starts(panel, at)
    due = np.isin(panel.session, chosen) & (panel.ts >= start[panel.session])
    first = np.ones(len(panel), dtype=np.bool_)
    first[1:] = (panel.session[1:] != panel.session[:-1]) | ~due[:-1]
    return np.flatnonzero(due & first)


def _sessions(panel: Panel, period: Period, every: int) -> npt.NDArray[np.int64]:
    """Numbers of the sessions in which the portfolio is rebalanced."""
    numbers, last = panel.session_ends()
    if period == "session":
        return numbers[::every]
    days = panel.ts[last] // _DAY
    if period == "week":
        periods = (days + _THURSDAY) // 7
    else:
        periods = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    ends = np.flatnonzero(np.diff(periods))
    return numbers[ends][::every]


def _starts(panel: Panel, at: float) -> npt.NDArray[np.int64]:
    """From when on a bar may decide, by session; microseconds."""
    hours = next((s.hours for s in panel.sleeves if s.hours is not None), None)
    n_sessions = int(panel.session[-1]) + 1
    if hours is None:
        return np.full(n_sessions, np.iinfo(np.int64).min, dtype=np.int64)
    start, stop = hours[:n_sessions].T
    wanted = start if at >= 0 else stop
    return np.asarray(wanted + round(at * _MINUTE), dtype=np.int64)
