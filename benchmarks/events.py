"""Time the recording of Dagster events: ``python benchmarks/events.py [--json FILE]``.

Without ``--json``, an asset that only records each day of a range runs on Dagster's own
storage and on the storage of ``dagster.yaml``. The shortest of three runs counts.

With ``--json``, homes of daily bars with a growing number of sessions are materialised
in one run each, and the size of the history on disk is measured.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from rich.console import Console
from rich.table import Table

from whatif_assets.home.home import Home
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.orchestration.runs import Runner
from whatif_assets.orchestration.storage import OpenSqliteStorage

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-03-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_type=dg.Nothing,
)
def days(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
    """Record each requested day."""
    for key in context.partition_keys:
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=key))
    yield dg.Output(None)


SESSIONS = (40, 320, 1_280, 2_500, 5_000)
MARKET = """
source: csv
path: bars.csv
options: {{stamp: start, timezone: UTC}}
calendar: 24/7
first_session: 2010-01-01
last_session: {last}
base_bar: 1day
"""


def main() -> None:
    """Compare the storages, or measure the history of growing homes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the rows by sessions")
    parser.add_argument("--sessions", type=int, nargs="*", default=SESSIONS)
    arguments = parser.parse_args()
    if arguments.json is None:
        compare_storages()
    else:
        rows = [history_of(count) for count in arguments.sessions]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


def history_of(sessions: int) -> dict[str, float]:
    """Measure the seconds and megabytes of a run over a number of daily sessions."""
    with tempfile.TemporaryDirectory() as folder:
        home = home_of(Path(folder), sessions)
        keys = [day.isoformat() for day in home.market.sessions.dates()]
        with instance_of(home) as instance:
            started = time.perf_counter()
            failures = Runner(home, instance).run_keys("price_bars", keys, keys)
            seconds = time.perf_counter() - started
        if failures:
            raise RuntimeError(failures)
        files = (home.path / ".dagster").rglob("*")
        size = sum(path.stat().st_size for path in files if path.is_file())
    row = {"sessions": sessions, "seconds": seconds, "records_mb": size / 1e6}
    Console().print(row)
    return {name: round(value, 2) for name, value in row.items()}


def home_of(folder: Path, sessions: int) -> Home:
    """Make a home with one symbol that has a daily bar in each session."""
    days = pd.date_range("2010-01-01", periods=sessions)
    close = 100 * np.exp(np.random.default_rng(1).normal(0, 0.01, sessions).cumsum())
    bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}
    frame = pd.DataFrame({"symbol": "AAA", "timestamp": days, **bars, "volume": 1000})
    frame.to_csv(folder / "bars.csv", index=False)
    last = days[-1].date()
    (folder / "market.yaml").write_text(MARKET.format(last=last), encoding="utf-8")
    return Home.open(folder)


def compare_storages() -> None:
    """Time both storages and print a table."""
    table = Table("storage", "events", "milliseconds an event", "ratio")
    usual, ours = per_event(DagsterSqliteStorage), per_event(OpenSqliteStorage)
    for name, (count, seconds) in {"Dagster's": usual, "ours": ours}.items():
        ratio = f"{seconds / ours[1]:.1f}"
        table.add_row(name, str(count), f"{seconds * 1e3:.1f}", ratio)
    Console().print(table)


def per_event(storage: type) -> tuple[int, float]:
    """Return the number of events of a run, and the seconds per event."""
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
