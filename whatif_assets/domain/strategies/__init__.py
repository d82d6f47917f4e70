"""The built-in strategies by name.

A new built-in strategy is one class in its own module and one line in ``STRATEGIES``,
or in ``PANEL_STRATEGIES`` if it divides one account among all symbols.
"""

from __future__ import annotations

from typing import Any

from whatif_assets.domain.strategies.bollinger_reversion import BollingerReversion
from whatif_assets.domain.strategies.buy_and_hold import BuyAndHold
from whatif_assets.domain.strategies.ema_cross import EmaCross
from whatif_assets.domain.strategies.feature_threshold import FeatureThreshold
from whatif_assets.domain.strategies.forecast_threshold import ForecastThreshold
from whatif_assets.domain.strategies.macd_cross import MacdCross
from whatif_assets.domain.strategies.optimised_portfolio import OptimisedPortfolio
from whatif_assets.domain.strategies.pairs import Pairs
from whatif_assets.domain.strategies.random_entry import RandomEntry
from whatif_assets.domain.strategies.rank_long_short import RankLongShort
from whatif_assets.domain.strategies.rebalancing_rule import RebalancingRule
from whatif_assets.domain.strategies.rsi_reversion import RsiReversion
from whatif_assets.domain.strategies.rule import TradingRule
from whatif_assets.domain.strategies.settings import RuleSettings

__all__ = [
    "PANEL_STRATEGIES",
    "STRATEGIES",
    "RebalancingRule",
    "RuleSettings",
    "TradingRule",
]

STRATEGIES: dict[str, type[TradingRule[Any]]] = {
    "forecast_threshold": ForecastThreshold,
    "macd_cross": MacdCross,
    "ema_cross": EmaCross,
    "bollinger_reversion": BollingerReversion,
    "rsi_reversion": RsiReversion,
    "feature_threshold": FeatureThreshold,
    "buy_and_hold": BuyAndHold,
    "random_entry": RandomEntry,
}
# Strategies of a whole portfolio: all symbols share one account.
PANEL_STRATEGIES: dict[str, type[RebalancingRule[Any]]] = {
    "rank_long_short": RankLongShort,
    "pairs": Pairs,
    "optimised_portfolio": OptimisedPortfolio,
}
