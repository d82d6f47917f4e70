"""The settings that every trading rule has; each of them may be an axis."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from whatif_assets.domain.base.settings import Settings

Direction = Literal["both", "long", "short"]
Reversal = Literal["one_order", "flat_first"]


def positive_number(value: Any) -> int | float:
    """Check a number of shares, whole numbers staying whole."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"found {value!r}; allowed is a number above 0.")
    checked: int | float = value
    return checked


Shares = Annotated[int | float, PlainValidator(positive_number)]
Bars = Annotated[int, Field(ge=0)]
Minutes = Annotated[int, Field(ge=0)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# A stop at 100 % of the price would be at a price of 0.
PercentOfPrice = Annotated[float, Field(ge=0, lt=100)]


class RuleSettings(Settings):
    """The settings of a trading rule; 0 turns a setting off.

    ``docs/strategy_semantics.md`` says what each of them does.
    """

    size: Shares = Field(default=100, description="Shares of a position.")
    notional: Money = Field(
        default=0,
        description="Money to put into a position, in whole shares, in place of size.",
    )
    equity_percent: Money = Field(
        default=0,
        description="Percent of the sleeve's equity to put into a position, in whole "
        "shares, in place of size.",
    )
    direction: Direction = Field(
        default="both", description="Which positions to open: both, long or short."
    )
    reversal: Reversal = Field(
        default="one_order",
        description="one_order: the opposite signal turns a position round. "
        "flat_first: it closes it, and a later signal opens the next.",
    )
    min_holding: Bars = Field(
        default=0, description="Bars for which a signal cannot end a position."
    )
    max_holding: Bars = Field(
        default=0, description="Bars after which a position is closed."
    )
    cool_down: Bars = Field(
        default=0, description="Bars between the end of a position and the next order."
    )
    stop_loss: PercentOfPrice = Field(
        default=0, description="Stop order, percent of the entry price away from it."
    )
    take_profit: PercentOfPrice = Field(
        default=0, description="Limit order, percent of the entry price away from it."
    )
    trailing_stop: PercentOfPrice = Field(
        default=0, description="Stop order that follows the closes, percent away."
    )
    no_entry_first: Minutes = Field(
        default=0, description="Minutes after the session's open without an entry."
    )
    no_entry_last: Minutes = Field(
        default=0, description="Minutes before the session's close without an entry."
    )
    flat_before_close: Minutes = Field(
        default=0,
        description="Minutes before the session's close from which a position is "
        "closed and none is opened.",
    )

    @field_validator("equity_percent")
    @classmethod
    def _one_way_of_sizing(cls, percent: float, info: ValidationInfo) -> float:
        if percent and info.data.get("notional"):
            raise ValueError(
                f"found {percent} beside notional {info.data['notional']}; give a "
                "position one size: size, notional or equity_percent."
            )
        return percent

    @property
    def reads_the_clock(self) -> bool:
        """Whether a setting depends on the session's hours."""
        clock = (self.no_entry_first, self.no_entry_last, self.flat_before_close)
        return any(clock)
