"""Asset ``trained_models``: the models of each configuration in each fold."""

from typing import Any

from whatif_assets.engines.libraries import library_versions
from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import Gate
from whatif_assets.orchestration.assets.axes import MODELS, Axes, all_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result, stored_metadata
from whatif_assets.orchestration.resources import Compute
from whatif_assets.steps.fitting_ahead import fitted
from whatif_assets.steps.trained import Trained
from whatif_assets.steps.training import train, training_inputs


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    return stage(
        "trained_models",
        axes.configuration,
        MODELS,
        {"scikitlearn", "spark"},
        prepare,
        deps=[all_of("features"), all_of("price_bars")],
        description="Models of each configuration, one per evaluation fold, or one per "
        "fold and symbol or group, fitted on the sessions outside the test, with "
        "scikit-learn or Spark ML. A configuration that is a rule has no model; its "
        "metadata says so.",
    )


def prepare(task: Task) -> Step:
    """Prepare the fits of the configurations of a run."""
    return Step(
        lambda key: fit_configuration(key, task.home, task.compute),
        lambda key: inputs(key, task.home, task.compute),
    )


def inputs(key: str, home: Home, compute: Compute) -> dict[str, str]:
    """Return the hashes of the inputs of a configuration's models."""
    configuration, study = home.find(key)
    backend = compute.backend_of(configuration)
    return training_inputs(home, study, configuration, backend)


def fit_configuration(key: str, home: Home, compute: Compute) -> Result:
    """Train one configuration and write its models to the lake."""
    configuration, study = home.find(key)
    backend = compute.backend_of(configuration)
    gate = Gate(home.lake, "trained_models", key)
    trained = train(
        home,
        study,
        configuration,
        backend,
        lambda: compute.spark(study),
        lambda finding: gate.admit(finding, f"Configuration {key}"),
        fitted,
    )
    return Result(
        rows=len(trained.folds),
        data_version=trained.data_version,
        metadata={**_search_of(home, trained), **trained.metadata()},
        details={
            "study": study.name,
            "study_hash": study.hash,
            "model_hash": configuration.model_hash(study),
            "backend": backend,
            "libraries": library_versions(backend),
        },
    )


def _search_of(home: Home, trained: Trained) -> dict[str, Any]:
    """Return the search results of the configuration whose models were reused."""
    if trained.taken_from is None:
        return {}
    shown = stored_metadata(home.lake, "trained_models", trained.taken_from)
    return {name: shown[name] for name in ("search",) if name in shown}
