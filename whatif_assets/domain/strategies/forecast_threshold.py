"""Trade the forecast of a model where it is beyond a threshold."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies.rule import (
    LONG,
    NEUTRAL,
    SHORT,
    TradingRule,
)
from whatif_assets.domain.strategies.settings import RuleSettings


class ForecastThresholdSettings(RuleSettings):
    """Settings of `forecast_threshold`."""

    threshold: float = Field(
        default=0.0001, ge=0, description="Expected return above which to be long."
    )
    short_threshold: float | None = Field(
        default=None,
        ge=0,
        description="Expected loss beyond which to be short; default: threshold.",
    )


class ForecastThreshold(TradingRule[ForecastThresholdSettings]):
    """Long above `threshold`, short below the negative `short_threshold`.

    The line ``forecast`` is the return that the model expects, a fraction.
    """

    Settings = ForecastThresholdSettings
    needs_forecast = True
    levels = ("threshold", "short_threshold")

    def signal(self) -> int:
        """Compare the forecast at this close with the thresholds."""
        forecast = self.data.forecast[0]
        above, below = self.thresholds(self.settings)
        if forecast < below:
            return SHORT
        return LONG if forecast > above else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: ForecastThresholdSettings
    ) -> FloatArray:
        """Return the forecasts unchanged."""
        return lines["forecast"]

    @classmethod
    def thresholds(cls, settings: ForecastThresholdSettings) -> tuple[float, float]:
        """Return the threshold, and the negative short threshold."""
        short = settings.short_threshold
        return settings.threshold, -(settings.threshold if short is None else short)
