"""Labels: the price that a model learns to forecast, a fixed time ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import Times
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.features import PRICES
from whatif_assets.domain.features.bar_columns import price_of

Kind = Literal["level", "return"]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Label:
    """What lies ahead of a bar and is to be forecast.

    Attributes
    ----------
    price
        The price, of a later bar.
    horizon
        How many bars later by the clock: 5 for bars of a minute is the bar that
        starts five minutes later. For daily bars, sessions of the calendar. Bars that
        end by what was traded are counted one by one.
    kind
        ``level`` is the price itself, ``return`` the price over the same price at
        this bar, less 1.
    across_sessions
        Whether a label may lie in a later session; the horizon then counts trading
        time alone. Daily labels always do.

    Raises
    ------
    BadInput
        For a horizon below 1, or a price or kind that does not exist.
    """

    price: str = "vwap"
    horizon: int = 5
    kind: Kind = "level"
    across_sessions: bool = False

    def __post_init__(self) -> None:
        """Refuse a label that does not lie ahead."""
        if self.horizon < 1:
            raise BadInput(
                f"label: horizon: found {self.horizon}; a label lies at least 1 bar "
                "ahead, or it would be known already."
            )
        for name, found, allowed in (
            ("price", self.price, PRICES),
            ("kind", self.kind, get_args(Kind)),
        ):
            if found not in allowed:
                raise BadInput(
                    f"label: {name}: found {found!r}; allowed are {one_of(allowed)}."
                    f"{did_you_mean(str(found), allowed)}"
                )


def label(
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None = None,
    steps: Steps | None = None,
) -> pd.DataFrame:
    """Look up the label of every bar.

    Parameters
    ----------
    bars
        Tidy bars with a column ``session``; each (symbol, ts) once.
    label
        What to look up.
    bar_size
        Of the bars.
    schedule
        Trading hours as `Sessions.schedule` gives them: index session, columns
        ``open`` and ``close``, UTC. Needed for daily bars and across sessions; it
        holds every session of the calendar from the first of ``bars`` to the last
        in which a label may lie.
    steps
        Splits and dividends between the bars' sessions: a price of a later session
        is on the basis of the bar's own.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts``, ``label`` (float64) and ``label_ts`` (datetime64[us,
        UTC], the start of the bar that the label comes from), in the order of
        ``bars``. NaN and NaT where that very bar does not exist or, unless across
        sessions, belongs to another session. Across sessions also for bars by the
        clock outside trading hours. Bars that end by what was traded are not counted
        beyond a session of which ``bars`` has none, nor further than ``horizon``
        sessions.

    Raises
    ------
    BadInput
        The schedule is missing or lacks a session of the bars; or, across
        sessions, bars are not whole base bars after the open.
    """
    daily = bar_size.daily
    label_ts = pd.DatetimeIndex(_targets(bars, label, bar_size, schedule))
    label_ts = label_ts.tz_localize("UTC").as_unit("us")
    prices = bars[["symbol", "ts", "session"]].assign(label=price_of(bars, label.price))
    wanted = bars[["symbol"]].assign(ts=label_ts)
    found = wanted.merge(prices, on=["symbol", "ts"], how="left", validate="m:1")
    values = found["label"].to_numpy(dtype=np.float64, copy=True)
    if not daily and not label.across_sessions:
        values[_day(found["session"]) != _day(bars["session"])] = np.nan
    if steps is not None and steps.by_symbol:
        own = bars["session"].reset_index(drop=True)
        later = found["session"].where(found["session"].notna(), own)
        values *= steps.factors(bars["symbol"], later, own)[0]
    if label.kind == "return":
        base = prices["label"].to_numpy(dtype=np.float64)
        # No return can be told from a price of 0 or less.
        values = values / np.where(base > 0, base, np.nan) - 1.0
    frame = bars[["symbol", "ts"]].reset_index(drop=True)
    return frame.assign(label=values, label_ts=label_ts.where(~np.isnan(values)))


def _targets(
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
) -> Times:
    """When the bars start that labels come from, if they are there."""
    if bar_size.by_activity:
        number = _day(bars["session"]).astype(np.int64)
        if label.across_sessions:
            number = _session_numbers(bars, schedule)
        return _bars_ahead(bars, number, label)
    step = np.timedelta64(bar_size.length, "us")
    if bar_size.daily or label.across_sessions:
        return _along_calendar(bars, label.horizon, step, schedule)
    ahead: Times = _times(bars["ts"]) + label.horizon * step
    return ahead


def _bars_ahead(
    bars: pd.DataFrame, number: npt.NDArray[np.int64], label: Label
) -> Times:
    """Count a symbol's bars, from one session into the next where that is asked."""
    days, place = np.unique(number, return_inverse=True)
    gaps = np.cumsum(np.diff(days, prepend=days[:1]) > 1)  # sessions without bars
    stretch = gaps[place] if label.across_sessions else number
    counted = {"symbol": bars["symbol"].to_numpy(), "stretch": stretch}
    ordered = pd.DataFrame({**counted, "ts": _times(bars["ts"]), "number": number})
    of_symbol = ordered.sort_values("ts", kind="stable").groupby(list(counted))
    ahead = of_symbol[["ts", "number"]].shift(-label.horizon).sort_index()
    near = ahead["number"] - number <= label.horizon
    return _times(ahead["ts"].where(near))


def _times(column: pd.Series) -> Times:
    return column.to_numpy(dtype="datetime64[us]")


def _day(sessions: pd.Series | pd.Index) -> Times:
    """Dates in any of their types, as numbers that compare."""
    # Without a cache of texts, the search for which takes longer than dates.
    return pd.to_datetime(sessions, cache=False).to_numpy(dtype="datetime64[D]")


def _along_calendar(
    bars: pd.DataFrame,
    horizon: int,
    step: np.timedelta64,
    schedule: pd.DataFrame | None,
) -> Times:
    """Find where labels start that may lie in a later session."""
    number = _session_numbers(bars, schedule)
    assert schedule is not None, "or the sessions would have no numbers"
    if step >= DAY:
        days = _day(schedule.index)
        return _take(days.astype("datetime64[us]"), number + horizon)
    return _trading_time_ahead(bars, number, horizon, step, schedule)


def _session_numbers(
    bars: pd.DataFrame, schedule: pd.DataFrame | None
) -> npt.NDArray[np.int64]:
    """Place of each bar's session in the calendar."""
    if schedule is None:
        raise BadInput(
            "label: a label of daily bars or across sessions counts along the "
            "calendar; give the schedule of its sessions."
        )
    days = _day(schedule.index)
    sessions = _day(bars["session"])
    number = np.searchsorted(days, sessions)
    lacking = np.append(days, np.datetime64("NaT"))[number] != sessions
    if lacking.any():
        missing = sessions[int(np.argmax(lacking))]
        raise BadInput(f"label: the schedule lacks the bars' session {missing}.")
    return number


def _take(times: Times, at: npt.NDArray[np.int64]) -> Times:
    """Take by position, NaT beyond the end."""
    padded = np.append(times, np.datetime64("NaT", "us"))
    return padded[np.minimum(at, len(times))]


def _trading_time_ahead(
    bars: pd.DataFrame,
    number: npt.NDArray[np.int64],
    horizon: int,
    step: np.timedelta64,
    schedule: pd.DataFrame,
) -> Times:
    """Count base bars from the open of each session to its close, and on."""
    ts, opens = _times(bars["ts"]), _times(schedule["open"])
    closes = _times(schedule["close"])
    slots = -((opens - closes) // step)  # a short last bar counts too
    before = np.concatenate([[0], np.cumsum(slots)])
    slot, rest = np.divmod(ts - opens[number], step)
    trading = (slot >= 0) & (slot < slots[number])
    uneven = trading & (rest != np.timedelta64(0))
    if uneven.any():
        row = int(np.argmax(uneven))
        raise BadInput(
            f"label: across_sessions: the bar of {ts[row]} UTC does not start a whole "
            f"number of base bars after its session's open, {opens[number[row]]} UTC; "
            "choose a base bar that does."
        )
    ahead = before[number] + slot + horizon
    session = np.searchsorted(before, ahead, side="right") - 1
    session = np.where(trading, session, len(opens))
    target: Times = _take(opens, session) + (ahead - before[session]) * step
    return target
