"""Trade crossings of the MACD and its signal line."""

from __future__ import annotations

from pydantic import Field

from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.crossing import CrossingRule
from whatif_assets.domain.strategies.ema_cross import Price
from whatif_assets.domain.strategies.settings import RuleSettings


class MacdCrossSettings(RuleSettings):
    """Settings of `macd_cross`."""

    fastperiod: int = Field(
        default=12, ge=1, description="Number of bars of the fast EMA."
    )
    slowperiod: int = Field(
        default=26, ge=1, description="Number of bars of the slow EMA."
    )
    signalperiod: int = Field(
        default=9,
        ge=1,
        description="Number of bars of the signal line, the EMA of the MACD.",
    )
    price: Price = Field(default="close", description="Price to average.")


class MacdCross(CrossingRule[MacdCrossSettings]):
    """Long where the MACD crosses above its signal line, short where it crosses below.

    The line ``fast`` is the MACD, ``slow`` its signal line.
    """

    Settings = MacdCrossSettings

    @classmethod
    def inputs(cls, settings: MacdCrossSettings) -> dict[str, Feature]:
        """Return the MACD and its signal line."""
        arguments = settings.model_dump(include={*MacdCrossSettings.__annotations__})
        return {
            "fast": parse_feature({"macd": arguments}),
            "slow": parse_feature({"macd_signal": arguments}),
        }
