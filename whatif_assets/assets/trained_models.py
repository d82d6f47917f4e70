"""Asset ``trained_models``: the model of each configuration, one per fold."""

from collections.abc import Iterator

import dagster as dg

from whatif_assets.assets.axes import MODELS, Axes, all_of, partitioned
from whatif_assets.assets.leak_checks import LeakGate, leak_checks
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.leaks import LABEL_PROBE, TRAINING_PROBE
from whatif_assets.core.models.ahead import fitted
from whatif_assets.core.models.training import train, training_inputs
from whatif_assets.partitions import Result, for_each_partition
from whatif_assets.resources import Compute, HomeResource

CODE_VERSION = CODE_VERSIONS["trained_models"]
PROBED = (LABEL_PROBE, TRAINING_PROBE)


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        **partitioned(
            axes.configuration, MODELS, {"scikitlearn", "spark"}, CODE_VERSION
        ),
        deps=[all_of("features"), all_of("price_bars")],
        check_specs=leak_checks("trained_models", *PROBED),
        description="Model of each configuration, one per evaluation fold, fitted on "
        "the sessions before its test window, on scikit-learn or Spark ML. A "
        "configuration that is a rule has none, and says so.",
    )
    def trained_models(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        gate = LeakGate(*PROBED)
        yield from for_each_partition(
            context,
            opened,
            lambda key: fit_configuration(key, opened, compute, gate),
            lambda key: inputs(key, opened, compute),
            gate.results,
        )

    return trained_models


def inputs(key: str, home: Home, compute: Compute) -> dict[str, str]:
    """Hashes of what a configuration's models come from."""
    configuration, study = home.find(key)
    backend = compute.backend_of(configuration)
    return training_inputs(home, study, configuration, backend)


def fit_configuration(key: str, home: Home, compute: Compute, gate: LeakGate) -> Result:
    """Train one configuration and write its models to the lake."""
    configuration, study = home.find(key)
    backend = compute.backend_of(configuration)
    trained = train(
        home,
        study,
        configuration,
        backend,
        lambda: compute.spark(study),
        gate.of(f"Configuration {key}"),
        fitted,
    )
    return Result(
        rows=len(trained.folds),
        data_version=trained.data_version,
        metadata=trained.metadata(),
        details={
            "study": study.name,
            "study_hash": study.hash,
            "model_hash": configuration.model_hash(study),
            "backend": backend,
        },
    )
