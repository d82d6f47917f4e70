"""Resampling of bars to a larger size, session by session."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import BAR_COLUMNS, symbol_rows, with_vwap
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.arrays import FloatArray, IntArray, Times
from whatif_assets.domain.base.errors import BadInput

_MARKS = ("vwap_is_typical", "session")


@dataclass(frozen=True, eq=False)
class Slots:
    """Positions of bars on the grid of a larger bar size.

    Attributes
    ----------
    starts, ends
        [start, end) of the larger bar that each bar belongs to, datetime64[us], UTC.
        A daily bar starts at its stamp, the session at 00:00; it ends with the
        session's day.
    """

    starts: Times
    ends: Times


def slots(bars: pd.DataFrame, size: BarSize, sessions: Sessions) -> Slots:
    """Find the larger bar that each bar belongs to.

    The grid is anchored at the open of each session, also for bars before the open. A
    larger bar never reaches into another session: it is cut off at the boundary.

    Parameters
    ----------
    bars
        Bars with ``ts``, their start in UTC, and ``session`` if it is known.
    size
        Size of the larger bars: a time size, or daily.
    sessions
        The market's sessions.

    Raises
    ------
    BadInput
        The size is a volume or dollar size, or a bar lies outside of every session.
    """
    ts = bars["ts"].to_numpy(dtype="datetime64[us]")
    number, days = _session_numbers(bars, sessions)
    first, after, opens = _hours(sessions, tuple(days.date))
    if size.daily:
        return Slots(days.to_numpy(dtype="datetime64[us]")[number], after[number])
    if not size.timed:
        raise BadInput(
            f"resample: bars cannot be resampled to {size}, which is made from ticks. "
            "Allowed are time sizes, such as 5min or 1h, and 1day."
        )
    step = np.timedelta64(size.length.to_pytimedelta(), "us")
    of_bars = opens[number]
    starts = of_bars + (ts - of_bars) // step * step
    return Slots(
        np.maximum(starts, first[number]), np.minimum(starts + step, after[number])
    )


@functools.lru_cache(maxsize=64)
def _hours(sessions: Sessions, days: tuple[date, ...]) -> tuple[Times, Times, Times]:
    """Return the start and the end of the span of sessions, and their opens.

    A probe asks for the same sessions hundreds of times.
    """
    spans, schedule = sessions.spans(days), sessions.schedule(days)
    times = (spans["start"], spans["end"], schedule["open"])
    first, after, opens = (
        pd.DatetimeIndex(one).to_numpy(dtype="datetime64[us]") for one in times
    )
    return first, after, opens


def _session_numbers(
    bars: pd.DataFrame, sessions: Sessions
) -> tuple[IntArray, pd.DatetimeIndex]:
    """Return the position of each bar's session, and the sessions."""
    given = "session" in bars
    of_bars = bars["session"] if given else sessions.days(pd.DatetimeIndex(bars["ts"]))
    number, found = pd.factorize(pd.DatetimeIndex(pd.to_datetime(of_bars)))
    days = pd.DatetimeIndex(found)
    if (number < 0).any() or not sessions.are_sessions(days).all():
        unknown = np.append(~sessions.are_sessions(days), True)[number]
        bar = bars.iloc[int(np.argmax(unknown))]
        raise BadInput(
            f"resample: the bar of {bar['symbol']} at {bar['ts']} is not in a session "
            f"of {sessions.calendar}; remove the bar, or use the calendar of its "
            "exchange."
        )
    return number, days


def resample(bars: pd.DataFrame, size: BarSize, sessions: Sessions) -> pd.DataFrame:
    """Resample bars to a larger size, separately for each symbol and session.

    Parameters
    ----------
    bars
        Tidy time bars, sorted by (symbol, ts), whose length divides that of the larger
        bars; ``session`` is used if the column exists.
    size
        Size of the larger bars: a time size, or daily.
    sessions
        The market's sessions; :func:`slots` defines the grid.

    Returns
    -------
    pandas.DataFrame
        One row per larger bar that contains a bar, sorted by (symbol, ts): first open,
        highest high, lowest low, last close, sums of volume and trade_count (null if
        one of the bars has null), and vwap weighted by volume. Where nothing was
        traded, vwap is the typical price, (high + low + close) / 3.
        ``vwap_is_typical`` is true for such a bar, and for a bar whose vwap includes
        the typical price of a smaller bar. ``vwap``, ``trade_count`` and ``session``
        are returned if ``bars`` has them; further columns are left out.

    Raises
    ------
    BadInput
        The bars are not sorted by (symbol, ts), or a bar is there twice; also the
        errors of :func:`slots`.

    Notes
    -----
    Sizes nest: one-minute bars resampled to five minutes and then to one hour equal
    one-minute bars resampled to one hour, except for the rounding of partial sums.
    """
    rows = symbol_rows(bars)
    if "vwap" in bars and "vwap_is_typical" not in bars:
        bars, _ = with_vwap(bars)
    kept = [name for name in bars if name in (*BAR_COLUMNS, *_MARKS)]
    if bars.empty:
        return bars[kept].reset_index(drop=True)
    starts = slots(bars, size, sessions).starts
    new = np.append(True, starts[1:] != starts[:-1])
    new[[start for start, _ in rows]] = True
    first = np.flatnonzero(new)
    ts = pd.DatetimeIndex(starts[first]).tz_localize("UTC").as_unit("us")
    larger = bars[kept].iloc[first].reset_index(drop=True)
    return larger.assign(ts=ts, **aggregated(bars, first))


def aggregated(bars: pd.DataFrame, first: IntArray) -> dict[str, Any]:
    """Compute the columns of larger bars from the bars or trades that they contain.

    Parameters
    ----------
    bars
        Bars as :func:`resample` takes them, or trades as
        `whatif_assets.domain.bars.ticks` prepares them, with ``vwap_is_typical`` if
        they have ``vwap``.
    first
        First row of each larger bar, increasing from 0; a larger bar ends where the
        next one starts.

    Returns
    -------
    dict
        Columns by name: open, high, low, close and volume, and ``vwap`` with
        ``vwap_is_typical`` and ``trade_count`` if ``bars`` has them.
    """

    def _values(name: str) -> FloatArray:
        return bars[name].to_numpy(dtype=np.float64, na_value=np.nan)

    last = np.append(first[1:], len(bars)) - 1
    volume = _values("volume")
    columns: dict[str, Any] = {
        "open": _values("open")[first],
        "high": np.maximum.reduceat(_values("high"), first),
        "low": np.minimum.reduceat(_values("low"), first),
        "close": _values("close")[last],
        "volume": np.add.reduceat(volume, first),
    }
    if "vwap" in bars:
        traded = columns["volume"]
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3
        paid = np.add.reduceat(_values("vwap") * volume, first)
        columns["vwap"] = np.divide(paid, traded, out=typical, where=traded > 0)
        share = bars["vwap_is_typical"].to_numpy(dtype=bool) & (volume > 0)
        columns["vwap_is_typical"] = np.logical_or.reduceat(share, first) | (
            traded == 0
        )
    if "trade_count" in bars:
        counts = pd.Series(np.add.reduceat(_values("trade_count"), first))
        columns["trade_count"] = counts.astype(bars["trade_count"].dtype).array
    return columns
