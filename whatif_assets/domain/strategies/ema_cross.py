"""Trade crossings of two exponential moving averages (EMA)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.crossing import CrossingRule
from whatif_assets.domain.strategies.settings import RuleSettings

Price = Literal["open", "high", "low", "close", "vwap"]


class EmaCrossSettings(RuleSettings):
    """Settings of `ema_cross`."""

    fastperiod: int = Field(
        default=10, ge=1, description="Number of bars of the fast EMA."
    )
    slowperiod: int = Field(
        default=30, ge=1, description="Number of bars of the slow EMA."
    )
    price: Price = Field(default="close", description="Price to average.")


class EmaCross(CrossingRule[EmaCrossSettings]):
    """Long where the fast EMA crosses above the slow one, short where below."""

    Settings = EmaCrossSettings

    @classmethod
    def inputs(cls, settings: EmaCrossSettings) -> dict[str, Feature]:
        """Return the two averages."""

        def _ema(period: int) -> Feature:
            return parse_feature(
                {"ema": {"timeperiod": period, "price": settings.price}}
            )

        return {"fast": _ema(settings.fastperiod), "slow": _ema(settings.slowperiod)}
