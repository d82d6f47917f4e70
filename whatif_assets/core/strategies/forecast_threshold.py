"""Trade a model's forecast where it is far enough from zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from whatif_assets.core.sleeve import FloatArray
from whatif_assets.core.strategies.rule import (
    LONG,
    NEUTRAL,
    SHORT,
    RuleSettings,
    Signals,
    TradingRule,
)


class ForecastThresholdSettings(RuleSettings):
    """Settings of `forecast_threshold`."""

    threshold: float = Field(
        default=0.0001, ge=0, description="Expected return beyond which to trade."
    )


class ForecastThreshold(TradingRule[ForecastThresholdSettings]):
    """Long above the threshold, short below its negative, neutral between.

    The line ``forecast`` is the return that the model expects.
    """

    Settings = ForecastThresholdSettings
    needs_forecast = True

    def signal(self) -> int:
        """Compare the forecast at this close with the threshold."""
        forecast = self.data.forecast[0]
        if forecast > self.settings.threshold:
            return LONG
        if forecast < -self.settings.threshold:
            return SHORT
        return NEUTRAL

    @classmethod
    def signals(
        cls, lines: Mapping[str, FloatArray], settings: ForecastThresholdSettings
    ) -> Signals:
        """Compare all forecasts with the threshold."""
        forecast = lines["forecast"]
        long = (forecast > settings.threshold).astype(np.int8)
        return long - (forecast < -settings.threshold).astype(np.int8)
