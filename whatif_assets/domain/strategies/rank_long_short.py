"""Hold the symbols with the best scores, and be short of those with the worst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.strategies.panel_rule import (
    PanelRule,
    PanelSettings,
    total_of,
)

Weighting = Literal["equal", "rank", "score", "inverse_volatility"]
WEIGHTINGS: tuple[Weighting, ...] = ("equal", "rank", "score", "inverse_volatility")


class RankLongShortSettings(PanelSettings):
    """Settings of `rank_long_short`."""

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
    volatility: Annotated[
        str, BeforeValidator(lambda value: parse_feature(value).text)
    ] = Field(
        default="realized_volatility",
        description="The feature by which inverse_volatility weighs.",
    )

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
    """

    Settings = RankLongShortSettings

    @classmethod
    def inputs(cls, settings: RankLongShortSettings) -> dict[str, Feature]:
        """Return the features of the scores, and the volatility."""
        found = super().inputs(settings)
        if settings.by_volatility:
            found["volatility"] = parse_feature(settings.volatility)
        return found

    @classmethod
    def lines_of(
        cls, sleeve: Sleeve, settings: RankLongShortSettings
    ) -> dict[str, FloatArray]:
        """Collect score and volatility; a score without a volatility is unknown."""
        lines = super().lines_of(sleeve, settings)
        if settings.by_volatility:
            lines["volatility"] = cls.column("volatility", sleeve, settings)
        return lines

    @classmethod
    def lines_key(cls, settings: RankLongShortSettings) -> Any:
        """Tell which variants have the same lines."""
        volatility = settings.volatility if settings.by_volatility else ""
        return super().lines_key(settings), volatility

    @classmethod
    def parameters(cls, settings: RankLongShortSettings) -> Mapping[str, float]:
        """Return count, quantile, the sides, and the number of the weighting."""
        return {
            "count": settings.count,
            "quantile": settings.quantile,
            "long": settings.sides != "short",
            "short": settings.sides != "long",
            "weighting": WEIGHTINGS.index(settings.weighting),
        }

    def is_ready(self, data: bt.feed.DataBase) -> bool:
        """Whether a symbol can be ranked: it has a volatility too, where needed."""
        if not super().is_ready(data):
            return False
        return not self.settings.by_volatility or 0 < data.volatility[0] < float("inf")

    def weights(self) -> dict[bt.feed.DataBase, float]:
        """Rank the symbols and weigh both ends."""
        ranked = sorted(filter(self.is_ready, self.datas), key=lambda d: -d.score[0])
        settings, n = self.settings, len(ranked)
        both = settings.sides == "long_short"
        count = int(settings.quantile * n) if settings.quantile else settings.count
        count = min(max(count, 1), n // 2 if both else n)
        mean = total_of([data.score[0] for data in ranked]) / n if n else 0.0
        leg = settings.gross / 2 if both else settings.gross
        chosen: dict[bt.feed.DataBase, float] = {}
        if settings.sides != "short":
            chosen |= self._leg(ranked[:count], leg, mean)
        if settings.sides != "long":
            worst = ranked[::-1][:count]
            chosen |= {d: -w for d, w in self._leg(worst, leg, mean).items()}
        return chosen

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
