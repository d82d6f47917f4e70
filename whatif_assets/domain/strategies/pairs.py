"""Trade the spread of two symbols back to its mean."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

import numpy as np
from pydantic import Field, model_validator

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.rebalancing_rule import (
    RebalancingRule,
    RebalancingSettings,
)

SECOND = -1.0  # the hedge ratio in the lines of the second symbol


class PairsSettings(RebalancingSettings):
    """Settings of `pairs`."""

    first: str = Field(description="The symbol whose spread is traded.")
    second: str = Field(description="The symbol that hedges it.")
    lookback: int = Field(
        default=390,
        ge=3,
        description="Bars over which the hedge ratio, and the mean and standard "
        "deviation of the spread, are estimated; see the feature spread_zscore.",
    )
    entry: float = Field(
        default=2,
        gt=0,
        allow_inf_nan=False,
        description="Standard deviations from the mean at which the pair is opened.",
    )
    exit: float = Field(
        default=0.5,
        allow_inf_nan=False,
        description="Standard deviations from the mean, on the side of the entry, at "
        "which it is closed; below 0 it is closed on the other side.",
    )
    stop: float = Field(
        default=0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviations from the mean at which it is given up; beyond "
        "it no pair is opened. 0: none.",
    )

    @model_validator(mode="after")
    def _can_be_traded(self) -> PairsSettings:
        if self.first == self.second:
            raise ValueError(f"first and second: found {self.first} twice; name two")
        if self.exit >= self.entry:
            raise ValueError(
                f"exit: found {self.exit}; it must be below entry, {self.entry}"
            )
        if self.stop and self.stop <= self.entry:
            raise ValueError(
                f"stop: found {self.stop}; it must be above entry, {self.entry}, or 0"
            )
        return self


class Pairs(RebalancingRule[PairsSettings]):
    """Sell the spread of two symbols when it is wide, and buy it when it is negative.

    The spread is the log price of `first` minus the hedge ratio times that of `second`.
    One unit of money of `first` is hedged by the hedge ratio of money of `second`, the
    other way round. The hedge ratio of the entry is kept until the pair is closed. A
    pair that has lost both of its positions counts as closed.

    Where one of the two has no bar, or the spread is not known, all stays as it is. A
    hedge ratio that is not above 0 closes the pair.
    """

    Settings = PairsSettings

    def __init__(self) -> None:
        """Find the two feeds; no pair is open."""
        super().__init__()
        by_name = {data._name: data for data in self.datas}
        self._legs = [
            by_name[name]
            for name in (self.settings.first, self.settings.second)
            if name in by_name
        ]
        self._side = 0
        self._hedge = 0.0

    @classmethod
    def inputs(cls, settings: PairsSettings) -> dict[str, Feature]:
        """Return the z-score of the spread, and the hedge ratio."""
        against = {"to": settings.second, "timeperiod": settings.lookback}
        return {
            "score": parse_feature({"spread_zscore": against}),
            "beta": parse_feature({"hedge_ratio": against}),
        }

    @classmethod
    def symbols_named(cls, settings: PairsSettings) -> tuple[str, ...]:
        """Return the two symbols."""
        return settings.first, settings.second

    @classmethod
    def lines_of(cls, sleeve: Sleeve, settings: PairsSettings) -> dict[str, FloatArray]:
        """Collect z-score and hedge ratio of the first symbol.

        Those of the second one are 0 and -1, by which a compiled twin recognises it;
        all other symbols have none.
        """
        if sleeve.symbol == settings.first:
            lines = super().lines_of(sleeve, settings)
            # Where it is not known, neither is the score; then nothing is done.
            return {**lines, "beta": np.maximum(lines["beta"], 0.0)}
        known = 1.0 if sleeve.symbol == settings.second else np.nan
        ones = np.full(len(sleeve), known)
        return {"score": 0.0 * ones, "beta": SECOND * ones}

    @classmethod
    def lines_key(cls, settings: PairsSettings) -> Hashable:
        """Tell which variants have the same lines."""
        return settings.first, super().lines_key(settings)

    @classmethod
    def parameters(cls, settings: PairsSettings) -> Mapping[str, float]:
        """Return when to open and to close a pair."""
        return {
            "pairs": 1.0,
            "entry": settings.entry,
            "exit": settings.exit,
            "stop": settings.stop,
        }

    def weights(self) -> dict[bt.feed.DataBase, float] | None:
        """Divide gross between both symbols while the pair is open."""
        if len(self._legs) < 2 or not all(map(self.is_ready, self._legs)):
            return None
        first, second = self._legs
        score, hedge = first.score[0], first.beta[0]
        if not (math.isfinite(score) and math.isfinite(hedge)):
            return None
        if not any(self.getposition(leg).size for leg in self._legs):
            self._side = 0
        if self._side and self._is_over(score, hedge):
            self._side = 0
        elif not self._side and self._begins(score, hedge):
            self._side, self._hedge = (-1 if score > 0 else 1), hedge
        if not self._side:
            return {}
        part = self.settings.gross / (1 + self._hedge)
        return {first: self._side * part, second: -self._side * part * self._hedge}

    def _is_over(self, score: float, hedge: float) -> bool:
        """Whether the spread is back near its mean, too far from it, or none."""
        settings = self.settings
        beyond = settings.stop > 0 and abs(score) >= settings.stop
        return -score * self._side <= settings.exit or beyond or hedge <= 0

    def _begins(self, score: float, hedge: float) -> bool:
        """Whether the spread is wide enough, and not too wide."""
        settings = self.settings
        within = settings.stop == 0 or abs(score) < settings.stop
        return abs(score) >= settings.entry and within and hedge > 0
