"""Corrections of Dagster 1.13: an excluded date is no partition, and is refused.

Dagster takes an excluded date for the next partition. So a backfill of a holiday would
run the session after it, and nothing in the run says what was asked for. The web
server, the daemon and the code server import this module with
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
    """Windows of those keys that are partitions; the others have none."""
    windows = _windows_of_keys(definition, partition_keys, validate)
    if not definition.exclusions:
        return windows
    return [
        one for one in windows if one.start.strftime(definition.fmt) in partition_keys
    ]


_backfill_of_keys = AssetBackfillData.from_asset_partitions
_backfill_of_ranges = AssetBackfillData.from_partitions_by_assets


def _of_keys(
    asset_graph: BaseAssetGraph[Any],
    partition_names: Sequence[str] | None,
    asset_selection: Sequence[dg.AssetKey],
    **others: Any,
) -> AssetBackfillData:
    """Begin a backfill of keys, or refuse those that are no session."""
    for asset in asset_selection:
        _refuse(asset_graph, asset, partition_names or ())
    return _backfill_of_keys(
        asset_graph=asset_graph,
        partition_names=partition_names,
        asset_selection=asset_selection,
        **others,
    )


def _of_ranges(
    asset_graph: BaseAssetGraph[Any],
    partitions_by_assets: Sequence[PartitionsByAssetSelector],
    **others: Any,
) -> AssetBackfillData:
    """Begin a backfill of ranges, or refuse those that end on no session."""
    for one in partitions_by_assets:
        ranges = one.partitions.ranges if one.partitions else ()
        ends = [key for some in ranges for key in (some.start, some.end)]
        _refuse(asset_graph, one.asset_key, ends)
    return _backfill_of_ranges(
        asset_graph=asset_graph, partitions_by_assets=partitions_by_assets, **others
    )


def _refuse(
    asset_graph: BaseAssetGraph[Any], asset: dg.AssetKey, keys: Sequence[str]
) -> None:
    """Refuse keys that are no partitions of an asset whose partitions are sessions."""
    definition = asset_graph.get(asset).partitions_def
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return
    if wrong := [key for key in keys if not definition.has_partition_key(key)]:
        first, last = (
            definition.get_first_partition_key(),
            definition.get_last_partition_key(),
        )
        raise BadInput(
            f"{', '.join(wrong)}: no session of {asset.to_user_string()}. A session is "
            f"a day on which the exchange trades, from {first} to {last}, written as "
            "YYYY-MM-DD. Nothing was launched; leave out what is none."
        )


def leave_out_excluded_dates() -> None:
    """Have Dagster leave out excluded dates, and refuse them, in this process."""
    definition: Any = dg.TimeWindowPartitionsDefinition
    definition.time_windows_for_partition_keys = _windows_of_partitions
    backfill: Any = AssetBackfillData
    backfill.from_asset_partitions = staticmethod(_of_keys)
    backfill.from_partitions_by_assets = staticmethod(_of_ranges)
