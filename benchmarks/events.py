"""Time what Dagster's events take: ``python benchmarks/events.py``.

The same run over a range of days, whose asset does nothing but record each one, on
Dagster's own storage and on the one that ``dagster.yaml`` names: the shortest of three.
"""

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from rich.console import Console
from rich.table import Table

from whatif_assets.storage import OpenSqliteStorage

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-03-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=dg.Nothing,
)
def days(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
    """Record each day asked for."""
    for key in context.partition_keys:
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=key))
    yield dg.Output(None)


def main() -> None:
    """Time both storages and print a table."""
    table = Table("storage", "events", "milliseconds an event", "ratio")
    usual, ours = per_event(DagsterSqliteStorage), per_event(OpenSqliteStorage)
    for name, (count, seconds) in {"Dagster's": usual, "ours": ours}.items():
        ratio = f"{seconds / ours[1]:.1f}"
        table.add_row(name, str(count), f"{seconds * 1e3:.1f}", ratio)
    Console().print(table)


def per_event(storage: type) -> tuple[int, float]:
    """Events of the run, and its seconds for each of them."""
    job = dg.Definitions([days], jobs=[dg.define_asset_job("job", [days])])
    tags = {
        ASSET_PARTITION_RANGE_START_TAG: DAYS.get_first_partition_key() or "",
        ASSET_PARTITION_RANGE_END_TAG: DAYS.get_last_partition_key() or "",
    }
    with tempfile.TemporaryDirectory() as folder:
        named = {"module": storage.__module__, "class": storage.__name__}
        custom = {**named, "config": {"base_dir": folder}}
        overrides: dict[str, Any] = {
            "telemetry": {"enabled": False},
            "storage": {"custom": custom},
        }
        reference = InstanceRef.from_dir(folder, overrides=overrides)
        with dg.DagsterInstance.from_ref(reference) as instance:
            taken = []
            for _ in range(3):
                started = time.perf_counter()
                result = job.resolve_job_def("job").execute_in_process(
                    instance=instance, tags=tags, run_config=QUIET
                )
                taken.append(time.perf_counter() - started)
            count = len(instance.all_logs(result.run_id))
    return count, min(taken) / count


if __name__ == "__main__":
    main()
