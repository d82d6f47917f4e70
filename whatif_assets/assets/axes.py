"""What the assets of one axis have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from whatif_assets.core.home import Home

MARKET, MODELS, RESULTS = "market", "models", "results"


@dataclass(frozen=True)
class Axes:
    """The partitions of a home: trading sessions, and configurations."""

    session: dg.TimeWindowPartitionsDefinition
    configuration: dg.DynamicPartitionsDefinition


def partitioned(
    partitions: dg.PartitionsDefinition[str], group: str, kinds: set[str], version: str
) -> dict[str, Any]:
    """Arguments of a partitioned asset: a ranged backfill of it is one run."""
    return {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "group_name": group,
        "kinds": kinds,
        "code_version": version,
        # Assets write to the lake themselves; no IO manager sees a value.
        "dagster_type": dg.Nothing,
    }


def facts_of(home: Home) -> list[dg.AssetDep]:
    """Depend on the facts of a market that has any."""
    return [dg.AssetDep("facts")] if home.market.facts else []


def all_of(name: str) -> dg.AssetDep:
    """Depend on every partition of an asset of the other axis.

    Stated, because the mapping that Dagster would choose between a time axis and
    a dynamic one has no parents at all.
    """
    return dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
