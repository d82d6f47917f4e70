"""The assets of the chain, one module each, from bars to the best configuration."""

from __future__ import annotations

import dagster as dg

from whatif_assets.assets import (
    backtest_results,
    best_configuration,
    facts,
    features,
    forecasts,
    holdout_results,
    leaderboard,
    placebo_results,
    price_bars,
    trained_models,
    verdicts,
)
from whatif_assets.assets.axes import Axes
from whatif_assets.core.home import Home

CHAIN = (
    price_bars,
    facts,
    features,
    trained_models,
    forecasts,
    backtest_results,
    leaderboard,
    placebo_results,
    holdout_results,
    verdicts,
    best_configuration,
)


def build(axes: Axes, home: Home) -> list[dg.AssetsDefinition]:
    """Build the assets of a home, in the order of the chain.

    Facts are an asset where the market has any.
    """
    modules = [m for m in CHAIN if m is not facts or home.market.facts]
    return [module.build(axes, home) for module in modules]


__all__ = ["CHAIN", "Axes", "build"]
