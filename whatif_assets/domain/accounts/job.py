"""Jobs of a backtest: the variant to run on a sleeve, and the result of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.base.arrays import FloatArray

# Whose cash it is: each symbol's own, or that of one portfolio of all symbols.
Account = Literal["symbol", "portfolio"]


@dataclass(frozen=True)
class Files:
    """Paths of files, other than code, that a user's code wrote or tried to read."""

    read: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Variant:
    """One row of a configuration: settings, costs, and starting cash per sleeve.

    Attributes
    ----------
    id
        Its name within the configuration.
    settings, costs
        Of the strategy, and of trading.
    cash
        Money before the first bar.
    account
        Whose cash it is.
    leverage
        How much the broker lends, with the starting cash, as a multiple of that; 1
        lends nothing.
    reserve
        Money of the starting cash that no order may spend.
    """

    id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    cash: float = 1_000_000.0
    account: Account = "symbol"
    leverage: float = 1.0
    reserve: float = 0.0

    @property
    def credit(self) -> float:
        """Money that the broker lends."""
        return (self.leverage - 1) * self.cash

    @property
    def shift(self) -> float:
        """By how much the broker's cash is above the account's own.

        Orders are checked against the broker's cash: with what it lends, without what
        is kept in reserve.
        """
        return self.credit - self.reserve

    def share(self, n_symbols: int) -> Variant:
        """Return this variant with the cash that belongs to one of several symbols.

        That is all of its cash where each symbol has an account of its own, and an
        equal part of it where all symbols share one account. Only orders of such an
        account are limited by the volume.
        """
        if self.account == "symbol":
            return self
        costs = replace(self.costs, participation=0.0)
        return replace(self, cash=self.cash / max(n_symbols, 1), costs=costs)


@dataclass(frozen=True, eq=False)
class Run:
    """Result of one job.

    Attributes
    ----------
    equity
        Cash plus position at the last bar of each session that has bars, as in
        Backtrader; float64.
    bars
        Number of the bar of each fill; k int64.
    sizes, prices, commissions, values_traded
        Size (negative for a sale), price, commission and absolute value of each fill;
        k float64.
    multipliers
        Money per point of the price of one unit, for each fill; k float64.
    slippage
        Fraction of its price before slippage by which each fill was worse, with half
        spread and market impact; k float64.
    closing
        The part of each commission that was charged for closing a position, including
        interest on borrowed shares; k float64.
    rejected
        Number of orders that Backtrader rejected.
    warm_up
        Number of bars that the strategy's indicators need before its first decision; 0
        for the built-in rules, whose features are computed before the run.
    made
        Number of the bar on which the broker made each fill; k int64. None where it is
        always the bar of the fill.
    valued
        Number of the bar of each value of ``equity``; int64. None where it is always
        the last bar of the session; it may be earlier in a run that was stopped.
    paid_in
        Largest amount of money paid in on top of the starting cash.
    slipped
        Number of fills with other slippage than the costs of the variant.
    """

    equity: FloatArray
    bars: npt.NDArray[np.int64]
    sizes: FloatArray
    prices: FloatArray
    commissions: FloatArray
    values_traded: FloatArray
    multipliers: FloatArray
    slippage: FloatArray
    closing: FloatArray
    rejected: int
    warm_up: int = 0
    made: npt.NDArray[np.int64] | None = None
    valued: npt.NDArray[np.int64] | None = None
    paid_in: float = 0.0
    slipped: int = 0


@dataclass(frozen=True, eq=False)
class Executions:
    """Fills and orders on one sleeve, in time order.

    Attributes
    ----------
    bars
        Number of the bar that each fill is dated on; k int64.
    sizes, prices
        Signed sizes, and prices with slippage; k float64.
    at_open
        True for fills of market orders, at the open of their bar; k bool.
    slack
        Largest difference from slippage between a fill and its price, in units of the
        price; k float64.
    sent
        Number of the bar at whose close each order was sent; k int64. None if the
        engine does not report it.
    made
        Number of the last bar that the broker knew when it made each fill; k int64.
        Later than ``bars`` where the end of a session is known only from the next bar.
        None if the engine does not report it.
    by_volume
        Whether the volume of a bar limits how much of an order is filled.
    orders
        Every order that was sent, filled or not, and every cancelled order: bar, signed
        size, type (-1 for a cancellation), price and limit (NaN without one);
        (orders, 5) float64. None if the engine does not report them.
    failed_at, failure
        Number of the bar on which the strategy failed, and the error; None and empty if
        it did not fail.
    files
        Files that the strategy wrote in its sandbox, or tried to read and did not find
        there; see `whatif_assets.engines.isolation.sandbox`.
    """

    bars: npt.NDArray[np.int64]
    sizes: FloatArray
    prices: FloatArray
    at_open: npt.NDArray[np.bool_]
    slack: FloatArray
    sent: npt.NDArray[np.int64] | None = None
    orders: FloatArray | None = None
    made: npt.NDArray[np.int64] | None = None
    by_volume: bool = False
    failed_at: int | None = None
    failure: str = ""
    files: Files = field(default_factory=Files)

    @property
    def known(self) -> npt.NDArray[np.int64]:
        """Number of the last bar that each fill depends on; k int64."""
        return self.bars if self.made is None else self.made


def slack_of(prices: FloatArray, slippage: float | FloatArray) -> FloatArray:
    """Compute by how much fills may be worse than their prices before slippage.

    Parameters
    ----------
    prices
        Prices after slippage.
    slippage
        Slippage as a fraction of the price before slippage; of a fill at a price of 0
        it may be 1.
    """
    return np.asarray(np.abs(prices) * slippage / (1 - slippage))
