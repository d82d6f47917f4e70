"""Observed assets: inputs of the chain that Dagster cannot see by itself.

Dagster decides whether an asset is stale from the versions of its upstream assets. But
settings, user code and source files are not assets, and Dagster ignores a dependency
on a hundred partitions or more. So each observed asset has as its version a hash of
what another asset reads. The sensor and every run record a new version when the hash
has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import why_computed
from whatif_assets.orchestration.dagster_private import DATA_VERSION_TAG
from whatif_assets.orchestration.records import (
    NO_VERSION,
    latest_version,
    recorded_versions,
)
from whatif_assets.orchestration.storage import batched_events
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import evaluation_reads
from whatif_assets.steps.feature_tables import columns_version
from whatif_assets.steps.forecasting import forecast_reads
from whatif_assets.steps.freshness import Freshness

SESSION, CONFIGURATION, WHOLE = "session", "configuration", "whole"
GROUP = "inputs"


@dataclass(frozen=True)
class Observed:
    """An observed asset: something that other assets read.

    Attributes
    ----------
    axis
        How the asset is partitioned: `SESSION`, `CONFIGURATION`, or `WHOLE` if not.
    about
        Its description.
    version
        Returns its hash for a partition key; for ``""`` if it has no partitions.
    """

    axis: str
    about: str
    version: Callable[[Freshness, str], str]


def _hashed(parts: Mapping[str, str]) -> str:
    return combined_hash(sorted(parts.items()))


def _session_data(fresh: Freshness, _: str) -> str:
    """Hash the versions of the bars and features of all sessions in the lake."""
    lake = fresh.home.lake
    return combined_hash(
        [table, key, manifest.data_version]
        for table in ("price_bars", "features")
        for key in lake.keys(table)
        if (manifest := lake.manifest(table, key))
    )


def _rankings(fresh: Freshness, _: str) -> str:
    """Hash the settings of all studies, and which of their results are fresh."""
    lake = fresh.home.lake
    results = [
        [key, manifest.data_version, fresh.of("backtest_results", key).is_fresh]
        for key in lake.keys("backtest_results")
        if (manifest := lake.manifest("backtest_results", key))
    ]
    studies = [study.hash for study in fresh.home.studies().values()]
    return combined_hash([studies, results])


def _holdouts(fresh: Freshness, _: str) -> str:
    """Hash the versions of the bars and features of the holdout sessions."""
    return combined_hash(
        [study.name, table, day.isoformat(), manifest.data_version]
        for study in fresh.home.studies().values()
        for day in _sealed(fresh.home, study)
        for table in ("price_bars", "features")
        if (manifest := fresh.home.lake.manifest(table, day.isoformat()))
    )


def _sealed(home: Home, study: Study) -> list[date]:
    fold = study.holdout(home.market)
    return list(fold.test) if fold else []


OBSERVED = {
    "source": Observed(
        SESSION,
        "The source's data of a session, with the market's settings. A new version is "
        "recorded when it differs from what the session's bars were made from.",
        lambda fresh, key: _hashed(fresh.inputs("price_bars", key)),
    ),
    "feature_columns": Observed(
        WHOLE,
        "The feature columns that the home's studies use, and their code.",
        lambda fresh, key: columns_version(fresh.home),
    ),
    "session_data": Observed(
        WHOLE, "All bars and features in the lake.", _session_data
    ),
    "training_inputs": Observed(
        CONFIGURATION,
        "The training inputs of a configuration: settings, code, sessions.",
        lambda fresh, key: _hashed(fresh.inputs("trained_models", key)),
    ),
    "forecast_inputs": Observed(
        CONFIGURATION,
        "The inputs of a configuration's forecasts, other than its models.",
        lambda fresh, key: _hashed(forecast_reads(fresh.home, key)),
    ),
    "evaluation_inputs": Observed(
        CONFIGURATION,
        "The inputs of a configuration's backtest, other than its forecasts: settings, "
        "the strategy's code, sessions.",
        lambda fresh, key: _hashed(evaluation_reads(fresh.home, key)),
    ),
    "ranking_inputs": Observed(
        WHOLE, "All studies, and the results that they rank.", _rankings
    ),
    "holdout_inputs": Observed(
        WHOLE, "Bars and features of the holdout sessions of all studies.", _holdouts
    ),
}
# The observed assets that each asset depends on.
READ_BY = {
    "price_bars": ("source",),
    "features": ("feature_columns",),
    "data_quality": ("session_data",),
    "trained_models": ("training_inputs",),
    "forecasts": ("forecast_inputs",),
    "backtest_results": ("evaluation_inputs",),
    "forecast_quality": ("forecast_inputs",),
    "model_cards": ("forecast_inputs",),
    "result_quality": ("ranking_inputs",),
    "leaderboard": ("ranking_inputs",),
    "placebo_results": ("ranking_inputs",),
    "holdout_results": ("ranking_inputs", "holdout_inputs"),
    "forward_results": ("session_data",),
}


def read_by(asset: str) -> list[dg.AssetDep]:
    """List an asset's dependencies on observed assets, which map key to key."""
    return [dg.AssetDep(name) for name in READ_BY.get(asset, ())]


def observed_assets(
    partitions: Mapping[str, dg.PartitionsDefinition[str]],
) -> list[dg.AssetSpec]:
    """Build the specifications of the observed assets.

    Parameters
    ----------
    partitions
        The partitions of each axis.
    """
    return [
        dg.AssetSpec(
            name,
            description=observed.about,
            group_name=GROUP,
            kinds={"python"},
            partitions_def=partitions.get(observed.axis),
        )
        for name, observed in OBSERVED.items()
    ]


def observe(
    fresh: Freshness,
    instance: dg.DagsterInstance,
    of: Iterable[str] | None = None,
    keys: Collection[str] = (),
) -> None:
    """Record new versions of the observed assets that have changed.

    Parameters
    ----------
    fresh
        The states of the home whose settings, code, source and lake are hashed.
    instance
        The instance to record in.
    of
        Names of the assets that are about to be computed: only their inputs are
        checked. By default all observed assets that were recorded before are checked.
    keys
        Partitions of these assets.
    """
    with batched_events(instance):
        if of is None:
            for name in OBSERVED:
                _record(fresh, instance, name, None)
            return
        names = {name for asset in of for name in READ_BY.get(asset, ())}
        # A run reads the source itself, so it does not depend on a recorded version.
        for name in sorted(names - {"source"}):
            _record(fresh, instance, name, keys)


def _record(
    fresh: Freshness,
    instance: dg.DagsterInstance,
    name: str,
    keys: Collection[str] | None,
) -> None:
    """Record new versions of an asset for some keys; None: all recorded before."""
    observed = OBSERVED[name]
    prefix = fresh.home.market.key_prefix
    asset = dg.AssetKey([*prefix, name])
    recorded = _recorded(instance, asset, observed.axis != WHOLE)
    if observed.axis == WHOLE:
        wanted: Iterable[str] = [""] if keys is not None or recorded else []
    elif observed.axis == SESSION:
        wanted = _sessions_changed(fresh)
    else:
        wanted = recorded if keys is None else keys
    for key in wanted:
        version = version_of(name, fresh, key)
        if version != recorded.get(key):
            instance.report_runless_asset_event(_event(asset, key, version))


def _event(
    asset: dg.AssetKey, key: str, version: str
) -> dg.AssetObservation | dg.AssetMaterialization:
    """Build the event from which Dagster reads the version.

    For an asset that Dagster does not compute, it reads observations if the asset has
    partitions, but materialisations if the asset has none.
    """
    tags = {DATA_VERSION_TAG: version}
    if key:
        return dg.AssetObservation(asset, partition=key, tags=tags)
    return dg.AssetMaterialization(asset, tags=tags)


def _recorded(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitioned: bool
) -> Mapping[str, str]:
    """Return the last recorded versions of an asset, by partition."""
    if partitioned:
        observation = dg.DagsterEventType.ASSET_OBSERVATION
        return recorded_versions(instance, asset, observation)
    version = latest_version(instance, asset)
    return {} if version == NO_VERSION else {"": version}


def version_of(name: str, fresh: Freshness, key: str) -> str:
    """Return the present version of an observed asset, also if it is at fault.

    Parameters
    ----------
    name
        One of `OBSERVED`.
    fresh
        The states of the home.
    key
        A partition of it; ``""`` if it has none.
    """
    try:
        return OBSERVED[name].version(fresh, key)
    except BadInput as error:
        # An input that cannot be read has its error as version: another error is new.
        return combined_hash(["at fault", str(error)])


def _sessions_changed(fresh: Freshness) -> list[str]:
    """List the sessions in the lake whose bars would be computed again now."""
    changed = []
    for key in fresh.home.lake.keys("price_bars"):
        try:
            inputs = fresh.inputs("price_bars", key)
        except BadInput:
            continue
        if why_computed(fresh.home.lake.manifest("price_bars", key), inputs):
            changed.append(key)
    return changed
