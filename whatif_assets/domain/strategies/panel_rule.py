"""What strategies of a portfolio share that rank symbols by a score."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BeforeValidator, Field

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.rebalancing_rule import (
    FORECAST,
    RebalancingRule,
    RebalancingSettings,
)

IN_UNIVERSE = "in_universe"  # the column that is 1 where a symbol belongs to it


def _as_text(value: Any) -> str:
    return FORECAST if value == FORECAST else parse_feature(value).text


Score = Annotated[str, BeforeValidator(_as_text)]


class PanelSettings(RebalancingSettings):
    """The settings of every strategy of a portfolio that ranks symbols."""

    score: Score = Field(
        default=FORECAST,
        description="What symbols are ranked by: forecast, or a feature as a study's "
        "features are written.",
    )
    second_score: Score = Field(
        default=FORECAST, description="What is added to score, times second_weight."
    )
    second_weight: float = Field(
        default=0,
        allow_inf_nan=False,
        description="Weight of second_score; 0 leaves it out.",
    )


SettingsT = TypeVar("SettingsT", bound=PanelSettings)


class PanelRule(RebalancingRule[SettingsT]):
    """A strategy that weighs symbols by their scores, now and then.

    Each symbol is a data feed with a line ``score``.
    """

    Settings = PanelSettings

    @classmethod
    def inputs(cls, settings: SettingsT) -> dict[str, Feature]:
        """Return the features that the strategy reads, by the name of their line."""
        scores = {"score": settings.score}
        if settings.second_weight:
            scores["second_score"] = settings.second_score
        return {k: parse_feature(v) for k, v in scores.items() if v != FORECAST}

    @classmethod
    def reads_forecast(cls, settings: SettingsT) -> bool:
        """Whether the strategy reads forecasts with these settings."""
        second = settings.second_score if settings.second_weight else ""
        return FORECAST in (settings.score, second)

    @classmethod
    def lines_of(cls, sleeve: Sleeve, settings: SettingsT) -> dict[str, FloatArray]:
        """Collect the lines of one symbol beside its prices: its score.

        The score is NaN where the symbol does not belong to the universe.

        Raises
        ------
        BadInput
            The sleeve lacks a column.
        """
        score = cls.column("score", sleeve, settings)
        if settings.second_weight:
            second = cls.column("second_score", sleeve, settings)
            score = score + settings.second_weight * second
        if IN_UNIVERSE in sleeve.columns:
            score = np.where(sleeve.columns[IN_UNIVERSE] > 0, score, np.nan)
        return {"score": score}

    @classmethod
    def lines_key(cls, settings: SettingsT) -> Hashable:
        """Tell which variants have the same lines: equal keys share them."""
        second = settings.second_score if settings.second_weight else ""
        return settings.score, second, settings.second_weight

    def is_ready(self, data: bt.feed.DataBase) -> bool:
        """Whether a symbol has a bar at this time, a price above 0 and a score."""
        return super().is_ready(data) and math.isfinite(data.score[0])
