"""Trade against an extreme relative strength index (RSI)."""

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

    timeperiod: int = Field(default=14, ge=2, description="Number of bars of the RSI.")
    oversold: float = Field(
        default=30, ge=0, le=100, description="RSI below which to be long."
    )
    overbought: float = Field(
        default=70, ge=0, le=100, description="RSI above which to be short."
    )
    price: Price = Field(default="close", description="Price to compute the RSI from.")


class RsiReversion(TradingRule[RsiReversionSettings]):
    """Long where the RSI is below `oversold`, short where above `overbought`."""

    Settings = RsiReversionSettings
    levels = ("oversold", "overbought")

    @classmethod
    def inputs(cls, settings: RsiReversionSettings) -> dict[str, Feature]:
        """Return the RSI."""
        arguments = {"timeperiod": settings.timeperiod, "price": settings.price}
        return {"rsi": parse_feature({"rsi": arguments})}

    def signal(self) -> int:
        """Compare the RSI with its two levels."""
        rsi = self.data.rsi[0]
        if rsi > self.settings.overbought:
            return SHORT
        return LONG if rsi < self.settings.oversold else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: RsiReversionSettings
    ) -> FloatArray:
        """Return the negative RSI: high values mean long."""
        return -lines["rsi"]

    @classmethod
    def thresholds(cls, settings: RsiReversionSettings) -> tuple[float, float]:
        """Return the two levels with a negative sign."""
        return -settings.oversold, -settings.overbought
