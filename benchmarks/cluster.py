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
- ``processor``: seconds of processor time of all workers, or of this process;
- ``busiest``: the same of the busiest worker, in which the sweep would end if nothing
  else ran on the machine and nobody waited;
- ``rate``: bars times variants a second;
- ``speed_up`` and ``speed_up_alone``: ``seconds`` and ``busiest`` of one worker divided
  by those of the row. On a machine with other work or few cores, trust the latter.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import ROOT, show

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


def processor_seconds(session: int) -> float:
    """Return the processor time of a worker, and of all that it has started."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            of_process = file.read_text().rpartition(")")[2].split()
            if int(of_process[3]) == session:
                ticks += int(of_process[11]) + int(of_process[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def row(
    place: str,
    sleeves: Sequence[Sleeve],
    some: Sequence[Variant],
    times: int,
    used: Sequence[Callable[[], float]],
) -> tuple[dict[str, Any], Accounts]:
    """Sweep several times in the present place.

    Parameters
    ----------
    used
        The processor time of each worker.
    """
    taken = []
    for _ in range(1 + times):
        start, before = time.perf_counter(), [one() for one in used]
        (accounts,) = sweep(sleeves, RULE, some, processes=1, block=len(some))
        seconds = time.perf_counter() - start
        taken.append((seconds, [one() - was for one, was in zip(used, before)]))
    seconds, by_worker = min(taken[1:])
    bars = sum(map(len, sleeves))
    found = {
        "place": place,
        "bars": bars,
        "variants": len(some),
        "first": taken[0][0],
        "seconds": seconds,
        "empty": 0.0,
        "processor": sum(by_worker),
        "busiest": max(by_worker),
        "rate": bars * len(some) / seconds,
    }
    return found, accounts


def on_workers(
    number: int, sleeves: Sequence[Sleeve], some: Sequence[Variant], times: int
) -> tuple[dict[str, Any], Accounts]:
    """Sweep on a cluster with some workers of one core."""
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder)) as started:
        workers = [started.add_worker() for _ in range(number)]
        used = [functools.partial(processor_seconds, one) for one in workers]
        spark = spark_session(spark_settings(started.address))
        prepare_executors(spark)
        cluster = Cluster(spark)
        with contextlib.closing(cluster), sweeping_on(cluster):
            found, accounts = row(f"{number} worker(s)", sleeves, some, times, used)
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
            else row("this process", sleeves, some, chosen.times, [time.process_time])
        )
        rows.append(found)
        accounts.append(of_place)
        assert_same_bits(of_place, accounts[0])
    for found in rows:
        found["speed_up"] = rows[1]["seconds"] / found["seconds"]
        found["speed_up_alone"] = rows[1]["busiest"] / found["busiest"]
    show(rows, chosen.json, digits=4)


if __name__ == "__main__":
    main()
