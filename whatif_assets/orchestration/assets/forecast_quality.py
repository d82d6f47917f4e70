"""Asset ``forecast_quality``: what forecasts are worth before any trading rule."""

from typing import Any

import dagster as dg

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import MODELS, Axes, all_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import correlation_plot
from whatif_assets.steps.forecast_quality import (
    TABLE,
    forecast_quality,
    forecast_quality_inputs,
)

SHOWN = ["returns_from", "ic", "rank_ic", "rank_ic_t", "spread", "hit_rate", "sessions"]


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    return stage(
        TABLE,
        axes.configuration,
        MODELS,
        {"parquet", "pandas"},
        prepare,
        deps=[dg.AssetDep("forecasts"), all_of("features"), all_of("price_bars")],
        description="What out-of-sample forecasts are worth before any trading rule: "
        "information coefficients by session and horizon, returns by bin of forecasts, "
        "hit rate and calibration, from the label's price and from the next open. "
        "Empty for a configuration that is a rule.",
    )


def prepare(task: Task) -> Step:
    """Prepare the measurement of the configurations of a run."""
    return Step(
        lambda key: measure_configuration(key, task.home),
        lambda key: forecast_quality_inputs(task.home, key),
    )


def measure_configuration(key: str, home: Home) -> Result:
    """Measure the forecasts of one configuration and write the tables to the lake."""
    configuration, study = home.find(key)
    tables = forecast_quality(home, study, configuration)
    home.lake.begin(TABLE, key)
    versions = [home.lake.write(name, key, rows) for name, rows in tables.items()]
    quality = tables[TABLE]
    metadata: dict[str, Any] = {"quality": quality[SHOWN]}
    if quality.empty:
        metadata = {"note": "This configuration is a rule; it has no forecasts."}
    else:
        drawn = tables["forecast_sessions"][["session", "returns_from", "rank_ic"]]
        metadata["plot"] = Picture(correlation_plot, drawn, key)
    return Result(
        rows=len(quality), data_version=combined_hash(versions), metadata=metadata
    )
