"""A correction of Dagster 1.13: an excluded date is no partition.

Dagster takes an excluded date for the next partition. So a backfill of a holiday would
run the session after it, and nothing in the run says what was asked for. The web
server, the daemon and the code server import this module with `whatif_assets.storage`
or `whatif_assets.partitions`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import dagster as dg

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


def leave_out_excluded_dates() -> None:
    """Have Dagster leave out excluded dates, in this process."""
    definition: Any = dg.TimeWindowPartitionsDefinition
    definition.time_windows_for_partition_keys = _windows_of_partitions
