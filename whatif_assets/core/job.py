"""One job of a backtest: a variant to run on a sleeve, and what the run gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.core.sleeve import FloatArray


@dataclass(frozen=True)
class Costs:
    """What trading costs, in basis points of the traded value.

    Slippage moves every fill against the trader in full, even beyond the bar's
    high or low. Commission is charged on the value at the price after slippage.
    """

    commission_bps: float = 0.0
    slippage_bps: float = 0.0


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
        Of each fill, the size negative for a sale; k float64.
    rejected
        Orders that Backtrader refused.
    """

    equity: FloatArray
    bars: npt.NDArray[np.int64]
    sizes: FloatArray
    prices: FloatArray
    commissions: FloatArray
    values_traded: FloatArray
    rejected: int
