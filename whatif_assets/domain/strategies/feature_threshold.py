"""Trade any feature where it is beyond an upper or a lower level."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.rule import LONG, NEUTRAL, SHORT, TradingRule
from whatif_assets.domain.strategies.settings import RuleSettings


def _as_text(value: Any) -> str:
    return parse_feature(value).text


class FeatureThresholdSettings(RuleSettings):
    """Settings of `feature_threshold`."""

    feature: Annotated[str, BeforeValidator(_as_text)] = Field(
        default="rsi",
        description="Feature to compare, written as in a study; in one line, for "
        "example, `rsi+timeperiod=7+price=vwap`.",
    )
    mode: Literal["follow", "fade"] = Field(
        default="fade",
        description="follow: long above the upper level, short below the lower one. "
        "fade: short above the upper level, long below the lower one.",
    )
    upper: float = Field(
        default=70, allow_inf_nan=False, description="Level above which to act."
    )
    lower: float = Field(
        default=30, allow_inf_nan=False, description="Level below which to act."
    )


class FeatureThreshold(TradingRule[FeatureThresholdSettings]):
    """Follow or fade a feature where it is beyond one of two levels.

    The line ``feature`` is the value of the feature.
    """

    Settings = FeatureThresholdSettings
    levels = ("upper", "lower")

    @classmethod
    def inputs(cls, settings: FeatureThresholdSettings) -> dict[str, Feature]:
        """Return the feature."""
        return {"feature": parse_feature(settings.feature)}

    def signal(self) -> int:
        """Compare the feature with its two levels."""
        value, settings = self.data.feature[0], self.settings
        if settings.mode == "follow":
            if value < settings.lower:
                return SHORT
            return LONG if value > settings.upper else NEUTRAL
        if value > settings.upper:
            return SHORT
        return LONG if value < settings.lower else NEUTRAL

    @classmethod
    def series(
        cls, lines: Mapping[str, FloatArray], settings: FeatureThresholdSettings
    ) -> FloatArray:
        """Return the feature; with a negative sign in the mode ``fade``."""
        value = lines["feature"]
        return value if settings.mode == "follow" else -value

    @classmethod
    def thresholds(cls, settings: FeatureThresholdSettings) -> tuple[float, float]:
        """Return the two levels; with a negative sign in the mode ``fade``."""
        if settings.mode == "follow":
            return settings.upper, settings.lower
        return -settings.lower, -settings.upper

    @classmethod
    def series_key(cls, settings: FeatureThresholdSettings) -> Hashable:
        """Return feature and mode, which determine the series."""
        return settings.feature, settings.mode
