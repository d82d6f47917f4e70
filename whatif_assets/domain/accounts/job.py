"""One job of a backtest: a variant to run on a sleeve, and what the run gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray


@dataclass(frozen=True)
class Costs:
    """What trading costs.

    Attributes
    ----------
    commission_bps
        Commission in basis points of the value at the price after slippage. Value
        is positive, also at a price below 0.
    slippage_bps
        Moves every fill against the trader in full, even beyond the bar's high or
        low; a limit order that fills at its own price has none.
    commission_per_share
        Money per share or contract, on top of ``commission_bps``.
    commission_minimum
        The least commission of an order; one that turns a position round counts
        as two, the part that closes and the part that opens.
    borrow_bps
        Yearly rate for borrowed shares, in basis points of what a short position
        was sold for, charged per calendar day (UTC) over 365.
    """

    commission_bps: float = 0.0
    slippage_bps: float = 0.0
    commission_per_share: float = 0.0
    commission_minimum: float = 0.0
    borrow_bps: float = 0.0


@dataclass(frozen=True)
class Files:
    """Files that a strategy asked for outside of its code: each a path."""

    read: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Variant:
    """One row of a configuration: settings, costs and the cash of each sleeve."""

    id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    cash: float = 1_000_000.0


@dataclass(frozen=True, eq=False)
class Run:
    """What one job gave.

    Attributes
    ----------
    equity
        Cash plus position at the last bar of each session that has bars, as
        Backtrader counts it; float64.
    bars
        The bar on which each fill happened; k int64.
    sizes, prices, commissions, values_traded
        Of each fill, the size negative for a sale, the value positive; k float64.
    multipliers
        Money per point of the price of one unit, of each fill; k float64.
    closing
        The part of each commission that fell on closing a position, the interest
        on borrowed shares included; k float64.
    rejected
        Orders that Backtrader refused.
    warm_up
        Bars that the strategy's indicators need before it first decides; 0 for the
        built-in rules, whose features are computed before.
    made
        The bar on which the broker made each fill, where that may be later than the bar
        of the fill; k int64.
    valued
        The bar of each value of ``equity``, where that may be earlier than the last of
        its session, as of a run that was ended; int64.
    paid_in
        The most money that was paid in on top of the starting cash.
    slipped
        Fills with other slippage than the variant's costs say.
    """

    equity: FloatArray
    bars: npt.NDArray[np.int64]
    sizes: FloatArray
    prices: FloatArray
    commissions: FloatArray
    values_traded: FloatArray
    multipliers: FloatArray
    closing: FloatArray
    rejected: int
    warm_up: int = 0
    made: npt.NDArray[np.int64] | None = None
    valued: npt.NDArray[np.int64] | None = None
    paid_in: float = 0.0
    slipped: int = 0


@dataclass(frozen=True, eq=False)
class Executions:
    """What was filled on one sleeve, in time order.

    Attributes
    ----------
    bars
        The bar that each fill is dated on; k int64.
    sizes, prices
        Signed sizes, and prices with slippage; k float64.
    at_open
        Fills of market orders, at the open of their bar; k bool.
    slack
        By how much money a fill may be worse than its price for slippage; k float64.
    sent
        The bar at whose close each order was sent, if the engine tells; k int64.
    made
        The bar that the broker knew when it made each fill, if the engine tells; k
        int64. Later than ``bars`` where a session's end shows only by the next bar.
    by_volume
        Whether the volume of a bar decides how much of an order it fills.
    orders
        Every order that was sent, filled or not, and every one that was cancelled, if
        the engine tells: bar, signed size, type (-1 for one that is cancelled), price
        and limit (NaN without one); (orders, 5) float64.
    failed_at, failure
        The bar on which the strategy failed, and how, where it was let fail.
    files
        Files that the strategy wrote or looked for where it saw none but its own; see
        `whatif_assets.engines.isolation.sandbox`.
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
        """The last bar that had a part in each fill; k int64."""
        return self.bars if self.made is None else self.made


def slack_of(prices: FloatArray, slippage: float) -> FloatArray:
    """Return by how much fills may be worse than their price before slippage.

    Parameters
    ----------
    prices
        After slippage.
    slippage
        A fraction of the price before it.
    """
    return np.asarray(np.abs(prices) * slippage / (1 - slippage))
