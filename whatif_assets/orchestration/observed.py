"""What assets read that Dagster cannot see, as assets that are observed.

Dagster knows that an asset is stale from the versions of what it depends on. Settings,
code of one's own and files of a source are no assets, and it leaves out what has a
hundred partitions or more. So each of these assets is the hash of what another asset
reads; a new one is recorded when the hash changes, by the sensor and by every run.
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
from whatif_assets.orchestration.storage import written_together
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import evaluation_reads
from whatif_assets.steps.feature_tables import columns_version
from whatif_assets.steps.forecasting import forecast_reads
from whatif_assets.steps.freshness import Freshness

SESSION, CONFIGURATION, WHOLE = "session", "configuration", "whole"
GROUP = "inputs"


@dataclass(frozen=True)
class Observed:
    """Something that assets read.

    Attributes
    ----------
    axis
        What it is partitioned by.
    about
        What it is, in words.
    version
        Hash of it, for a key, or for the empty string where it has no partitions.
    """

    axis: str
    about: str
    version: Callable[[Freshness, str], str]


def _hashed(parts: Mapping[str, str]) -> str:
    return combined_hash(sorted(parts.items()))


def _session_data(fresh: Freshness, _: str) -> str:
    """Versions of the bars and features of all sessions that the lake has."""
    lake = fresh.home.lake
    return combined_hash(
        [table, key, manifest.data_version]
        for table in ("price_bars", "features")
        for key in lake.keys(table)
        if (manifest := lake.manifest(table, key))
    )


def _rankings(fresh: Freshness, _: str) -> str:
    """Settings of all studies, and their results, with those that are stale."""
    lake = fresh.home.lake
    results = [
        [key, manifest.data_version, fresh.of("backtest_results", key).is_fresh]
        for key in lake.keys("backtest_results")
        if (manifest := lake.manifest("backtest_results", key))
    ]
    studies = [study.hash for study in fresh.home.studies().values()]
    return combined_hash([studies, results])


def _holdouts(fresh: Freshness, _: str) -> str:
    """Versions of the bars and features of the studies' sealed sessions."""
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
        "What the source has of a session, with the market's settings: recorded where "
        "it is no longer what the session's bars were made from.",
        lambda fresh, key: _hashed(fresh.inputs("price_bars", key)),
    ),
    "feature_columns": Observed(
        WHOLE,
        "The feature columns that the home's studies ask for, and their code.",
        lambda fresh, key: columns_version(fresh.home),
    ),
    "session_data": Observed(
        WHOLE, "All bars and features that the lake has.", _session_data
    ),
    "training_inputs": Observed(
        CONFIGURATION,
        "What the models of a configuration are trained on: settings, code, sessions.",
        lambda fresh, key: _hashed(fresh.inputs("trained_models", key)),
    ),
    "forecast_inputs": Observed(
        CONFIGURATION,
        "What the forecasts of a configuration come from beside its models.",
        lambda fresh, key: _hashed(forecast_reads(fresh.home, key)),
    ),
    "evaluation_inputs": Observed(
        CONFIGURATION,
        "What the results of a configuration come from beside its forecasts: settings, "
        "the strategy's code, sessions.",
        lambda fresh, key: _hashed(evaluation_reads(fresh.home, key)),
    ),
    "ranking_inputs": Observed(
        WHOLE, "All studies, and the results that they rank.", _rankings
    ),
    "holdout_inputs": Observed(
        WHOLE, "Bars and features of the sessions that studies seal.", _holdouts
    ),
}
# Which of them an asset depends on. The source is compared with what the lake has.
READ_BY = {
    "price_bars": ("source",),
    "features": ("feature_columns",),
    "data_quality": ("session_data",),
    "trained_models": ("training_inputs",),
    "forecasts": ("forecast_inputs",),
    "backtest_results": ("evaluation_inputs",),
    "result_quality": ("ranking_inputs",),
    "leaderboard": ("ranking_inputs",),
    "placebo_results": ("ranking_inputs",),
    "holdout_results": ("ranking_inputs", "holdout_inputs"),
}


def read_by(asset: str) -> list[dg.AssetDep]:
    """Dependencies of an asset on what is observed: partition by partition."""
    return [dg.AssetDep(name) for name in READ_BY.get(asset, ())]


def observed_assets(
    partitions: Mapping[str, dg.PartitionsDefinition[str]],
) -> list[dg.AssetSpec]:
    """Specify the assets that are observed; partitions are given by axis."""
    return [
        dg.AssetSpec(
            name,
            description=one.about,
            group_name=GROUP,
            kinds={"python"},
            partitions_def=partitions.get(one.axis),
        )
        for name, one in OBSERVED.items()
    ]


def observe(
    home: Home,
    instance: dg.DagsterInstance,
    backend: str = "",
    of: Iterable[str] | None = None,
    keys: Collection[str] = (),
) -> None:
    """Record what assets read now, where it is not what was last recorded.

    Parameters
    ----------
    home
        The home whose settings, code, source and lake are looked at.
    instance
        The instance to record in.
    backend
        Overrides where models are fitted.
    of
        Names of the assets that are about to be computed. By default what all assets
        read is looked at, where it has been recorded before.
    keys
        Their partitions.
    """
    fresh = Freshness(home, backend)
    with written_together(instance):
        if of is None:
            for name in OBSERVED:
                _record(fresh, instance, name, None)
            return
        names = {name for asset in of for name in READ_BY.get(asset, ())}
        # A session's bars are made from its source as it is then, whatever is recorded.
        for name in sorted(names - {"source"}):
            _record(fresh, instance, name, keys)


def _record(
    fresh: Freshness,
    instance: dg.DagsterInstance,
    name: str,
    keys: Collection[str] | None,
) -> None:
    """Record new versions of an asset: of some keys, or of all recorded before."""
    one = OBSERVED[name]
    prefix = [fresh.home.market.name] if fresh.home.market.name else []
    asset = dg.AssetKey([*prefix, name])
    recorded = _recorded(instance, asset, one.axis != WHOLE)
    if one.axis == WHOLE:
        wanted: Iterable[str] = [""] if keys is not None or recorded else []
    elif one.axis == SESSION:
        wanted = _sessions_changed(fresh)
    else:
        wanted = recorded if keys is None else keys
    for key in wanted:
        version = _version(one, fresh, key)
        if version != recorded.get(key):
            instance.report_runless_asset_event(_event(asset, key, version))


def _event(
    asset: dg.AssetKey, key: str, version: str
) -> dg.AssetObservation | dg.AssetMaterialization:
    """Record of a version, where Dagster looks for it.

    Of an asset that it does not compute, it reads observations of partitions, but the
    materialisations of the whole.
    """
    tags = {DATA_VERSION_TAG: version}
    if key:
        return dg.AssetObservation(asset, partition=key, tags=tags)
    return dg.AssetMaterialization(asset, tags=tags)


def _recorded(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitioned: bool
) -> Mapping[str, str]:
    """Versions that were last recorded of an asset, by partition."""
    if partitioned:
        observation = dg.DagsterEventType.ASSET_OBSERVATION
        return recorded_versions(instance, asset, observation)
    version = latest_version(instance, asset)
    return {} if version == NO_VERSION else {"": version}


def _version(one: Observed, fresh: Freshness, key: str) -> str:
    try:
        return one.version(fresh, key)
    except BadInput as error:
        # What is wrong with it is what there is: another fault is another version.
        return combined_hash(["at fault", str(error)])


def _sessions_changed(fresh: Freshness) -> list[str]:
    """Sessions whose bars the source would give otherwise now."""
    changed = []
    for key in fresh.home.lake.keys("price_bars"):
        try:
            inputs = fresh.inputs("price_bars", key)
        except BadInput:
            continue
        if why_computed(fresh.home.lake.manifest("price_bars", key), inputs):
            changed.append(key)
    return changed
