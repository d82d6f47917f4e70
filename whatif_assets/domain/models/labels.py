"""Labels: the price or return that a model learns to forecast, at a horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, Times
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.features import PRICES
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.features.cross_sections import (
    GROUP,
    numbers_of_times,
    split_by_group,
    within_sections,
)
from whatif_assets.domain.features.indicators.across import demean

Kind = Literal["level", "return"]
By = Literal["market", "group"]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Label:
    """Definition of a label: the future price or return to forecast.

    Attributes
    ----------
    price
        Name of the price of the later bar.
    horizon
        Number of bars ahead. For bars by the clock, time counts: 5 for bars of a minute
        is the bar that starts five minutes later. For daily bars, sessions of the
        calendar count. For bars by activity (such as volume bars), bars count.
    kind
        ``level`` is the price itself; ``return`` is the price divided by the same price
        of the current bar, less 1.
    across_sessions
        Whether a label may lie in a later session; the horizon then counts trading
        time only. Daily labels always lie in a later session.
    relative_to
        Whose mean return at the same bar is subtracted: that of all symbols, or of
        those in the symbol's group. None for the symbol's own return.

    Raises
    ------
    BadInput
        The horizon is below 1, the price, kind or relative_to does not exist, or the
        label is relative to a mean but is not a return.
    """

    price: str = "vwap"
    horizon: int = 5
    kind: Kind = "level"
    across_sessions: bool = False
    relative_to: By | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.horizon < 1:
            raise BadInput(
                f"label: horizon: found {self.horizon}; it must be at least 1 bar, "
                "because the price of the current bar is known already."
            )
        for name, found, allowed in (
            ("price", self.price, PRICES),
            ("kind", self.kind, get_args(Kind)),
            ("relative_to", self.relative_to or "market", get_args(By)),
        ):
            if found not in allowed:
                raise BadInput(
                    f"label: {name}: found {found!r}; allowed are {one_of(allowed)}."
                    f"{did_you_mean(str(found), allowed)}"
                )
        if self.relative_to is not None and self.kind != "return":
            raise BadInput(
                f"label: relative_to: found '{self.relative_to}' with kind: "
                f"{self.kind}; prices of symbols have no common mean. Set kind: return."
            )

    def check_bars(self, size: BarSize) -> None:
        """Raise BadInput for a label relative to symbols whose bars differ in time."""
        if self.relative_to is not None and size.by_activity:
            raise BadInput(
                f"bars of {size} begin at other times for each symbol, so that labels "
                "have no mean at one time. Leave relative_to out of the label."
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
        Tidy bars with a column ``session``; each (symbol, ts) once. For a label that
        is relative to a mean, bars of all symbols; to that of a group, with a column
        ``group``.
    label, bar_size
        Definition of the label, and the size of the bars.
    schedule
        Trading hours as returned by `Sessions.schedule`: index session, columns
        ``open`` and ``close``, UTC. Needed for daily bars and across sessions. It must
        have every session of the calendar from the first session of ``bars`` to the
        last session in which a label may lie.
    steps
        Splits and dividends between the sessions of the bars. A price of a later
        session is adjusted to the basis of the bar's session.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts``, ``label`` (float64) and ``label_ts`` (datetime64[us,
        UTC], the start of the bar that the label comes from), in the order of
        ``bars``. NaN and NaT in these cases: the bar of the label does not exist; the
        bar of the label is in another session and ``across_sessions`` is False; a bar
        by the clock lies outside trading hours and ``across_sessions`` is True; a bar
        by activity would have to be counted past a session without bars, or further
        than ``horizon`` sessions. A return is NaN too where its base price is not
        above 0. A mean is that of the symbols whose return is not NaN.

    Raises
    ------
    BadInput
        The schedule is missing or lacks a session of the bars; across sessions, a bar
        does not start a whole number of base bars after the open; or a label is
        relative to a mean, and bars of symbols differ in time.
    """
    label.check_bars(bar_size)
    label_ts = pd.DatetimeIndex(_targets(bars, label, bar_size, schedule))
    label_ts = label_ts.tz_localize("UTC").as_unit("us")
    prices = bars[["symbol", "ts", "session"]].assign(label=price_of(bars, label.price))
    targets = bars[["symbol"]].assign(ts=label_ts)
    found = targets.merge(prices, on=["symbol", "ts"], how="left", validate="m:1")
    own_session_only = not bar_size.daily and not label.across_sessions
    values = _later_prices(bars, found, own_session_only, steps)
    if label.kind == "return":
        values = _returns(values, prices["label"].to_numpy(dtype=np.float64))
    if label.relative_to is not None:
        values = _away_from_mean(values, bars, label.relative_to)
    frame = bars[["symbol", "ts"]].reset_index(drop=True)
    return frame.assign(label=values, label_ts=label_ts.where(~np.isnan(values)))


def _returns(values: FloatArray, base: FloatArray) -> FloatArray:
    """Compute returns; one from a price of 0 or less is not defined."""
    return np.asarray(values / np.where(base > 0, base, np.nan) - 1.0)


def _away_from_mean(values: FloatArray, bars: pd.DataFrame, by: By) -> FloatArray:
    """Subtract the mean of the symbols at the same time, of all or of each group."""
    numbers = numbers_of_times(bars["ts"])
    if by == "group":
        numbers = split_by_group(numbers, bars[GROUP])
    return within_sections(values, numbers, demean)


def _later_prices(
    bars: pd.DataFrame,
    found: pd.DataFrame,
    own_session_only: bool,
    steps: Steps | None,
) -> FloatArray:
    """Prices of the bars of the labels, on the basis of each bar's own session.

    Parameters
    ----------
    bars
        The bars.
    found
        ``label`` (the price) and ``session`` of the bar of each label; missing where
        that bar does not exist.
    own_session_only
        Whether prices of other sessions become NaN.
    steps
        As for :func:`label`.
    """
    values = found["label"].to_numpy(dtype=np.float64, copy=True)
    if own_session_only:
        values[_day(found["session"]) != _day(bars["session"])] = np.nan
    if steps is not None and steps.by_symbol:
        own = bars["session"].reset_index(drop=True)
        later = found["session"].where(found["session"].notna(), own)
        values *= steps.factors(bars["symbol"], later, own)[0]
    return values


def _targets(
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
) -> Times:
    """Start of the bar that each label comes from, whether it exists or not."""
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
    """Count the bars of each symbol, across sessions if the label allows it."""
    days, place = np.unique(number, return_inverse=True)
    gaps = np.cumsum(np.diff(days, prepend=days[:1]) > 1)  # sessions without bars
    stretch = gaps[place] if label.across_sessions else number
    keys = {"symbol": bars["symbol"].to_numpy(), "stretch": stretch}
    rows = pd.DataFrame({**keys, "ts": _times(bars["ts"]), "number": number})
    stretches = rows.sort_values("ts", kind="stable").groupby(list(keys))
    ahead = stretches[["ts", "number"]].shift(-label.horizon).sort_index()
    near = ahead["number"] - number <= label.horizon
    return _times(ahead["ts"].where(near))


def _times(column: pd.Series) -> Times:
    return column.to_numpy(dtype="datetime64[us]")


def _day(sessions: pd.Series | pd.Index) -> Times:
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
        days = _day(schedule.index)
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
    days = _day(schedule.index)
    sessions = _day(bars["session"])
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
            f"number of base bars after its session's open, {opens[number[row]]} UTC. "
            "Choose another base bar."
        )
    ahead = before[number] + slot + horizon
    session = np.searchsorted(before, ahead, side="right") - 1
    session = np.where(trading, session, len(opens))
    target: Times = _take(opens, session) + (ahead - before[session]) * step
    return target
