"""Asset ``forecasts``: out-of-sample forecasts of each configuration's models."""

from typing import Any

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import Gate
from whatif_assets.orchestration.assets.axes import MODELS, Axes, all_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import forecast_plot, realised_by_decile
from whatif_assets.steps.forecasting import (
    IN_SAMPLE,
    forecast,
    forecast_in_sample,
    forecast_inputs,
    probe,
)


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    return stage(
        "forecasts",
        axes.configuration,
        MODELS,
        {"parquet", "pandas"},
        prepare,
        deps=[dg.AssetDep("trained_models"), all_of("features"), all_of("price_bars")],
        description="Forecasts for every bar of the test windows, each made by the "
        "model that was trained before the window; strategies read `expected_return`. "
        "Empty for a configuration that is a rule.",
    )


def prepare(task: Task) -> Step:
    """Prepare the forecasts of the configurations of a run."""
    return Step(
        lambda key: forecast_configuration(key, task.home),
        lambda key: forecast_inputs(task.home, key),
    )


def forecast_configuration(key: str, home: Home) -> Result:
    """Forecast the test windows of one configuration and write them to the lake."""
    configuration, study = home.find(key)
    forecasts = forecast(home, study, configuration)
    gate = Gate(home.lake, "forecasts", key)
    gate.admit(probe(home, study, configuration, forecasts), f"Configuration {key}")
    frame = forecasts.frame
    in_sample = forecast_in_sample(home, study, configuration).frame
    home.lake.write(IN_SAMPLE, key, in_sample)
    version = home.lake.write("forecasts", key, frame)
    for table in ("forecasts", IN_SAMPLE):
        home.lake.store_once(table, key, others=home.lake.keys("forecasts"))
    metadata: dict[str, Any] = dict(forecasts.accuracy())
    if configuration.novelty is not None:
        metadata["novel_rows"] = forecasts.novel
        metadata["novel_share"] = forecasts.novel / max(forecasts.novel + len(frame), 1)
    if len(frame):
        metadata["preview"] = frame.head(5)
        realised = realised_by_decile(frame, configuration.label.of_kind)
        metadata["plot"] = Picture(forecast_plot, realised, configuration.key)
    else:
        metadata["note"] = "This configuration is a rule; it has no model."
    return Result(
        rows=len(frame),
        data_version=version,
        metadata=metadata,
        details={
            "study": study.name,
            "study_hash": study.hash,
            "model_hash": configuration.model_hash(study),
        },
    )
