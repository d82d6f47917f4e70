"""Hold the symbols with the best scores, and be short of those with the worst."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.panel_rule import PanelRule, PanelSettings
from whatif_assets.domain.strategies.rebalancing_rule import total_of

Weighting = Literal["equal", "rank", "score", "inverse_volatility"]
FeatureText = Annotated[str, BeforeValidator(lambda value: parse_feature(value).text)]
WEIGHTINGS: tuple[Weighting, ...] = ("equal", "rank", "score", "inverse_volatility")


class RankLongShortSettings(PanelSettings):
    """Settings of `rank_long_short`."""

    added_later = PanelSettings.added_later | {"neutral", "beta"}
    count: int = Field(
        default=10,
        ge=1,
        description="Symbols on each side; fewer where fewer have one.",
    )
    quantile: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Part of the ranked symbols on each side, in place of count; 0: "
        "count decides.",
    )
    sides: Literal["long", "short", "long_short"] = Field(
        default="long",
        description="long: the best. short: the worst. long_short: both, each with "
        "half of gross.",
    )
    weighting: Weighting = Field(
        default="equal",
        description="equal. rank: the best of k gets k parts, the last one 1. score: "
        "by the distance from the mean score. inverse_volatility: by one over it.",
    )
    volatility: FeatureText = Field(
        default="realized_volatility",
        description="The feature by which inverse_volatility weighs.",
    )
    neutral: Literal["none", "group", "beta"] = Field(
        default="none",
        description="group: symbols are ranked and chosen within each group of the "
        "market, and each group has an equal part of gross. beta: the weights of both "
        "sides are scaled so that their betas cancel out; with sides: long_short.",
    )
    beta: FeatureText | Literal[""] = Field(
        default="",
        description="The feature that neutral: beta reads, such as beta: {to: SPY}.",
    )

    @model_validator(mode="after")
    def _has_what_beta_needs(self) -> RankLongShortSettings:
        if self.neutral == "beta" and (self.sides != "long_short" or not self.beta):
            raise ValueError(
                "neutral: beta needs 'sides: long_short', and 'beta' with the feature "
                f"of each symbol's beta; found sides: {self.sides}, "
                f"beta: {self.beta or 'none'}"
            )
        return self

    @property
    def by_beta(self) -> bool:
        """Whether weights depend on betas."""
        return self.neutral == "beta"

    @property
    def by_volatility(self) -> bool:
        """Whether weights depend on volatility."""
        return self.weighting == "inverse_volatility"


class RankLongShort(PanelRule[RankLongShortSettings]):
    """Long the symbols with the highest scores, short those with the lowest.

    Symbols are ranked among those that have a bar, a price above 0, a score and, if
    needed, a volatility at the time. Of equal scores that of the first symbol, in the
    order of the feeds, is the better one.
    Of fewer symbols than twice `count`, each side of long_short gets half.
    Limits on weights are kept after betas are made to cancel out, and may undo that.
    """

    Settings = RankLongShortSettings

    @classmethod
    def inputs(cls, settings: RankLongShortSettings) -> dict[str, Feature]:
        """Return the features of the scores, and the volatility and beta in use."""
        more = {name: getattr(settings, name) for name in _read_beside(settings)}
        return {
            **super().inputs(settings),
            **{name: parse_feature(text) for name, text in more.items()},
        }

    @classmethod
    def lines_of(
        cls, sleeve: Sleeve, settings: RankLongShortSettings
    ) -> dict[str, FloatArray]:
        """Collect the score, and the volatility and beta where they are needed."""
        lines = super().lines_of(sleeve, settings)
        for name in _read_beside(settings):
            lines[name] = cls.column(name, sleeve, settings)
        return lines

    @classmethod
    def lines_key(cls, settings: RankLongShortSettings) -> Any:
        """Tell which variants have the same lines, ranked in the same way."""
        read = [getattr(settings, name) for name in _read_beside(settings)]
        return super().lines_key(settings), *read, settings.neutral

    @classmethod
    def parameters(cls, settings: RankLongShortSettings) -> Mapping[str, float]:
        """Return count, quantile, the sides, and the number of the weighting."""
        return {
            "count": settings.count,
            "quantile": settings.quantile,
            "long": settings.sides != "short",
            "short": settings.sides != "long",
            "weighting": WEIGHTINGS.index(settings.weighting),
            "by_beta": settings.by_beta,
        }

    @classmethod
    def ranks_within_groups(cls, settings: RankLongShortSettings) -> bool:
        """Whether each group of the market has a ranking of its own."""
        return settings.neutral == "group"

    def is_ready(self, data: bt.feed.DataBase) -> bool:
        """Whether a symbol can be ranked: it has a volatility and a beta, if needed."""
        if not super().is_ready(data):
            return False
        if self.settings.by_volatility and not 0 < data.volatility[0] < math.inf:
            return False
        return not self.settings.by_beta or math.isfinite(data.beta[0])

    def weights(self) -> dict[bt.feed.DataBase, float]:
        """Rank the symbols and weigh both ends."""
        sides, gross = self.settings.sides, self.settings.gross
        rankings = [(r, k) for r in self._rankings() if (k := self._count(len(r)))]
        leg = gross / 2 if sides == "long_short" else gross
        leg /= max(len(rankings), 1)
        longs: dict[bt.feed.DataBase, float] = {}
        shorts: dict[bt.feed.DataBase, float] = {}
        for ranked, count in rankings:
            mean = total_of(data.score[0] for data in ranked) / len(ranked)
            if sides != "short":
                longs |= self._leg(ranked[:count], leg, mean)
            if sides != "long":
                shorts |= self._leg(ranked[::-1][:count], leg, mean)
        by_side = self._beta_neutral(longs, shorts)
        return {**by_side[0], **{d: -w for d, w in by_side[1].items()}}

    def _rankings(self) -> list[list[bt.feed.DataBase]]:
        """Sort the symbols by score, each group by itself where that is asked for."""
        ranked = sorted(filter(self.is_ready, self.datas), key=lambda d: -d.score[0])
        if not self.ranks_within_groups(self.settings):
            return [ranked]
        groups = sorted({self.group_of(data) for data in self.datas})
        return [[d for d in ranked if self.group_of(d) == group] for group in groups]

    def _count(self, n: int) -> int:
        """Symbols on each side, of some that are ranked."""
        settings = self.settings
        count = int(settings.quantile * n) if settings.quantile else settings.count
        return min(max(count, 1), n // 2 if settings.sides == "long_short" else n)

    def _beta_neutral(
        self,
        longs: dict[bt.feed.DataBase, float],
        shorts: dict[bt.feed.DataBase, float],
    ) -> tuple[dict[bt.feed.DataBase, float], dict[bt.feed.DataBase, float]]:
        """Scale both sides so that their betas cancel out and gross stays the same.

        Where a side's beta is not above 0 that cannot be, and nothing is scaled.
        """
        if not self.settings.by_beta:
            return longs, shorts
        long_beta, short_beta = (
            total_of(weight * data.beta[0] for data, weight in side.items())
            for side in (longs, shorts)
        )
        if not (long_beta > 0 and short_beta > 0):
            return longs, shorts
        both = long_beta + short_beta
        return (
            {d: w * (2 * short_beta / both) for d, w in longs.items()},
            {d: w * (2 * long_beta / both) for d, w in shorts.items()},
        )

    def _leg(
        self, ranked: list[bt.feed.DataBase], gross: float, mean: float
    ) -> dict[bt.feed.DataBase, float]:
        """Divide the weight of one side, the best of it first."""
        k, weighting = len(ranked), self.settings.weighting
        parts = [1.0] * k
        if weighting == "rank":
            parts = [float(k - place) for place in range(k)]
        elif weighting == "score":
            parts = [abs(data.score[0] - mean) for data in ranked]
        elif weighting == "inverse_volatility":
            parts = [1 / data.volatility[0] for data in ranked]
        total = total_of(parts)
        if total <= 0:
            parts, total = [1.0] * k, float(k)
        return {d: gross * part / total for d, part in zip(ranked, parts)}


def _read_beside(settings: RankLongShortSettings) -> list[str]:
    """Name the features that are read beside the score."""
    used = {"volatility": settings.by_volatility, "beta": settings.by_beta}
    return [name for name, is_used in used.items() if is_used]
