"""Settings of all trading rules; each setting may be an axis."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from whatif_assets.domain.base.settings import Settings

Direction = Literal["both", "long", "short"]
Reversal = Literal["one_order", "flat_first"]


def positive_number(value: Any) -> int | float:
    """Check a number of shares; an int stays an int.

    Raises
    ------
    ValueError
        The value is not a finite number above 0.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"found {value!r}; it must be a number above 0.")
    checked: int | float = value
    return checked


Shares = Annotated[int | float, PlainValidator(positive_number)]
Bars = Annotated[int, Field(ge=0)]
Minutes = Annotated[int, Field(ge=0)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# Below 100, because a stop 100 % away would be at a price of 0.
PercentOfPrice = Annotated[float, Field(ge=0, lt=100)]


class RuleSettings(Settings):
    """Settings of a trading rule; 0 turns a setting off.

    ``docs/strategy_semantics.md`` explains each setting.
    """

    size: Shares = Field(default=100, description="Number of shares of a position.")
    notional: Money = Field(
        default=0,
        description="Value of a position in money, rounded down to whole shares; "
        "replaces size.",
    )
    equity_percent: Money = Field(
        default=0,
        description="Value of a position in percent of the sleeve's equity, rounded "
        "down to whole shares; replaces size.",
    )
    direction: Direction = Field(
        default="both", description="Positions that may be opened: both, long or short."
    )
    reversal: Reversal = Field(
        default="one_order",
        description="one_order: the opposite signal reverses the position. flat_first: "
        "the opposite signal closes the position, and a later signal opens the next.",
    )
    min_holding: Bars = Field(
        default=0, description="Number of bars in which no signal can close a position."
    )
    max_holding: Bars = Field(
        default=0, description="Number of bars after which a position is closed."
    )
    cool_down: Bars = Field(
        default=0,
        description="Number of bars between the end of a position and the next order.",
    )
    stop_loss: PercentOfPrice = Field(
        default=0,
        description="Distance of a stop order from the entry price, in percent.",
    )
    take_profit: PercentOfPrice = Field(
        default=0,
        description="Distance of a limit order from the entry price, in percent.",
    )
    trailing_stop: PercentOfPrice = Field(
        default=0,
        description="Distance of a stop order that follows the close, in percent.",
    )
    no_entry_first: Minutes = Field(
        default=0, description="Minutes after the session's open without entries."
    )
    no_entry_last: Minutes = Field(
        default=0, description="Minutes before the session's close without entries."
    )
    flat_before_close: Minutes = Field(
        default=0,
        description="Minutes before the session's close from which on positions are "
        "closed and none is opened.",
    )

    @field_validator("equity_percent")
    @classmethod
    def _one_way_of_sizing(cls, percent: float, info: ValidationInfo) -> float:
        if percent and info.data.get("notional"):
            raise ValueError(
                f"found {percent} together with notional {info.data['notional']}; set "
                "only one of size, notional and equity_percent."
            )
        return percent

    @property
    def reads_the_clock(self) -> bool:
        """Whether any setting depends on the hours of the session."""
        clock = (self.no_entry_first, self.no_entry_last, self.flat_before_close)
        return any(clock)
