"""Buy once and hold: what every other strategy is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator

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
        description="Shares to buy; `all` spends the sleeve's cash on whole shares.",
    )


class BuyAndHold(TradingRule[BuyAndHoldSettings]):
    """Buy at the first open that follows a close, and hold to the end.

    With ``size: all`` the number of shares is what the cash buys at the close,
    costs included. Where the next open lies higher than that, Backtrader rejects
    the order for want of cash, and the rule asks again at the next close.
    """

    Settings = BuyAndHoldSettings
    role = "benchmark"

    def signal(self) -> int:
        """Want to be long, always."""
        return LONG

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: BuyAndHoldSettings
    ) -> FloatArray:
        """Want to be long, always."""
        return np.ones(len(lines["close"]))

    def shares(self) -> float:
        """Return the fixed size, or the whole shares that the cash buys now."""
        if self.settings.size != ALL or self.settings.notional:
            return super().shares()
        if self.settings.equity_percent:
            return super().shares()
        costs = self.broker.getcommissioninfo(self.data).p
        paid = self.data.close[0] * (1 + self.broker.p.slip_perc) * costs.mult
        if paid <= 0:
            return 0
        each = paid * (1 + costs.commission) + costs.per_share
        cash = self.broker.getcash()
        return min(int(cash / each), int((cash - costs.minimum) / paid))
