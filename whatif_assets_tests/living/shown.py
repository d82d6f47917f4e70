"""Whether Dagster shows exactly the fresh partitions as fresh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from whatif_assets.home.home import Home
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.steps.freshness import Freshness

FRESH = "FRESH"


def disagreements(path: Path, instance: dg.DagsterInstance) -> list[str]:
    """List where Dagster and the home disagree on what is fresh, after a run.

    The run has just made all assets without partitions that can be made. If an input of
    a partition is not fresh, Dagster shows only this input.
    """
    fresh = Freshness(Home.open(path))
    found = []
    for table, key, shown, causes in _shown(path, instance):
        state = fresh.of(table, key) if key else None
        if state is not None and state.upstream is not None:
            continue
        if (shown == FRESH) != (state is None or state.is_fresh):
            found.append(f"{table} {key}: Dagster shows {shown} {causes}, is {state}")
    return found


def _shown(
    path: Path, instance: dg.DagsterInstance
) -> Iterator[tuple[str, str, str, list[str]]]:
    """Name, key, status of each partition of each asset, and what makes it stale."""
    graph = build_definitions(path).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(
        instance, graph, LoadingContextForTest(instance)
    )
    for asset in sorted(graph.materializable_asset_keys):
        partitions = graph.get(asset).partitions_def
        keys = (
            partitions.get_partition_keys(dynamic_partitions_store=instance)
            if partitions
            else [None]
        )
        for key in keys:
            status = resolver.get_status(asset, key).value
            causes = [] if status == FRESH else resolver.get_stale_causes(asset, key)
            told = [f"{c.asset_key.path[-1]} {c.reason}" for c in causes]
            yield asset.path[-1], key or "", status, told
