"""Asset ``forecasts``: out-of-sample forecasts of each configuration's models."""

from typing import Any

import dagster as dg
import pandas as pd

from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import Gate
from whatif_assets.orchestration.assets.axes import MODELS, Axes, all_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import forecast_plot, realised_by_decile
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.forecasting import (
    IN_SAMPLE,
    Forecasts,
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
    gate, lake = Gate(home.lake, "forecasts", key), home.lake
    rows, novel, metadata = [], [], dict[str, Any]()

    def _of_path(path: int) -> pd.DataFrame:
        forecasts = forecast(home, study, configuration, path)
        if path == 0:
            finding = probe(home, study, configuration, forecasts)
            gate.admit(finding, f"Configuration {key}")
            metadata.update(_described(forecasts, configuration))
        rows.append(len(forecasts.frame))
        novel.append(forecasts.novel)
        return forecasts.frame

    paths = study.evaluation.paths if configuration.algorithm else 1
    version = lake.write_parts("forecasts", key, map(_of_path, range(paths)))
    lake.write(IN_SAMPLE, key, forecast_in_sample(home, study, configuration).frame)
    for table in ("forecasts", IN_SAMPLE):
        lake.store_once(table, key, others=lake.keys("forecasts"))
    if configuration.novelty is not None:
        metadata["novel_rows"] = sum(novel)
        metadata["novel_share"] = sum(novel) / max(sum(novel) + sum(rows), 1)
    return Result(
        rows=sum(rows),
        data_version=version,
        metadata=metadata,
        details={
            "study": study.name,
            "study_hash": study.hash,
            "model_hash": configuration.model_hash(study),
        },
    )


def _described(forecasts: Forecasts, configuration: Configuration) -> dict[str, Any]:
    """Describe the forecasts of path 0, which the ranking follows."""
    frame = forecasts.frame
    if not len(frame):
        return {"note": "This configuration is a rule; it has no model."}
    realised = realised_by_decile(frame, configuration.label.of_kind)
    return {
        **forecasts.accuracy(),
        "preview": frame.head(5).copy(),  # not a view of all rows
        "plot": Picture(forecast_plot, realised, configuration.key),
    }
