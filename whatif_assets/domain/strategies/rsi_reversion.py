"""Trade against a relative strength index that is far out."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.ema_cross import Price
from whatif_assets.domain.strategies.rule import LONG, NEUTRAL, SHORT, TradingRule
from whatif_assets.domain.strategies.settings import RuleSettings


class RsiReversionSettings(RuleSettings):
    """Settings of `rsi_reversion`."""

    timeperiod: int = Field(default=14, ge=2, description="Bars of the index.")
    oversold: float = Field(
        default=30, ge=0, le=100, description="Index below which to be long."
    )
    overbought: float = Field(
        default=70, ge=0, le=100, description="Index above which to be short."
    )
    price: Price = Field(default="close", description="Price whose moves count.")


class RsiReversion(TradingRule[RsiReversionSettings]):
    """Long where the index lies below `oversold`, short above `overbought`."""

    Settings = RsiReversionSettings

    @classmethod
    def inputs(cls, settings: RsiReversionSettings) -> dict[str, Feature]:
        """Return the index."""
        arguments = {"timeperiod": settings.timeperiod, "price": settings.price}
        return {"rsi": parse_feature({"rsi": arguments})}

    def signal(self) -> int:
        """Compare the index with its two levels."""
        rsi = self.data.rsi[0]
        if rsi > self.settings.overbought:
            return SHORT
        return LONG if rsi < self.settings.oversold else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: RsiReversionSettings
    ) -> FloatArray:
        """Turn the index round: the lower it is, the more to be long."""
        return -lines["rsi"]

    @classmethod
    def thresholds(cls, settings: RsiReversionSettings) -> tuple[float, float]:
        """Return the two levels, turned round."""
        return -settings.oversold, -settings.overbought
