"""Asset ``forecasts``: what each configuration's models said out of sample."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from whatif_assets.assets.axes import MODELS, Axes, all_of, partitioned
from whatif_assets.assets.leak_checks import LeakGate, leak_checks
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.leaks import FORECASTS_PROBE
from whatif_assets.core.models.forecasting import (
    COLUMNS,
    IN_SAMPLE,
    forecast,
    forecast_in_sample,
    forecast_inputs,
    probe,
)
from whatif_assets.core.models.twins import share
from whatif_assets.core.report.drawing import Picture
from whatif_assets.core.report.plots import forecast_plot, realised_by_decile
from whatif_assets.partitions import Result, for_each_partition
from whatif_assets.resources import HomeResource

CODE_VERSION = CODE_VERSIONS["forecasts"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        **partitioned(axes.configuration, MODELS, {"parquet", "pandas"}, CODE_VERSION),
        deps=["trained_models", all_of("features"), all_of("price_bars")],
        check_specs=leak_checks("forecasts", FORECASTS_PROBE),
        description="Forecasts of every bar of the test windows, each by the model "
        "that was trained before it; `expected_return` is what strategies read. "
        "Empty for a configuration that is a rule.",
    )
    def forecasts(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        gate = LeakGate(FORECASTS_PROBE)
        yield from for_each_partition(
            context,
            opened,
            lambda key: forecast_configuration(key, opened, gate),
            lambda key: forecast_inputs(opened, key),
            gate.results,
        )

    return forecasts


def forecast_configuration(key: str, home: Home, gate: LeakGate) -> Result:
    """Forecast the test windows of one configuration and write them to the lake."""
    configuration, study = home.find(key)
    forecasts = forecast(home, study, configuration)
    gate.of(f"Configuration {key}")(probe(home, study, configuration, forecasts))
    frame = forecasts.frame[list(COLUMNS)]
    seen = forecast_in_sample(home, study, configuration).frame[list(COLUMNS)]
    home.lake.write(IN_SAMPLE, key, seen)
    version = home.lake.write("forecasts", key, frame)
    for table in ("forecasts", IN_SAMPLE):
        share(home.lake, table, key, among="forecasts")
    metadata: dict[str, Any] = dict(forecasts.accuracy())
    if len(frame):
        metadata["preview"] = frame.head(5)
        realised = realised_by_decile(frame)
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
