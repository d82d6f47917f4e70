"""The assets of the chain, one module each, from bars to the best configuration."""

from __future__ import annotations

import dagster as dg

from whatif_assets.assets import (
    backtest_results,
    best_configuration,
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
    """Build the assets of a home, in the order of the chain."""
    return [module.build(axes, home) for module in CHAIN]


__all__ = ["CHAIN", "Axes", "build"]
