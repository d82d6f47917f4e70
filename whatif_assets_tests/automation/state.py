"""What has to be so after automation has looked after a home for some sessions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dagster as dg
import pandas as pd
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from whatif_assets.orchestration.asking import is_current
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.steps.freshness import Freshness
from whatif_assets_tests.automation.accelerated import Accelerated

OF_SESSIONS, OF_CONFIGURATIONS = (
    JOBS["prepare_sessions"],
    JOBS["evaluate_configurations"],
)
HOLD, LINEAR = "revealed.hold", "revealed.linear"
SEALED = "holdout_results"  # is never computed by itself


def each_was_computed_once(market: Accelerated, times: int) -> None:
    """Compare what runs have computed with what had to be computed.

    A session, and a model whose training sessions do not change, are computed once;
    what depends on all sessions is computed each time that automation had work to do.
    """
    log = pd.read_parquet(market.home.path / "lake" / "runs")
    log = log[log["status"] != "reused"]
    assert set(log["status"]) == {"computed"}
    found = {asset: Counter(rows["partition"]) for asset, rows in log.groupby("asset")}
    for asset in OF_SESSIONS:
        assert found.pop(asset) == dict.fromkeys(market.days, 1), asset
    assert found.pop("trained_models") == {HOLD: 1, LINEAR: 1}
    assert found.pop("backtest_results") == {HOLD: times, LINEAR: times}
    for asset in {*OF_CONFIGURATIONS} & found.keys():  # what there is of models alone
        assert found.pop(asset) == {HOLD: 1, LINEAR: times}, asset
    assert found.keys() == {*JOBS["rank_configurations"]} - {SEALED}
    for asset, counted in found.items():
        assert list(counted.values()) == [times], asset


def nothing_is_missing(market: Accelerated, instance: dg.DagsterInstance) -> None:
    """Look for the revealed sessions in the lake, and in Dagster's records."""
    for asset in OF_SESSIONS:
        assert sorted(market.home.lake.keys(asset)) == market.days
        recorded = instance.get_materialized_partitions(dg.AssetKey(asset))
        assert recorded == set(market.days)


def nothing_is_stale(market: Accelerated, instance: dg.DagsterInstance) -> None:
    """Ask the rule of freshness, and Dagster."""
    assert is_current(Freshness(market.home), market.home.study("revealed"))
    graph = build_definitions(market.home.path).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(
        instance, graph, LoadingContextForTest(instance)
    )
    found = {
        (asset.path[-1], key): status.value
        for asset in graph.materializable_asset_keys
        for key in _keys(market, asset.path[-1])
        if (status := resolver.get_status(asset, key)).value != "FRESH"
    }
    assert {asset for asset, _ in found} <= {SEALED}


def _keys(market: Accelerated, asset: str) -> list[str | None]:
    """List the partitions of an asset that can be computed; None for the whole."""
    if asset in OF_SESSIONS:
        return [*market.days]
    return [HOLD, LINEAR] if asset in OF_CONFIGURATIONS else [None]


def size_of(folder: Path) -> int:
    """Count the bytes of all files of a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
