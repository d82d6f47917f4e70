"""Costs of trading, some of which depend on the symbol or on the size of an order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray

DEFAULT = "default"
MOST = 0.9  # so that a sale always has a price above 0
# Fields that are left out of a written form where they are 0. Trials and results that
# were made before there were such costs keep their identity.
_LATER = (
    "commission_per_order",
    "half_spread_bps",
    "impact",
    "participation",
    "cash_bps",
    "debit_bps",
    "commission_tiers",
    "half_spread_fact",
)
MOST_TIERS = 3
# What `Costs.tier_steps` are called among the parameters of the engines.
TIER_STEPS = ("tier_step", "tier_start", "next_tier_step", "next_tier_start")
# A tier of the commission: the units of an order that are before it, and its rate.
Tier = tuple[float, float]


@dataclass(frozen=True)
class BySymbol:
    """A rate that differs by symbol.

    Attributes
    ----------
    default
        Rate of all symbols without one of their own.
    own
        Symbols and their rates, sorted by symbol.
    """

    default: float
    own: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, rates: Mapping[str, float]) -> BySymbol:
        """Take rates from a mapping of symbols, with the key ``default``."""
        own = sorted((name, rate) for name, rate in rates.items() if name != DEFAULT)
        return cls(rates[DEFAULT], tuple(own))

    def as_mapping(self) -> dict[str, float]:
        """Return the mapping that the rates were taken from."""
        return {DEFAULT: self.default, **dict(self.own)}


Rate = float | BySymbol


@dataclass(frozen=True)
class Costs:
    """Costs of trading.

    Attributes
    ----------
    commission_bps
        Commission in basis points of the value at the price after slippage. The value
        is positive even at a price below 0.
    slippage_bps
        Slippage in basis points of the price. It moves every fill against the trader in
        full, even beyond the bar's high or low; a limit order that fills at its own
        price has no slippage.
    commission_per_share
        Money per share or contract, on top of ``commission_bps``.
    commission_minimum
        Minimum commission of an order, in money. An order that reverses a position
        counts as two: the part that closes and the part that opens.
    borrow_bps
        Yearly rate for borrowed shares, in basis points of the value at which a short
        position was sold; 1/365 of it is charged for each calendar day (UTC). It may
        differ by symbol.
    commission_per_order
        Money per order, on top of the commission by value and by share; orders are
        counted as for ``commission_minimum``.
    half_spread_bps
        Half of the spread between bid and ask in basis points of the price; it is added
        to the slippage. It may differ by symbol.
    impact
        Market impact: an order moves its price by this many daily volatilities, times
        the square root of its value over the mean value that is traded in a session.
        It is added to the slippage, up to 90 % of the price.
    participation
        The largest part of a bar's volume that an order of a portfolio may fill; its
        rest waits for the next bars. 0: no limit.
    cash_bps, debit_bps
        Yearly rates in basis points that cash above 0 earns, and that cash below 0
        costs; 1/365 of them for each calendar day (UTC), at the account's first bar of
        a day and before its orders.
    commission_tiers
        Money per share or contract that depends on the size of the order, on top of the
        other commission: each share pays the rate of its own tier. Up to `MOST_TIERS`;
        the first begins at 0 units.
    half_spread_fact
        Name of the fact that the quoted half spread of each bar is read from; empty if
        it is not read. It is added to ``half_spread_bps``. See `Sleeve.quoted`.
    """

    commission_bps: float = 0.0
    slippage_bps: float = 0.0
    commission_per_share: float = 0.0
    commission_minimum: float = 0.0
    borrow_bps: Rate = 0.0
    commission_per_order: float = 0.0
    half_spread_bps: Rate = 0.0
    impact: float = 0.0
    participation: float = 0.0
    cash_bps: float = 0.0
    debit_bps: float = 0.0
    commission_tiers: tuple[Tier, ...] = ()
    half_spread_fact: str = ""

    def slippage(self, symbol: str) -> float:
        """Slippage and half spread of a symbol together, a fraction of the price.

        Without the quoted half spread, which differs from bar to bar.
        """
        return self.slippage_bps / 1e4 + self.half_spread(symbol)

    def half_spread(self, symbol: str) -> float:
        """Half spread of a symbol, as a fraction of the price."""
        return _rate(self.half_spread_bps, symbol) / 1e4

    def borrow(self, symbol: str) -> float:
        """Yearly rate for borrowed shares of a symbol, as a fraction."""
        return _rate(self.borrow_bps, symbol) / 1e4

    @property
    def cash_rates(self) -> tuple[float, float]:
        """What cash earns, and what debt costs, a day; fractions."""
        return self.cash_bps / 1e4 / 365, self.debit_bps / 1e4 / 365

    @property
    def earns(self) -> bool:
        """Whether cash earns interest, or debt costs it."""
        return bool(self.cash_bps or self.debit_bps)

    @property
    def per_share(self) -> float:
        """Commission per share of the first tier."""
        rates = [rate for _, rate in self.commission_tiers[:1]]
        return self.commission_per_share + sum(rates)

    @property
    def tier_steps(self) -> tuple[float, float, float, float]:
        """How the rate per share changes at the second tier, and after how many units.

        Then the same of the third tier; zeros for a tier that is not there.
        """
        rates = [rate for _, rate in self.commission_tiers]
        steps = [after - before for before, after in pairwise(rates)]
        starts = [start for start, _ in self.commission_tiers[1:]]
        first, second = [*zip(steps, starts), (0.0, 0.0), (0.0, 0.0)][:2]
        return (*first, *second)

    @property
    def borrows(self) -> bool:
        """Whether borrowed shares of any symbol cost something."""
        return bool(_highest(self.borrow_bps))

    @property
    def slip(self) -> bool:
        """Whether fills of market orders are worse than their price in any symbol."""
        spread = self.half_spread_fact or _highest(self.half_spread_bps)
        return bool(self.slippage_bps or spread or self.impact)

    @property
    def are_charged(self) -> bool:
        """Whether any trade costs something."""
        by_value = self.commission_bps or self.per_share or any(self.tier_steps)
        by_order = self.commission_per_order or self.commission_minimum
        return bool(by_value or by_order or self.slip or self.borrows)

    @property
    def differ_by_symbol(self) -> bool:
        """Whether any rate differs by symbol."""
        rates = (self.borrow_bps, self.half_spread_bps)
        return any(isinstance(rate, BySymbol) for rate in rates)

    @property
    def depend_on_size(self) -> bool:
        """Whether a larger order costs another part of its value, or fills less."""
        charged = self.commission_minimum or self.commission_per_order
        tiered = len(self.commission_tiers) > 1
        return bool(self.impact or self.participation or charged or tiered)

    @property
    def symbols(self) -> list[str]:
        """Symbols with rates of their own."""
        rates = (self.borrow_bps, self.half_spread_bps)
        named = [rate.own for rate in rates if isinstance(rate, BySymbol)]
        return sorted({symbol for own in named for symbol, _ in own})

    def as_settings(self) -> dict[str, Any]:
        """Return the costs by name, as a study writes them; see `_LATER`."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            name: _as_written(value)
            for name, value in values.items()
            if value or name not in _LATER
        }

    def commission(
        self, units: FloatArray, prices: FloatArray, per_point: FloatArray
    ) -> FloatArray:
        """Compute the commission of parts of orders.

        Parameters
        ----------
        units
            Units of each part, at least 0.
        prices
            Prices after slippage.
        per_point
            Money per point of the price of one unit.

        Returns
        -------
        numpy.ndarray
            Money; 0 for a part without units.
        """
        value = units * np.abs(prices) * per_point
        charged = value * self.commission_bps / 1e4
        step, start, next_step, next_start = self.tier_steps
        by_share = units * self.per_share
        by_share = by_share + step * np.maximum(units - start, 0.0)
        by_share = by_share + next_step * np.maximum(units - next_start, 0.0)
        charged = charged + by_share + self.commission_per_order
        least = np.maximum(charged, self.commission_minimum)
        return np.where(units > 0, least, 0.0)


@dataclass(frozen=True, eq=False)
class Friction:
    """What makes the fills of a symbol worse than the broker's slippage.

    Attributes
    ----------
    half_spread
        Half spread of the symbol, as a fraction of the price.
    impact, scale
        Market impact, and its scale at each bar (read only); see
        `whatif_assets.domain.accounts.impact`.
    quoted
        Quoted half spread at each bar, as a fraction of the price (read only); without
        values if it is not charged.
    """

    half_spread: float
    impact: float
    scale: FloatArray
    quoted: FloatArray


def _rate(rate: Rate, symbol: str) -> float:
    if isinstance(rate, BySymbol):
        return dict(rate.own).get(symbol, rate.default)
    return rate


def _highest(rate: Rate) -> float:
    if isinstance(rate, BySymbol):
        return max(rate.as_mapping().values())
    return rate


def _as_written(value: Any) -> Any:
    if isinstance(value, BySymbol):
        return value.as_mapping()
    if isinstance(value, tuple):
        return [{"from": start, "per_share": rate} for start, rate in value]
    return value


def commission_by_share(
    units: float,
    each: float,
    step: float,
    start: float,
    next_step: float,
    next_start: float,
) -> float:
    """Compute what the shares of an order pay, each at the rate of its tier.

    Parameters
    ----------
    units
        Units of the order, at least 0.
    each, step, start, next_step, next_start
        `Costs.per_share` and `Costs.tier_steps`.
    """
    charged = units * each + step * max(units - start, 0.0)
    return charged + next_step * max(units - next_start, 0.0)


def units_for_money(
    money: float,
    each: float,
    step: float,
    start: float,
    next_step: float,
    next_start: float,
) -> float:
    """Compute how many whole units money buys, with their commission by share.

    Parameters
    ----------
    money
        The money.
    each
        What a unit of the first tier costs, with its commission by value and by share.
    step, start, next_step, next_start
        `Costs.tier_steps`.
    """
    units = float(math.trunc(money / each))
    if step != 0 and units >= start:
        money, each = money + step * start, each + step
        units = max(start, float(math.trunc(money / each)))
    if next_step != 0 and units >= next_start:
        money, each = money + next_step * next_start, each + next_step
        units = max(next_start, float(math.trunc(money / each)))
    return units


def interest_on_cash(cash: float, days: float, earned: float, charged: float) -> float:
    """Compute the interest of some days on cash; below 0 if the cash is.

    Parameters
    ----------
    cash, days
        Cash of the account, and the number of days.
    earned, charged
        Rates a day of cash above 0, and of cash below 0; fractions.
    """
    return days * (earned if cash > 0 else charged) * cash


def units_of_volume(volume: float, participation: float) -> float:
    """Compute how many whole units of a bar's volume an order may fill.

    0 where the volume is not known.
    """
    return float(math.floor(volume * participation)) if volume > 0 else 0.0


def slippage_with_impact(
    slippage: float,
    impact: float,
    scale: float,
    size: float,
    price: float,
    point: float,
) -> float:
    """Add the market impact of an order to its slippage.

    Parameters
    ----------
    slippage
        Slippage and half spread, as a fraction of the price.
    impact, scale
        `Costs.impact`, and the impact scale of the symbol at the bar; see
        `whatif_assets.domain.accounts.impact`.
    size, price, point
        Units of the whole order, its price before slippage, and the money per point of
        the price of one unit.

    Returns
    -------
    float
        A fraction of the price; impact does not raise it above `MOST`.
    """
    if not impact:
        return slippage
    moved = impact * scale * math.sqrt(abs(size * price) * point)
    return max(slippage, min(slippage + moved, MOST))
