"""The assets of the chain, one module each, from bars to the best configuration."""

from __future__ import annotations

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets import (
    backtest_results,
    best_configuration,
    data_quality,
    facts,
    features,
    forecast_quality,
    forecasts,
    forward_results,
    frozen_winner,
    holdout_results,
    leaderboard,
    model_cards,
    placebo_results,
    price_bars,
    result_quality,
    trained_models,
    verdicts,
)
from whatif_assets.orchestration.assets.axes import Axes, one_step
from whatif_assets.orchestration.observed import CONFIGURATION, SESSION, observed_assets

OF_SESSIONS = (price_bars, features)
OF_CONFIGURATIONS = (
    trained_models,
    forecasts,
    backtest_results,
    forecast_quality,
    model_cards,
)
WHOLE = (
    data_quality,
    result_quality,
    leaderboard,
    placebo_results,
    holdout_results,
    verdicts,
    frozen_winner,
    forward_results,
    best_configuration,
)
CHAIN = (*OF_SESSIONS, facts, *OF_CONFIGURATIONS, *WHOLE)


def build(axes: Axes, home: Home) -> list[dg.AssetsDefinition]:
    """Build the observed assets of a home, and its assets in the order of the chain.

    ``facts`` is built only for a market that has facts.
    """
    sessions = [module.build(axes, home) for module in OF_SESSIONS]
    configurations = [module.build(axes, home) for module in OF_CONFIGURATIONS]
    whole = (facts, *WHOLE) if home.market.facts else WHOLE
    partitions = {SESSION: axes.session, CONFIGURATION: axes.configuration}
    return [
        dg.AssetsDefinition(specs=observed_assets(partitions)),
        one_step("compute_sessions", sessions),
        one_step("compute_configurations", configurations),
        *(module.build(axes, home) for module in whole),
    ]


__all__ = ["CHAIN", "Axes", "build"]
