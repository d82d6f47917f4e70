"""Time one sweep in this process, and on one and two workers of a Spark cluster.

Run ``python benchmarks/cluster.py --json FILE`` with the package installed, on Linux. A
standalone cluster is started on loopback from pip's pyspark. Each worker has one core
and one executor, so that the sweep of this process, on one thread, is the measure.

The bars are simulated, and the accounts of all places are compared to the bit. A row
has ``place``, ``bars``, ``variants`` and

- ``first``: seconds of the first sweep of a session, for which each executor starts
  Python, receives the bars and compiles the kernel;
- ``seconds``: of the fastest of the later sweeps, which find all that in place;
- ``empty``: seconds of a job with as many tasks that do nothing;
- ``rate``: bars times variants a second;
- ``speed_up``: ``seconds`` of one worker divided by those of the row.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import ROOT

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.backtest import Costs, Variant, sweep, sweeping_on
from whatif_assets.engines.spark.executors import prepare_executors
from whatif_assets.engines.spark.session import spark_session, spark_settings
from whatif_assets.engines.spark.sweeping import Cluster

sys.path.insert(0, str(ROOT))

from whatif_assets_tests.end_to_end.standalone import standalone
from whatif_assets_tests.engines.spark.same_bits import assert_same_bits

RULE = "forecast_threshold"
MINUTES = 390


def market(symbols: int, sessions: int) -> list[Sleeve]:
    """Simulate one-minute bars: a random walk of each symbol."""
    draw, n = np.random.default_rng(1), sessions * MINUTES
    days = np.arange(n) // MINUTES
    ts = (days * 86_400 + 52_200 + np.arange(n) % MINUTES * 60) * 1_000_000
    sleeves = []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(draw.normal(0, 3e-4, n)))
        first = np.concatenate([[100.0], close[:-1]])
        sleeves.append(
            Sleeve(
                symbol=f"SYN{number:03d}",
                ts=ts,
                session=days.astype(np.int32),
                open=first,
                high=np.maximum(first, close),
                low=np.minimum(first, close),
                close=close,
                volume=np.full(n, 1000.0),
                vwap=(first + close) / 2,
                columns={"forecast": draw.normal(0, 1e-3, n)},
            )
        )
    return sleeves


def variants(number: int) -> list[Variant]:
    """Make variants with stops, which the kernel runs one by one."""
    return [
        Variant(
            f"v{n}",
            {"threshold": n % 50 * 5e-5, "size": 100, "stop_loss": 0.2 + n // 50 * 0.1},
            Costs(commission_bps=1),
        )
        for n in range(number)
    ]


def timed(sleeves: Sequence[Sleeve], some: Sequence[Variant]) -> tuple[float, Accounts]:
    """Sweep on one thread; return seconds and the accounts."""
    start = time.perf_counter()
    (accounts,) = sweep(sleeves, RULE, some, processes=1, block=len(some))
    return time.perf_counter() - start, accounts


def row(
    place: str, sleeves: Sequence[Sleeve], some: Sequence[Variant], times: int
) -> tuple[dict[str, Any], Accounts]:
    """Sweep several times in the present place."""
    first, accounts = timed(sleeves, some)
    seconds = min(timed(sleeves, some)[0] for _ in range(times))
    bars = sum(map(len, sleeves))
    found = {
        "place": place,
        "bars": bars,
        "variants": len(some),
        "first": first,
        "seconds": seconds,
        "empty": 0.0,
        "rate": bars * len(some) / seconds,
    }
    return found, accounts


def on_workers(
    number: int, sleeves: Sequence[Sleeve], some: Sequence[Variant], times: int
) -> tuple[dict[str, Any], Accounts]:
    """Sweep on a cluster with some workers of one core."""
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder)) as started:
        for _ in range(number):
            started.add_worker()
        spark = spark_session(spark_settings(started.address))
        prepare_executors(spark)
        cluster = Cluster(spark)
        with closing(cluster), sweeping_on(cluster):
            found, accounts = row(f"{number} worker(s)", sleeves, some, times)
        tasks, start = cluster.tasks, time.perf_counter()
        spark.sparkContext.parallelize(range(tasks), tasks).count()
        found["empty"] = time.perf_counter() - start
        spark.stop()
    return found, accounts


def main() -> None:
    """Sweep in all places, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--symbols", type=int, default=40)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--variants", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=3, help="sweeps after the first")
    chosen = parser.parse_args()
    sleeves, some = market(chosen.symbols, chosen.sessions), variants(chosen.variants)
    rows, accounts = [], []
    for workers in (0, 1, 2):
        found, of_place = (
            on_workers(workers, sleeves, some, chosen.times)
            if workers
            else row("this process", sleeves, some, chosen.times)
        )
        rows.append(found)
        accounts.append(of_place)
        assert_same_bits(of_place, accounts[0])
    for found in rows:
        found["speed_up"] = rows[1]["seconds"] / found["seconds"]
    shown = pd.DataFrame(rows)
    print(shown.to_string(index=False, float_format=lambda value: f"{value:,.4g}"))
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
