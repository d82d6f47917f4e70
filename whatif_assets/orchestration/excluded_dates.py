"""Corrections of Dagster 1.13: an excluded date is not a partition, and is refused.

Dagster treats an excluded date as the next partition. So a backfill of a holiday would
run the session after it, and the run would not show which date was requested. The web
server, the daemon and the code server import this module through
`whatif_assets.orchestration.storage` or `whatif_assets.orchestration.partitions`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.orchestration.dagster_private import (
    AssetBackfillData,
    BaseAssetGraph,
    PartitionsByAssetSelector,
)

_windows_of_keys = dg.TimeWindowPartitionsDefinition.time_windows_for_partition_keys


@functools.wraps(_windows_of_keys)
def _windows_of_partitions(
    definition: dg.TimeWindowPartitionsDefinition,
    partition_keys: frozenset[str],
    validate: bool = True,
) -> Sequence[dg.TimeWindow]:
    """Return the windows of the keys that are partitions, and skip the other keys."""
    windows = _windows_of_keys(definition, partition_keys, validate)
    if not definition.exclusions:
        return windows
    return [
        window
        for window in windows
        if window.start.strftime(definition.fmt) in partition_keys
    ]


_backfill_of_keys = AssetBackfillData.from_asset_partitions
_backfill_of_ranges = AssetBackfillData.from_partitions_by_assets


def _checked_backfill_of_keys(
    asset_graph: BaseAssetGraph[Any],
    partition_names: Sequence[str] | None,
    asset_selection: Sequence[dg.AssetKey],
    **others: Any,
) -> AssetBackfillData:
    """Begin a backfill of keys; raise BadInput if a key is not a session."""
    for asset in asset_selection:
        _refuse(asset_graph, asset, partition_names or ())
    return _backfill_of_keys(
        asset_graph=asset_graph,
        partition_names=partition_names,
        asset_selection=asset_selection,
        **others,
    )


def _checked_backfill_of_ranges(
    asset_graph: BaseAssetGraph[Any],
    partitions_by_assets: Sequence[PartitionsByAssetSelector],
    **others: Any,
) -> AssetBackfillData:
    """Begin a backfill of ranges; raise BadInput if an end is not a session."""
    for selector in partitions_by_assets:
        ranges = selector.partitions.ranges if selector.partitions else ()
        ends = [key for keys in ranges for key in (keys.start, keys.end)]
        _refuse(asset_graph, selector.asset_key, ends)
    return _backfill_of_ranges(
        asset_graph=asset_graph, partitions_by_assets=partitions_by_assets, **others
    )


def _refuse(
    asset_graph: BaseAssetGraph[Any], asset: dg.AssetKey, keys: Sequence[str]
) -> None:
    """Raise BadInput for keys that are not sessions, if the asset has sessions."""
    definition = asset_graph.get(asset).partitions_def
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return
    if wrong := [key for key in keys if not definition.has_partition_key(key)]:
        first, last = (
            definition.get_first_partition_key(),
            definition.get_last_partition_key(),
        )
        raise BadInput(
            f"{', '.join(wrong)}: not a session of {asset.to_user_string()}. A session "
            f"is a day on which the exchange trades, from {first} to {last}, written "
            "as YYYY-MM-DD. Nothing was launched; leave these dates out."
        )


def leave_out_excluded_dates() -> None:
    """Patch Dagster in this process: skip excluded dates, and refuse their backfill."""
    definition: Any = dg.TimeWindowPartitionsDefinition
    definition.time_windows_for_partition_keys = _windows_of_partitions
    backfill: Any = AssetBackfillData
    backfill.from_asset_partitions = staticmethod(_checked_backfill_of_keys)
    backfill.from_partitions_by_assets = staticmethod(_checked_backfill_of_ranges)
