"""Buy once and hold: the benchmark of every other strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator

from whatif_assets.domain.accounts.costs import units_for_money
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies.rule import (
    LONG,
    TradingRule,
)
from whatif_assets.domain.strategies.settings import RuleSettings, positive_number

ALL = "all"


def _shares_or_all(value: Any) -> int | float | str:
    return ALL if value == ALL else positive_number(value)


class BuyAndHoldSettings(RuleSettings):
    """Settings of `buy_and_hold`."""

    size: Annotated[Any, PlainValidator(_shares_or_all)] = Field(
        default=ALL,
        description="Number of shares to buy; `all` spends all cash of the sleeve on "
        "whole shares.",
    )


class BuyAndHold(TradingRule[BuyAndHoldSettings]):
    """Buy at the second bar's open, and hold to the end.

    With ``size: all``, the number of shares is what the cash buys at the close, costs
    included. If the next open is too high for that, Backtrader rejects the order for
    lack of cash, and the rule tries again at the next close.
    """

    Settings = BuyAndHoldSettings
    role = "benchmark"

    def signal(self) -> int:
        """Return a long signal at every bar."""
        return LONG

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: BuyAndHoldSettings
    ) -> FloatArray:
        """Return a long signal at every bar."""
        return np.ones(len(lines["close"]))

    def shares(self) -> float:
        """Return the fixed size, or the number of whole shares that the cash buys."""
        if self.settings.size != ALL or self.settings.notional:
            return super().shares()
        if self.settings.equity_percent:
            return super().shares()
        if self.data.close[0] <= 0:
            return 0
        # What the impact of fewer shares leaves over is not spent.
        return self._shares_with_impact_of(self._shares_with_impact_of(0))

    def _shares_with_impact_of(self, shares: float) -> int:
        """Return the whole shares that the cash buys with the impact of some shares."""
        close, costs = self.data.close[0], self.broker.getcommissioninfo(self.data).p
        slippage = self.broker.slippage(self.data, shares, close)
        paid = close * (1 + slippage) * costs.mult
        each = paid * (1 + costs.commission) + costs.per_share
        cash = self.broker.getcash()
        charged = units_for_money(cash - costs.per_order, each, *costs.tier_steps)
        return min(int(charged), int((cash - costs.minimum) / paid))
