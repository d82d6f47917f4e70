"""Labels computed again, row by row, by code that shares nothing with the labels' own.

A kind of label without a function in ``AGAIN`` is probed by changed bars alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.leaks.finding import KEYS
from whatif_assets.domain.models.labels import Label

DAY = pd.Timedelta("1D")
Computed = tuple[FloatArray, pd.Series]  # values, and the bars that they end with


@dataclass(frozen=True, eq=False)
class Source:
    """What labels are computed from.

    Attributes
    ----------
    bars
        Tidy bars with ``price``, the label's price; of all symbols and with a column
        ``group``, if the label is relative to their mean.
    label, size
        Definition of the label, and size of the bars.
    schedule
        Trading hours; see `whatif_assets.domain.leaks.labels.label_looks_forward`.
    steps
        Splits and dividends between the bars' sessions.
    """

    bars: pd.DataFrame
    label: Label
    size: BarSize
    schedule: pd.DataFrame | None
    steps: Steps

    @property
    def settings(self) -> Any:
        """Settings of the kind of label."""
        return self.label.of_kind

    def target(self, some: pd.DataFrame) -> pd.Series:
        """Start of the bar at the horizon of each row."""
        if self.size.by_activity:
            return self._counted_off(some)
        return self._ahead(some["ts"])

    def later_price(self, some: pd.DataFrame) -> FloatArray:
        """Price at the horizon, on the basis of each row's own session."""
        target = pd.MultiIndex.from_arrays([some["symbol"], self.target(some)])
        later = self._known.reindex(target)
        price = later["price"].to_numpy(dtype=np.float64, copy=True)
        days = [pd.to_datetime(frame["session"]).dt.date for frame in (some, later)]
        if not self._crosses:
            price[days[0].to_numpy() != days[1].to_numpy()] = np.nan
        for n, (symbol, own, day) in enumerate(zip(some["symbol"], *days)):
            if self.steps.by_symbol and pd.notna(day):
                price[n] /= self.steps.between(symbol, own, day).price_factor
        return price

    def gain(self, some: pd.DataFrame) -> FloatArray:
        """Return to the horizon of each row, less the mean that the label asks for."""
        own = self._own_gain(some)
        return own if self.label.relative_to is None else own - self._means(some)

    def move(self, some: pd.DataFrame) -> FloatArray:
        """Volatility of a return to the horizon."""
        past = some[self.label.features[0].column].to_numpy(dtype=np.float64)
        return past / math.sqrt(self.settings.volatility_window / self.label.horizon)

    def path(self, row: Any, target: pd.Timestamp) -> pd.DataFrame:
        """Bars after a row's own up to a time, on the basis of the row's session."""
        bars = self._by_symbol[row.symbol]
        start, stop = bars["ts"].searchsorted([row.ts, target], side="right")
        path = bars.iloc[start:stop]
        if self.steps.by_symbol:
            own = pd.Timestamp(row.session).date()
            factors = [
                self.steps.between(row.symbol, own, day).price_factor
                for day in pd.to_datetime(path["session"]).dt.date
            ]
            prices = path[["open", "high", "low", "price"]]
            path = path.assign(**prices.div(factors, axis=0))
        return path

    @functools.cached_property
    def _known(self) -> pd.DataFrame:
        """Bars by symbol and time."""
        return self.bars.set_index(pd.MultiIndex.from_frame(self.bars[KEYS]))

    @functools.cached_property
    def _by_symbol(self) -> dict[Any, pd.DataFrame]:
        """Bars of each symbol, oldest first."""
        sessions = pd.to_datetime(self.bars["session"])
        every = self.bars.assign(session=sessions).sort_values("ts")
        return dict(list(every.groupby("symbol")))

    @property
    def _crosses(self) -> bool:
        return self.label.across_sessions or self.size.daily

    def own_price(self, some: pd.DataFrame) -> FloatArray:
        """Price of each row's own bar; NaN where it is not above 0."""
        now = self._known["price"].reindex(pd.MultiIndex.from_frame(some[KEYS]))
        return now.where(now > 0).to_numpy(dtype=np.float64)

    def _own_gain(self, some: pd.DataFrame) -> FloatArray:
        return self.later_price(some) / self.own_price(some) - 1.0

    def _means(self, some: pd.DataFrame) -> FloatArray:
        """Mean return that is subtracted from each row's own, of all symbols."""
        every = self.bars[self.bars["ts"].isin(some["ts"])].reset_index(drop=True)
        groups = ["group"] if self.label.relative_to == "group" else []
        keys = [every[name] for name in ["ts", *groups]]
        gains = pd.Series(self._own_gain(every))
        means = gains.groupby(keys, dropna=False).transform("mean")
        means.index = pd.MultiIndex.from_frame(every[KEYS])
        return means.reindex(pd.MultiIndex.from_frame(some[KEYS])).to_numpy()

    def _ahead(self, ts: pd.Series) -> pd.Series:
        """Count in slots of the schedule."""
        step, schedule = self.size.length, self.schedule
        if schedule is None or not self._crosses:
            return ts + self.label.horizon * step
        if step >= DAY:
            slots = pd.DatetimeIndex(pd.to_datetime(schedule.index)).tz_localize("UTC")
        else:
            hours = [
                pd.date_range(opens, closes, freq=step, inclusive="left")
                for opens, closes in zip(schedule["open"], schedule["close"])
            ]
            slots = pd.DatetimeIndex(hours[0].append(hours[1:]))
        own = slots.get_indexer(pd.DatetimeIndex(ts))
        place = own + self.label.horizon
        inside = (own >= 0) & (place < len(slots))
        taken = pd.Series(slots[np.where(inside, place, 0)], index=ts.index)
        return taken.where(inside).astype(ts.dtype)

    def _counted_off(self, some: pd.DataFrame) -> pd.Series:
        """Count in existing bars."""
        found = []
        for symbol, ts, session in zip(some["symbol"], some["ts"], some["session"]):
            own = self._by_symbol[symbol]
            if not self.label.across_sessions:
                own = own[own["session"] == pd.Timestamp(session)]
            later = own["ts"].iloc[int(own["ts"].searchsorted(ts, side="right")) :]
            enough = len(later) >= self.label.horizon
            found.append(later.iloc[self.label.horizon - 1] if enough else pd.NaT)
        return pd.Series(found, index=some.index, dtype=some["ts"].dtype)


def _level(source: Source, some: pd.DataFrame) -> Computed:
    return source.later_price(some), source.target(some)


def _return(source: Source, some: pd.DataFrame) -> Computed:
    return source.gain(some), source.target(some)


def _scaled_return(source: Source, some: pd.DataFrame) -> Computed:
    return source.gain(some) / source.move(some), source.target(some)


def _direction(source: Source, some: pd.DataFrame) -> Computed:
    gain, band = source.gain(some), np.zeros(len(some))
    if source.settings.dead_band:
        band = source.settings.dead_band * source.move(some)
    return (gain > band) * 1.0 - (gain < -band) * 1.0, source.target(some)


def _first_barrier(
    source: Source, some: pd.DataFrame, sides: FloatArray
) -> tuple[list[str], FloatArray, pd.Series]:
    """Walk along the path of each row until it touches a barrier.

    Returns
    -------
    tuple
        What is touched first (profit, stop or time), the return there, and when.
    """
    what, gains, ends = [], [], []
    profit, stop = source.settings.profit, source.settings.stop
    facts = zip(source.own_price(some), source.move(some), sides, source.target(some))
    for row, (price, move, side, target) in zip(some.itertuples(), facts):
        path = source.path(row, target)
        best, worst = ("high", "low") if side > 0 else ("low", "high")
        # Moves in the direction of the trade.
        opened, gained, lost, left = (
            side * (path[name].to_numpy(dtype=np.float64) / price - 1)
            for name in ("open", best, worst, "price")
        )
        stops, profits = lost <= -stop * move, gained >= profit * move
        at = int(np.argmax(stops | profits)) if (stops | profits).any() else -1
        if at < 0:
            what.append("time")
            gain = left[-1] if len(left) else np.nan
        elif stops[at]:
            what.append("stop")
            gain = min(-stop * move, opened[at])
        else:
            what.append("profit")
            gain = max(profit * move, opened[at])
        gains.append(side * gain)
        ends.append(path["ts"].iloc[at] if at >= 0 else target)
    index, kind = some.index, some["ts"].dtype
    return what, np.array(gains), pd.Series(ends, index=index, dtype=kind)


def _triple_barrier(source: Source, some: pd.DataFrame) -> Computed:
    what, gains, ends = _first_barrier(source, some, np.ones(len(some)))
    if source.settings.value == "return":
        return gains, ends
    values = {"profit": 1.0, "stop": -1.0, "time": 0.0}
    return np.array([values[one] for one in what]), ends


def _meta(source: Source, some: pd.DataFrame) -> Computed:
    of_side = some[source.label.features[1].column].to_numpy(dtype=np.float64)
    what, _, ends = _first_barrier(source, some, np.sign(of_side))
    return np.array([float(one == "profit") for one in what]), ends


# Kinds of labels that are computed again.
AGAIN: dict[str, Callable[[Source, pd.DataFrame], Computed]] = {
    "level": _level,
    "return": _return,
    "scaled_return": _scaled_return,
    "direction": _direction,
    "triple_barrier": _triple_barrier,
    "meta": _meta,
}
