"""Trade against a price that has left its Bollinger bands."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.ema_cross import Price
from whatif_assets.domain.strategies.rule import LONG, NEUTRAL, SHORT, TradingRule
from whatif_assets.domain.strategies.settings import RuleSettings


class BollingerReversionSettings(RuleSettings):
    """Settings of `bollinger_reversion`."""

    timeperiod: int = Field(
        default=20,
        ge=2,
        description="Number of bars of the average and of the deviation.",
    )
    deviations: float = Field(
        default=2,
        ge=0,
        description="Distance of the bands from the average, in deviations.",
    )
    price: Price = Field(default="close", description="Price to compare.")


class BollingerReversion(TradingRule[BollingerReversionSettings]):
    """Long where the price is below the lower band, short where above the upper one.

    The line ``away`` is the distance of the price from its average in standard
    deviations, so that variants with the same period share it.
    """

    Settings = BollingerReversionSettings
    levels = ("deviations",)

    @classmethod
    def inputs(cls, settings: BollingerReversionSettings) -> dict[str, Feature]:
        """Return the distance from the average."""
        arguments = {"timeperiod": settings.timeperiod, "price": settings.price}
        return {"away": parse_feature({"bollinger": arguments})}

    def signal(self) -> int:
        """Compare the distance with the distance of the bands."""
        away, band = self.data.away[0], self.settings.deviations
        if away > band:
            return SHORT
        return LONG if away < -band else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: BollingerReversionSettings
    ) -> FloatArray:
        """Return the negative distance: high values mean long."""
        return -lines["away"]

    @classmethod
    def thresholds(cls, settings: BollingerReversionSettings) -> tuple[float, float]:
        """Return the distance of the bands on both sides."""
        return settings.deviations, -settings.deviations
