"""What follows each bar: the bar at the horizon, and the path of prices to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask, Times
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.features.cross_sections import (
    GROUP,
    numbers_of_times,
    split_by_group,
    within_sections,
)
from whatif_assets.domain.features.indicators.across import demean
from whatif_assets.domain.models.labels.targets import days_of, times_of
from whatif_assets.domain.models.labels.terms import Terms

NONE = -1


@dataclass(frozen=True, eq=False)
class Following:
    """Bars, and what follows each of them until the horizon of a label.

    Attributes
    ----------
    bars
        Bars as for :func:`whatif_assets.domain.models.labels.computing.label`.
    label
        The label.
    ahead
        Start of the bar at the horizon, whether it exists or not.
    rows
        Row of that bar; `NONE` if it does not exist, or if the label must not reach it.
    steps
        Splits and dividends between the sessions of the bars.
    """

    bars: pd.DataFrame
    label: Terms
    ahead: Times
    rows: IntArray
    steps: Steps

    @classmethod
    def of(
        cls,
        bars: pd.DataFrame,
        label: Terms,
        ahead: Times,
        own_session_only: bool,
        steps: Steps | None,
    ) -> Following:
        """Look up the bars at the horizon."""
        keys = bars[["symbol", "ts"]].assign(row=np.arange(len(bars)))
        starts = pd.DatetimeIndex(ahead).tz_localize("UTC").as_unit("us")
        wanted = bars[["symbol"]].assign(ts=starts)
        found = wanted.merge(keys, on=["symbol", "ts"], how="left", validate="m:1")
        rows = found["row"].fillna(NONE).to_numpy(dtype=np.int64)
        if own_session_only:
            days = days_of(bars["session"])
            of_target = np.append(days, np.datetime64("NaT"))[rows]
            rows = np.where(of_target == days, rows, NONE)
        return cls(bars, label, ahead, rows, steps or Steps())

    @property
    def exists(self) -> Mask:
        """Whether the bar at the horizon exists, and the label may reach it."""
        return np.asarray(self.rows != NONE)

    @functools.cached_property
    def price(self) -> FloatArray:
        """The label's price of each bar."""
        return price_of(self.bars, self.label.price)

    @functools.cached_property
    def later_price(self) -> FloatArray:
        """The label's price at the horizon, on the basis of the bar's own session."""
        values = np.append(self.price, np.nan)[self.rows]
        if self.steps.by_symbol:
            own = self.bars["session"].reset_index(drop=True)
            at = np.where(self.exists, self.rows, np.arange(len(own)))
            later = own.iloc[at].reset_index(drop=True)
            values = values * self.steps.factors(self.bars["symbol"], later, own)[0]
        return values

    @functools.cached_property
    def gain(self) -> FloatArray:
        """Return from the bar to the horizon; NaN where it is not defined.

        A return from a price of 0 or less is not defined.
        """
        base = np.where(self.price > 0, self.price, np.nan)
        return np.asarray(self.later_price / base - 1.0)

    @functools.cached_property
    def gain_away(self) -> FloatArray:
        """Return to the horizon, less the mean that the label is relative to."""
        by = self.label.relative_to
        if by is None:
            return self.gain
        numbers = numbers_of_times(self.bars["ts"])
        if by == "group":
            numbers = split_by_group(numbers, self.bars[GROUP])
        return within_sections(self.gain, numbers, demean)

    def path(self) -> Path:
        """Lay out the bars so that those between a bar and its horizon are in a row."""
        starts = times_of(self.bars["ts"])
        symbols = pd.factorize(self.bars["symbol"])[0]
        order = np.lexsort((starts, symbols))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        last = np.where(self.exists, np.append(place, NONE)[self.rows], NONE)
        basis = np.ones(len(order))
        if self.steps.by_symbol:
            sessions = self.bars["session"]
            first = days_of(sessions).min()
            basis = self.steps.factors(self.bars["symbol"], sessions, first)[0]
        return Path(order, place + 1, last, basis)


@dataclass(frozen=True, eq=False)
class Path:
    """Bars sorted by symbol and time, and the stretch that follows each of them.

    Attributes
    ----------
    order
        Rows of the bars, sorted by symbol and time.
    first, last
        First and last place in ``order`` of the bars after each bar, up to its
        horizon; ``last`` is `NONE` where the bar at the horizon does not exist.
    basis
        Factor by which prices of each bar are multiplied, so that those before and
        after a split or dividend compare.
    """

    order: IntArray
    first: IntArray
    last: IntArray
    basis: FloatArray
