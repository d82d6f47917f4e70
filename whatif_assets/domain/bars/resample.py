"""Resampling: bars of one size made into bars of a larger one, session by session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import BAR_COLUMNS, symbol_rows, with_vwap
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.arrays import FloatArray, IntArray, Times
from whatif_assets.domain.base.errors import BadInput

MARKS = ("vwap_is_typical", "session")


@dataclass(frozen=True, eq=False)
class Slots:
    """Where on the grid of a larger size some bars lie.

    Attributes
    ----------
    starts, ends
        [start, end) of the larger bar that each bar belongs to, datetime64[us], UTC.
        A daily bar starts, as daily bars are stamped, on its session at 00:00; it
        ends with the session's day.
    """

    starts: Times
    ends: Times


def slots(bars: pd.DataFrame, size: BarSize, sessions: Sessions) -> Slots:
    """Find the larger bar that each bar belongs to.

    The grid is anchored at the open of each session, also for bars before it, and
    no larger bar reaches into another session: what would is cut off there.

    Parameters
    ----------
    bars
        With ``ts``, the bars' starts, UTC, and where it is known ``session``.
    size
        Of the larger bars: by the clock, or daily.
    sessions
        The market's sessions.

    Raises
    ------
    BadInput
        Bars cannot be made into such bars, or one lies in no session.
    """
    ts = bars["ts"].to_numpy(dtype="datetime64[us]")
    number, days = _session_numbers(bars, sessions)
    spans = sessions.spans(days.date)
    first, after = (
        pd.DatetimeIndex(spans[name]).to_numpy(dtype="datetime64[us]")
        for name in ("start", "end")
    )
    if size.daily:
        return Slots(days.to_numpy(dtype="datetime64[us]")[number], after[number])
    if not size.timed:
        raise BadInput(
            f"resample: bars cannot be made into bars of {size}; those are made of "
            "ticks. Allowed are sizes by the clock, such as 5min or 1h, and 1day."
        )
    step = np.timedelta64(size.length.to_pytimedelta(), "us")
    schedule = sessions.schedule(days.date)
    opens = pd.DatetimeIndex(schedule["open"]).to_numpy(dtype="datetime64[us]")[number]
    starts = opens + (ts - opens) // step * step
    return Slots(
        np.maximum(starts, first[number]), np.minimum(starts + step, after[number])
    )


def _session_numbers(
    bars: pd.DataFrame, sessions: Sessions
) -> tuple[IntArray, pd.DatetimeIndex]:
    """Number of each bar's session, and the sessions."""
    given = "session" in bars
    own = bars["session"] if given else sessions.days(pd.DatetimeIndex(bars["ts"]))
    number, found = pd.factorize(pd.DatetimeIndex(pd.to_datetime(own)))
    days = pd.DatetimeIndex(found)
    if (number < 0).any() or not sessions.are_sessions(days).all():
        unknown = np.append(~sessions.are_sessions(days), True)[number]
        bar = bars.iloc[int(np.argmax(unknown))]
        raise BadInput(
            f"resample: the bar of {bar['symbol']} at {bar['ts']} lies in no session "
            f"of {sessions.calendar}; leave it out, or name the calendar it belongs to."
        )
    return number, days


def resample(bars: pd.DataFrame, size: BarSize, sessions: Sessions) -> pd.DataFrame:
    """Make bars of a larger size, for each symbol and session on its own.

    Parameters
    ----------
    bars
        Tidy bars by the clock whose length divides that of the larger ones, sorted by
        (symbol, ts); ``session`` is read where it is there.
    size
        Of the larger bars: by the clock, or daily.
    sessions
        The market's sessions; :func:`slots` says how bars lie on their grid.

    Returns
    -------
    pandas.DataFrame
        One row per larger bar that has a bar, sorted by (symbol, ts): first open,
        highest high, lowest low, last close, the sums of volume and trade_count
        (null where that of one bar is), vwap weighted by volume. Where nothing was
        traded, vwap is (high + low + close) / 3; ``vwap_is_typical``, beside it, says
        so of the bar itself or of one that has a share in it. ``vwap``,
        ``trade_count`` and ``session`` are there if they were; further columns are
        left out.

    Raises
    ------
    BadInput
        As :func:`slots`; or the bars are not sorted, or one is there twice.

    Notes
    -----
    Sizes nest: bars of a minute made into bars of five and these into bars of an hour
    are those that the minutes make, but for what adding up in parts rounds.
    """
    rows = symbol_rows(bars)
    if "vwap" in bars and "vwap_is_typical" not in bars:
        bars, _ = with_vwap(bars)
    kept = [name for name in bars if name in (*BAR_COLUMNS, *MARKS)]
    if bars.empty:
        return bars[kept].reset_index(drop=True)
    starts = slots(bars, size, sessions).starts
    new = np.append(True, starts[1:] != starts[:-1])
    new[[start for start, _ in rows]] = True
    first = np.flatnonzero(new)
    ts = pd.DatetimeIndex(starts[first]).tz_localize("UTC").as_unit("us")
    made = bars[kept].iloc[first].reset_index(drop=True)
    return made.assign(ts=ts, **aggregated(bars, first))


def aggregated(bars: pd.DataFrame, first: IntArray) -> dict[str, Any]:
    """Columns of the larger bars that start at some rows, by name.

    Parameters
    ----------
    bars
        As :func:`resample` takes them, or trades as `whatif_assets.domain.bars.ticks`
        has them; a bar is never part of two larger ones.
    first
        First row of each larger bar, rising from 0.
    """

    def values(name: str) -> FloatArray:
        return bars[name].to_numpy(dtype=np.float64, na_value=np.nan)

    last = np.append(first[1:], len(bars)) - 1
    volume = values("volume")
    columns: dict[str, Any] = {
        "open": values("open")[first],
        "high": np.maximum.reduceat(values("high"), first),
        "low": np.minimum.reduceat(values("low"), first),
        "close": values("close")[last],
        "volume": np.add.reduceat(volume, first),
    }
    if "vwap" in bars:
        traded = columns["volume"]
        typical = (columns["high"] + columns["low"] + columns["close"]) / 3
        paid = np.add.reduceat(values("vwap") * volume, first)
        columns["vwap"] = np.divide(paid, traded, out=typical, where=traded > 0)
        share = bars["vwap_is_typical"].to_numpy(dtype=bool) & (volume > 0)
        columns["vwap_is_typical"] = np.logical_or.reduceat(share, first) | (
            traded == 0
        )
    if "trade_count" in bars:
        counts = pd.Series(np.add.reduceat(values("trade_count"), first))
        columns["trade_count"] = counts.astype(bars["trade_count"].dtype).array
    return columns
