"""Books: position, cash and costs of a sleeve, recomputed from its fills."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs, interest_on_cash
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray

_DAY = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Book:
    """Fills on one sleeve, in time order.

    Attributes
    ----------
    made
        Number of the bar on which the broker made each fill; k int64, non-decreasing.
    sizes, prices, per_point
        Units (negative for a sale), price, and money per point of the price of each
        fill; k float64.
    """

    made: npt.NDArray[np.int64]
    sizes: FloatArray
    prices: FloatArray
    per_point: FloatArray

    @functools.cached_property
    def held(self) -> FloatArray:
        """Units held after each fill."""
        return np.asarray(np.cumsum(self.sizes))

    @property
    def before(self) -> FloatArray:
        """Units held before each fill."""
        return np.concatenate([[0.0], self.held])[: len(self.held)]

    @property
    def values(self) -> FloatArray:
        """Absolute value of each fill, in money."""
        return np.asarray(np.abs(self.sizes * self.prices * self.per_point))

    @property
    def closed(self) -> FloatArray:
        """Units of each fill that closed a position; the other units opened one."""
        units = np.minimum(np.abs(self.sizes), np.abs(self.before))
        return np.where(self.before * self.sizes < 0, units, 0.0)

    @functools.cached_property
    def entries(self) -> FloatArray:
        """Average entry price of the position after each fill."""
        entries, entry, before = np.empty(len(self.held)), 0.0, 0.0
        for n, (size, price, totals_after) in enumerate(
            zip(self.sizes, self.prices, self.held)
        ):
            if before * totals_after <= 0:  # opened, reversed or closed
                entry = price
            elif abs(totals_after) > abs(before):
                entry = (before * entry + size * price) / totals_after
            entries[n], before = entry, totals_after
        return entries

    def commissions(self, costs: Costs) -> tuple[FloatArray, FloatArray]:
        """Commission of each fill for closing and for opening, interest excluded."""
        closed, units = self.closed, np.abs(self.sizes)
        closing, opening = (
            costs.commission(part, self.prices, self.per_point)
            for part in (closed, units - closed)
        )
        return closing, opening

    def interest(self, sleeve: Sleeve, costs: Costs) -> tuple[FloatArray, FloatArray]:
        """Interest on borrowed shares.

        Returns
        -------
        unpaid : numpy.ndarray
            Interest accrued up to each bar and not yet charged with a fill.
        owed : numpy.ndarray
            Interest charged with each fill that closes units: what accrued before it.
        """
        owed = np.zeros(len(self.sizes))
        rate = costs.borrow(sleeve.symbol)
        if not rate or not len(owed):
            return np.zeros(len(sleeve)), owed
        bars = np.arange(len(sleeve))
        # Position at the start of each bar.
        done = np.searchsorted(self.made, bars, side="left")
        sold = np.maximum(-totals_after(self.held, done), 0.0)
        sold *= np.abs(totals_after(self.entries, done)) * totals_after(
            self.per_point, done
        )
        days = np.diff(sleeve.ts // _DAY, prepend=sleeve.ts[:1] // _DAY)
        accrued = np.cumsum(days * sold * (rate / 365))
        closing = np.flatnonzero(self.closed)
        owed[closing] = np.diff(accrued[self.made[closing]], prepend=0.0)
        done = np.searchsorted(self.made, bars, side="right")
        return accrued - totals_after(np.cumsum(owed), done), owed

    def earned(
        self,
        sleeve: Sleeve,
        start: float,
        costs: Costs,
        charged: FloatArray,
        unpaid: FloatArray,
    ) -> FloatArray:
        """Interest on cash up to each bar.

        Parameters
        ----------
        sleeve, start, costs
            The bars, the cash before the first bar, and the costs.
        charged, unpaid
            As for :meth:`gains`.

        Returns
        -------
        numpy.ndarray
            Money earned so far, below 0 where debt cost more; n float64.
        """
        if not costs.earns or not len(sleeve):
            return np.zeros(len(sleeve))
        day = sleeve.ts // _DAY
        done = np.searchsorted(self.made, np.arange(len(sleeve)), side="left")
        flows = np.cumsum(-self.sizes * self.prices * self.per_point - charged)
        cash = start + totals_after(flows, done)
        cash[1:] -= unpaid[:-1]  # interest on borrowed shares is due after this
        return accumulated_interest(cash, np.diff(day, prepend=day[:1]), costs)

    def gains(
        self,
        sleeve: Sleeve,
        at: npt.NDArray[np.int64],
        charged: FloatArray,
        unpaid: FloatArray,
    ) -> FloatArray:
        """Gains less costs at the close of the given bars.

        Parameters
        ----------
        sleeve
            The bars.
        at
            Numbers of the bars at whose close to value the position.
        charged
            Commission and interest of each fill.
        unpaid
            Accrued interest at each bar of the sleeve; see :meth:`interest`.
        """
        done = np.searchsorted(self.made, at, side="right")
        cash = np.cumsum(-self.sizes * self.prices * self.per_point - charged)
        held = totals_after(self.held, done) * totals_after(self.per_point, done)
        return np.asarray(
            totals_after(cash, done) + held * sleeve.close[at] - unpaid[at]
        )


def accumulated_interest(
    cash: FloatArray, days: npt.NDArray[np.integer[Any]], costs: Costs
) -> FloatArray:
    """Compute the interest on cash up to each bar, with interest on interest.

    Parameters
    ----------
    cash
        Cash at the start of each bar, without interest on it; n float64.
    days
        Days between each bar and the one before it; n.
    costs
        The rates.
    """
    total, earned = np.zeros(len(cash)), 0.0
    for bar in np.flatnonzero(days):
        held = float(cash[bar]) + earned
        total[bar] = interest_on_cash(held, int(days[bar]), *costs.cash_rates)
        earned += total[bar]
    return np.asarray(np.cumsum(total))


def totals_after(totals: FloatArray, done: npt.NDArray[np.intp]) -> FloatArray:
    """Pick the totals after the given numbers of fills; 0 before the first fill."""
    return np.concatenate([[0.0], totals])[done]
